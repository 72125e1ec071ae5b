/*
 * job_retry.h: jobs that have failed or were cancelled run again because somebody says so: queued, due, with all their
 * retries. attempt goes on counting, for it is the fence; the attempts so far stay.
 */
#ifndef BELLMAN_JOB_RETRY_H
#define BELLMAN_JOB_RETRY_H

#include <glib.h>

#include "domain/job.h"

struct job_retry {
    const char *organization_id;
    const char *id;
    const char *user;
    const char *request_id; /* may be NULL */
    const char *action;     /* of the audit row: "job.retry", "dead_letter.replay" */
    bool only_dead;         /* only when it is a dead letter */
    int64_t grace_ms;       /* dispatch_at: now plus this; 0 when the caller does not publish */
};

enum job_retry_result {
    JOB_RETRY_DONE,
    JOB_RETRY_NOT_ENDED,  /* queued, processing or completed */
    JOB_RETRY_NOT_DEAD,   /* only_dead, and it is none */
    JOB_RETRY_NOT_UNIQUE, /* another job holds its unique_key by now */
};

/* With its audit row in one transaction. For DONE ret_ref is what to publish; for NOT_UNIQUE its id is the holder's.
 * ret_status gets the status that was found. ERR_NOT_FOUND also for another organization's job. */
bool job_retry(struct db *db, const struct job_retry *retry, enum job_retry_result *ret, struct job_ref *ret_ref,
               enum job_status *ret_status, struct err *e) MUST_CHECK;

/* --- for several at once (job_sweep.c) ---------------------------------------------------------------------------- */

/* Within a transaction: ids are those of failed or cancelled jobs whose rows are locked, at least one. Changes the rows
 * and ends their dead letters; the counters are the caller's. ERR_DUPLICATE: one of their unique_keys is held by
 * another job. */
bool job_retry_rows(struct db *db, const GPtrArray *ids, const char *user, int64_t grace_ms, struct err *e) MUST_CHECK;

#endif
