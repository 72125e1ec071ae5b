#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/backoff.h"

#define RANDOM_MIDDLE (UINT32_C(1) << 31)

static const struct backoff usual = {.base_s = 15, .cap_s = 86400, .jitter_percent = 10};

static void test_the_curve(void **state UNUSED)
{
    static const struct {
        int64_t retry;
        int64_t delay_s;
    } cases[] = {{1, 16},     {2, 31},     {3, 96},     {4, 271},        {5, 640},
                 {10, 10015}, {17, 83536}, {18, 86400}, {1000000, 86400}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(backoff_delay_ms(&usual, cases[i].retry, RANDOM_MIDDLE), cases[i].delay_s * MS_PER_S);
    }
}

static void test_the_other_curves(void **state UNUSED)
{
    static const struct {
        enum conf_retry_curve curve;
        int64_t base_s;
        int64_t retry;
        int64_t delay_s;
    } cases[] = {
        {CONF_RETRY_EXPONENTIAL, 15, 1, 15},
        {CONF_RETRY_EXPONENTIAL, 15, 2, 30},
        {CONF_RETRY_EXPONENTIAL, 15, 5, 240},
        {CONF_RETRY_EXPONENTIAL, 15, 13, 61440},
        {CONF_RETRY_EXPONENTIAL, 15, 14, 86400},
        {CONF_RETRY_EXPONENTIAL, 15, 1000000, 86400},
        {CONF_RETRY_EXPONENTIAL, 0, 1000000, 0},
        {CONF_RETRY_LINEAR, 15, 1, 15},
        {CONF_RETRY_LINEAR, 15, 2, 30},
        {CONF_RETRY_LINEAR, 15, 5760, 86400},
        {CONF_RETRY_LINEAR, 15, INT64_MAX, 86400},
        {CONF_RETRY_LINEAR, 0, 7, 0},
        {CONF_RETRY_FIXED, 15, 1, 15},
        {CONF_RETRY_FIXED, 15, 1000, 15},
        {CONF_RETRY_FIXED, 100000, 1, 86400},
        {CONF_RETRY_POLYNOMIAL, 0, 2, 16},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct backoff b = {.base_s = cases[i].base_s, .cap_s = 86400, .curve = cases[i].curve};
        assert_int_equal(backoff_delay_ms(&b, cases[i].retry, RANDOM_MIDDLE), cases[i].delay_s * MS_PER_S);
    }
}

