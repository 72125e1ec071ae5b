/*
 * job_prune.h: deletes finished jobs whose time is over, a few at a time.
 *
 * A pruner goes round: organization by organization, and in each through the ranges of ix_jobs_filter (a final status,
 * a type, a priority) that have jobs by job_counts, from the oldest on. It deletes in batches, each one transaction in
 * which the counts change too; a batch holds as many rows as the batches before it have shown to take less than
 * JOB_PRUNE_TARGET_MS. Attempts and whatever else belongs to a job go with it, by its foreign keys.
 *
 * Not deleted, however old: a job that is queued or processing; one whose dead letter is not published yet (its
 * dispatch_at is set); one that holds its unique_key for longer (unique_for_s); one that somebody has locked just now.
 * Ranges are read in the order of created_at, so jobs that ended long after they were made are passed over. A range
 * with such jobs is read on from behind them for JOB_PRUNE_HELD_S, not from its beginning with every round.
 *
 * By the way each organization's counters are folded (job_counts_fold), so that adding them up stays cheap.
 *
 * Two pruners at a time do no harm.
 */
#ifndef BELLMAN_JOB_PRUNE_H
#define BELLMAN_JOB_PRUNE_H

#include "domain/job.h"

#define JOB_PRUNE_TARGET_MS 50
#define JOB_PRUNE_HELD_S 600

struct job_pruner;

struct job_pruner *job_pruner_new(void);
void job_pruner_free(struct job_pruner *p); /* NULL does nothing */

/* Seconds that jobs of a type are kept after they have ended with a status; 0: for ever. */
typedef int64_t job_keep_fn(const void *arg, const char *job_type, enum job_status status);

struct job_pruned {
    int64_t jobs;       /* deleted in this round so far */
    int64_t busy_us;    /* time that this round has taken so far */
    int64_t longest_us; /* its longest transaction */
    bool is_over;       /* the round is; the next call begins another */
};

/* Goes on with the round for about budget_ms. After a failure the round goes on where it was. */
bool job_prune(struct job_pruner *p, struct db *db, job_keep_fn *keep, const void *arg, int64_t budget_ms,
               struct job_pruned *ret, struct err *e) MUST_CHECK;

#endif
