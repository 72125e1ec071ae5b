/*
 * provider_state.c: when a provider is left alone and how fast it is used, with the clock passed in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

#include "ground/clock.h"
#include "provider_state.h"

#define SECOND US_PER_S

static const struct provider_rule rule = {.failures = 3, .delay_ms = 30000};

static void fail_times(struct provider_breaker *b, int n, int64_t now_us)
{
    for (int i = 0; i < n; i++) {
        provider_breaker_fail(b, &rule, now_us);
    }
}

static void test_opens_after_failures_in_a_row(void **state UNUSED)
{
    struct provider_breaker b = {0};
    fail_times(&b, 2, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, SECOND), 0);
    provider_breaker_ok(&b);
    fail_times(&b, 2, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, SECOND), 0);
    fail_times(&b, 1, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, SECOND), 30000);
    assert_int_equal(provider_breaker_ask(&b, &rule, 21 * SECOND), 10000);
}

static void test_one_tries_when_it_has_rested(void **state UNUSED)
{
    struct provider_breaker b = {0};
    fail_times(&b, 3, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, 31 * SECOND), 0);     /* the one that tries */
    assert_int_equal(provider_breaker_ask(&b, &rule, 32 * SECOND), 29000); /* the others wait for it */
    provider_breaker_fail(&b, &rule, 33 * SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, 34 * SECOND), 29000); /* it failed: a while again */
    assert_int_equal(provider_breaker_ask(&b, &rule, 63 * SECOND), 0);
    provider_breaker_ok(&b);
    assert_int_equal(provider_breaker_ask(&b, &rule, 63 * SECOND), 0); /* it passed: all may */
    assert_int_equal(provider_breaker_ask(&b, &rule, 63 * SECOND), 0);
}

static void test_a_try_that_never_tells_does_not_close_it_for_ever(void **state UNUSED)
{
    struct provider_breaker b = {0};
    fail_times(&b, 3, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, 31 * SECOND), 0);
    assert_int_equal(provider_breaker_ask(&b, &rule, 61 * SECOND), 0);
}

static void test_retry_after_is_heeded(void **state UNUSED)
{
    struct provider_breaker b = {0};
    provider_breaker_trip(&b, 5000, SECOND);
    assert_int_equal(provider_breaker_ask(&b, &rule, 2 * SECOND), 4000);
    assert_int_equal(provider_breaker_ask(&b, &rule, 6 * SECOND), 0);
    provider_breaker_ok(&b);
    provider_breaker_trip(&b, INT64_MAX, 7 * SECOND); /* whatever is asked for: an hour at most */
    assert_int_equal(provider_breaker_ask(&b, &rule, 7 * SECOND), 3600000);
}

/* However many ask at once: in no second more than the rate and its burst go, and each waiting one gets a time of its
 * own. */
static void test_rate(void **state UNUSED)
{
    static const int64_t rates[] = {1, 2, 7, 10, 50, 1000};
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        struct provider_rate r = {0};
        int64_t burst = 1 + rates[i] / 10;
        int64_t gone = 0;
        int64_t last_wait = 0;
        for (int64_t n = 0; n < burst + 5; n++) {
            int64_t wait = provider_rate_ask(&r, rates[i], SECOND);
            gone += wait == 0;
            assert_true(wait == 0 || wait >= last_wait);
            last_wait = wait;
        }
        assert_int_equal(gone, burst);
        assert_int_equal(provider_rate_ask(&r, rates[i], 2 * SECOND + SECOND / rates[i]), 0);
    }
    struct provider_rate any = {0};
    assert_int_equal(provider_rate_ask(&any, 0, SECOND), 0);
}

static void test_keys_are_kept_apart(void **state UNUSED)
{
    struct provider_states *s = provider_states_new();
    bool is_open = false;
    for (int i = 0; i < 3; i++) {
        provider_states_tell(s, "a|smtp", &rule, PROVIDER_TOLD_FAILURE, 0);
    }
    assert_true(provider_states_ask(s, "a|smtp", "|smtp", &rule, &is_open) > 0 && is_open);
    assert_int_equal(provider_states_ask(s, "b|smtp", "|smtp", &rule, &is_open), 0);
    provider_states_tell(s, "a|smtp", &rule, PROVIDER_TOLD_OK, 0);
    assert_int_equal(provider_states_ask(s, "a|smtp", "|smtp", &rule, &is_open), 0);
    const struct provider_rule slow = {.failures = 3, .delay_ms = 1000, .max_per_second = 1};
    assert_int_equal(provider_states_ask(s, "a|ses", "|ses", &slow, &is_open), 0);
    assert_true(provider_states_ask(s, "b|ses", "|ses", &slow, &is_open) > 0 && !is_open); /* one rate for both */
    provider_states_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_tries_when_it_has_rested),
        cmocka_unit_test(test_a_try_that_never_tells_does_not_close_it_for_ever),
        cmocka_unit_test(test_retry_after_is_heeded),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_keys_are_kept_apart),
    };
    return cmocka_run_group_tests_name("provider_state", tests, NULL, NULL);
}
