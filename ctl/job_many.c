/*
 * job_many.c: commands about several jobs: each that is named, or an operation on all that fit a filter.
 */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "domain/job_stats.h"
#include "domain/organization.h"
#include "jobs.h"

#define POLL_US 200000
#define OUTCOME_BYTES 200

/* --- each -------------------------------------------------------------------------------------------------------- */

static const struct output_column outcome_columns[] = {
    {"job_id", "JOB", OUTPUT_PLAIN, false},
    {"outcome", "OUTCOME", OUTPUT_PLAIN, true},
};

static bool act_on(struct db *db, const struct job_args *args, const char *id, const char *user, job_act_fn *act,
                   json_t *rows, bool *ret_done, struct err *e)
{
    char own[JOB_STATS_ORG_BYTES];
    char outcome[OUTCOME_BYTES] = "";
    if (!job_stats_organization(db, id, own, e) ||
        !act(db, args->org == NULL ? own : args->org, id, user, outcome, ret_done, e)) {
        if (e->code != ERR_NOT_FOUND) {
            return false;
        }
        *ret_done = false;
        g_strlcpy(outcome, "there is no such job", sizeof(outcome));
        err_clear(e);
    }
    json_array_append_new(rows, json_pack("{s:s, s:b, s:s}", "job_id", id, "done", *ret_done, "outcome", outcome));
    return true;
}

int job_act_on_each(struct ctl *ctl, const struct job_args *args, job_act_fn *act)
{
    bool is_all_done = true;
    struct err e = ERR_INIT;
    json_t *rows = json_array();
    json_auto_t *document = json_pack("{s:o}", "jobs", rows);
    g_autofree char *user = ctl_user();
    if (args->all || args->status != NULL || args->job_type != NULL || args->priority != NULL || args->cause != NULL ||
        args->created_after != NULL || args->created_before != NULL) {
        return ctl_usage(ctl, "either job ids or a filter");
    }
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    for (int i = 1; i < ctl->argc; i++) {
        bool is_done = false;
        if (!act_on(db, args, ctl->argv[i], user, act, rows, &is_done, &e)) {
            return ctl_fail(&e);
        }
        is_all_done = is_all_done && is_done;
    }
    const struct output o = output_new(args->json);
    output_list(&o, outcome_columns, ARRAY_SIZE(outcome_columns), document, rows, "");
    return is_all_done ? EX_OK : CTL_NO;
}

/* --- following --------------------------------------------------------------------------------------------------- */

static void show_progress(struct progress *p, const json_t *job)
{
    const char *status = json_string_value(json_object_get(job, "status"));
    const char *message = json_string_value(json_object_get(job, "progress_message"));
    const json_t *percent = json_object_get(job, "progress");
    const char *text = message != NULL ? message : g_strcmp0(status, "queued") == 0 ? "queued" : "running";
    progress_show(p, json_is_integer(percent) ? json_integer_value(percent) : -1, text);
}

/* What of a job is worth a line when it changes. */
static json_t *line_of(const json_t *job)
{
    static const char *const members[] = {"id",      "status", "progress",      "progress_message",
                                          "attempt", "result", "error_message", "cause"};
    json_t *line = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        json_t *value = json_object_get(job, members[i]);
        json_object_set(line, members[i], value);
    }
    return line;
}

static int exit_of(const json_t *job)
{
    return g_strcmp0(json_string_value(json_object_get(job, "status")), "completed") == 0 ? EX_OK : CTL_NO;
}

int job_follow(struct db *db, const char *org, const char *id, bool json, json_t **ret_job)
{
    struct progress progress = progress_new();
    json_auto_t *last = NULL;
    for (;;) {
        struct err e = ERR_INIT;
        json_auto_t *job = NULL;
        enum job_status status = JOB_STATUSES;
        if (!job_load(db, org, id, &job, &e)) {
            progress_end(&progress);
            return ctl_fail(&e);
        }
        json_auto_t *line = line_of(job);
        if (json && !json_equal(line, last)) {
            output_line(line);
        }
        json_decref(last);
        last = json_incref(line);
        if (!json) {
            show_progress(&progress, job);
        }
        if (job_status_parse(json_string_value(json_object_get(job, "status")), &status) &&
            job_status_is_final(status)) {
            progress_end(&progress);
            *ret_job = json_incref(job);
            return exit_of(job);
        }
        (void)usleep(POLL_US);
    }
}

