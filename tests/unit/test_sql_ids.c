#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/sql_ids.h"

static void test_lengths(void **state UNUSED)
{
    static const struct {
        size_t n;
        size_t slots;
    } cases[] = {{1, 1},   {2, 4},    {4, 4},     {5, 16},    {16, 16},   {17, 64},
                 {64, 64}, {65, 256}, {256, 256}, {257, 512}, {512, 512}, {1000, 1024}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(GString) sql = g_string_new("id IN ");
        assert_int_equal(sql_ids_slots(cases[i].n), cases[i].slots);
        sql_ids_append(sql, cases[i].n);
        size_t marks = 0;
        for (const char *at = sql->str; *at != '\0'; at++) {
            marks += *at == '?' ? 1 : 0;
        }
        assert_int_equal(marks, cases[i].slots);
        assert_true(g_str_has_prefix(sql->str, "id IN (?"));
        assert_true(g_str_has_suffix(sql->str, "?)"));
    }
}

static void test_the_last_id_is_repeated(void **state UNUSED)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    struct db_param params[16];
    sql_ids_fill(params, ids, ARRAY_SIZE(ids));
    for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
        assert_int_equal(params[i].type, DB_PARAM_TEXT);
        assert_string_equal(params[i].text, ids[i < 5 ? i : 4]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_the_last_id_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
