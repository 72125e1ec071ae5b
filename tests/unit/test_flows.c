#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/flows.h"
#include "ground/base.h"

static int freed;

static void count_freed(void *item)
{
    freed++;
    g_free(item);
}

static void push(struct flows *f, char org)
{
    char *item = g_new0(char, 1);
    *item = org;
    flows_push(f, (uint32_t)org, item);
}

/* Letters are jobs of the organization with that letter, a dot takes one out. */
static void test_organizations_take_turns(void **state UNUSED)
{
    static const struct {
        const char *script;
        const char *taken;
    } rows[] = {
        {"", ""},
        {"aaa...", "aaa"},
        {"aaaaabb.......", "ababaaa"},
        {"aaaa.b....", "aabaa"}, /* a's turn has been, and b goes behind a's next one */
        {"abcabcabc.........", "abcabcabc"},
        {"aab..b.a..", "ababa"}, /* who has run empty and comes again goes last */
        {"ab..ab..ab..", "ababab"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct flows f;
        char taken[32] = "";
        size_t n = 0;
        flows_init(&f);
        for (const char *c = rows[i].script; *c != '\0'; c++) {
            if (*c != '.') {
                push(&f, *c);
                continue;
            }
            const char *next = flows_peek(&f);
            g_autofree char *item = flows_pop(&f);
            assert_ptr_equal(item, next);
            if (item != NULL) {
                taken[n++] = *item;
            }
        }
        assert_string_equal(taken, rows[i].taken);
        assert_int_equal(f.length, 0);
        flows_release(&f, count_freed);
    }
}

static bool is_letter(const void *item, const void *letter)
{
    return *(const char *)item == *(const char *)letter;
}

static void test_what_is_wanted_is_taken_out_of_turn(void **state UNUSED)
{
    struct flows f;
    flows_init(&f);
    for (const char *c = "aabb"; *c != '\0'; c++) {
        push(&f, *c);
    }
    for (int left = 3; left >= 2; left--) {
        const char *next = flows_peek_if(&f, is_letter, "b");
        g_autofree char *item = flows_pop_if(&f, is_letter, "b");
        assert_ptr_equal(item, next);
        assert_int_equal(*item, 'b');
        assert_int_equal(f.length, left);
    }
    assert_null(flows_peek_if(&f, is_letter, "b"));
    assert_null(flows_pop_if(&f, is_letter, "b"));
    assert_int_equal(*(const char *)flows_peek(&f), 'a');
    flows_release(&f, count_freed);
}

static void test_what_is_left_is_freed(void **state UNUSED)
{
    struct flows f;
    flows_init(&f);
    assert_null(flows_peek(&f));
    assert_null(flows_pop(&f));
    for (const char *c = "aabbc"; *c != '\0'; c++) {
        push(&f, *c);
    }
    assert_int_equal(f.length, 5);
    freed = 0;
    flows_release(&f, count_freed);
    assert_int_equal(freed, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_organizations_take_turns),
        cmocka_unit_test(test_what_is_wanted_is_taken_out_of_turn),
        cmocka_unit_test(test_what_is_left_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
