/*
 * jobs.c: bellmanctl jobs list, show, retry, cancel.
 */
#include "jobs.h"

#include <string.h>
#include <sysexits.h>

#include "domain/job_retry.h"
#include "domain/job_stats.h"

#define ARGUMENTS_MAX 1000

/* --- list -------------------------------------------------------------------------------------------------------- */

static const struct output_column list_columns[] = {
    {"id", "ID", OUTPUT_PLAIN, false},
    {"job_type", "TYPE", OUTPUT_PLAIN, true},
    {"status", "STATUS", OUTPUT_STATUS, false},
    {"priority", "PRIORITY", OUTPUT_PLAIN, OUTPUT_GOES},
    {"attempt", "ATTEMPTS", OUTPUT_COUNT, OUTPUT_GOES},
    {"created_at", "CREATED (UTC)", OUTPUT_TIME, false},
    {"completed_at", "ENDED (UTC)", OUTPUT_TIME, OUTPUT_GOES},
    {"error_message", "ERROR", OUTPUT_PLAIN, true},
};

static bool fill_filter(const struct ctl *ctl, const struct job_args *a, struct job_filter *f)
{
    static const char *const priorities[] = {"1", "0", "-1", NULL};
    enum job_status status = JOB_STATUSES;
    if (a->status != NULL && !job_status_parse(a->status, &status)) {
        (void)ctl_usage(ctl, "there is no status \"%s\"", a->status);
        return false;
    }
    if (a->priority != NULL && !g_strv_contains(priorities, a->priority)) {
        (void)ctl_usage(ctl, "--priority is 1, 0 or -1");
        return false;
    }
    f->organization_id = a->org;
    f->status = a->status;
    f->job_type = a->job_type;
    f->has_priority = a->priority != NULL;
    f->priority = a->priority == NULL ? 0 : g_ascii_strtoll(a->priority, NULL, 10);
    return job_args_time(ctl, "after", a->created_after, &f->created_after_us) &&
           job_args_time(ctl, "before", a->created_before, &f->created_before_us);
}

static bool load_page(struct db *db, void *filter, const char *cursor, int64_t limit, json_t **ret, struct err *e)
{
    struct job_filter *f = filter;
    f->cursor = cursor;
    f->limit = limit;
    return job_list(db, f, ret, e);
}

int jobs_list_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    struct job_filter filter = {.organization_id = NULL};
    if (!job_args_parse(ctl, &a, JOB_OPTION_STATUS | JOB_OPTION_PRIORITY | JOB_OPTION_FILTER | JOB_OPTION_LIMIT, 0, 0,
                        &exit_code)) {
        return exit_code;
    }
    if (a.org == NULL || a.limit < 1) {
        return ctl_usage(ctl, a.org == NULL ? "jobs list needs --org" : "--limit is at least 1");
    }
    if (!fill_filter(ctl, &a, &filter)) {
        return EX_USAGE;
    }
    const struct job_listing listing = {
        .member = "jobs",
        .page = load_page,
        .filter = &filter,
        .columns = list_columns,
        .n_columns = ARRAY_SIZE(list_columns),
        .none = "No jobs",
    };
    return job_listing_print(ctl, &a, &listing);
}

/* --- show -------------------------------------------------------------------------------------------------------- */

const struct output_column job_columns[] = {
    {"id", "Id", OUTPUT_PLAIN, false},
    {"organization_id", "Organization", OUTPUT_PLAIN, false},
    {"job_type", "Type", OUTPUT_PLAIN, false},
    {"status", "Status", OUTPUT_STATUS, false},
    {"cause", "Cause", OUTPUT_PLAIN, false},
    {"error_message", "Error", OUTPUT_PLAIN, false},
    {"progress", "Progress", OUTPUT_PERCENT, false},
    {"progress_message", "", OUTPUT_PLAIN, false},
    {"priority", "Priority", OUTPUT_PLAIN, false},
    {"payload", "Payload", OUTPUT_PLAIN, false},
    {"result", "Result", OUTPUT_PLAIN, false},
    {"retry_count", "Retries used", OUTPUT_PLAIN, false},
    {"max_retries", "Retries allowed", OUTPUT_PLAIN, false},
    {"next_retry_at", "Next retry", OUTPUT_TIME, false},
    {"snooze_count", "Snoozes", OUTPUT_PLAIN, false},
    {"crash_count", "Workers lost", OUTPUT_PLAIN, false},
    {"timeout_s", "Timeout", OUTPUT_SECONDS, false},
    {"scheduled_at", "Scheduled for", OUTPUT_TIME, false},
    {"dispatch_at", "Dispatched at", OUTPUT_TIME, false},
    {"unique_key", "Unique key", OUTPUT_PLAIN, false},
    {"schedule_id", "Schedule", OUTPUT_PLAIN, false},
    {"created_at", "Created", OUTPUT_TIME, false},
    {"created_by", "Created by", OUTPUT_PLAIN, false},
    {"started_at", "Started", OUTPUT_TIME, false},
    {"completed_at", "Ended", OUTPUT_TIME, false},
    {"discarded_at", "Discarded", OUTPUT_TIME, false},
    {"cancel_requested_at", "Cancel asked", OUTPUT_TIME, false},
    {"updated_by", "Changed by", OUTPUT_PLAIN, false},
    {"worker_id", "Worker", OUTPUT_PLAIN, false},
};
const size_t job_columns_n = ARRAY_SIZE(job_columns);

