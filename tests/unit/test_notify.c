/*
 * What settings say: every switch x event x channel x severity x quiet hours x do-not-disturb x digest, against a truth
 * table that is written out here by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/notify.h"
#include "ground/clock.h"

static int64_t at(const char *text)
{
    int64_t us = 0;
    assert_true(clock_parse_rfc3339(text, &us));
    return us;
}

/* --- whether ------------------------------------------------------------------------------------------------------ */

static const char *const switches[] = {
    "email_enabled",
    "email_on_employee_created",
    "email_on_leave_request",
    "email_on_payroll",
    "email_on_alert",
    "sms_enabled",
    "sms_on_leave_approval",
    "sms_on_payroll",
    "sms_on_alert",
    "slack_enabled",
    "slack_on_critical_alert",
};

/* Which two switches must be on; NULL: never. Slack only when critical. */
static const struct {
    enum notify_event event;
    enum notify_channel channel;
    const char *channel_switch;
    const char *event_switch;
} truth[] = {
    {NOTIFY_EMPLOYEE_CREATED, NOTIFY_EMAIL, "email_enabled", "email_on_employee_created"},
    {NOTIFY_EMPLOYEE_CREATED, NOTIFY_SMS, NULL, NULL},
    {NOTIFY_EMPLOYEE_CREATED, NOTIFY_SLACK, NULL, NULL},
    {NOTIFY_LEAVE_REQUEST, NOTIFY_EMAIL, "email_enabled", "email_on_leave_request"},
    {NOTIFY_LEAVE_REQUEST, NOTIFY_SMS, NULL, NULL},
    {NOTIFY_LEAVE_REQUEST, NOTIFY_SLACK, NULL, NULL},
    {NOTIFY_LEAVE_APPROVAL, NOTIFY_EMAIL, NULL, NULL},
    {NOTIFY_LEAVE_APPROVAL, NOTIFY_SMS, "sms_enabled", "sms_on_leave_approval"},
    {NOTIFY_LEAVE_APPROVAL, NOTIFY_SLACK, NULL, NULL},
    {NOTIFY_PAYROLL, NOTIFY_EMAIL, "email_enabled", "email_on_payroll"},
    {NOTIFY_PAYROLL, NOTIFY_SMS, "sms_enabled", "sms_on_payroll"},
    {NOTIFY_PAYROLL, NOTIFY_SLACK, NULL, NULL},
    {NOTIFY_ALERT, NOTIFY_EMAIL, "email_enabled", "email_on_alert"},
    {NOTIFY_ALERT, NOTIFY_SMS, "sms_enabled", "sms_on_alert"},
    {NOTIFY_ALERT, NOTIFY_SLACK, "slack_enabled", "slack_on_critical_alert"},
};

static json_t *settings_of(unsigned mask)
{
    json_t *settings = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
        json_object_set_new(settings, switches[i], json_boolean((mask >> i & 1) != 0));
    }
    return settings;
}

static bool is_on(const json_t *settings, const char *name)
{
    return name != NULL && json_is_true(json_object_get(settings, name));
}

static void test_every_combination_of_switches(void **state UNUSED)
{
    for (unsigned mask = 0; mask < 1U << ARRAY_SIZE(switches); mask++) {
        json_auto_t *settings = settings_of(mask);
        for (size_t i = 0; i < ARRAY_SIZE(truth); i++) {
            for (int severity = 0; severity < NOTIFY_SEVERITIES; severity++) {
                bool expected = is_on(settings, truth[i].channel_switch) && is_on(settings, truth[i].event_switch) &&
                                (truth[i].channel != NOTIFY_SLACK || severity == NOTIFY_CRITICAL);
                bool found = notify_wants(settings, truth[i].event, (enum notify_severity)severity, truth[i].channel);
                if (found != expected) {
                    fail_msg("%s over %s, %s, switches %x: %d", notify_event_names[truth[i].event],
                             notify_channel_names[truth[i].channel], notify_severity_names[severity], mask, found);
                }
            }
        }
    }
}

static void test_an_endpoint_gets_every_event(void **state UNUSED)
{
    json_auto_t *settings = settings_of(0);
    for (int event = 0; event < NOTIFY_EVENTS; event++) {
        assert_true(notify_wants(settings, (enum notify_event)event, NOTIFY_INFO, NOTIFY_WEBHOOK));
    }
}

