/*
 * Tests for consumer/tally.c: what is counted, when it is one sum, and what becomes of sums that were not written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

#include "tally.h"

#define AT (INT64_C(1767225600) * US_PER_S) /* 2026-01-01 */

static void add(struct tally *t, const char *org, const char *type, enum job_finish_kind kind, int64_t at_us)
{
    struct job_claim claim = {.attempt = 1};
    const struct job_finish finish = {.claim = &claim, .kind = kind, .written = true};
    g_strlcpy(claim.organization_id, org, sizeof(claim.organization_id));
    g_strlcpy(claim.job_type, type, sizeof(claim.job_type));
    tally_add(t, &finish, at_us);
}

static void test_sums(void **state UNUSED)
{
    struct tally *t = tally_new();
    size_t n = 0;
    add(t, "b", "noop", JOB_FINISH_COMPLETED, AT);
    add(t, "a", "noop", JOB_FINISH_COMPLETED, AT + 59 * US_PER_S);
    add(t, "a", "noop", JOB_FINISH_COMPLETED, AT + 60 * US_PER_S);
    add(t, "a", "noop", JOB_FINISH_COMPLETED, AT);
    add(t, "a", "noop", JOB_FINISH_RETRY, AT);
    add(t, "a", "mail", JOB_FINISH_FAILED, AT);
    add(t, "a", "mail", JOB_FINISH_CANCELLED, AT);
    add(t, "a", "mail", JOB_FINISH_SNOOZED, AT); /* has not ended */
    add(t, "c", "noop", JOB_FINISH_RELEASED, AT);
    g_autofree struct job_minute *sums = tally_take(t, 10, &n);
    static const struct job_minute wanted[] = {
        {"a", "mail", AT, {0, 1, 0, 1}},
        {"a", "noop", AT, {2, 0, 1, 0}},
        {"a", "noop", AT + JOB_MINUTE_US, {1, 0, 0, 0}},
        {"b", "noop", AT, {1, 0, 0, 0}},
    };
    assert_int_equal(n, ARRAY_SIZE(wanted));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(job_minute_compare(&sums[i], &wanted[i]), 0);
        assert_memory_equal(sums[i].n, wanted[i].n, sizeof(wanted[i].n));
    }
    assert_null(tally_take(t, 10, &n));
    tally_free(t);
}

static void test_a_fenced_off_outcome_is_not_counted(void **state UNUSED)
{
    struct tally *t = tally_new();
    struct job_claim claim = {.organization_id = "a", .job_type = "noop"};
    const struct job_finish finish = {.claim = &claim, .kind = JOB_FINISH_COMPLETED};
    size_t n = 0;
    tally_add(t, &finish, AT);
    assert_null(tally_take(t, 10, &n));
    tally_free(t);
}

static void test_what_was_not_written_comes_again(void **state UNUSED)
{
    struct tally *t = tally_new();
    size_t n = 0;
    for (int i = 0; i < 5; i++) {
        add(t, (const char[]){(char)('a' + i), '\0'}, "noop", JOB_FINISH_COMPLETED, AT);
    }
    g_autofree struct job_minute *some = tally_take(t, 3, &n);
    assert_int_equal(n, 3);
    for (int i = 0; i < 5; i++) {
        add(t, (const char[]){(char)('a' + i), '\0'}, "noop", JOB_FINISH_COMPLETED, AT);
    }
    tally_put_back(t, some, n);
    g_autofree struct job_minute *all = tally_take(t, 10, &n);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(all[i].n[JOB_ENDED_COMPLETED], 2);
    }
    tally_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_a_fenced_off_outcome_is_not_counted),
        cmocka_unit_test(test_what_was_not_written_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
