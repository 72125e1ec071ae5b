/*
 * reserve.h: runners kept free for the main tier. Pure; the clock is passed in.
 *
 * Turns alone do not help whoever comes to a worker whose every runner has just begun a long job of somebody's backlog.
 * So while more than one organization has been active here within the last minute, backlog jobs may not have all
 * runners. One organization alone has them all.
 */
#ifndef BELLMAN_RESERVE_H
#define BELLMAN_RESERVE_H

#include "domain/job.h"

struct reserve {
    struct {
        char organization_id[ORG_ID_BYTES];
        int64_t seen_us;
    } latest[2]; /* the two organizations that were seen last; an empty id: none */
};

/* A job of the organization was claimed. now_us is monotonic. */
void reserve_note(struct reserve *r, const char *organization_id, int64_t now_us);

/* More than one organization is active. */
bool reserve_is_shared(const struct reserve *r, int64_t now_us);

/* How many of so many runners the backlog tier may have: an eighth, but at least one, is kept from it while
 * reserve_is_shared. Fewer than four have no reserve. */
size_t reserve_backlog_runners(const struct reserve *r, size_t runners, int64_t now_us);

#endif
