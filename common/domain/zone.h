/*
 * zone.h: an IANA zone as a row of stretches with one offset each. Seconds since 1970 UTC.
 */
#ifndef BELLMAN_ZONE_H
#define BELLMAN_ZONE_H

#include <glib.h>

#include "ground/base.h"

/* Seconds that the zone's clocks are ahead of UTC at that instant. */
int64_t zone_offset_s(GTimeZone *zone, int64_t at_s);

/* The first second in (from_s, to_s] that belongs to another stretch than from_s; to_s when there is none. */
int64_t zone_next_change_s(GTimeZone *zone, int64_t from_s, int64_t to_s);

#endif
