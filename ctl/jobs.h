/*
 * jobs.h: what the commands about jobs and dead letters share.
 */
#ifndef BELLMAN_CTL_JOBS_H
#define BELLMAN_CTL_JOBS_H

#include <jansson.h>

#include "ctl.h"
#include "domain/job.h"
#include "domain/job_sweep.h"
#include "output.h"

/* What their options say; which of them a command takes is told by job_options. */
struct job_args {
    gboolean json;
    char *org;
    char *status;
    char *job_type;
    char *cause;
    char *priority;
    char *created_after;
    char *created_before;
    gboolean all;
    gboolean no_wait;
    gint64 limit;
};
void job_args_release(struct job_args *args);

enum job_options {
    JOB_OPTION_STATUS = 1 << 0,
    JOB_OPTION_PRIORITY = 1 << 1,
    JOB_OPTION_CAUSE = 1 << 2,
    JOB_OPTION_FILTER = 1 << 3, /* type and times */
    JOB_OPTION_MANY = 1 << 4,   /* --all, --no-wait */
    JOB_OPTION_LIMIT = 1 << 5,
};

/* Parses --org, --json and the options of the set. False: exit with *ret_exit. */
bool job_args_parse(struct ctl *ctl, struct job_args *args, unsigned options, int args_min, int args_max, int *ret_exit)
    MUST_CHECK;

/* The time that an option says, 0 for none; false after a complaint. */
bool job_args_time(const struct ctl *ctl, const char *option, const char *text, int64_t *ret_us) MUST_CHECK;

/* The columns of one job. */
extern const struct output_column job_columns[];
extern const size_t job_columns_n;
/* A job with its attempts. */
void job_print(const struct output *o, const json_t *job);

/* One page of a list: {member: rows, total, next_cursor}. */
typedef bool job_page_fn(struct db *db, void *filter, const char *cursor, int64_t limit, json_t **ret, struct err *e);
struct job_listing {
    const char *member;
    job_page_fn *page;
    void *filter;
    const struct output_column *columns;
    size_t n_columns;
    const char *none; /* for people, when there are no rows */
};
/* Prints up to --limit rows; the exit code. */
int job_listing_print(struct ctl *ctl, const struct job_args *args, const struct job_listing *l);

/* Loads a job; org NULL: of whichever organization. */
bool job_load(struct db *db, const char *org, const char *id, json_t **ret, struct err *e) MUST_CHECK;

/* --- many --------------------------------------------------------------------------------------------------------- */

/* One job's fate in a command about several, with its outcome for people; false: refused, and outcome says why. */
typedef bool job_act_fn(struct db *db, const char *org, const char *id, const char *user, char outcome[200],
                        bool *ret_done, struct err *e);
/* Does it to each of the command's arguments and prints what became of them; exit code 1 when one was refused. */
int job_act_on_each(struct ctl *ctl, const struct job_args *args, job_act_fn *act);

/* Starts an operation on all that fit the filter and, unless --no-wait, follows it to its end. */
int job_operate(struct ctl *ctl, const struct job_args *args, enum job_sweep_kind kind);

/* Follows a job to its end with progress on standard error; with json each change is a line on standard output. The
 * exit code: 0 completed, 1 failed or cancelled. */
int job_follow(struct db *db, const char *org, const char *id, bool json, json_t **ret_job);

#endif
