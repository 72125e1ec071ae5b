/*
 * Tests for the pure part of common/domain/org_stats_speed.c, and where a minute begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/job_minutes.h"
#include "domain/org_stats.h"

static void test_percentile(void **state UNUSED)
{
    static const struct {
        int64_t values[5];
        size_t n;
        unsigned percent;
        int64_t wanted;
    } rows[] = {
        {{7}, 1, 95, 7},           {{4, 1, 3, 2}, 4, 50, 2},    {{4, 1, 3, 2}, 4, 51, 3},
        {{4, 1, 3, 2}, 4, 95, 4},  {{5, 5, 1, 1, 1}, 5, 60, 1}, {{5, 5, 1, 1, 1}, 5, 61, 5},
        {{9, 8, 7, 6}, 4, 100, 9}, {{9, 8, 7, 6, 5}, 5, 0, 5},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t values[5];
        for (size_t j = 0; j < rows[i].n; j++) {
            values[j] = rows[i].values[j];
        }
        assert_int_equal(org_stats_percentile(values, rows[i].n, rows[i].percent), rows[i].wanted);
    }
}

static void test_minute(void **state UNUSED)
{
    assert_int_equal(job_minute_of(0), 0);
    assert_int_equal(job_minute_of(JOB_MINUTE_US - 1), 0);
    assert_int_equal(job_minute_of(JOB_MINUTE_US), JOB_MINUTE_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_percentile), cmocka_unit_test(test_minute)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
