#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ground/clock.h"
#include "ports/service.h"

#define DAY_US (86400 * US_PER_S)
#define LAST_US INT64_C(253402300799999999)

/* The C library as the second opinion. */
static void expect_format(int64_t wall_us, char out[CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_us / US_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    assert_int_equal(strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm), 19);
    (void)snprintf(out + 19, CLOCK_TEXT_BYTES - 19, ".%06uZ", (unsigned)(wall_us % US_PER_S) % 1000000U);
}

static void check_both_ways(int64_t wall_us)
{
    char wanted[CLOCK_TEXT_BYTES];
    char got[CLOCK_TEXT_BYTES];
    int64_t back = -1;
    expect_format(wall_us, wanted);
    clock_format_rfc3339(wall_us, got);
    assert_string_equal(got, wanted);
    assert_true(clock_parse_rfc3339(got, &back));
    assert_true(back == wall_us);
    clock_format_sql(wall_us, got);
    wanted[10] = ' ';
    wanted[26] = '\0';
    assert_string_equal(got, wanted);
    back = -1;
    assert_true(clock_parse_sql(got, &back));
    assert_true(back == wall_us);
}

static void test_every_day_of_eight_centuries(void **state UNUSED)
{
    for (int64_t day = 0; day < 800 * 366; day++) {
        check_both_ways(day * DAY_US + day % DAY_US);
    }
}

static void test_random_times_up_to_year_9999(void **state UNUSED)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20261123);
    for (int i = 0; i < 200000; i++) {
        int64_t day = g_rand_int_range(random, 0, (gint32)(LAST_US / DAY_US + 1));
        int64_t in_day = (int64_t)(g_rand_double(random) * (double)DAY_US);
        check_both_ways(day * DAY_US + in_day);
    }
    check_both_ways(0);
    check_both_ways(LAST_US);
}

static void test_times_out_of_range_are_shown_at_the_edge(void **state UNUSED)
{
    char text[CLOCK_TEXT_BYTES];
    static const int64_t before[] = {-1, INT64_MIN};
    static const int64_t after[] = {LAST_US + 1, INT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        clock_format_rfc3339(before[i], text);
        assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
        clock_format_sql(after[i], text);
        assert_string_equal(text, "9999-12-31 23:59:59.999999");
    }
}

struct parse_case {
    const char *text;
    int64_t wall_us; /* -1: refused */
};

static void check_cases(const struct parse_case *cases, size_t n, bool (*parse)(const char *, int64_t *))
{
    for (size_t i = 0; i < n; i++) {
        int64_t got = -77;
        bool ok = parse(cases[i].text, &got);
        if (ok != (cases[i].wall_us >= 0) || got != (ok ? cases[i].wall_us : -77)) {
            fail_msg("\"%s\" gave %d, %lld", cases[i].text, ok, (long long)got);
        }
    }
}

static void test_rfc3339_forms(void **state UNUSED)
{
    static const struct parse_case cases[] = {
        {"2000-02-29T12:00:00Z", INT64_C(951825600000000)},
        {"2000-02-29t12:00:00z", INT64_C(951825600000000)},
        {"2000-02-29T12:00:00.5Z", INT64_C(951825600500000)},
        {"2000-02-29T12:00:00.123456789Z", INT64_C(951825600123456)},
        {"2000-02-29T12:00:00.999999999Z", INT64_C(951825600999999)},
        {"2000-02-29T12:00:00.000001Z", INT64_C(951825600000001)},
        {"2000-02-29T14:00:00+02:00", INT64_C(951825600000000)},
        {"2000-02-28T23:30:00-12:30", INT64_C(951825600000000)},
        {"2000-03-01T11:59:00+23:59", INT64_C(951825600000000)},
        {"2000-02-29T12:00:00-00:00", INT64_C(951825600000000)},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T00:59:59+01:00", -1},
        {"9999-12-31T23:59:59.999999Z", LAST_US},
        {"9999-12-31T23:59:59-00:01", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"1900-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2001-02-29T00:00:00Z", -1},
        {"2001-02-28T00:00:00Z", INT64_C(983318400000000)},
        {"2001-04-31T00:00:00Z", -1},
        {"2001-00-10T00:00:00Z", -1},
        {"2001-13-10T00:00:00Z", -1},
        {"2001-01-00T00:00:00Z", -1},
        {"2001-01-32T00:00:00Z", -1},
        {"2001-01-01T24:00:00Z", -1},
        {"2001-01-01T00:60:00Z", -1},
        {"2016-12-31T23:59:60Z", -1},
        {"2001-01-01T00:00:00", -1},
        {"2001-01-01 00:00:00Z", -1},
        {"2001-01-01T00:00:00.Z", -1},
        {"2001-01-01T00:00:00.1234567890Z", -1},
        {"2001-01-01T00:00:00,5Z", -1},
        {"2001-01-01T00:00:00+24:00", -1},
        {"2001-01-01T00:00:00+01:60", -1},
        {"2001-01-01T00:00:00+0100", -1},
        {"2001-01-01T00:00:00+01", -1},
        {"2001-01-01T00:00:00ZZ", -1},
        {"2001-01-01T00:00:00Z ", -1},
        {" 2001-01-01T00:00:00Z", -1},
        {"2001-1-01T00:00:00Z", -1},
        {"+2001-01-01T00:00:00Z", -1},
        {"20010101T000000Z", -1},
        {"2001-01-01T00:00Z", -1},
        {"2001-01-01", -1},
        {"", -1},
    };
    check_cases(cases, ARRAY_SIZE(cases), clock_parse_rfc3339);
}