/* --- all that fit ------------------------------------------------------------------------------------------------ */

static void set_text(json_t *filter, const char *name, const char *value)
{
    if (value != NULL) {
        json_object_set_new(filter, name, json_string(value));
    }
}

/* Complains in the words of the command line. */
static bool check_filter(const struct ctl *ctl, enum job_sweep_kind kind, const json_t *filter)
{
    static const struct record *const records[] = {&jobs_cancel_payload, &jobs_retry_payload,
                                                   &deadletters_replay_payload};
    struct problems problems CLEANUP(problems_release) = {0};
    record_check(records[kind], filter, "", &problems);
    if (!problems_any(&problems)) {
        job_sweep_check(filter, "", &problems);
    }
    if (!problems_any(&problems)) {
        return true;
    }
    const json_t *first = json_array_get(problems.list, 0);
    const char *pointer = json_string_value(json_object_get(first, "pointer"));
    if (pointer[0] == '\0') {
        (void)ctl_usage(ctl, "name the jobs, or say which by a filter, or --all");
    } else {
        (void)ctl_usage(ctl, "%s: %s", pointer + 1, json_string_value(json_object_get(first, "detail")));
    }
    return false;
}

static json_t *filter_of(const struct job_args *a)
{
    json_t *filter = json_object();
    char *end = NULL;
    set_text(filter, "status", a->status);
    set_text(filter, "job_type", a->job_type);
    set_text(filter, "cause", a->cause);
    set_text(filter, "created_after", a->created_after);
    set_text(filter, "created_before", a->created_before);
    if (a->priority != NULL) {
        int64_t priority = g_ascii_strtoll(a->priority, &end, 10);
        json_object_set_new(filter, "priority", *end == '\0' ? json_integer(priority) : json_string(a->priority));
    }
    if (a->all) {
        json_object_set_new(filter, "all", json_true());
    }
    return filter;
}

/* The relay publishes it within its interval. */
static bool create(struct db *db, const struct job_args *args, enum job_sweep_kind kind, const json_t *filter,
                   char ret_id[UUID_TEXT_BYTES], struct err *e)
{
    enum job_insert outcome = JOB_INSERTED;
    bool exists = false;
    g_autofree char *user = ctl_user();
    struct job_new job = job_sweep_new_job(kind);
    job.organization_id = args->org;
    job.created_by = user;
    job.payload = filter;
    if (!organization_exists(db, args->org, &exists, e)) {
        return false;
    }
    if (!exists) {
        return err_set(e, ERR_NOT_FOUND, "There is no organization %.64s", args->org);
    }
    return job_insert(db, &job, NULL, &outcome, ret_id, NULL, e);
}

static const struct output_column operation_columns[] = {
    {"id", "Operation", OUTPUT_PLAIN, false},
    {"status", "Status", OUTPUT_STATUS, false},
    {"progress_message", "Progress", OUTPUT_PLAIN, false},
    {"result", "Result", OUTPUT_PLAIN, false},
    {"error_message", "Error", OUTPUT_PLAIN, false},
};

int job_operate(struct ctl *ctl, const struct job_args *args, enum job_sweep_kind kind)
{
    struct err e = ERR_INIT;
    char id[UUID_TEXT_BYTES];
    json_auto_t *job = NULL;
    json_auto_t *filter = filter_of(args);
    int exit_code = EX_OK;
    if (!check_filter(ctl, kind, filter)) {
        return EX_USAGE;
    }
    if (args->org == NULL) {
        return ctl_usage(ctl, "a filter needs --org");
    }
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!create(db, args, kind, filter, id, &e)) {
        return ctl_fail(&e);
    }
    if (!args->no_wait) {
        (void)fprintf(stderr, "Operation %s goes on if this command is stopped\n", id);
        exit_code = job_follow(db, args->org, id, false, &job);
    } else if (!job_get(db, args->org, id, &job, &e)) {
        return ctl_fail(&e);
    }
    if (job != NULL) {
        const struct output o = output_new(args->json);
        output_object(&o, operation_columns, ARRAY_SIZE(operation_columns), job);
    }
    return exit_code;
}
