#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

#include "consumer/reserve.h"
#include "ground/clock.h"

#define START_S 100

/* Notes organizations, one letter a second; a dot is a second without any. */
static struct reserve after(const char *seen, int64_t *ret_now_us)
{
    struct reserve r = {0};
    int64_t now_us = START_S * US_PER_S;
    for (const char *c = seen; *c != '\0'; c++, now_us += US_PER_S) {
        const char org[] = {*c, '\0'};
        if (*c != '.') {
            reserve_note(&r, org, now_us);
        }
    }
    *ret_now_us = now_us - US_PER_S; /* of the last letter */
    return r;
}

#define TEN ".........."

static void test_shared_by_more_than_one_within_a_minute(void **state UNUSED)
{
    static const struct {
        const char *seen;
        bool is_shared;
    } rows[] = {
        {".", false},
        {"a", false},
        {"aaaa", false},
        {"ab", true},
        {"abbbbbb", true},
        {"a" TEN TEN TEN TEN TEN ".........b", true},
        {"a" TEN TEN TEN TEN TEN "..........b", false},
        {"ab" TEN TEN TEN TEN TEN ".........", true},
        {"ab" TEN TEN TEN TEN TEN TEN, false},
        {"abc" TEN TEN TEN TEN TEN "aaaaaaaaaa", true}, /* c, not b, is the other one */
        {"abc" TEN TEN TEN TEN TEN "aaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t now_us = 0;
        struct reserve r = after(rows[i].seen, &now_us);
        if (reserve_is_shared(&r, now_us) != rows[i].is_shared) {
            fail_msg("row %zu", i);
        }
    }
}

static void test_an_eighth_is_kept_while_shared(void **state UNUSED)
{
    static const struct {
        size_t runners;
        size_t for_backlog;
    } rows[] = {{1, 1}, {3, 3}, {4, 3}, {8, 7}, {15, 14}, {16, 14}, {100, 88}, {1000, 875}};
    int64_t now_us = 0;
    const struct reserve alone = after("a", &now_us);
    const struct reserve shared = after("ab", &now_us);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(reserve_backlog_runners(&shared, rows[i].runners, now_us), rows[i].for_backlog);
        assert_int_equal(reserve_backlog_runners(&alone, rows[i].runners, now_us), rows[i].runners);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_by_more_than_one_within_a_minute),
        cmocka_unit_test(test_an_eighth_is_kept_while_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
