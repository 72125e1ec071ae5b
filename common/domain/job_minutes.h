/*
 * job_minutes.h: how many attempts have ended how, by organization, minute and job type, for a few hours. The consumers
 * count in memory and write sums now and then (consumer/tally.h), so the rows may lag by seconds, and what a worker
 * that is killed has counted last is missing. For people to look at: nothing that must be right may rely on it.
 */
#ifndef BELLMAN_JOB_MINUTES_H
#define BELLMAN_JOB_MINUTES_H

#include "domain/job.h"
#include "ground/clock.h"

enum job_ending { JOB_ENDED_COMPLETED, JOB_ENDED_FAILED, JOB_ENDED_RETRIED, JOB_ENDED_CANCELLED, JOB_ENDINGS };
/* "completed", ...: members of answers and columns of the table. */
extern const char *const job_ending_names[JOB_ENDINGS];

struct job_minute {
    char organization_id[ORG_ID_BYTES];
    char job_type[JOB_TYPE_BYTES];
    int64_t minute_us; /* when it begins, since 1970 */
    int64_t n[JOB_ENDINGS];
};

#define JOB_MINUTE_US (60 * US_PER_S)
/* Where the minute of a time begins. Pure. */
int64_t job_minute_of(int64_t wall_us);
/* By organization, minute and type: the order of the primary key. For qsort. */
int job_minute_compare(const void *a, const void *b);

/* Adds up to JOB_MINUTES_ADD_MAX sums, sorted, to what is there, in one statement. */
#define JOB_MINUTES_ADD_MAX 1000
bool job_minutes_add(struct db *db, const struct job_minute *minutes, size_t n, struct err *e) MUST_CHECK;

/* Rows (minute_at, job_type, then the endings in their order) of the organization from the minute on. */
bool job_minutes_load(struct db *db, const char *organization_id, int64_t from_us, struct db_result *ret, struct err *e)
    MUST_CHECK;

/* Deletes up to max rows that are older than keep_s. */
bool job_minutes_prune(struct db *db, int64_t keep_s, size_t max, size_t *ret_n, struct err *e) MUST_CHECK;

#endif
