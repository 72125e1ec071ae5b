#include "reserve.h"

#include <string.h>

#include "ground/clock.h"

#define ACTIVE_US (60 * US_PER_S)
#define LEAST_RUNNERS 4

void reserve_init(struct reserve *r)
{
    *r = (struct reserve){.parts = g_hash_table_new_full(NULL, NULL, NULL, g_free)};
}

void reserve_release(struct reserve *r)
{
    g_clear_pointer(&r->parts, g_hash_table_unref);
}

/* --- the stations of a job --------------------------------------------------------------------------------------- */

static struct reserve_part *part_of(struct reserve *r, uint32_t flow)
{
    struct reserve_part *part = g_hash_table_lookup(r->parts, GUINT_TO_POINTER(flow));
    if (part == NULL) {
        part = g_new0(struct reserve_part, 1);
        g_hash_table_insert(r->parts, GUINT_TO_POINTER(flow), part);
    }
    return part;
}

static void forget_if_empty(struct reserve *r, uint32_t flow, const struct reserve_part *part)
{
    if (part->waiting + part->running == 0) {
        g_hash_table_remove(r->parts, GUINT_TO_POINTER(flow));
    }
}

void reserve_claim(struct reserve *r, uint32_t flow)
{
    r->parts_waiting += part_of(r, flow)->waiting++ == 0 ? 1 : 0;
}

static void waits_no_more(struct reserve *r, struct reserve_part *part)
{
    r->parts_waiting -= --part->waiting == 0 ? 1 : 0;
}

void reserve_drop(struct reserve *r, uint32_t flow)
{
    struct reserve_part *part = part_of(r, flow);
    waits_no_more(r, part);
    forget_if_empty(r, flow, part);
}

void reserve_start(struct reserve *r, uint32_t flow, bool is_slow)
{
    struct reserve_part *part = part_of(r, flow);
    waits_no_more(r, part);
    part->running++;
    part->slow += is_slow ? 1 : 0;
    r->running++;
    r->slow += is_slow ? 1 : 0;
}

void reserve_end(struct reserve *r, uint32_t flow, bool is_slow)
{
    struct reserve_part *part = part_of(r, flow);
    part->running--;
    part->slow -= is_slow ? 1 : 0;
    r->running--;
    r->slow -= is_slow ? 1 : 0;
    forget_if_empty(r, flow, part);
}

struct reserve_part reserve_part_of(const struct reserve *r, uint32_t flow)
{
    const struct reserve_part *part = g_hash_table_lookup(r->parts, GUINT_TO_POINTER(flow));
    const struct reserve_part none = {0};
    return part == NULL ? none : *part;
}

/* --- the rule ---------------------------------------------------------------------------------------------------- */

bool reserve_fits(const struct reserve_rule *rule, size_t held, size_t free)
{
    if (free == 0 || held == 0 || rule->percent == 0 || rule->runners < LEAST_RUNNERS) {
        return free > 0;
    }
    size_t percent = (size_t)rule->percent;
    return held < (free - 1) * (100 - percent) / percent;
}

bool reserve_may_start(const struct reserve *r, const struct reserve_rule *rule, uint32_t flow)
{
    size_t free = rule->runners - MIN(rule->runners, r->running);
    return reserve_fits(rule, reserve_part_of(r, flow).running, free);
}

/* --- who is active ----------------------------------------------------------------------------------------------- */

void reserve_note(struct reserve *r, const char *organization_id, bool is_main, int64_t now_us)
{
    r->main_us = is_main ? now_us : r->main_us;
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
    return r->main_us != 0 && now_us - r->main_us <= ACTIVE_US;
}
