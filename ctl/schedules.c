/*
 * schedules.c: bellmanctl schedules list, show, pause, resume, run.
 */
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "domain/schedule.h"
#include "ground/ids.h"
#include "output.h"

#define PAGE 100

struct args {
    gboolean json;
    char *org;
};

static void args_release(struct args *a)
{
    g_free(a->org);
}

static bool parse(struct ctl *ctl, struct args *a, int arguments, int *ret_exit)
{
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &a->json, "Print JSON", NULL},
        {"org", 0, 0, G_OPTION_ARG_STRING, &a->org,
         "Only of this organization; a schedule may then be given by its name", "ORG"},
        {.long_name = NULL},
    };
    return ctl_parse(ctl, entries, arguments, arguments, ret_exit);
}

/* What people look for first: does it fire, and if not, why. */
static void add_state(json_t *schedule)
{
    bool paused = json_is_string(json_object_get(schedule, "paused_at"));
    bool fails = json_is_string(json_object_get(schedule, "last_error"));
    bool over = !json_is_string(json_object_get(schedule, "next_fire_at"));
    json_object_set_new(schedule, "state",
                        json_string(paused  ? "paused"
                                    : fails ? "failing"
                                    : over  ? "over"
                                            : "active"));
}

/* --- list --------------------------------------------------------------------------------------------------------- */

static const struct output_column list_columns[] = {
    {"id", "ID", OUTPUT_PLAIN, false},
    {"organization_id", "ORGANIZATION", OUTPUT_PLAIN, true},
    {"name", "NAME", OUTPUT_PLAIN, true},
    {"cron", "CRON", OUTPUT_PLAIN, true},
    {"timezone", "ZONE", OUTPUT_PLAIN, true},
    {"job_type", "TYPE", OUTPUT_PLAIN, true},
    {"state", "STATE", OUTPUT_PLAIN, false},
    {"next_fire_at", "NEXT (UTC)", OUTPUT_TIME, false},
    {"last_fire_at", "LAST (UTC)", OUTPUT_TIME, false},
};

/* Appends one page to all; ret_cursor gets the next one's cursor or NULL. */
static bool read_page(struct db *db, const char *org, char **cursor, json_t *all, struct err *e)
{
    json_auto_t *page = NULL;
    if (!schedule_list(db, org, PAGE, *cursor, &page, e)) {
        return false;
    }
    json_array_extend(all, json_object_get(page, "schedules"));
    g_free(*cursor);
    *cursor = g_strdup(json_string_value(json_object_get(page, "next_cursor")));
    return true;
}

int schedules_list_command(struct ctl *ctl)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!parse(ctl, &a, 0, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    g_autofree char *cursor = NULL;
    json_t *all = json_array();
    json_auto_t *document = json_pack("{s:o}", "schedules", all);
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    do {
        if (!read_page(db, a.org, &cursor, all, &e)) {
            return ctl_fail(&e);
        }
    } while (cursor != NULL);
    for (size_t i = 0; i < json_array_size(all); i++) {
        add_state(json_array_get(all, i));
    }
    const struct output o = output_new(a.json);
    output_list(&o, list_columns, ARRAY_SIZE(list_columns), document, all, "No schedules");
    return EX_OK;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static const struct output_column columns[] = {
    {"id", "Id", OUTPUT_PLAIN, false},
    {"organization_id", "Organization", OUTPUT_PLAIN, false},
    {"name", "Name", OUTPUT_PLAIN, false},
    {"state", "State", OUTPUT_PLAIN, false},
    {"last_error", "Last error", OUTPUT_PLAIN, false},
    {"cron", "Cron", OUTPUT_PLAIN, false},
    {"timezone", "Zone", OUTPUT_PLAIN, false},
    {"job_type", "Job type", OUTPUT_PLAIN, false},
    {"payload", "Payload", OUTPUT_PLAIN, false},
    {"priority", "Priority", OUTPUT_PLAIN, false},
    {"max_retries", "Retries", OUTPUT_PLAIN, false},
    {"retry", "Retry policy", OUTPUT_PLAIN, false},
    {"timeout_s", "Timeout", OUTPUT_SECONDS, false},
    {"misfire", "Misfire", OUTPUT_PLAIN, false},
    {"misfire_limit", "At most", OUTPUT_PLAIN, false},
    {"paused_at", "Paused since", OUTPUT_TIME, false},
    {"last_fire_at", "Last firing", OUTPUT_TIME, false},
    {"last_job_id", "Its job", OUTPUT_PLAIN, false},
    {"created_by", "Made by", OUTPUT_PLAIN, false},
    {"updated_by", "Changed by", OUTPUT_PLAIN, false},
    {"updated_at", "Changed at", OUTPUT_TIME, false},
};

static const struct output_column firing_columns[] = {{"at", "NEXT FIRINGS", OUTPUT_PLAIN, false}};

/* The schedule's own clock: local times with their offsets. */
static void print_firings(const struct output *o, const json_t *schedule)
{
    const json_t *list = json_object_get(schedule, "next_firings");
    json_auto_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_array_append_new(rows, json_pack("{s:O}", "at", json_array_get(list, i)));
    }
    output_list(o, firing_columns, ARRAY_SIZE(firing_columns), list, rows, "No firings to come");
}