static const struct output_column attempt_columns[] = {
    {"number", "ATTEMPT", OUTPUT_COUNT, false},
    {"outcome", "OUTCOME", OUTPUT_STATUS, false},
    {"started_at", "STARTED (UTC)", OUTPUT_TIME, false},
    {"ended_at", "ENDED (UTC)", OUTPUT_TIME, false},
    {"host", "HOST", OUTPUT_PLAIN, true},
    {"worker_id", "WORKER", OUTPUT_PLAIN, true},
    {"error", "ERROR", OUTPUT_PLAIN, true},
};

void job_print(const struct output *o, const json_t *job)
{
    const json_t *attempts = json_object_get(job, "attempts");
    output_object(o, job_columns, job_columns_n, job);
    if (!o->json && json_array_size(attempts) > 0) {
        (void)putchar('\n');
        output_list(o, attempt_columns, ARRAY_SIZE(attempt_columns), attempts, attempts, "");
    }
}

bool job_load(struct db *db, const char *org, const char *id, json_t **ret, struct err *e)
{
    char own[JOB_STATS_ORG_BYTES];
    return job_stats_organization(db, id, own, e) && job_get(db, org == NULL ? own : org, id, ret, e);
}

int jobs_show_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, 0, 1, 1, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    json_auto_t *job = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!job_load(db, a.org, ctl->argv[1], &job, &e)) {
        return ctl_fail(&e);
    }
    const struct output o = output_new(a.json);
    job_print(&o, job);
    return EX_OK;
}

/* --- retry and cancel -------------------------------------------------------------------------------------------- */

static bool retry_one(struct db *db, const char *org, const char *id, const char *user, char outcome[200],
                      bool *ret_done, struct err *e)
{
    enum job_retry_result result = JOB_RETRY_DONE;
    enum job_status status = JOB_STATUSES;
    struct job_ref ref;
    const struct job_retry retry = {.organization_id = org, .id = id, .user = user, .action = "job.retry"};
    if (!job_retry(db, &retry, &result, &ref, &status, e)) {
        return false;
    }
    *ret_done = result == JOB_RETRY_DONE;
    if (result == JOB_RETRY_NOT_UNIQUE) {
        (void)g_snprintf(outcome, 200, "not retried: job %s holds its unique_key", ref.id);
    } else if (result == JOB_RETRY_NOT_ENDED) {
        (void)g_snprintf(outcome, 200, "not retried: it is %s", job_status_name(status));
    } else {
        g_strlcpy(outcome, "queued again", 200);
    }
    return true;
}

static bool cancel_one(struct db *db, const char *org, const char *id, const char *user, char outcome[200],
                       bool *ret_done, struct err *e)
{
    static const char *const texts[] = {
        [JOB_CANCEL_DONE] = "cancelled",
        [JOB_CANCEL_TOLD] = "its worker is told to stop",
        [JOB_CANCEL_ALREADY] = "cancelled before",
        [JOB_CANCEL_FINISHED] = "not cancelled: it has ended already",
    };
    enum job_cancel result = JOB_CANCEL_DONE;
    if (!job_cancel(db, org, id, user, NULL, &result, e)) {
        return false;
    }
    g_strlcpy(outcome, texts[result], 200);
    *ret_done = result != JOB_CANCEL_FINISHED;
    return true;
}

static int change(struct ctl *ctl, job_act_fn *act, enum job_sweep_kind kind)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, JOB_OPTION_STATUS | JOB_OPTION_PRIORITY | JOB_OPTION_FILTER | JOB_OPTION_MANY, 0,
                        ARGUMENTS_MAX, &exit_code)) {
        return exit_code;
    }
    return ctl->argc > 1 ? job_act_on_each(ctl, &a, act) : job_operate(ctl, &a, kind);
}

int jobs_retry_command(struct ctl *ctl)
{
    return change(ctl, retry_one, JOB_SWEEP_RETRY);
}

int jobs_cancel_command(struct ctl *ctl)
{
    return change(ctl, cancel_one, JOB_SWEEP_CANCEL);
}
