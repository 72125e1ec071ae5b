#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/schedule.h"
#include "ground/clock.h"

#define GRACE_MS 60000
#define NOW "2026-11-24T12:00:00Z"
#define INSTANTS_MAX 12

static int64_t at(const char *text)
{
    int64_t us = 0;
    assert_true(clock_parse_rfc3339(text, &us));
    return us;
}

/* --- what fires now ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *cron;
    enum schedule_misfire misfire;
    int64_t limit;
    const char *due;
    const char *now;
    const char *fires[INSTANTS_MAX];
    const char *next;
} plans[] = {
    {"in time",
     "0 * * * *",
     SCHEDULE_SKIP,
     1,
     "2026-11-24T12:00:00Z",
     "2026-11-24T12:00:00.3Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T13:00:00Z"},
    {"a minute late is in time",
     "0 * * * *",
     SCHEDULE_SKIP,
     1,
     "2026-11-24T12:00:00Z",
     "2026-11-24T12:01:00Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T13:00:00Z"},
    {"skip: one that is later is dropped",
     "0 * * * *",
     SCHEDULE_SKIP,
     1,
     "2026-11-24T12:00:00Z",
     "2026-11-24T12:01:00.000001Z",
     {NULL},
     "2026-11-24T13:00:00Z"},
    {"skip: many are dropped, the last is in time",
     "* * * * *",
     SCHEDULE_SKIP,
     1,
     "2026-11-01T00:00:00Z",
     "2026-11-24T12:00:30Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T12:01:00Z"},
    {"once: the only one",
     "0 * * * *",
     SCHEDULE_ONCE,
     1,
     "2026-11-24T12:00:00Z",
     "2026-11-24T12:30:00Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T13:00:00Z"},
    {"once: the latest of many",
     "0 * * * *",
     SCHEDULE_ONCE,
     1,
     "2026-01-01T00:00:00Z",
     "2026-11-24T12:30:00Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T13:00:00Z"},
    {"once: one in time is enough",
     "* * * * *",
     SCHEDULE_ONCE,
     1,
     "2026-11-24T11:00:00Z",
     "2026-11-24T12:00:30Z",
     {"2026-11-24T12:00:00Z"},
     "2026-11-24T12:01:00Z"},
    {"all: each",
     "0 */6 * * *",
     SCHEDULE_ALL,
     10,
     "2026-11-23T18:00:00Z",
     "2026-11-24T12:30:00Z",
     {"2026-11-23T18:00:00Z", "2026-11-24T00:00:00Z", "2026-11-24T06:00:00Z", "2026-11-24T12:00:00Z"},
     "2026-11-24T18:00:00Z"},
    {"all: the latest three",
     "0 */6 * * *",
     SCHEDULE_ALL,
     3,
     "2026-01-01T00:00:00Z",
     "2026-11-24T12:30:00Z",
     {"2026-11-24T00:00:00Z", "2026-11-24T06:00:00Z", "2026-11-24T12:00:00Z"},
     "2026-11-24T18:00:00Z"},
    {"all: those in time do not count",
     "* * * * *",
     SCHEDULE_ALL,
     2,
     "2026-11-24T11:00:00Z",
     "2026-11-24T12:00:30Z",
     {"2026-11-24T11:58:00Z", "2026-11-24T11:59:00Z", "2026-11-24T12:00:00Z"},
     "2026-11-24T12:01:00Z"},
    {"all: far between",
     "0 0 29 2 *",
     SCHEDULE_ALL,
     3,
     "2016-02-29T00:00:00Z",
     "2026-11-24T12:00:00Z",
     {"2016-02-29T00:00:00Z", "2020-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
     "2028-02-29T00:00:00Z"},
    {"all: long ago and close together",
     "* 0 1 1 *",
     SCHEDULE_ALL,
     2,
     "2026-01-01T00:00:00Z",
     "2026-11-24T12:00:00Z",
     {"2026-01-01T00:58:00Z", "2026-01-01T00:59:00Z"},
     "2027-01-01T00:00:00Z"},
    {"what is due fires, whatever the expression says",
     "0 0 1 1 *",
     SCHEDULE_ONCE,
     1,
     "2026-11-24T11:59:58Z",
     NOW,
     {"2026-11-24T11:59:58Z"},
     "2027-01-01T00:00:00Z"},
    {"no next", "0 0 30 2 *", SCHEDULE_ONCE, 1, "2026-11-24T11:59:58Z", NOW, {"2026-11-24T11:59:58Z"}, NULL},
};

