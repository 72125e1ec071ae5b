/*
 * dead.c: bellmanctl dead list, show, replay, discard.
 */
#include <string.h>
#include <sysexits.h>

#include "domain/dead_letters.h"
#include "domain/job_retry.h"
#include "domain/job_stats.h"
#include "jobs.h"

#define ARGUMENTS_MAX 1000

static const struct output_column list_columns[] = {
    {"id", "ID", OUTPUT_PLAIN, false},
    {"job_type", "TYPE", OUTPUT_PLAIN, true},
    {"cause", "CAUSE", OUTPUT_PLAIN, false},
    {"attempt", "ATTEMPTS", OUTPUT_COUNT, OUTPUT_GOES},
    {"created_at", "CREATED (UTC)", OUTPUT_TIME, OUTPUT_GOES},
    {"completed_at", "FAILED (UTC)", OUTPUT_TIME, false},
    {"error_message", "ERROR", OUTPUT_PLAIN, true},
};

static bool load_page(struct db *db, void *filter, const char *cursor, int64_t limit, json_t **ret, struct err *e)
{
    struct dead_filter *f = filter;
    f->cursor = cursor;
    f->limit = limit;
    return dead_letters_list(db, f, ret, e);
}

int dead_list_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    struct dead_filter filter = {.organization_id = NULL};
    if (!job_args_parse(ctl, &a, JOB_OPTION_CAUSE | JOB_OPTION_FILTER | JOB_OPTION_LIMIT, 0, 0, &exit_code)) {
        return exit_code;
    }
    if (a.org == NULL || a.limit < 1) {
        return ctl_usage(ctl, a.org == NULL ? "dead list needs --org" : "--limit is at least 1");
    }
    if (!job_args_time(ctl, "after", a.created_after, &filter.created_after_us) ||
        !job_args_time(ctl, "before", a.created_before, &filter.created_before_us)) {
        return EX_USAGE;
    }
    filter.organization_id = a.org;
    filter.job_type = a.job_type;
    filter.cause = a.cause;
    const struct job_listing listing = {
        .member = "dead_letters",
        .page = load_page,
        .filter = &filter,
        .columns = list_columns,
        .n_columns = ARRAY_SIZE(list_columns),
        .none = "No dead letters",
    };
    return job_listing_print(ctl, &a, &listing);
}

int dead_show_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, 0, 1, 1, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    json_auto_t *job = NULL;
    char own[JOB_STATS_ORG_BYTES];
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!job_stats_organization(db, ctl->argv[1], own, &e) ||
        !dead_letter_get(db, a.org == NULL ? own : a.org, ctl->argv[1], &job, &e)) {
        return ctl_fail(&e);
    }
    const struct output o = output_new(a.json);
    job_print(&o, job);
    return EX_OK;
}

static bool replay_one(struct db *db, const char *org, const char *id, const char *user, char outcome[200],
                       bool *ret_done, struct err *e)
{
    enum job_retry_result result = JOB_RETRY_DONE;
    enum job_status status = JOB_STATUSES;
    struct job_ref ref;
    const struct job_retry retry = {
        .organization_id = org, .id = id, .user = user, .action = "dead_letter.replay", .only_dead = true};
    if (!job_retry(db, &retry, &result, &ref, &status, e)) {
        return false;
    }
    *ret_done = result == JOB_RETRY_DONE;
    if (result == JOB_RETRY_NOT_UNIQUE) {
        (void)g_snprintf(outcome, 200, "not replayed: job %s holds its unique_key", ref.id);
    } else {
        g_strlcpy(outcome, *ret_done ? "queued again" : "not replayed: it is no dead letter", 200);
    }
    return true;
}

int dead_replay_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, JOB_OPTION_CAUSE | JOB_OPTION_FILTER | JOB_OPTION_MANY, 0, ARGUMENTS_MAX,
                        &exit_code)) {
        return exit_code;
    }
    return ctl->argc > 1 ? job_act_on_each(ctl, &a, replay_one) : job_operate(ctl, &a, JOB_SWEEP_REPLAY);
}

static bool discard_one(struct db *db, const char *org, const char *id, const char *user, char outcome[200],
                        bool *ret_done, struct err *e)
{
    static const char *const texts[] = {
        [DEAD_DISCARD_DONE] = "discarded",
        [DEAD_DISCARD_ALREADY] = "discarded before",
        [DEAD_DISCARD_NOT_DEAD] = "not discarded: it is no dead letter",
    };
    enum dead_discard result = DEAD_DISCARD_DONE;
    if (!dead_letter_discard(db, org, id, user, NULL, &result, e)) {
        return false;
    }
    g_strlcpy(outcome, texts[result], 200);
    *ret_done = result != DEAD_DISCARD_NOT_DEAD;
    return true;
}

int dead_discard_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, 0, 1, ARGUMENTS_MAX, &exit_code)) {
        return exit_code;
    }
    return job_act_on_each(ctl, &a, discard_one);
}
