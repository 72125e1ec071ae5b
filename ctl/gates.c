/*
 * gates.c: pauses and limits, of an organization, of a job type, or of the whole deployment.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "domain/job_sweep.h"
#include "domain/job_types.h"
#include "domain/limits.h"
#include "domain/organization.h"
#include "domain/pauses.h"
#include "output.h"

/* What the options say. */
struct scope {
    char *org;
    char *type;
    gboolean all;
};

static void scope_release(struct scope *scope)
{
    g_free(scope->org);
    g_free(scope->type);
}

#define SCOPE_OPTIONS(s)                                                                            \
    {"org", 'o', 0, G_OPTION_ARG_STRING, &(s).org, "Of this organization only", "ORG"},             \
        {"type", 't', 0, G_OPTION_ARG_STRING, &(s).type, "Of this job type only", "TYPE"},          \
    {                                                                                               \
        "all", 'a', 0, G_OPTION_ARG_NONE, &(s).all, "Of all organizations and types together", NULL \
    }

static bool check_scope(const struct ctl *ctl, const struct scope *scope, bool must_be_known, int *ret_exit)
{
    bool is_narrow = scope->org != NULL || scope->type != NULL;
    if (is_narrow == (scope->all == TRUE)) {
        *ret_exit = ctl_usage(ctl, "say which: --org, --type, both of them, or --all");
        return false;
    }
    if (scope->org != NULL && !organization_id_is_valid(scope->org)) {
        *ret_exit = ctl_usage(ctl, "\"%s\" cannot be an organization's id", scope->org);
        return false;
    }
    bool is_type = scope->type == NULL ||
                   (must_be_known ? job_type_find(scope->type) != NULL && !job_sweep_is_operation(scope->type)
                                  : scope->type[0] != '\0' && strlen(scope->type) < JOB_TYPE_BYTES);
    if (!is_type) {
        *ret_exit = ctl_usage(ctl, "there is no job type \"%s\" that can be held", scope->type);
    }
    return is_type;
}

static bool parse(struct ctl *ctl, const GOptionEntry *entries, const struct scope *scope, bool must_be_known,
                  int *ret_exit)
{
    return ctl_parse(ctl, entries, 0, 0, ret_exit) && check_scope(ctl, scope, must_be_known, ret_exit);
}

static bool organization_is_there(struct db *db, const struct scope *scope, struct err *e)
{
    bool exists = true;
    if (scope->org != NULL && !organization_exists(db, scope->org, &exists, e)) {
        return false;
    }
    return exists || err_set(e, ERR_NOT_FOUND, "There is no organization %s", scope->org);
}

static struct gate_change change_of(const struct scope *scope)
{
    static char actor[128]; /* lives as long as the command */
    (void)g_snprintf(actor, sizeof(actor), "bellmanctl:%s", g_get_user_name());
    return gate_change_of(scope->org == NULL ? "" : scope->org, scope->type == NULL ? "" : scope->type, actor, NULL);
}

static void print_done(const struct scope *scope, const char *what)
{
    (void)printf("%s%s%s%s%s: %s; workers follow within a second\n", scope->type == NULL ? "All jobs" : "Jobs of type ",
                 scope->type == NULL ? "" : scope->type, scope->org == NULL ? "" : " of organization ",
                 scope->org == NULL ? "" : scope->org, scope->org == NULL ? " of all organizations" : "", what);
}

/* What a command does; ret_done says it for people. */
typedef bool act_fn(struct db *db, const struct gate_change *change, const void *arg, const char **ret_done,
                    struct err *e);

static int act(struct ctl *ctl, const struct scope *scope, bool must_be_there, act_fn *fn, const void *arg)
{
    struct err e = ERR_INIT;
    const char *done = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    const struct gate_change change = change_of(scope);
    if ((must_be_there && !organization_is_there(db, scope, &e)) || !fn(db, &change, arg, &done, &e)) {
        return ctl_fail(&e);
    }
    print_done(scope, done);
    return EX_OK;
}

/* What is taken away may be of a type or organization that is gone. */
static int take_away(struct ctl *ctl, act_fn *fn)
{
    CLEANUP(scope_release) struct scope scope = {0};
    const GOptionEntry entries[] = {SCOPE_OPTIONS(scope), {.long_name = NULL}};
    int exit_code = EX_OK;
    return parse(ctl, entries, &scope, false, &exit_code) ? act(ctl, &scope, false, fn, NULL) : exit_code;
}

/* --- pauses ------------------------------------------------------------------------------------------------------ */

static bool set_pause(struct db *db, const struct gate_change *change, const void *arg, const char **ret_done,
                      struct err *e)
{
    bool is_new = false;
    if (!pause_set(db, change, arg, &is_new, e)) {
        return false;
    }
    *ret_done = is_new ? "paused" : "paused already";
    return true;
}

