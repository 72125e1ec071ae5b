#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/cron.h"
#include "ground/clock.h"

#define FIRINGS_MAX 8

static void test_fields_become_sets(void **state UNUSED)
{
    static const struct {
        const char *text;
        enum cron_field field;
        uint64_t set;
    } cases[] = {
        {"* * * * *", CRON_MINUTE, (UINT64_C(1) << 60) - 1},
        {"* * * * *", CRON_HOUR, (1 << 24) - 1},
        {"* * * * *", CRON_DAY, 0xFFFFFFFE},
        {"* * * * *", CRON_MONTH, 0x1FFE},
        {"* * * * *", CRON_WEEKDAY, 0x7F},
        {"0 0 1 1 0", CRON_MINUTE, 1},
        {"59 23 31 12 6", CRON_MINUTE, UINT64_C(1) << 59},
        {"59 23 31 12 6", CRON_HOUR, 1 << 23},
        {"59 23 31 12 6", CRON_DAY, UINT64_C(1) << 31},
        {"59 23 31 12 6", CRON_MONTH, 1 << 12},
        {"59 23 31 12 6", CRON_WEEKDAY, 1 << 6},
        {"*/20 * * * *", CRON_MINUTE, 1 | 1 << 20 | UINT64_C(1) << 40},
        {"*/60 * * * *", CRON_MINUTE, 1},
        {"5-11/3 * * * *", CRON_MINUTE, 1 << 5 | 1 << 8 | 1 << 11},
        {"1,2,2,0007 * * * *", CRON_MINUTE, 1 << 1 | 1 << 2 | 1 << 7},
        {"0-2,5,*/30 * * * *", CRON_MINUTE, 7 | 1 << 5 | 1 << 30},
        {"0 8-18/2 * * *", CRON_HOUR, 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14 | 1 << 16 | 1 << 18},
        {"0 0 * JAN,apr-Jun,12 *", CRON_MONTH, 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 12},
        {"0 0 * * 7", CRON_WEEKDAY, 1},
        {"0 0 * * 0-7", CRON_WEEKDAY, 0x7F},
        {"0 0 * * MON-FRI", CRON_WEEKDAY, 0x3E},
        {"0 0 * * 5-7", CRON_WEEKDAY, 1 << 5 | 1 << 6 | 1},
        {"0 0 * * fri-sun", CRON_WEEKDAY, 1 << 5 | 1 << 6 | 1},
        {"0 0 * * 6-0", CRON_WEEKDAY, 1 << 6 | 1},
        {"0 0 * * */2", CRON_WEEKDAY, 1 | 1 << 2 | 1 << 4 | 1 << 6},
        {"\t 3  4\t5 6 * ", CRON_DAY, 1 << 5},
        {"@hourly", CRON_MINUTE, 1},
        {"@HOURLY", CRON_HOUR, (1 << 24) - 1},
        {"@daily", CRON_HOUR, 1},
        {"@midnight", CRON_HOUR, 1},
        {"@weekly", CRON_WEEKDAY, 1},
        {"@monthly", CRON_DAY, 2},
        {"@yearly", CRON_MONTH, 2},
        {"@annually", CRON_DAY, 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cron cron;
        struct err e = ERR_INIT;
        if (!cron_parse(cases[i].text, &cron, &e)) {
            fail_msg("%s: %s", cases[i].text, e.text);
        }
        if (cron.sets[cases[i].field] != cases[i].set) {
            fail_msg("%s: field %d is %llx", cases[i].text, (int)cases[i].field,
                     (unsigned long long)cron.sets[cases[i].field]);
        }
    }
}

static void test_what_is_wrong_is_said_with_its_place(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"", "minute (field 1) is missing"},
        {"   ", "minute (field 1) is missing"},
        {"0 1 2", "month (field 4) is missing"},
        {"0 1 2 3", "weekday (field 5) is missing"},
        {"60 * * * *", "minute (field 1, character 1): the number must be from 0 to 59"},
        {"0 24 * * *", "hour (field 2, character 3): the number must be from 0 to 23"},
        {"0 0 0 * *", "day of month (field 3, character 5): the number must be from 1 to 31"},
        {"0 0 32 * *", "day of month (field 3, character 5): the number must be from 1 to 31"},
        {"0 0 * 0 *", "month (field 4, character 7): the number must be from 1 to 12"},
        {"0 0 * 13 *", "month (field 4, character 7): the number must be from 1 to 12"},
        {"0 0 * * 8", "weekday (field 5, character 9): the number must be from 0 to 7"},
        {"0 99999999999999999999 * * *", "hour (field 2, character 3): the number must be"},
        {"-1 * * * *", "minute (field 1, character 1): wanted is `*` or a number from 0 to 59"},
        {"1- * * * *", "minute (field 1, character 3): wanted is `*` or a number"},
        {"1,,2 * * * *", "minute (field 1, character 3): wanted is `*` or a number"},
        {"1, * * * *", "minute (field 1, character 3): wanted is `*` or a number"},
        {"*/0 * * * *", "minute (field 1, character 3): a step must be from 1 to 60"},
        {"*/61 * * * *", "minute (field 1, character 3): a step must be from 1 to 60"},
        {"0 */90 * * *", "hour (field 2, character 5): a step must be from 1 to 24"},
        {"0 0 * * */8", "weekday (field 5, character 11): a step must be from 1 to 7"},
        {"*/ * * * *", "minute (field 1, character 3): a step must be a number"},
        {"*/x * * * *", "minute (field 1, character 3): a step must be a number"},
        {"5/15 * * * *", "minute (field 1, character 2): a step needs `*` or a range before it"},
        {"0 22-4 * * *", "hour (field 2, character 3): the range runs backwards; write two, as in 22-23,0-4"},
        {"0 0 * nov-jan *", "month (field 4, character 7): the range runs backwards"},
        {"1-2-3 * * * *", "minute (field 1, character 4): this character has no meaning here"},
        {"** * * * *", "minute (field 1, character 2): this character has no meaning here"},
        {"*,1x * * * *", "minute (field 1, character 4): this character has no meaning here"},
        {"0 0 L * *", "day of month (field 3, character 5): names have no place here"},
        {"0 0 ? * *", "day of month (field 3, character 5): wanted is `*` or a number from 1 to 31"},
        {"0 0 * foo *", "month (field 4, character 7): a name must be one of JAN to DEC"},
        {"0 0 * january *", "month (field 4, character 7): a name must be one of JAN to DEC"},
        {"0 0 * * mo", "weekday (field 5, character 9): a name must be one of SUN to SAT"},
        {"0 0 * * mon#2", "weekday (field 5, character 12): this character has no meaning here"},
        {"0 0 * * * *", "there are more than five fields from character 11 on"},
        {"@reboot", "a word that begins with @ must be one of @hourly"},
        {"@daily x", "a word that begins with @ must be one of @hourly"},
        {"caf\xc3\xa9 * * * *", "minute (field 1, character 1): names have no place here"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cron cron = {0};
        struct err e = ERR_INIT;
        if (cron_parse(cases[i].text, &cron, &e)) {
            fail_msg("%s: was taken", cases[i].text);
        }
        assert_int_equal(e.code, ERR_INVALID);
        if (strncmp(e.text, cases[i].error, strlen(cases[i].error)) != 0) {
            fail_msg("%s: %s", cases[i].text, e.text);
        }
        assert_int_equal(cron.sets[CRON_MINUTE], 0);
    }
}

