#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/gather.h"

#define START_US (100 * US_PER_S)

/* One message each interval_us for for_ms; the time of the last is returned. */
static int64_t publish(struct gather *g, int64_t from_us, int64_t for_ms, int64_t interval_us)
{
    int64_t now_us = from_us;
    for (; now_us < from_us + for_ms * US_PER_MS; now_us += interval_us) {
        gather_note(g, 1, now_us);
    }
    return now_us - interval_us;
}

/* What one message waits, after_us after the last of a steady stream. */
static void test_a_stream_decides(void **state UNUSED)
{
    static const struct {
        int64_t for_ms;
        int64_t interval_us;
        int64_t after_us;
        size_t n;
        int64_t wait_us;
    } rows[] = {
        {0, 1, 0, 1, 0},                              /* the first of all */
        {1000, 2000, 0, 1, 0},                        /* 500 a second: each goes at once */
        {1000, 1100, 0, 1, 0},                        /* 909 */
        {1000, 1000, 0, 1, 10 * US_PER_MS},           /* 1,000: together */
        {1000, 200, 0, 1, 10 * US_PER_MS},            /* 5,000 */
        {1000, 200, 4 * US_PER_MS, 1, 6 * US_PER_MS}, /* part of the time is over */
        {1000, 200, 10 * US_PER_MS, 1, 0},
        {1000, 200, 11 * US_PER_MS, 1, 0},
        {1000, 200, 0, 63, 10 * US_PER_MS},
        {1000, 200, 0, 64, 0},          /* enough */
        {1000, 200, 0, 0, 0},           /* nothing waits */
        {10, 50, 0, 1, 10 * US_PER_MS}, /* a burst is a stream once it has as many as a window of one */
        {9, 100, 0, 1, 0},
        {1000, 200, US_PER_S, 1, 0}, /* long ago */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct gather g = {0};
        int64_t last_us = publish(&g, START_US, rows[i].for_ms, rows[i].interval_us);
        int64_t wait_us = gather_wait_us(&g, rows[i].n, last_us + rows[i].after_us);
        if (wait_us != rows[i].wait_us) {
            fail_msg("row %zu: %lld us", i, (long long)wait_us);
        }
    }
}

static void test_one_after_a_pause_goes_at_once(void **state UNUSED)
{
    struct gather g = {0};
    int64_t last_us = publish(&g, START_US, 1000, 200);
    gather_note(&g, 1, last_us + 300 * US_PER_MS);
    assert_int_equal(gather_wait_us(&g, 1, last_us + 301 * US_PER_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_decides),
        cmocka_unit_test(test_one_after_a_pause_goes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
