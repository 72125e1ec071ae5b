/*
 * Every change of every zone's clocks in 2026 and 2027, minute by minute: the search of cron_next.c against an oracle
 * that shares no code with it.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/cron.h"

#define ZONE_TABLE "/usr/share/zoneinfo/zone1970.tab"
#define S_PER_HOUR 3600
#define BEGIN_S INT64_C(1767225600) /* 2026-01-01 */
#define END_S INT64_C(1830297600)   /* 2028-01-01 */
#define LOOK_S (6 * S_PER_HOUR)
#define LEAD_MIN (9 * 60) /* before the look that saw a change */
#define WINDOW_MIN (34 * 60)

static const char *const expressions[] = {
    "*/15 * * * *", "0 * * * *",      "30 * * * *",        "@daily",        "30 0 * * *",
    "0 1 * * *",    "30 1 * * *",     "0 2 * * *",         "30 2 * * *",    "15,45 2 * * *",
    "0 3 * * *",    "*/20 1-3 * * *", "* 2 * * *",         "0 */2 * * *",   "59 23 * * *",
    "0 0-23 * * *", "30 2 * * SUN",   "30 2 25-31 3,10 *", "45 2,3 29 * 0", "*/7 */3 */2 * 6",
};

/* --- the oracle ------------------------------------------------------------------------------------------------- */

static unsigned number_of(const char *text)
{
    static const char *const days[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
    for (unsigned i = 0; i < ARRAY_SIZE(days); i++) {
        if (strcmp(text, days[i]) == 0) {
            return i;
        }
    }
    return (unsigned)g_ascii_strtoull(text, NULL, 10);
}

/* Whether a field of a correct expression admits the value. */
static bool admits(const char *field, unsigned value, unsigned min, unsigned max)
{
    bool found = false;
    g_auto(GStrv) items = g_strsplit(field, ",", -1);
    for (size_t i = 0; items[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(items[i], "/", 2);
        g_auto(GStrv) ends = g_strsplit(parts[0], "-", 2);
        bool all = strcmp(ends[0], "*") == 0;
        unsigned from = all ? min : number_of(ends[0]);
        unsigned to = all ? max : number_of(ends[ends[1] == NULL ? 0 : 1]);
        unsigned step = parts[1] == NULL ? 1 : number_of(parts[1]);
        found = found || (value >= from && value <= to && (value - from) % step == 0);
    }
    return found;
}

struct oracle {
    bool minutes[60];
    bool hours[24];
    bool days[32];
    bool months[13];
    bool weekdays[7];
    bool both_days;
    bool follows;
};

static struct oracle oracle_of(const char *expression)
{
    struct oracle o = {.follows = false};
    g_auto(GStrv) f = g_strsplit(strcmp(expression, "@daily") == 0 ? "0 0 * * *" : expression, " ", 5);
    bool every_minute = true;
    bool every_hour = true;
    for (unsigned v = 0; v < 60; v++) {
        o.minutes[v] = admits(f[0], v, 0, 59);
        every_minute = every_minute && o.minutes[v];
    }
    for (unsigned v = 0; v < 24; v++) {
        o.hours[v] = admits(f[1], v, 0, 23);
        every_hour = every_hour && o.hours[v];
    }
    for (unsigned v = 1; v < 32; v++) {
        o.days[v] = admits(f[2], v, 1, 31);
    }
    for (unsigned v = 1; v < 13; v++) {
        o.months[v] = admits(f[3], v, 1, 12);
    }
    for (unsigned v = 0; v < 7; v++) {
        o.weekdays[v] = admits(f[4], v, 0, 7);
    }
    o.both_days = f[2][0] == '*' || f[4][0] == '*';
    o.follows = every_minute || every_hour;
    return o;
}

/* Local minutes are counted since 1970 as if the local clock were UTC. */
static bool fits(const struct oracle *o, int64_t local_min)
{
    g_autoptr(GDateTime) t = NULL;
    if (!o->minutes[local_min % 60] || !o->hours[local_min / 60 % 24]) {
        return false;
    }
    t = g_date_time_new_from_unix_utc(local_min * 60);
    bool day = o->days[g_date_time_get_day_of_month(t)];
    bool weekday = o->weekdays[g_date_time_get_day_of_week(t) % 7];
    return o->months[g_date_time_get_month(t)] && (o->both_days ? day && weekday : day || weekday);
}

static int64_t offset_min(GTimeZone *zone, int64_t utc_min)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, utc_min * 60)) / 60;
}

/* One change of a zone's clocks: offsets[i] holds i - 1 minutes after from_min. Asking GLib for each is what takes
 * time. */
struct window {
    const char *zone_name;
    GTimeZone *zone;
    int64_t from_min;
    int64_t offsets[WINDOW_MIN + 1];
};