static void test_a_jobs_policy_is_laid_over_its_types(void **state UNUSED)
{
    static const struct {
        const char *policy;
        struct backoff wanted;
    } cases[] = {
        {NULL, {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"", {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"null", {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"[1]", {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"{}", {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"{\"curve\":\"fixed\"}", {15, 86400, 10, CONF_RETRY_FIXED}},
        {"{\"curve\":\"round\",\"cap_s\":null}", {15, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"{\"base_s\":0}", {0, 86400, 10, CONF_RETRY_POLYNOMIAL}},
        {"{\"curve\":\"linear\",\"base_s\":1,\"cap_s\":2,\"jitter_percent\":3}", {1, 2, 3, CONF_RETRY_LINEAR}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct backoff b = usual;
        backoff_overlay(&b, cases[i].policy);
        assert_int_equal(b.base_s, cases[i].wanted.base_s);
        assert_int_equal(b.cap_s, cases[i].wanted.cap_s);
        assert_int_equal(b.jitter_percent, cases[i].wanted.jitter_percent);
        assert_int_equal(b.curve, cases[i].wanted.curve);
    }
}

static void test_the_middle_is_no_jitter_and_the_ends_are_all_of_it(void **state UNUSED)
{
    struct backoff b = {.base_s = 99, .cap_s = 86400, .jitter_percent = 10};
    assert_int_equal(backoff_delay_ms(&b, 1, RANDOM_MIDDLE), 100000);
    assert_int_equal(backoff_delay_ms(&b, 1, 0), 90000);
    assert_in_range(backoff_delay_ms(&b, 1, UINT32_MAX), 109999, 110000);
    b.jitter_percent = 0;
    assert_int_equal(backoff_delay_ms(&b, 1, 0), 100000);
    assert_int_equal(backoff_delay_ms(&b, 1, UINT32_MAX), 100000);
}

static void test_it_is_within_its_band_and_grows_with_the_random_number(void **state UNUSED)
{
    for (int64_t percent = 0; percent <= 50; percent += 5) {
        struct backoff b = {.base_s = 15, .cap_s = 3600, .jitter_percent = percent};
        for (int64_t retry = 1; retry < 30; retry++) {
            int64_t middle = backoff_delay_ms(&b, retry, RANDOM_MIDDLE);
            int64_t last = 0;
            for (uint64_t random = 0; random <= UINT32_MAX; random += 99999989) {
                int64_t delay = backoff_delay_ms(&b, retry, (uint32_t)random);
                assert_true(delay >= last);
                assert_true(delay >= middle - middle * percent / 100 - 1);
                assert_true(delay <= middle + middle * percent / 100 + 1);
                last = delay;
            }
        }
    }
}

static void test_later_retries_never_come_sooner(void **state UNUSED)
{
    for (int curve = CONF_RETRY_POLYNOMIAL; curve <= CONF_RETRY_FIXED; curve++) {
        struct backoff b = usual;
        b.curve = (enum conf_retry_curve)curve;
        int64_t last = 0;
        for (int64_t retry = 1; retry < 20000; retry++) {
            int64_t delay = backoff_delay_ms(&b, retry, RANDOM_MIDDLE);
            assert_true(delay >= last);
            last = delay;
        }
    }
}

static void test_nothing_overflows(void **state UNUSED)
{
    static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, 2, 1000, 55108, INT32_MAX, INT64_MAX / 2, INT64_MAX};
    enum { N = ARRAY_SIZE(numbers) };
    for (size_t i = 0; i < (size_t)4 * N * N * N * N; i++) {
        struct backoff b = {.base_s = numbers[i / 4 % N],
                            .cap_s = numbers[i / 4 / N % N],
                            .jitter_percent = numbers[i / 4 / N / N % N],
                            .curve = (enum conf_retry_curve)(i % 4)};
        int64_t retry = numbers[i / 4 / N / N / N];
        assert_true(backoff_delay_ms(&b, retry, 0) >= 0);
        assert_true(backoff_delay_ms(&b, retry, UINT32_MAX) >= 0);
    }
}

static void test_a_cap_of_zero_means_at_once(void **state UNUSED)
{
    struct backoff b = {.base_s = 0, .cap_s = 0, .jitter_percent = 50};
    assert_int_equal(backoff_delay_ms(&b, 5, UINT32_MAX), 0);
}

static void test_a_first_retry_is_the_least(void **state UNUSED)
{
    assert_int_equal(backoff_delay_ms(&usual, 0, RANDOM_MIDDLE), backoff_delay_ms(&usual, 1, RANDOM_MIDDLE));
    assert_int_equal(backoff_delay_ms(&usual, -5, RANDOM_MIDDLE), backoff_delay_ms(&usual, 1, RANDOM_MIDDLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_curve),
        cmocka_unit_test(test_the_other_curves),
        cmocka_unit_test(test_a_jobs_policy_is_laid_over_its_types),
        cmocka_unit_test(test_the_middle_is_no_jitter_and_the_ends_are_all_of_it),
        cmocka_unit_test(test_it_is_within_its_band_and_grows_with_the_random_number),
        cmocka_unit_test(test_later_retries_never_come_sooner),
        cmocka_unit_test(test_nothing_overflows),
        cmocka_unit_test(test_a_cap_of_zero_means_at_once),
        cmocka_unit_test(test_a_first_retry_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
