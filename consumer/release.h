/*
 * release.h: the relay's part in gates: lets held jobs go when their pause has ended or their limit has room.
 *
 * Every consumer's relay does this. It looks each round while something is held by a limit, each second otherwise, and
 * at once when it is told (release_wake): gates have changed, a job under a limit has ended here, or one was held here.
 */
#ifndef BELLMAN_RELEASE_H
#define BELLMAN_RELEASE_H

#include "pipeline.h"

struct release;

struct release *release_new(struct pipeline *p);
void release_free(struct release *r);

/* A look, when one is due or is_told; publishes up to max jobs a group, for whose refs there is room. ret_more: there
 * may be more at once. */
bool release_run(struct release *r, struct db *db, bool is_told, struct job_ref *refs, size_t max, bool *ret_more,
                 struct err *e) MUST_CHECK;

/* Any thread, without the pipeline's lock. */
void release_wake(struct pipeline *p);
/* A job has ended, or has been held: wakes the relay when it is under a limit. */
void release_note(struct pipeline *p, const struct job_claim *claim);

#endif