static void open_window(struct window *w, const char *zone_name, GTimeZone *zone, int64_t from_min)
{
    *w = (struct window){.zone_name = zone_name, .zone = zone, .from_min = from_min};
    for (int64_t i = 0; i <= WINDOW_MIN; i++) {
        w->offsets[i] = offset_min(zone, from_min + i - 1);
    }
}

/* Walks the window and tells which of its minutes fire; high is the latest local minute that the clock has shown. */
static void walk(const struct oracle *o, const struct window *w, bool fires[WINDOW_MIN])
{
    int64_t high = w->from_min - 1 + w->offsets[0];
    for (int64_t i = 0; i < WINDOW_MIN; i++) {
        int64_t local = w->from_min + i + w->offsets[i + 1];
        fires[i] = (o->follows || local > high) && fits(o, local);
        for (int64_t skipped = high + 1; skipped < local && !o->follows; skipped++) {
            fires[i] = fires[i] || fits(o, skipped);
        }
        high = MAX(high, local);
    }
}

/* --- the comparison --------------------------------------------------------------------------------------------- */

static void compare(const char *expression, const struct window *w)
{
    bool fires[WINDOW_MIN];
    struct cron cron;
    struct err e = ERR_INIT;
    struct oracle o = oracle_of(expression);
    assert_true(cron_parse(expression, &cron, &e));
    walk(&o, w, fires);
    int64_t at_us = w->from_min * 60 * US_PER_S - 1;
    for (int64_t i = 0; i < WINDOW_MIN; i++) {
        int64_t minute_us = (w->from_min + i) * 60 * US_PER_S;
        if (at_us < minute_us) {
            int64_t after_us = i % 2 == 0 ? at_us : minute_us - 1; /* from the last firing, or from just before */
            at_us = cron_next(&cron, w->zone, after_us, &at_us) ? at_us : INT64_MAX;
        }
        if (fires[i] != (at_us == minute_us)) {
            char text[CRON_LOCAL_TEXT_BYTES];
            cron_format_local(w->zone, minute_us, text);
            fail_msg("%s in %s: %s %s", expression, w->zone_name, text, fires[i] ? "was left out" : "fired");
        }
    }
}

/* Notes when the zone's offset was seen to have changed, and to what. */
static GArray *changes_of(GTimeZone *zone, GString *ret_signature)
{
    GArray *seen_s = g_array_new(FALSE, FALSE, sizeof(int64_t));
    int64_t offset = offset_min(zone, (BEGIN_S - LOOK_S) / 60);
    g_string_printf(ret_signature, "%" PRId64, offset);
    for (int64_t at_s = BEGIN_S; at_s < END_S; at_s += LOOK_S) {
        int64_t before = offset;
        offset = offset_min(zone, at_s / 60);
        if (offset != before) {
            g_array_append_val(seen_s, at_s);
            g_string_append_printf(ret_signature, " %" PRId64 ":%" PRId64, at_s, offset);
        }
    }
    return seen_s;
}

/* Many zones have the same rules: those are looked at once. */
static unsigned check_zone(const char *name, GHashTable *known)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(name);
    g_autoptr(GString) signature = g_string_new(NULL);
    assert_non_null(zone);
    g_autoptr(GArray) seen_s = changes_of(zone, signature);
    bool is_new = g_hash_table_add(known, g_strdup(signature->str));
    for (guint n = 0; n < seen_s->len && is_new; n++) {
        struct window w;
        open_window(&w, name, zone, g_array_index(seen_s, int64_t, n) / 60 - LEAD_MIN);
        for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
            compare(expressions[i], &w);
        }
    }
    return seen_s->len;
}

static void test_every_change_of_every_zone(void **state UNUSED)
{
    g_autofree char *table = NULL;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    assert_true(g_file_get_contents(ZONE_TABLE, &table, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    unsigned zones = 0;
    unsigned changes = 0;
    for (size_t i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) columns = g_strsplit(lines[i], "\t", -1);
        if (lines[i][0] != '#' && g_strv_length(columns) >= 3) {
            zones++;
            changes += check_zone(columns[2], known);
        }
    }
    assert_true(zones > 300);
    assert_true(g_hash_table_size(known) > 40);
    assert_true(changes > 400); /* some 110 of them change twice a year */
}

static void test_a_year_without_a_change(void **state UNUSED)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    for (int64_t at_s = BEGIN_S; at_s < END_S; at_s += INT64_C(61) * 24 * S_PER_HOUR) {
        struct window w;
        open_window(&w, "UTC", utc, at_s / 60);
        for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
            compare(expressions[i], &w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_change_of_every_zone),
        cmocka_unit_test(test_a_year_without_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
