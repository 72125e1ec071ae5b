/*
 * notify_hours.c: quiet hours and digest times in a zone whose clocks may change.
 */
#include "domain/notify.h"

#include <stdio.h>

#include "domain/cron.h"
#include "domain/field.h"
#include "domain/zone.h"
#include "ground/json.h"

#define S_PER_DAY INT64_C(86400)
#define CRON_BYTES 32

const char *const notify_hold_names[] = {
    [NOTIFY_HOLD_DIGEST] = "digest",
    [NOTIFY_HOLD_DND] = "dnd",
    [NOTIFY_HOLD_QUIET] = "quiet_hours",
};

static GTimeZone *zone_of(const char *name)
{
    GTimeZone *zone = name == NULL || !format_is_zone(name) ? NULL : g_time_zone_new_identifier(name);
    return zone == NULL ? g_time_zone_new_utc() : zone;
}

/* --- quiet hours -------------------------------------------------------------------------------------------------- */

/* "HH:MM", which the settings' record has checked. */
static int64_t second_of_day(const char *hhmm)
{
    return g_ascii_strtoll(hhmm, NULL, 10) * 3600 + g_ascii_strtoll(hhmm + 3, NULL, 10) * 60;
}

static int64_t floor_mod(int64_t a, int64_t b)
{
    return (a % b + b) % b;
}

static bool is_within(int64_t second, int64_t start, int64_t end)
{
    return start < end ? second >= start && second < end : second >= start || second < end;
}

int64_t notify_quiet_end(const char *zone_name, const char *start, const char *end, int64_t now_us)
{
    g_autoptr(GTimeZone) zone = zone_of(zone_name);
    const int64_t start_s = second_of_day(start);
    const int64_t end_s = second_of_day(end);
    const int64_t now_s = now_us / US_PER_S;
    int64_t at_s = now_s;
    /* Each step goes to the end as this stretch's clocks have it, or to the stretch's own end if that is sooner. */
    for (;;) {
        int64_t second = floor_mod(at_s + zone_offset_s(zone, at_s), S_PER_DAY);
        if (!is_within(second, start_s, end_s)) {
            return at_s == now_s ? now_us : at_s * US_PER_S;
        }
        at_s = zone_next_change_s(zone, at_s, at_s + floor_mod(end_s - second, S_PER_DAY));
    }
}

/* --- digests ------------------------------------------------------------------------------------------------------ */

/* Digests are schedules like others, so they follow cron.h where clocks change. */
static bool digest_cron(const json_t *settings, char out[CRON_BYTES])
{
    const char *frequency = json_text(settings, "digest_frequency");
    const char *at = json_text(settings, "digest_time");
    if (frequency == NULL || at == NULL || !format_is_hhmm(at)) {
        return false;
    }
    if (g_str_equal(frequency, "hourly")) {
        return g_strlcpy(out, "0 * * * *", CRON_BYTES) > 0;
    }
    const char *days = g_str_equal(frequency, "weekly") ? "* * 1" : "* * *";
    return snprintf(out, CRON_BYTES, "%.2s %.2s %s", at + 3, at, days) > 0;
}

int64_t notify_digest_slot(const json_t *settings, const char *zone_name, int64_t now_us)
{
    struct err ignored = ERR_INIT;
    struct cron cron;
    char expression[CRON_BYTES];
    int64_t slot_us = 0;
    g_autoptr(GTimeZone) zone = zone_of(zone_name);
    bool found = digest_cron(settings, expression) && cron_parse(expression, &cron, &ignored) &&
                 cron_next(&cron, zone, now_us, &slot_us);
    return found ? slot_us : 0;
}

/* --- when --------------------------------------------------------------------------------------------------------- */

static bool is_on(const json_t *settings, const char *name)
{
    return json_is_true(json_object_get(settings, name));
}

static struct notify_when quiet_or_go(const json_t *settings, const char *zone, int64_t now_us)
{
    const char *start = json_text(settings, "quiet_hours_start");
    const char *end = json_text(settings, "quiet_hours_end");
    if (start == NULL || end == NULL || !format_is_hhmm(start) || !format_is_hhmm(end) || g_str_equal(start, end)) {
        return (struct notify_when){.hold = NOTIFY_GO};
    }
    int64_t end_us = notify_quiet_end(zone, start, end, now_us);
    if (end_us == now_us) {
        return (struct notify_when){.hold = NOTIFY_GO};
    }
    return (struct notify_when){.hold = NOTIFY_HOLD_QUIET, .until_us = end_us};
}

struct notify_when notify_when(const json_t *settings, const struct notify_moment *m)
{
    const char *zone = m->zone != NULL && format_is_zone(m->zone) ? m->zone : json_text(settings, "timezone");
    if (m->severity == NOTIFY_CRITICAL || notify_is_shared(m->channel)) {
        return (struct notify_when){.hold = NOTIFY_GO};
    }
    if (m->channel == NOTIFY_EMAIL && !m->is_digest && is_on(settings, "digest_enabled")) {
        int64_t slot_us = notify_digest_slot(settings, zone, m->now_us);
        if (slot_us != 0) {
            return (struct notify_when){.hold = NOTIFY_HOLD_DIGEST, .until_us = slot_us};
        }
    }
    if (is_on(settings, "dnd_enabled")) {
        return (struct notify_when){.hold = NOTIFY_HOLD_DND};
    }
    return quiet_or_go(settings, zone, m->now_us);
}