/* --- when --------------------------------------------------------------------------------------------------------- */

/* What holds a message back, from what is switched on, in the order in which it counts. */
static enum notify_hold expected_hold(enum notify_channel channel, enum notify_severity severity, bool is_digest,
                                      bool digest, bool dnd, bool quiet)
{
    bool personal = channel == NOTIFY_EMAIL || channel == NOTIFY_SMS;
    if (severity == NOTIFY_CRITICAL || !personal) {
        return NOTIFY_GO;
    }
    if (digest && channel == NOTIFY_EMAIL && !is_digest) {
        return NOTIFY_HOLD_DIGEST;
    }
    return dnd ? NOTIFY_HOLD_DND : quiet ? NOTIFY_HOLD_QUIET : NOTIFY_GO;
}

static void check_moment(int bits, int channel, int severity)
{
    bool digest = (bits & 1) != 0;
    bool dnd = (bits & 2) != 0;
    bool has_hours = (bits & 4) != 0;
    bool within = (bits & 8) != 0;
    bool is_digest = (bits & 16) != 0;
    json_auto_t *settings = json_pack("{s:b, s:s, s:s, s:b, s:s?, s:s?, s:s}", "digest_enabled", digest,
                                      "digest_frequency", "daily", "digest_time", "09:00", "dnd_enabled", dnd,
                                      "quiet_hours_start", has_hours ? "22:00" : NULL, "quiet_hours_end",
                                      has_hours ? "07:00" : NULL, "timezone", "UTC");
    const struct notify_moment moment = {
        .channel = (enum notify_channel)channel,
        .severity = (enum notify_severity)severity,
        .is_digest = is_digest,
        .now_us = at(within ? "2026-11-24T23:30:00Z" : "2026-11-24T12:00:00Z"),
    };
    enum notify_hold expected = expected_hold(moment.channel, moment.severity, is_digest, digest, dnd,
                                              has_hours && within);
    struct notify_when when = notify_when(settings, &moment);
    assert_int_equal(when.hold, expected);
    if (expected == NOTIFY_HOLD_QUIET) {
        assert_int_equal(when.until_us, at("2026-11-25T07:00:00Z"));
    } else if (expected == NOTIFY_HOLD_DIGEST) {
        assert_int_equal(when.until_us, at("2026-11-25T09:00:00Z"));
    } else {
        assert_int_equal(when.until_us, 0);
    }
}

static void test_every_state_of_the_hours(void **state UNUSED)
{
    for (int bits = 0; bits < 32; bits++) {
        for (int channel = 0; channel < NOTIFY_CHANNELS; channel++) {
            for (int severity = 0; severity < NOTIFY_SEVERITIES; severity++) {
                check_moment(bits, channel, severity);
            }
        }
    }
}

