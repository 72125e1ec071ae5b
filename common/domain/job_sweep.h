/*
 * job_sweep.h: one operation on all jobs of an organization that fit a filter: cancel, retry, replay of dead letters.
 * It is a job itself (types jobs.cancel, jobs.retry, deadletters.replay; the payload is the filter) and works in
 * batches, each a transaction that changes the jobs, notes the number in the audit log and moves the operation's
 * progress, fenced by the operation's attempt. So it can stop or die at any time: what is done is not done twice, and
 * the numbers are right afterwards.
 *
 * What came into being after the operation was asked for is none of its business: it changes neither jobs that were
 * created later nor, when it retries, jobs that ended later.
 */
#ifndef BELLMAN_JOB_SWEEP_H
#define BELLMAN_JOB_SWEEP_H

#include <glib.h>
#include <jansson.h>

#include "domain/field.h"
#include "domain/job.h"

enum job_sweep_kind { JOB_SWEEP_CANCEL, JOB_SWEEP_RETRY, JOB_SWEEP_REPLAY, JOB_SWEEP_KINDS };

/* The operation's job type. */
const char *job_sweep_type(enum job_sweep_kind kind);
/* Whether jobs of this type are such operations, which only the calls that check the caller's right to them create. */
bool job_sweep_is_operation(const char *job_type);

/* The operation as a job: its type, priority, retries and time; the rest is the caller's. */
struct job_new job_sweep_new_job(enum job_sweep_kind kind);

extern const struct record jobs_cancel_payload;
extern const struct record jobs_retry_payload;
extern const struct record deadletters_replay_payload;
/* A filter must say something, or {"all": true} and nothing else; its times must leave room. */
void job_sweep_check(const json_t *payload, const char *prefix, struct problems *problems);

struct job_sweep_terms {
    enum job_sweep_kind kind;
    const char *organization_id;
    const char *operation_id;
    int64_t attempt; /* the operation's fence */
    int64_t created_wall_us;
    const char *user;      /* who asked for it */
    const json_t *payload; /* checked */
};

struct job_sweep;

/* Borrows the terms and what they point to. */
struct job_sweep *job_sweep_new(const struct job_sweep_terms *terms);
void job_sweep_free(struct job_sweep *sweep);
void job_sweep_cleanup(struct job_sweep **sweep);

/* One batch. told gets the ids (g_free) of running jobs whose workers should hear of it. *ret_more false: that was all.
 * ERR_CONFLICT: the operation is not this worker's any more. */
bool job_sweep_step(struct job_sweep *sweep, struct db *db, GPtrArray *told, bool *ret_more, struct err *e) MUST_CHECK;

/* {matched, changed}: over all attempts at the operation. matched counts also what did not need to be changed or could
 * not (a running job that had been told already; one whose unique_key another job holds). */
json_t *job_sweep_result(const struct job_sweep *sweep);

#endif