static void test_plans(void **state UNUSED)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
        struct err e = ERR_INIT;
        struct schedule_due due = {
            .zone = utc,
            .misfire = plans[i].misfire,
            .misfire_limit = plans[i].limit,
            .due_us = at(plans[i].due),
            .now_us = at(plans[i].now),
            .grace_ms = GRACE_MS,
        };
        int64_t next_us = -1;
        g_autoptr(GArray) fires = g_array_new(FALSE, FALSE, sizeof(int64_t));
        assert_true(cron_parse(plans[i].cron, &due.cron, &e));
        schedule_plan(&due, fires, &next_us);
        for (guint n = 0; n <= fires->len; n++) {
            char text[CLOCK_TEXT_BYTES] = "nothing";
            if (n < fires->len) {
                clock_format_rfc3339(g_array_index(fires, int64_t, n), text);
            }
            if ((n == fires->len) != (plans[i].fires[n] == NULL) ||
                (n < fires->len && g_array_index(fires, int64_t, n) != at(plans[i].fires[n]))) {
                fail_msg("%s: instant %u is %s", plans[i].name, n, text);
            }
        }
        assert_int_equal(next_us, plans[i].next == NULL ? 0 : at(plans[i].next));
    }
}

static void test_a_plan_over_months_is_quick_to_make(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier("Europe/Berlin");
    struct schedule_due due = {
        .zone = zone,
        .misfire = SCHEDULE_ALL,
        .misfire_limit = SCHEDULE_MISFIRE_MAX,
        .due_us = at("2020-01-01T00:00:00Z"),
        .now_us = at(NOW),
        .grace_ms = GRACE_MS,
    };
    int64_t next_us = 0;
    g_autoptr(GArray) fires = g_array_new(FALSE, FALSE, sizeof(int64_t));
    assert_true(cron_parse("* * * * *", &due.cron, &e));
    int64_t began_us = clock_mono_us();
    schedule_plan(&due, fires, &next_us);
    assert_true(clock_mono_us() - began_us < 2 * US_PER_S); /* three million instants would take much longer */
    assert_int_equal(fires->len, SCHEDULE_MISFIRE_MAX + 2); /* 11:59 and 12:00 are in time */
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static void test_what_does_not_fit_is_named(void **state UNUSED)
{
    static const struct {
        const char *schedule;
        const char *pointer; /* NULL: nothing is wrong */
        const char *code;
    } cases[] = {
        {"{}", NULL, NULL},
        {"{\"cron\": 5, \"job_type\": [], \"payload\": 1}", NULL, NULL},
        {"{\"cron\": \"\", \"job_type\": \"\"}", NULL, NULL},
        {"{\"cron\": \"@daily\", \"job_type\": \"noop\"}", NULL, NULL},
        {"{\"cron\": \"@daily\", \"job_type\": \"sleep\", \"payload\": {\"ms\": 5}}", NULL, NULL},
        {"{\"cron\": \"@often\"}", "/cron", "format"},
        {"{\"cron\": \"0 0 31 feb *\"}", "/cron", "never"},
        {"{\"job_type\": \"nothing\"}", "/job_type", "choice"},
        {"{\"job_type\": \"crash\"}", "/job_type", "choice"},
        {"{\"job_type\": \"jobs.cancel\"}", "/job_type", "choice"},
        {"{\"job_type\": \"sleep\"}", "/payload/ms", "required"},
        {"{\"job_type\": \"sleep\", \"payload\": null}", "/payload/ms", "required"},
        {"{\"job_type\": \"noop\", \"payload\": {\"x\": 1}}", "/payload/x", "unknown_field"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problems problems CLEANUP(problems_release) = {0};
        json_auto_t *schedule = json_loads(cases[i].schedule, 0, NULL);
        schedule_check(schedule, at(NOW), false, &problems);
        assert_int_equal(json_array_size(problems.list), cases[i].pointer == NULL ? 0 : 1);
        if (cases[i].pointer != NULL) {
            const json_t *fault = json_array_get(problems.list, 0);
            assert_string_equal(json_string_value(json_object_get(fault, "pointer")), cases[i].pointer);
            assert_string_equal(json_string_value(json_object_get(fault, "code")), cases[i].code);
        }
    }
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *crash = json_pack("{s:s}", "job_type", "crash");
    schedule_check(crash, at(NOW), true, &problems);
    assert_false(problems_any(&problems));
}

static void test_next_firings_carry_the_offset_of_their_day(void **state UNUSED)
{
    json_auto_t *list = schedule_next_firings("0 12 25 * *", "America/New_York", at("2026-10-01T00:00:00Z"), 3);
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "2026-10-25T12:00:00-04:00");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "2026-11-25T12:00:00-05:00");
    json_auto_t *none = schedule_next_firings("0 12 25 * *", "Atlantis", 0, 3);
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(schedule_next("x", "UTC", 0), 0);
    assert_int_equal(schedule_next("0 12 * * *", "UTC", at("2026-11-24T12:00:00Z")), at("2026-11-25T12:00:00Z"));
}

