/*
 * reserve.h: how the runners are shared between organizations. Pure and not locked; the clock is passed in.
 *
 * Taking turns does not help whoever comes to a worker whose every runner has just begun a long job of somebody else.
 * So no organization may have all of them: one that runs something may start more only while the runners that are free
 * are in proportion to what it has (dynamic thresholds: A. K. Choudhury, E. L. Hahne, "Dynamic Queue Length Thresholds
 * for Shared-Memory Packet Switches", 1998), and the last free one is for an organization that runs nothing. One alone
 * gets all but the reserve, several share what is there, and whoever comes starts at once.
 *
 * Organizations are known by their flow (job_flow), a hash: two that share one share their part.
 */
#ifndef BELLMAN_RESERVE_H
#define BELLMAN_RESERVE_H

#include <glib.h>

#include "domain/job.h"

/* What an organization has of this worker. */
struct reserve_part {
    size_t waiting; /* claimed, or being claimed, and not started */
    size_t running;
    size_t slow; /* running, and not expected to end soon */
};

struct reserve {
    GHashTable *parts;    /* flow -> struct reserve_part, owned; of those that have anything */
    size_t parts_waiting; /* those of which something waits */
    size_t running;
    size_t slow;
    struct {
        char organization_id[ORG_ID_BYTES];
        int64_t seen_us;
    } latest[2];     /* the two organizations that were seen last; an empty id: none */
    int64_t main_us; /* when a job of the main tier was seen last; 0: never */
};

void reserve_init(struct reserve *r);
void reserve_release(struct reserve *r);

/* The stations of a job: claimed; given up before it started; started; ended. */
void reserve_claim(struct reserve *r, uint32_t flow);
void reserve_drop(struct reserve *r, uint32_t flow);
void reserve_start(struct reserve *r, uint32_t flow, bool is_slow);
void reserve_end(struct reserve *r, uint32_t flow, bool is_slow);

struct reserve_part reserve_part_of(const struct reserve *r, uint32_t flow);

/* How runners are shared. */
struct reserve_rule {
    size_t runners;
    int64_t percent; /* of them that one organization alone leaves free; 0: none */
};

/* May an organization that has held of the runners take one of free? Fewer than four runners have no reserve. */
bool reserve_fits(const struct reserve_rule *rule, size_t held, size_t free);

/* May a job of the organization start now? */
bool reserve_may_start(const struct reserve *r, const struct reserve_rule *rule, uint32_t flow);

/* A job of the organization was claimed, of the main tier or of the backlog. now_us is monotonic. */
void reserve_note(struct reserve *r, const char *organization_id, bool is_main, int64_t now_us);

/* More than one organization was active within the last minute, and not with backlogs only. */
bool reserve_is_shared(const struct reserve *r, int64_t now_us);

#endif
