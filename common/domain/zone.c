#include "domain/zone.h"

static gint interval_at(GTimeZone *zone, int64_t at_s)
{
    return g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s);
}

int64_t zone_offset_s(GTimeZone *zone, int64_t at_s)
{
    return g_time_zone_get_offset(zone, interval_at(zone, at_s));
}

/* Intervals are numbered in the order of time, so what has the same number has nothing between. */
int64_t zone_next_change_s(GTimeZone *zone, int64_t from_s, int64_t to_s)
{
    gint here = interval_at(zone, from_s);
    int64_t same = from_s;
    int64_t other = to_s;
    if (interval_at(zone, to_s) == here) {
        return to_s;
    }
    while (other - same > 1) {
        int64_t middle = same + (other - same) / 2;
        *(interval_at(zone, middle) == here ? &same : &other) = middle;
    }
    return other;
}
