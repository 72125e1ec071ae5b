/*
 * handler.h: what a job type's run function gets and gives.
 *
 * A handler runs on a runner thread that owns ctx and everything in it. It looks at job_stopping() at least once a
 * second and returns JOB_STOPPED soon after it turns true (cancel, timeout, lost lease, hard shutdown: the runner knows
 * which).
 */
#ifndef BELLMAN_HANDLER_H
#define BELLMAN_HANDLER_H

#include <glib.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "domain/cache.h"
#include "domain/dispatcher.h"
#include "domain/job.h"
#include "domain/job_log.h"
#include "domain/job_types.h"
#include "ground/conf.h"
#include "ports/db.h"
#include "ports/http.h"
#include "ports/process.h"
#include "ports/seal.h"
#include "ports/smtp.h"

enum job_outcome {
    JOB_DONE,      /* ctx->result may be set */
    JOB_RETRY,     /* ctx->error says why; ctx->retry_after_ms > 0 overrides the backoff, up to a day */
    JOB_PERMANENT, /* trying again cannot help; ctx->error says why */
    JOB_STOPPED,   /* gave up because job_stopping() was true */
    JOB_SNOOZE,    /* run me again in ctx->snooze_ms (1 s to 30 days); spends no retry */
};

/* Of job_report.c; begins zeroed. */
struct job_reports {
    GPtrArray *lines;    /* not yet written; NULL until the first */
    int64_t written;     /* lines in the table */
    int64_t write_at_us; /* monotonic; 0: there is nothing to write */
    bool has_progress;
    int64_t percent;
    char message[201];
    bool is_over; /* the job is another's: nothing is written any more */
};

struct provider_states;

struct job_context {
    const struct job_claim *claim;
    const struct job_type *type;
    const json_t *payload; /* checked against the type's record */
    const struct conf *conf;
    struct db *db;                     /* the runner's own connection */
    struct smtp *smtp;                 /* the runner's own handle */
    struct http *http;                 /* the same */
    struct dispatcher *dispatcher;     /* for broadcasts */
    struct cache *settings_cache;      /* organization id -> settings JSON */
    struct cache *accounts_cache;      /* organization id -> accounts with providers (org_accounts.h) */
    struct provider_states *providers; /* how they have been doing */
    const struct seal *seal;           /* opens secrets of the database; safe from any thread */
    const struct process_guard *guard; /* for types that run a program */

    atomic_bool stop; /* set by other threads under stop_lock, then stop_cond is signalled */
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_cond; /* CLOCK_MONOTONIC */

    json_t *result;         /* owned; NULL or set by the handler */
    int64_t retry_after_ms; /* 0: the backoff decides */
    int64_t snooze_ms;
    const char *cause; /* of the job, when JOB_RETRY was its last chance; static text; NULL: "exhausted" */
    char error[2001];
    struct job_reports reports;
};

typedef enum job_outcome job_run_fn(struct job_context *ctx);

static inline bool job_stopping(struct job_context *ctx)
{
    return atomic_load(&ctx->stop);
}

/* Sleeps up to ms or until told to stop. True when the whole time passed. */
bool job_sleep_ms(struct job_context *ctx, int64_t ms);
/* Writes ctx->error and returns outcome, so that a handler can write: return job_error(ctx, JOB_RETRY, "..."). */
enum job_outcome job_error(struct job_context *ctx, enum job_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Writes a line to the job's log (GET /background-jobs/{job_id}/logs). Up to JOB_LOG_LINES_MAX lines of
 * JOB_LOG_LINE_BYTES_MAX bytes an attempt are kept. Cheap: lines are written together, twice a second. */
void job_log(struct job_context *ctx, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);
/* Tells how far the job is: 0 to 100 and, unless NULL, a short message. Of what is told within half a second only the
 * last is written. */
void job_report(struct job_context *ctx, int64_t percent, const char *message);
/* Writes what has waited long enough. For a handler that waits in a loop of its own; job_log and job_report do it too.
 */
void job_report_tick(struct job_context *ctx);
/* The runner's, after the handler: writes what is left. */
void job_report_end(struct job_context *ctx);

/* handlers.c: NULL for a type that this program cannot run. */
job_run_fn *handler_find(const struct job_type *type);

#endif
