#include "reserve.h"

#include <glib.h>
#include <string.h>

#include "ground/clock.h"

#define ACTIVE_US (60 * US_PER_S)
#define LEAST_RUNNERS 4
#define PART 8

void reserve_note(struct reserve *r, const char *organization_id, int64_t now_us)
{
    size_t i = r->latest[0].seen_us <= r->latest[1].seen_us ? 0 : 1;
    for (size_t known = 0; known < ARRAY_SIZE(r->latest); known++) {
        if (strcmp(r->latest[known].organization_id, organization_id) == 0) {
            i = known;
        }
    }
    g_strlcpy(r->latest[i].organization_id, organization_id, sizeof(r->latest[i].organization_id));
    r->latest[i].seen_us = now_us;
}

bool reserve_is_shared(const struct reserve *r, int64_t now_us)
{
    for (size_t i = 0; i < ARRAY_SIZE(r->latest); i++) {
        if (r->latest[i].organization_id[0] == '\0' || now_us - r->latest[i].seen_us > ACTIVE_US) {
            return false;
        }
    }
    return true;
}

size_t reserve_backlog_runners(const struct reserve *r, size_t runners, int64_t now_us)
{
    if (runners < LEAST_RUNNERS || !reserve_is_shared(r, now_us)) {
        return runners;
    }
    return runners - MAX(runners / PART, 1);
}
