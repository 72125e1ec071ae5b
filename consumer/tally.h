/*
 * tally.h: what has ended since it was last written down (job_minutes.h). A finished job costs one look into a table in
 * memory and no statement of its own.
 */
#ifndef BELLMAN_TALLY_H
#define BELLMAN_TALLY_H

#include "domain/job_minutes.h"

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *t);

/* Counts an outcome that was written; those that end nothing (released, snoozed) are not counted. Any thread. */
void tally_add(struct tally *t, const struct job_finish *finish, int64_t now_wall_us);

/* Takes up to max sums, sorted, for the caller to g_free; NULL: there are none. */
struct job_minute *tally_take(struct tally *t, size_t max, size_t *ret_n);
/* Puts them back: they could not be written. */
void tally_put_back(struct tally *t, const struct job_minute *sums, size_t n);

/* Writes what there is when it is called; what comes meanwhile may be left. What cannot be written is kept for the next
 * time. */
bool tally_flush(struct tally *t, struct db *db, struct err *e) MUST_CHECK;

#endif
