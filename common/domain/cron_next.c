/*
 * cron_next.c: finds the next firing of a cron expression in a zone.
 *
 * Time in a zone is a row of stretches with one offset each. Within a stretch local time runs like UTC, so the search
 * is one over the calendar; only at the seams there is something to decide: local times that were skipped, or come
 * again.
 */
#include "domain/cron.h"
#include "domain/zone.h"

#define S_PER_MINUTE INT64_C(60)
#define S_PER_HOUR INT64_C(3600)
#define S_PER_DAY INT64_C(86400)
#define SEARCH_S (CRON_SEARCH_DAYS * S_PER_DAY)
/* A change of clocks is felt no longer than it is large; a whole day was the largest there was (Samoa, 2011). */
#define LOOK_BACK_S (2 * S_PER_DAY)
/* GLib looks through all intervals whenever it is asked, so the search asks for as little as it needs, then for more.
 */
#define PART_MAX_S (64 * S_PER_DAY)
#define LATEST_S INT64_C(253085000000) /* in the year 9990 */

/* --- zone --------------------------------------------------------------------------------------------------------- */

/* A time of one offset, or a part of it. */
struct stretch {
    int64_t start_s; /* UTC */
    int64_t end_s;   /* UTC, exclusive */
    int64_t offset_s;
    int64_t shown_s; /* local time, exclusive: how far the clocks had come before the start */
};

static struct stretch stretch_at(GTimeZone *zone, int64_t start_s, int64_t to_s)
{
    return (struct stretch){
        .start_s = start_s,
        .end_s = zone_next_change_s(zone, start_s, to_s),
        .offset_s = zone_offset_s(zone, start_s),
        .shown_s = INT64_MIN,
    };
}

/* --- calendar ----------------------------------------------------------------------------------------------------- */

struct day {
    int64_t number; /* since 1970-01-01 */
    unsigned month; /* 1-12 */
    unsigned day;   /* 1-31 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Proleptic Gregorian, by eras of 400 years whose years begin in March
 * (https://howardhinnant.github.io/date_algorithms.html#civil_from_days). */
static struct day day_of(int64_t number)
{
    int64_t shifted = number + 719468;
    int64_t era = floor_div(shifted, 146097);
    int64_t in_era = shifted - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t march_month = (5 * in_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct day){
        .number = number,
        .month = (unsigned)month,
        .day = (unsigned)(in_year - (153 * march_month + 2) / 5 + 1),
    };
}

static bool has(const struct cron *cron, enum cron_field field, unsigned value)
{
    return (cron->sets[field] >> value & 1) != 0;
}

static bool fits_day(const struct cron *cron, const struct day *d)
{
    bool day = has(cron, CRON_DAY, d->day);
    bool weekday = has(cron, CRON_WEEKDAY, (unsigned)(((d->number + 4) % 7 + 7) % 7));
    bool both = cron->begins_star[CRON_DAY] || cron->begins_star[CRON_WEEKDAY];
    return has(cron, CRON_MONTH, d->month) && (both ? day && weekday : day || weekday);
}

/* The first value of the field that is at least from, or -1. */
static int next_value(const struct cron *cron, enum cron_field field, int64_t from)
{
    uint64_t left = from > 63 ? 0 : cron->sets[field] >> from << from;
    return left == 0 ? -1 : __builtin_ctzll(left);
}

/* The first fitting second of the day at or after second from of it, or -1. */
static int64_t next_in_day(const struct cron *cron, int64_t from)
{
    int64_t minute_of_day = (from + S_PER_MINUTE - 1) / S_PER_MINUTE;
    int hour = next_value(cron, CRON_HOUR, minute_of_day / 60);
    int minute = hour == minute_of_day / 60 ? next_value(cron, CRON_MINUTE, minute_of_day % 60) : -1;
    if (minute < 0 && hour == minute_of_day / 60) {
        hour = next_value(cron, CRON_HOUR, hour + 1);
    }
    if (hour < 0) {
        return -1;
    }
    minute = minute >= 0 ? minute : next_value(cron, CRON_MINUTE, 0);
    return hour * S_PER_HOUR + minute * S_PER_MINUTE;
}

/* The first fitting local time in [from, to), all as seconds of a clock without zone. */
static bool next_local(const struct cron *cron, int64_t from, int64_t to, int64_t *ret)
{
    int64_t in_day = from - floor_div(from, S_PER_DAY) * S_PER_DAY;
    for (int64_t number = floor_div(from, S_PER_DAY); number * S_PER_DAY < to; number++, in_day = 0) {
        struct day d = day_of(number);
        int64_t second = fits_day(cron, &d) ? next_in_day(cron, in_day) : -1;
        if (second >= 0) {
            *ret = number * S_PER_DAY + second;
            return *ret < to;
        }
    }
    return false;
}

/* --- firings ------------------------------------------------------------------------------------------------------ */

static bool follows_time(const struct cron *cron)
{
    return cron->sets[CRON_HOUR] == (UINT64_C(1) << 24) - 1 || cron->sets[CRON_MINUTE] == (UINT64_C(1) << 60) - 1;
}

/* The first firing within the stretch, at or after from_s (UTC). */
static bool next_in_stretch(const struct cron *cron, const struct stretch *s, int64_t from_s, int64_t *ret_s)
{
    int64_t local = MAX(from_s, s->start_s) + s->offset_s;
    int64_t skipped = 0;
    if (!follows_time(cron)) {
        if (from_s <= s->start_s && next_local(cron, s->shown_s, s->start_s + s->offset_s, &skipped)) {
            *ret_s = s->start_s;
            return true;
        }
        local = MAX(local, s->shown_s); /* what lies before has been already */
    }
    if (!next_local(cron, local, s->end_s + s->offset_s, &local)) {
        return false;
    }
    *ret_s = local - s->offset_s;
    return true;
}

bool cron_next(const struct cron *cron, GTimeZone *zone, int64_t after_us, int64_t *ret_us)
{
    int64_t after_s = after_us / US_PER_S;
    if (after_us < 0 || after_s > LATEST_S) {
        return false;
    }
    int64_t found_s = 0;
    int64_t part_s = 2 * LOOK_BACK_S;
    int64_t start_s = after_s - LOOK_BACK_S;
    struct stretch s = stretch_at(zone, start_s, start_s + part_s);
    s.shown_s = s.start_s + s.offset_s;
    while (!next_in_stretch(cron, &s, after_s + 1, &found_s)) {
        if (s.end_s > after_s + SEARCH_S) {
            return false;
        }
        int64_t shown_s = MAX(s.shown_s, s.end_s + s.offset_s);
        part_s = MIN(2 * part_s, PART_MAX_S);
        s = stretch_at(zone, s.end_s, s.end_s + part_s);
        s.shown_s = shown_s;
    }
    *ret_us = found_s * US_PER_S;
    return true;
}

void cron_format_local(GTimeZone *zone, int64_t at_us, char out[CRON_LOCAL_TEXT_BYTES])
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(at_us / US_PER_S);
    g_autoptr(GDateTime) local = utc == NULL ? NULL : g_date_time_to_timezone(utc, zone);
    g_autofree char *text = local == NULL ? NULL : g_date_time_format(local, "%Y-%m-%dT%H:%M:%S%:z");
    g_strlcpy(out, text == NULL ? "" : text, CRON_LOCAL_TEXT_BYTES);
}
