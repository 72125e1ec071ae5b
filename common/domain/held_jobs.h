/*
 * held_jobs.h: jobs that a pause or a limit keeps from starting, and how they are let go.
 *
 * A held job is queued and has a row in held_jobs. While the pause lasts, or the limit is full, nobody publishes it.
 * The relay lets jobs go when they may start: highest priority first, then the oldest. Where limits apply, the row
 * stays with released = 1 until the claim, as the promise of a place, so that newcomers do not take it; elsewhere it is
 * deleted at once.
 */
#ifndef BELLMAN_HELD_JOBS_H
#define BELLMAN_HELD_JOBS_H

#include <glib.h>

#include "domain/gate.h"

/* Jobs of one organization and type that are held. */
struct held_group {
    struct gate_key key;
    bool released; /* those that have been let go */
};

/* All groups there are, as struct held_group appended to ret, in the order of the index; found without reading the
 * jobs. */
bool held_jobs_groups(struct db *db, GArray *ret, struct err *e) MUST_CHECK;

/* Removes those groups that must wait: what is paused, and what is under a limit that is full. */
bool held_jobs_open(struct db *db, const struct gate_rules *rules, GArray *groups, struct err *e) MUST_CHECK;

/* Lets up to max jobs of the group go, as far as its limits have room. They are not due for grace_ms: the caller
 * publishes refs (room for max), which lack their tier. Rows of jobs that are not queued any more go as well. */
bool held_jobs_release(struct db *db, const struct gate_rules *rules, const struct gate_key *group, int64_t grace_ms,
                       struct job_ref *refs, size_t max, size_t *ret_n, struct err *e) MUST_CHECK;

/* Removes promises of the group that nobody will keep: the job is not queued any more, or no limit applies now. */
bool held_jobs_sweep(struct db *db, const struct gate_rules *rules, const struct gate_key *group, struct err *e)
    MUST_CHECK;

/* In the caller's transaction, which has locked the job's row: it will not start. Jobs that are not
 * held are no fault. */
bool held_jobs_forget(struct db *db, const char *job_id, struct err *e) MUST_CHECK;
/* The same for several; ids holds at least one. */
bool held_jobs_forget_all(struct db *db, const GPtrArray *ids, struct err *e) MUST_CHECK;

#endif
