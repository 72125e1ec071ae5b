/*
 * job_sweep_change.h: what an operation on many jobs does to one batch of them. Only job_sweep*.c include this.
 */
#ifndef BELLMAN_JOB_SWEEP_CHANGE_H
#define BELLMAN_JOB_SWEEP_CHANGE_H

#include <glib.h>

#include "domain/job_sweep.h"
#include "ground/clock.h"

struct sweep_scope {
    const char *organization_id;
    const char *operation_id;
    const char *user;
    const char *status; /* NULL: any that the kind works on */
    char cutoff[CLOCK_TEXT_BYTES];
};

struct sweep_rows {
    const struct db_result *r; /* the locked rows, columns as below */
    const GPtrArray *ids;      /* of all of them */
};
enum sweep_column { SWEEP_ID, SWEEP_STATUS, SWEEP_TYPE, SWEEP_PRIORITY, SWEEP_TOLD };

struct sweep_changed {
    int64_t matched;
    int64_t n;
    GPtrArray *told; /* ids of running jobs that were told to stop; owns its texts */
};

struct sweep_kind {
    const char *job_type;
    const char *verb;            /* "cancelled" */
    const char *condition;       /* on the locked row j; its one parameter is the cutoff */
    const char *const *statuses; /* of jobs to walk through; none: dead letters are walked through */
    bool is_repeated;            /* until nothing is found any more */
    bool (*change)(struct db *db, const struct sweep_scope *scope, const struct sweep_rows *rows,
                   struct sweep_changed *ret, struct err *e);
};
extern const struct sweep_kind sweep_kinds[JOB_SWEEP_KINDS];

/* Within a transaction: locks the jobs that ids (rows; the first column) names, in the order of their ids, changes
 * those that fit, and their counters. */
bool sweep_change(struct db *db, const struct sweep_kind *kind, const struct sweep_scope *scope,
                  const struct db_result *ids, struct sweep_changed *ret, struct err *e) MUST_CHECK;

#endif
