/*
 * job_gate.h: gates (gate.h) on the way into a claim. Only job_claim.c and held_jobs.c include this.
 *
 * Locks are taken in this order: rows of background_jobs, of job_limits (by their key), of held_jobs, of job_counts.
 * Who has locked a limit waits for no job's row.
 */
#ifndef BELLMAN_JOB_GATE_H
#define BELLMAN_JOB_GATE_H

#include <glib.h>

#include "domain/gate.h"

/* Turns claims (JOB_CLAIMED, their rows locked by this transaction, sorted by id) that may not start into JOB_PARKED:
 * they are written to held_jobs and are not due for JOB_PARK_S. The limits of the others are counted up. Of those that
 * came to be parked (park_only) and may start, or are promised to, nothing is written; they become JOB_HELD. */
bool job_gate_claims(struct db *db, const struct gate_rules *rules, struct job_claim *const *sorted, size_t n,
                     struct err *e) MUST_CHECK;

/* After this time a held job is looked at again even when everything that should release it has failed. */
#define JOB_PARK_S 3600
/* The same as SQL: a row whose dispatch_at lies further ahead than any publisher's grace has been parked. */
#define JOB_PARK_SQL "INTERVAL 3600 SECOND"
#define JOB_NOT_PARKED_SQL "UTC_TIMESTAMP(6) + INTERVAL 3540 SECOND"

/* A limit that was read, or found not to be set (then it lets everything through). */
struct job_limit_row {
    struct gate_key key;
    struct gate_limit limit;
    int64_t tat_read_us;
};

/* Reads the limits of rows' keys (in the order of gate_key_compare, each once) and what counts against them now;
 * ret_now_us is the database's wall clock. lock: their rows stay locked until the transaction ends, so that nobody else
 * counts. */
bool job_limits_read(struct db *db, const struct gate_rules *rules, struct job_limit_row *rows, size_t n, bool lock,
                     int64_t *ret_now_us, struct err *e) MUST_CHECK;

/* Arrays of struct job_limit_row: gathered with add, then sorted, each key once, then asked with find for keys that are
 * there. */
void job_limits_add(GArray *limits, const struct gate_key *keys, size_t n);
void job_limits_sort(GArray *limits);
void job_limits_find(const GArray *limits, const struct gate_key *keys, size_t n,
                     struct gate_limit *ret[GATE_KEYS_MAX]);

#endif