static void test_a_text_that_is_too_long_is_refused(void **state UNUSED)
{
    struct cron cron;
    struct err e = ERR_INIT;
    g_autofree char *blanks = g_strnfill(CRON_TEXT_MAX - 9, ' ');
    g_autofree char *longest = g_strconcat("* * * * *", blanks, NULL);
    g_autofree char *longer = g_strconcat(longest, " ", NULL);
    assert_true(cron_parse(longest, &cron, &e));
    assert_false(cron_parse(longer, &cron, &e));
    assert_string_equal(e.text, "may have at most 200 characters");
}

/* Firings after an instant, as local times with their offsets. */
static const struct {
    const char *cron;
    const char *zone;
    const char *after;
    const char *firings[FIRINGS_MAX];
} firing_cases[] = {
    {"* * * * *", "UTC", "2026-11-24T16:00:00Z", {"2026-11-24T16:01:00+00:00", "2026-11-24T16:02:00+00:00"}},
    {"* * * * *", "UTC", "2026-11-24T16:00:59.999999Z", {"2026-11-24T16:01:00+00:00"}},
    {"* * * * *", "UTC", "2026-11-24T15:59:59.999999Z", {"2026-11-24T16:00:00+00:00"}},
    {"30 9 * * MON-FRI",
     "Europe/Berlin",
     "2026-11-27T09:00:00Z",
     {"2026-11-30T09:30:00+01:00", "2026-12-01T09:30:00+01:00"}},
    {"0 0 31 * *",
     "UTC",
     "2026-11-24T00:00:00Z",
     {"2026-12-31T00:00:00+00:00", "2027-01-31T00:00:00+00:00", "2027-03-31T00:00:00+00:00"}},
    {"0 12 29 2 *", "UTC", "2026-11-24T00:00:00Z", {"2028-02-29T12:00:00+00:00", "2032-02-29T12:00:00+00:00"}},
    {"0 12 29 2 *", "UTC", "2096-02-29T12:00:00Z", {"2104-02-29T12:00:00+00:00"}},
    {"0 0 30 2 *", "UTC", "2026-11-24T00:00:00Z", {NULL}},
    {"0 0 31 2,4,6,9,11 *", "UTC", "2026-11-24T00:00:00Z", {NULL}},
    /* the rule on the two day fields: either, unless one begins with `*` */
    {"0 0 13 * FRI",
     "UTC",
     "2026-11-24T00:00:00Z",
     {"2026-11-27T00:00:00+00:00", "2026-12-04T00:00:00+00:00", "2026-12-11T00:00:00+00:00",
      "2026-12-13T00:00:00+00:00"}},
    {"0 0 13 * *", "UTC", "2026-11-24T00:00:00Z", {"2026-12-13T00:00:00+00:00", "2027-01-13T00:00:00+00:00"}},
    {"0 0 * * FRI", "UTC", "2026-11-24T00:00:00Z", {"2026-11-27T00:00:00+00:00", "2026-12-04T00:00:00+00:00"}},
    {"0 0 */2 * FRI", "UTC", "2026-11-24T00:00:00Z", {"2026-11-27T00:00:00+00:00", "2026-12-11T00:00:00+00:00"}},
    /* a gap: Berlin's clocks go from 2 to 3 on 2026-03-29 */
    {"30 2 * * *",
     "Europe/Berlin",
     "2026-03-28T00:00:00Z",
     {"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
    {"0,30 2,3 * * *",
     "Europe/Berlin",
     "2026-03-29T00:00:00Z",
     {"2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"}},
    {"30 * * * *",
     "Europe/Berlin",
     "2026-03-29T00:00:00Z",
     {"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"}},
    {"0 */2 * * *",
     "Europe/Berlin",
     "2026-03-28T23:00:00Z",
     {"2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"}},
    {"* 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", {"2026-03-30T02:00:00+02:00"}},
    /* an overlap: they go from 3 to 2 on 2026-10-25 */
    {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", {"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
    {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", {"2026-10-26T02:30:00+01:00"}},
    {"30 * * * *",
     "Europe/Berlin",
     "2026-10-25T00:00:00Z",
     {"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"}},
    {"0 2-3 * * *",
     "Europe/Berlin",
     "2026-10-24T12:00:00Z",
     {"2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-26T02:00:00+01:00"}},
    {"59 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", {"2026-10-26T02:59:00+01:00"}},
    {"*/30 2 * * *",
     "Europe/Berlin",
     "2026-10-24T12:00:00Z",
     {"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:00:00+01:00"}},
    {"@hourly",
     "Europe/Berlin",
     "2026-10-24T23:30:00Z",
     {"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}},
    /* a gap at midnight, and one of half an hour */
    {"0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", {"2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"}},
    {"@daily", "Africa/Cairo", "2026-10-29T12:00:00Z", {"2026-10-30T00:00:00+02:00", "2026-10-31T00:00:00+02:00"}},
    {"15 2 * * *",
     "Australia/Lord_Howe",
     "2026-10-03T00:00:00Z",
     {"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
    /* a day that did not come: Samoa had no 2011-12-30 */
    {"0 9 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", {"2011-12-31T00:00:00+14:00", "2012-12-30T09:00:00+14:00"}},
    /* after the last change that the zone's file lists */
    {"30 2 * * *", "Europe/Berlin", "2050-03-26T12:00:00Z", {"2050-03-27T03:00:00+02:00"}},
};

static void test_firings(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(firing_cases); i++) {
        struct cron cron;
        struct err e = ERR_INIT;
        g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(firing_cases[i].zone);
        int64_t at_us = 0;
        assert_non_null(zone);
        assert_true(cron_parse(firing_cases[i].cron, &cron, &e));
        assert_true(clock_parse_rfc3339(firing_cases[i].after, &at_us));
        for (size_t n = 0; n == 0 || (n < FIRINGS_MAX && firing_cases[i].firings[n] != NULL); n++) {
            char text[CRON_LOCAL_TEXT_BYTES] = "none";
            if (cron_next(&cron, zone, at_us, &at_us)) {
                cron_format_local(zone, at_us, text);
            }
            const char *wanted = firing_cases[i].firings[n] == NULL ? "none" : firing_cases[i].firings[n];
            if (strcmp(text, wanted) != 0) {
                fail_msg("%s in %s after %s: firing %zu is %s, not %s", firing_cases[i].cron, firing_cases[i].zone,
                         firing_cases[i].after, n, text, wanted);
            }
        }
    }
}

static void test_times_out_of_range_have_no_firing(void **state UNUSED)
{
    struct cron cron;
    struct err e = ERR_INIT;
    int64_t at_us = 7;
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    assert_true(cron_parse("@yearly", &cron, &e));
    assert_false(cron_next(&cron, utc, -1, &at_us));
    assert_false(cron_next(&cron, utc, INT64_MAX, &at_us));
    assert_int_equal(at_us, 7);
    assert_true(cron_next(&cron, utc, 0, &at_us));
    assert_int_equal(at_us, 365 * 86400 * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_become_sets),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(test_a_text_that_is_too_long_is_refused),
        cmocka_unit_test(test_firings),
        cmocka_unit_test(test_times_out_of_range_have_no_firing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
