/*
 * Quiet hours over every change of every zone's clocks in 2026 and 2027, minute by minute, against the clocks
 * themselves: a message is held while local time is within the window, and until the first minute at which it is not.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "domain/notify.h"

#define ZONE_TABLE "/usr/share/zoneinfo/zone1970.tab"
#define BEGIN_S INT64_C(1767225600) /* 2026-01-01 */
#define END_S INT64_C(1830297600)   /* 2028-01-01 */
#define LOOK_S INT64_C(21600)
#define LEAD_S INT64_C(108000) /* before the look that saw a change: the night before */
#define MINUTES (54 * 60)

static const struct {
    const char *start;
    const char *end;
} windows[] = {
    {"22:00", "07:00"}, {"01:00", "02:30"}, {"02:00", "03:00"}, {"23:30", "00:30"},
    {"00:00", "01:00"}, {"02:15", "02:45"}, {"12:00", "13:00"}, {"00:30", "00:00"},
};

static int local_minute(GTimeZone *zone, int64_t at_s)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(at_s);
    g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);
    return g_date_time_get_hour(local) * 60 + g_date_time_get_minute(local);
}

static int minute_of(const char *hhmm)
{
    return (int)(g_ascii_strtoll(hhmm, NULL, 10) * 60 + g_ascii_strtoll(hhmm + 3, NULL, 10));
}

static bool is_quiet(int minute, int start, int end)
{
    return start < end ? minute >= start && minute < end : minute >= start || minute < end;
}

static void check_window(const char *name, const int *local, int64_t from_s, size_t w)
{
    int start = minute_of(windows[w].start);
    int end = minute_of(windows[w].end);
    int64_t until_s = -1; /* from the last minute backwards: the first minute outside at or after this one */
    for (int i = MINUTES - 1; i >= 0; i--) {
        int64_t at_s = from_s + i * INT64_C(60);
        until_s = is_quiet(local[i], start, end) ? until_s : at_s;
        if (until_s < 0) {
            continue; /* its end lies past what was looked at */
        }
        int64_t found_us = notify_quiet_end(name, windows[w].start, windows[w].end, at_s * US_PER_S);
        if (found_us != until_s * US_PER_S) {
            fail_msg("%s, %s-%s, at %" PRId64 ": until %" PRId64 " instead of %" PRId64, name, windows[w].start,
                     windows[w].end, at_s, found_us / US_PER_S, until_s);
        }
    }
}

static void check_change(const char *name, GTimeZone *zone, int64_t from_s)
{
    static int local[MINUTES];
    for (int i = 0; i < MINUTES; i++) {
        local[i] = local_minute(zone, from_s + i * INT64_C(60));
    }
    for (size_t w = 0; w < ARRAY_SIZE(windows); w++) {
        check_window(name, local, from_s, w);
    }
}

static int64_t offset_at(GTimeZone *zone, int64_t at_s)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s));
}

/* Zones with the same rules are looked at once. */
static unsigned check_zone(const char *name, GHashTable *known)
{
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(name);
    g_autoptr(GString) signature = g_string_new(NULL);
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
    assert_non_null(zone);
    for (int64_t at_s = BEGIN_S; at_s < END_S; at_s += LOOK_S) {
        if (offset_at(zone, at_s) != offset_at(zone, at_s - LOOK_S)) {
            g_array_append_val(seen, at_s);
            g_string_append_printf(signature, " %" PRId64 ":%" PRId64, at_s, offset_at(zone, at_s));
        }
    }
    bool is_new = g_hash_table_add(known, g_strdup(signature->str));
    for (guint i = 0; i < seen->len && is_new; i++) {
        check_change(name, zone, g_array_index(seen, int64_t, i) - LEAD_S);
    }
    return seen->len;
}

static void test_every_change_of_every_zone(void **state UNUSED)
{
    g_autofree char *table = NULL;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    assert_true(g_file_get_contents(ZONE_TABLE, &table, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    unsigned changes = 0;
    for (size_t i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) columns = g_strsplit(lines[i], "\t", -1);
        if (lines[i][0] != '#' && g_strv_length(columns) >= 3) {
            changes += check_zone(columns[2], known);
        }
    }
    assert_true(g_hash_table_size(known) > 20);
    assert_true(changes > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_change_of_every_zone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