static const struct {
    const char *zone;
    const char *start;
    const char *end;
    const char *now;
    const char *until; /* the same as now: not within */
} hours[] = {
    {"UTC", "22:00", "07:00", "2026-11-24T21:59:59.999999Z", "2026-11-24T21:59:59.999999Z"},
    {"UTC", "22:00", "07:00", "2026-11-24T22:00:00Z", "2026-11-25T07:00:00Z"},
    {"UTC", "22:00", "07:00", "2026-11-25T06:59:59Z", "2026-11-25T07:00:00Z"},
    {"UTC", "22:00", "07:00", "2026-11-25T07:00:00Z", "2026-11-25T07:00:00Z"},
    {"UTC", "12:00", "13:30", "2026-11-24T12:45:10Z", "2026-11-24T13:30:00Z"},
    {"UTC", "00:00", "23:59", "2026-11-24T23:59:00Z", "2026-11-24T23:59:00Z"},
    {"UTC", "23:59", "00:00", "2026-11-24T23:59:30Z", "2026-11-25T00:00:00Z"},
    {"Asia/Kathmandu", "22:00", "07:00", "2026-11-24T16:15:00Z", "2026-11-25T01:15:00Z"},
    {"America/New_York", "22:00", "07:00", "2026-11-25T04:00:00Z", "2026-11-25T12:00:00Z"},
    /* Berlin, 29 March: 02:00 becomes 03:00. A night over it is an hour shorter; an end that is skipped is the change.
     */
    {"Europe/Berlin", "22:00", "07:00", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"},
    {"Europe/Berlin", "01:00", "02:30", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", "02:15", "02:45", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"},
    {"Europe/Berlin", "02:15", "02:45", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"},
    /* 25 October: 03:00 becomes 02:00. Hours that come twice are quiet both times. */
    {"Europe/Berlin", "22:00", "07:00", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"},
    {"Europe/Berlin", "01:00", "02:30", "2026-10-25T00:15:00Z", "2026-10-25T00:30:00Z"},
    {"Europe/Berlin", "01:00", "02:30", "2026-10-25T00:45:00Z", "2026-10-25T00:45:00Z"},
    {"Europe/Berlin", "01:00", "02:30", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"},
    {"Nowhere/Land", "22:00", "07:00", "2026-11-24T22:00:00Z", "2026-11-25T07:00:00Z"}, /* read as UTC */
};

static void test_quiet_hours(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
        char found[CLOCK_TEXT_BYTES];
        char expected[CLOCK_TEXT_BYTES];
        clock_format_rfc3339(notify_quiet_end(hours[i].zone, hours[i].start, hours[i].end, at(hours[i].now)), found);
        clock_format_rfc3339(at(hours[i].until), expected);
        if (strcmp(found, expected) != 0) {
            fail_msg("%s %s-%s at %s: %s", hours[i].zone, hours[i].start, hours[i].end, hours[i].now, found);
        }
    }
}

static const struct {
    const char *frequency;
    const char *time;
    const char *zone;
    const char *now;
    const char *slot;
} digests[] = {
    {"hourly", "09:00", "UTC", "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"},
    {"hourly", "09:00", "Asia/Kathmandu", "2026-11-24T12:00:00Z", "2026-11-24T12:15:00Z"},
    {"daily", "09:00", "UTC", "2026-11-24T08:59:59Z", "2026-11-24T09:00:00Z"},
    {"daily", "09:00", "UTC", "2026-11-24T09:00:00Z", "2026-11-25T09:00:00Z"},
    {"daily", "09:00", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"},
    {"daily", "02:30", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"}, /* skipped: at the change */
    {"daily", "02:30", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"}, /* twice: the first */
    {"weekly", "08:15", "UTC", "2026-11-24T12:00:00Z", "2026-11-30T08:15:00Z"},          /* a Monday */
};

static void test_digest_slots(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
        json_auto_t *settings = json_pack("{s:s, s:s}", "digest_frequency", digests[i].frequency, "digest_time",
                                          digests[i].time);
        assert_int_equal(notify_digest_slot(settings, digests[i].zone, at(digests[i].now)), at(digests[i].slot));
    }
}

static void test_the_recipients_zone_comes_first(void **state UNUSED)
{
    json_auto_t *settings = json_pack("{s:b, s:b, s:s, s:s, s:s}", "digest_enabled", 0, "dnd_enabled", 0,
                                      "quiet_hours_start", "22:00", "quiet_hours_end", "07:00", "timezone", "UTC");
    struct notify_moment moment = {.channel = NOTIFY_SMS, .now_us = at("2026-11-24T12:00:00Z")};
    assert_int_equal(notify_when(settings, &moment).hold, NOTIFY_GO);
    moment.zone = "Pacific/Auckland"; /* 01:00 there */
    assert_int_equal(notify_when(settings, &moment).hold, NOTIFY_HOLD_QUIET);
    assert_int_equal(notify_when(settings, &moment).until_us, at("2026-11-24T18:00:00Z"));
    moment.zone = "Not/AZone";
    assert_int_equal(notify_when(settings, &moment).hold, NOTIFY_GO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_combination_of_switches),
        cmocka_unit_test(test_an_endpoint_gets_every_event),
        cmocka_unit_test(test_every_state_of_the_hours),
        cmocka_unit_test(test_quiet_hours),
        cmocka_unit_test(test_digest_slots),
        cmocka_unit_test(test_the_recipients_zone_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