/* --- a job ------------------------------------------------------------------------------------------------------- */

static json_t *schedule_of(const char *type, json_t *timeout)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:{}, s:i, s:i, s:o}", "id", "0190a6f0-0000-7000-8000-000000000001",
                     "organization_id", "acme", "created_by", "ann", "job_type", type, "payload", "priority", -1,
                     "max_retries", 7, "timeout_s", timeout);
}

static void test_a_job_has_what_its_schedule_says(void **state UNUSED)
{
    struct job_new job;
    struct err e = ERR_INIT;
    json_auto_t *schedule = schedule_of("noop", json_integer(9));
    assert_true(schedule_make_job(schedule, "an id", false, 1500, &job, &e));
    assert_string_equal(job.id, "an id");
    assert_string_equal(job.organization_id, "acme");
    assert_string_equal(job.created_by, "ann");
    assert_string_equal(job.job_type, "noop");
    assert_string_equal(job.schedule_id, "0190a6f0-0000-7000-8000-000000000001");
    assert_int_equal(job.priority, -1);
    assert_int_equal(job.max_retries, 7);
    assert_int_equal(job.timeout_s, 9);
    assert_int_equal(job.grace_ms, 1500);
    assert_int_equal(job.scheduled_wall_us, 0);
    assert_null(job.retry);
    json_object_set_new(schedule, "retry", json_pack("{s:s, s:i, s:n}", "curve", "fixed", "base_s", 5, "cap_s"));
    assert_true(schedule_make_job(schedule, "an id", false, 1500, &job, &e));
    assert_string_equal(job.retry, "{\"curve\":\"fixed\",\"base_s\":5}");
    json_auto_t *usual = schedule_of("noop", json_null());
    assert_true(schedule_make_job(usual, "an id", false, 0, &job, &e));
    assert_int_equal(job.timeout_s, 30);
    json_object_del(usual, "max_retries");
    assert_true(schedule_make_job(usual, "an id", false, 0, &job, &e));
    assert_int_equal(job.max_retries, 3);
}

static void test_a_type_that_is_gone_makes_no_job(void **state UNUSED)
{
    struct job_new job;
    struct err e = ERR_INIT;
    json_auto_t *gone = schedule_of("gone", json_null());
    assert_false(schedule_make_job(gone, "an id", false, 0, &job, &e));
    assert_string_equal(e.text, "/job_type is not a job type");
    err_clear(&e);
    json_auto_t *stricter = schedule_of("sleep", json_null());
    assert_false(schedule_make_job(stricter, "an id", false, 0, &job, &e));
    assert_string_equal(e.text, "/payload/ms must be given");
    assert_int_equal(e.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_a_plan_over_months_is_quick_to_make),
        cmocka_unit_test(test_what_does_not_fit_is_named),
        cmocka_unit_test(test_next_firings_carry_the_offset_of_their_day),
        cmocka_unit_test(test_a_job_has_what_its_schedule_says),
        cmocka_unit_test(test_a_type_that_is_gone_makes_no_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