static void print(const struct args *a, json_t *schedule)
{
    const struct output o = output_new(a->json);
    add_state(schedule);
    output_object(&o, columns, ARRAY_SIZE(columns), schedule);
    if (!o.json) {
        output_heading(&o, "");
        print_firings(&o, schedule);
    }
}

/* What is done with the schedule that the argument names. */
typedef bool act_fn(struct db *db, const struct schedule_call *call, const struct args *a, struct err *e);

static int act(struct ctl *ctl, act_fn *fn)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!parse(ctl, &a, 1, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    char org[ORG_ID_BYTES];
    char id[UUID_TEXT_BYTES];
    g_autofree char *user = ctl_user();
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    const struct schedule_call call = {
        .organization_id = org,
        .id = id,
        .user = user,
        .if_version = -1,
        .diagnostics = ctl->conf->consumer.diagnostics,
    };
    bool done = schedule_find(db, a.org, ctl->argv[1], org, id, &e) && fn(db, &call, &a, &e);
    return done ? EX_OK : ctl_fail(&e);
}

static bool show(struct db *db, const struct schedule_call *call, const struct args *a, struct err *e)
{
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    if (!schedule_get(db, call->organization_id, call->id, &schedule, &version, e)) {
        return false;
    }
    print(a, schedule);
    return true;
}

static bool set_paused(struct db *db, const struct schedule_call *call, const struct args *a, bool paused,
                       struct err *e)
{
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    if (!schedule_pause(db, call, paused, &schedule, &version, e)) {
        return false;
    }
    print(a, schedule);
    return true;
}

static bool pause_it(struct db *db, const struct schedule_call *call, const struct args *a, struct err *e)
{
    return set_paused(db, call, a, true, e);
}

static bool resume_it(struct db *db, const struct schedule_call *call, const struct args *a, struct err *e)
{
    return set_paused(db, call, a, false, e);
}

/* The relay publishes the job, which is due at once. */
static bool run_it(struct db *db, const struct schedule_call *call, const struct args *a, struct err *e)
{
    static const struct output_column job_columns[] = {
        {"job_id", "Job", OUTPUT_PLAIN, false},
        {"job_type", "Job type", OUTPUT_PLAIN, false},
    };
    CLEANUP(schedule_ran_release) struct schedule_ran ran = {.text = NULL};
    uuid7_new(ran.job_id);
    if (!schedule_run(db, call, 0, NULL, &ran, e)) {
        return false;
    }
    const struct output o = output_new(a->json);
    json_auto_t *job = json_pack("{s:s, s:s, s:s}", "job_id", ran.job_id, "job_type", ran.job_type, "schedule_id",
                                 call->id);
    output_object(&o, job_columns, ARRAY_SIZE(job_columns), job);
    return true;
}

int schedules_show_command(struct ctl *ctl)
{
    return act(ctl, show);
}

int schedules_pause_command(struct ctl *ctl)
{
    return act(ctl, pause_it);
}

int schedules_resume_command(struct ctl *ctl)
{
    return act(ctl, resume_it);
}

int schedules_run_command(struct ctl *ctl)
{
    return act(ctl, run_it);
}
