#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "consumer/ack_window.h"
#include "ground/base.h"
#include "ground/clock.h"

#define HELD_MAX 3
#define LONG_US (20 * US_PER_MS)
#define NOT_LONG_US (19 * US_PER_MS)

/* What was sent, as "3m 5 " (everything up to 3, then 5). */
static bool write_down(void *arg, uint64_t tag, bool multiple, struct err *e UNUSED)
{
    g_string_append_printf(arg, "%d%s ", (int)tag, multiple ? "m" : "");
    return true;
}

static void fill(struct ack_window *w, uint64_t n)
{
    ack_window_init(w, HELD_MAX);
    for (uint64_t tag = 1; tag <= n; tag++) {
        ack_window_add(w, tag);
    }
}

static void assert_sends(struct ack_window *w, int64_t now_us, bool all, const char *expected)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) sent = g_string_new(NULL);
    assert_true(ack_window_send(w, now_us, all, write_down, sent, &e));
    assert_string_equal(sent->str, expected);
}

static void hold(struct ack_window *w, int64_t now_us, const char *tags)
{
    for (const char *t = tags; *t != '\0'; t++) {
        ack_window_hold(w, (uint64_t)(*t - '0'), now_us);
    }
}

static void test_what_goes_together(void **state UNUSED)
{
    static const struct {
        const char *held;
        const char *dropped;
        bool all;
        int64_t after_us;
        const char *sent;
    } rows[] = {
        {"", "", false, LONG_US, ""},
        {"1", "", false, NOT_LONG_US, ""}, /* it waits for others */
        {"1", "", false, LONG_US, "1 "},   /* not for ever */
        {"1", "", true, 0, "1 "},          /* nor at the end */
        {"312", "", false, 0, "3m "},      /* nor for more than may be kept back */
        {"23", "", false, NOT_LONG_US, ""},
        {"23", "1", false, LONG_US, "3m "}, /* 1 is rejected: nothing else may be settled with them */
        {"13", "", false, LONG_US, "1 "},   /* 3 waits for 2 from now on */
        {"23", "", false, LONG_US, "2 3 "},
        {"23", "", true, 0, "2 3 "},
        {"2345", "", false, 0, "2 3 4 5 "},
        {"123567", "", false, 0, "3m "},
        {"1238", "9", true, 0, "3m 8 "},
        {"1", "1", true, 0, ""},       /* settled already */
        {"0", "0", true, LONG_US, ""}, /* never delivered */
        {"123456789", "", false, 0, "9m "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ack_window w;
        fill(&w, 9);
        hold(&w, US_PER_S, rows[i].held);
        for (const char *t = rows[i].dropped; *t != '\0'; t++) {
            ack_window_drop(&w, (uint64_t)(*t - '0'));
        }
        assert_sends(&w, US_PER_S + rows[i].after_us, rows[i].all, rows[i].sent);
        ack_window_release(&w);
    }
}

static void test_behind_a_long_job_nobody_waits(void **state UNUSED)
{
    struct ack_window w;
    int64_t now_us = US_PER_S;
    fill(&w, 9);
    hold(&w, now_us, "23");
    assert_sends(&w, now_us, false, "");
    assert_int_equal(ack_window_wait_ms(&w, now_us, 1000), 20);
    assert_int_equal(ack_window_wait_ms(&w, now_us, 5), 5);
    assert_int_equal(ack_window_wait_ms(&w, now_us + LONG_US, 1000), 0);
    now_us += LONG_US;
    assert_sends(&w, now_us, false, "2 3 ");
    assert_int_equal(ack_window_wait_ms(&w, now_us, 1000), 1000);
    hold(&w, now_us, "567");
    assert_sends(&w, now_us, false, "5 6 7 "); /* 1 is known to take long */
    hold(&w, now_us, "189");
    assert_sends(&w, now_us, false, "1 "); /* 4 is not */
    hold(&w, now_us, "4");
    assert_sends(&w, now_us, false, "9m ");
    assert_sends(&w, now_us, true, "");
    ack_window_release(&w);
}

static bool refuse(void *arg UNUSED, uint64_t tag, bool multiple UNUSED, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "no connection for %d", (int)tag);
}

static void test_the_first_error_ends_it(void **state UNUSED)
{
    struct ack_window w;
    struct err e = ERR_INIT;
    fill(&w, 9);
    hold(&w, US_PER_S, "125");
    assert_false(ack_window_send(&w, US_PER_S, true, refuse, NULL, &e));
    assert_string_equal(e.text, "no connection for 2");
    ack_window_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_together),
        cmocka_unit_test(test_behind_a_long_job_nobody_waits),
        cmocka_unit_test(test_the_first_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
