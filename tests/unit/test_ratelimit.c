#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ratelimit.h"

#define NOW_US INT64_C(1800000000000000)
#define S US_PER_S

static void test_what_a_row_says(void **state UNUSED)
{
    static const struct {
        int64_t ahead_us;
        bool allowed;
        int64_t quota;
        int64_t remaining;
        int64_t reset_s;
        int64_t retry_after_s;
    } rows[] = {
        {3 * S, true, 20, 19, 3, 1},       /* the first of 20 a minute */
        {60 * S, true, 20, 0, 60, 3},      /* the twentieth at once */
        {60 * S - 1, false, 20, 0, 60, 3}, /* the next, a moment later */
        {58 * S, false, 20, 0, 58, 1},     {57 * S + 1, false, 20, 0, 58, 1},
        {12 * S, true, 5, 4, 12, 1},       {60 * S, false, 5, 0, 60, 12},
        {50 * S + 1, true, 10, 1, 51, 1},  {-5 * S, true, 10, 10, 0, 1}, /* long ago */
        {500 * S, false, 10, 0, 60, 6},                                  /* the clock was set back */
        {8571428, true, 7, 6, 9, 1},                                     /* 60 s / 7 is no whole number */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct limit_state got;
        ratelimit_describe(NOW_US + rows[i].ahead_us, NOW_US, rows[i].allowed, rows[i].quota, &got);
        if (got.allowed != rows[i].allowed || got.quota != rows[i].quota || got.remaining != rows[i].remaining ||
            got.reset_s != rows[i].reset_s || got.retry_after_s != rows[i].retry_after_s) {
            fail_msg("row %zu: remaining %d, reset %d, retry after %d", i, (int)got.remaining, (int)got.reset_s,
                     (int)got.retry_after_s);
        }
    }
}

static void test_limits_come_from_the_configuration(void **state UNUSED)
{
    const struct conf conf = {.limits = {.settings_put_per_min = 20, .test_email_per_min = 5, .cancel_per_min = 10}};
    assert_int_equal(limit_per_minute(LIMIT_NONE, &conf), 0);
    assert_int_equal(limit_per_minute(LIMIT_SETTINGS_PUT, &conf), 20);
    assert_int_equal(limit_per_minute(LIMIT_TEST_EMAIL, &conf), 5);
    assert_int_equal(limit_per_minute(LIMIT_CANCEL, &conf), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_row_says),
        cmocka_unit_test(test_limits_come_from_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