int pause_command(struct ctl *ctl)
{
    CLEANUP(scope_release) struct scope scope = {0};
    g_autofree char *reason = NULL;
    const GOptionEntry entries[] = {
        SCOPE_OPTIONS(scope),
        {"reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Shown to whoever asks why nothing starts", "TEXT"},
        {.long_name = NULL},
    };
    int exit_code = EX_OK;
    if (!parse(ctl, entries, &scope, true, &exit_code)) {
        return exit_code;
    }
    if (reason != NULL && g_utf8_strlen(reason, -1) > PAUSE_REASON_CHARS_MAX) {
        return ctl_usage(ctl, "--reason may have at most %d characters", PAUSE_REASON_CHARS_MAX);
    }
    return act(ctl, &scope, true, set_pause, reason);
}

static bool end_pause(struct db *db, const struct gate_change *change, const void *arg UNUSED, const char **ret_done,
                      struct err *e)
{
    *ret_done = "this pause has ended";
    return pause_clear(db, change, e);
}

int resume_command(struct ctl *ctl)
{
    return take_away(ctl, end_pause);
}

static int print_list(bool json, const char *member, json_t *rows, const struct output_column *columns, size_t n,
                      const char *none)
{
    const struct output o = output_new(json);
    json_auto_t *document = json_pack("{s:O}", member, rows);
    output_list(&o, columns, n, document, rows, none);
    return EX_OK;
}

int pauses_command(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"organization_id", "ORGANIZATION", OUTPUT_PLAIN, false},
        {"job_type", "TYPE", OUTPUT_PLAIN, false},
        {"created_at", "SINCE", OUTPUT_TIME, false},
        {"created_by", "BY", OUTPUT_PLAIN, true},
        {"reason", "REASON", OUTPUT_PLAIN, true},
    };
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "For scripts", NULL},
        {.long_name = NULL},
    };
    int exit_code = EX_OK;
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    json_auto_t *rows = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!pauses_list(db, NULL, &rows, &e)) {
        return ctl_fail(&e);
    }
    return print_list(json, "pauses", rows, columns, ARRAY_SIZE(columns), "Nothing is paused");
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

int limits_list_command(struct ctl *ctl)
{
    static const struct output_column columns[] = {
        {"organization_id", "ORGANIZATION", OUTPUT_PLAIN, false},
        {"job_type", "TYPE", OUTPUT_PLAIN, false},
        {"max_running", "MAX RUNNING", OUTPUT_COUNT, false},
        {"max_per_minute", "MAX PER MINUTE", OUTPUT_COUNT, false},
        {"running", "RUNNING", OUTPUT_COUNT, false},
        {"queued", "QUEUED", OUTPUT_COUNT, false},
        {"held", "HELD", OUTPUT_COUNT, false},
    };
    gboolean json = FALSE;
    g_autofree char *org = NULL;
    const GOptionEntry entries[] = {
        {"org", 'o', 0, G_OPTION_ARG_STRING, &org, "Only those that this organization is under", "ORG"},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "For scripts", NULL},
        {.long_name = NULL},
    };
    int exit_code = EX_OK;
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    json_auto_t *rows = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!limits_list(db, org, ctl->conf->limits.org_max_running, &rows, &e)) {
        return ctl_fail(&e);
    }
    return print_list(json, "limits", rows, columns, ARRAY_SIZE(columns), "No limits are set");
}

struct limit_numbers {
    gint64 max_running; /* -1: as it is */
    gint64 max_per_minute;
};

static bool set_limit(struct db *db, const struct gate_change *change, const void *arg, const char **ret_done,
                      struct err *e)
{
    const struct limit_numbers *n = arg;
    *ret_done = "the limit is set";
    return limit_set(db, change, n->max_running, n->max_per_minute, e);
}

int limits_set_command(struct ctl *ctl)
{
    CLEANUP(scope_release) struct scope scope = {0};
    struct limit_numbers n = {-1, -1};
    const GOptionEntry entries[] = {
        SCOPE_OPTIONS(scope),
        {"max-running", 0, 0, G_OPTION_ARG_INT64, &n.max_running, "Jobs that run at one time; 0: any number", "N"},
        {"max-per-minute", 0, 0, G_OPTION_ARG_INT64, &n.max_per_minute, "Starts in any 60 s; 0: any number", "N"},
        {.long_name = NULL},
    };
    int exit_code = EX_OK;
    if (!parse(ctl, entries, &scope, true, &exit_code)) {
        return exit_code;
    }
    if ((n.max_running < 0 && n.max_per_minute < 0) || n.max_running > LIMIT_RUNNING_MAX ||
        n.max_per_minute > LIMIT_PER_MINUTE_MAX) {
        return ctl_usage(ctl, "give --max-running (0 to %d) or --max-per-minute (0 to %d)", LIMIT_RUNNING_MAX,
                         LIMIT_PER_MINUTE_MAX);
    }
    return act(ctl, &scope, true, set_limit, &n);
}

static bool end_limit(struct db *db, const struct gate_change *change, const void *arg UNUSED, const char **ret_done,
                      struct err *e)
{
    *ret_done = "this limit is gone";
    return limit_clear(db, change, e);
}

int limits_clear_command(struct ctl *ctl)
{
    return take_away(ctl, end_limit);
}
