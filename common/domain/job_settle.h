/*
 * job_settle.h: how a processing job leaves that status, whoever decides it: the worker's outcome (job_finish.c) or the
 * rescue of a lost one (job_dispatch.c); nobody else moves jobs with it. job_dump_list is for every statement here that
 * takes a list as JSON.
 */
#ifndef BELLMAN_JOB_SETTLE_H
#define BELLMAN_JOB_SETTLE_H

#include "domain/job.h"

struct job_move {
    const char *id;
    int64_t attempt;       /* the fence, and the number of the attempt row */
    const char *worker_id; /* the fence's other half; may be NULL */
    const char *organization_id;
    const char *job_type;
    int64_t priority;
    enum job_status to;
    bool spends_retry; /* retry_count + 1, and next_retry_at is shown */
    bool crashed;      /* crash_count + 1 */
    bool snoozes;      /* snooze_count + 1 */
    int64_t due_ms;    /* dispatch_at: now plus this; negative: NULL */
    const char *result;
    const char *error;
    const char *cause;
    const char *outcome;     /* of the attempt row */
    const char *started_sql; /* DATETIME text; NULL: now */
};

/* Moves every job whose fence holds; ret_moved tells how many those were. When it is not n, the caller must roll back.
 */
bool job_settle_rows(struct db *db, const struct job_move *moves, size_t n, uint64_t *ret_moved, struct err *e)
    MUST_CHECK;
/* Writes the attempt rows, the dead letters and the counts of moves that were made. */
bool job_settle_record(struct db *db, const struct job_move *moves, size_t n, struct err *e) MUST_CHECK;

/* A dump of a list for JSON_TABLE(?), to be freed with free(); jansson's out-of-memory answer becomes an error. */
char *job_dump_list(const json_t *list, struct err *e);

#endif