static void test_sql_forms(void **state UNUSED)
{
    static const struct parse_case cases[] = {
        {"2000-02-29 12:00:00.000000", INT64_C(951825600000000)},
        {"2000-02-29 12:00:00", INT64_C(951825600000000)},
        {"2000-02-29 12:00:00.25", INT64_C(951825600250000)},
        {"2000-02-29 12:00:00.1234567", -1},
        {"2000-02-29T12:00:00", -1},
        {"2000-02-29 12:00:00Z", -1},
        {"0000-00-00 00:00:00.000000", -1},
        {"2000-02-30 12:00:00", -1},
        {"2000-02-29", -1},
        {"", -1},
    };
    check_cases(cases, ARRAY_SIZE(cases), clock_parse_sql);
}

/* Every text that is one byte away from a good one is either refused or read as what it says. */
static void test_one_wrong_byte_is_never_read_as_the_same_time(void **state UNUSED)
{
    static const char good[] = "2024-02-29T23:59:58.123456Z";
    int64_t wanted;
    assert_true(clock_parse_rfc3339(good, &wanted));
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[sizeof(good)];
            memcpy(text, good, sizeof(good));
            text[at] = (char)byte;
            int64_t got;
            bool same_meaning = g_ascii_tolower(text[at]) == g_ascii_tolower(good[at]);
            if (clock_parse_rfc3339(text, &got) && (got == wanted) != same_meaning) {
                fail_msg("\"%s\" was read as \"%s\"", text, good);
            }
        }
    }
}

static void test_cut_texts_are_refused(void **state UNUSED)
{
    static const char good[] = "2024-02-29T23:59:58+01:30";
    for (size_t length = 0; length < sizeof(good) - 1; length++) {
        g_autofree char *cut = g_strndup(good, length);
        int64_t got;
        assert_false(clock_parse_rfc3339(cut, &got));
    }
}

static void test_monotonic_time_rises_and_wall_time_is_now(void **state UNUSED)
{
    int64_t before = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
    int64_t difference_us = clock_wall_us() - g_get_real_time();
    assert_in_range(difference_us + 60 * US_PER_S, 0, 120 * US_PER_S);
}

static void test_a_deadline_lies_ahead_by_its_delay(void **state UNUSED)
{
    static const int64_t delays_ms[] = {0, 1, 999, 1000, 1001, 59999, 86400000};
    for (size_t i = 0; i < ARRAY_SIZE(delays_ms); i++) {
        struct timespec until;
        int64_t before = clock_mono_us();
        clock_deadline(delays_ms[i], &until);
        int64_t after = clock_mono_us();
        int64_t until_us = until.tv_sec * US_PER_S + until.tv_nsec / 1000;
        assert_in_range(until.tv_nsec, 0, 999999999);
        assert_true(until_us >= before + delays_ms[i] * US_PER_MS);
        assert_true(until_us <= after + delays_ms[i] * US_PER_MS);
    }
}

static void test_a_timed_wait_uses_the_same_clock(void **state UNUSED)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    service_cond_init(&cond);
    struct timespec until;
    clock_deadline(5, &until);
    int64_t began = clock_mono_us();
    pthread_mutex_lock(&lock);
    int result = 0;
    while (result == 0) {
        result = pthread_cond_timedwait(&cond, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
    assert_true(clock_mono_us() - began >= 4 * US_PER_MS);
    assert_true(clock_mono_us() - began < 60 * US_PER_S);
    pthread_cond_destroy(&cond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_of_eight_centuries),
        cmocka_unit_test(test_random_times_up_to_year_9999),
        cmocka_unit_test(test_times_out_of_range_are_shown_at_the_edge),
        cmocka_unit_test(test_rfc3339_forms),
        cmocka_unit_test(test_sql_forms),
        cmocka_unit_test(test_one_wrong_byte_is_never_read_as_the_same_time),
        cmocka_unit_test(test_cut_texts_are_refused),
        cmocka_unit_test(test_monotonic_time_rises_and_wall_time_is_now),
        cmocka_unit_test(test_a_deadline_lies_ahead_by_its_delay),
        cmocka_unit_test(test_a_timed_wait_uses_the_same_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
