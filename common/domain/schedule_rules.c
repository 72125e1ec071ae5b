/*
 * schedule_rules.c: what a schedule means, without a database.
 */
#include <stdlib.h>

#include "domain/job_sweep.h"
#include "domain/job_types.h"
#include "domain/retry_policy.h"
#include "domain/schedule.h"
#include "ground/json.h"

#define WINDOW_FIRST_US (INT64_C(3600) * US_PER_S)
#define WINDOW_GROWTH 4

/* --- input -------------------------------------------------------------------------------------------------------- */

static GTimeZone *zone_of(const char *name)
{
    return name != NULL && format_is_zone(name) ? g_time_zone_new_identifier(name) : NULL;
}

static void check_cron(const json_t *schedule, int64_t now_us, struct problems *problems)
{
    struct err e = ERR_INIT;
    struct cron cron;
    int64_t first_us = 0;
    const char *text = json_text(schedule, "cron");
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    if (text == NULL || text[0] == '\0') {
        return;
    }
    if (!cron_parse(text, &cron, &e)) {
        problems_add(problems, "/cron", "format", "%s", e.text);
    } else if (!cron_next(&cron, utc, now_us, &first_us)) {
        problems_add(problems, "/cron", "never", "names no day within the next eight years");
    }
}

static void check_type(const json_t *schedule, bool diagnostics, struct problems *problems)
{
    const char *name = json_text(schedule, "job_type");
    json_t *payload = json_object_get(schedule, "payload");
    json_auto_t *empty = json_object();
    if (name == NULL || name[0] == '\0') {
        return;
    }
    const struct job_type *type = job_type_find(name);
    if (type == NULL) {
        problems_add(problems, "/job_type", "choice", "is not a job type");
    } else if (type->diagnostic && !diagnostics) {
        problems_add(problems, "/job_type", "choice", "is a diagnostic type, which this installation does not allow");
    } else if (job_type_is_internal(name)) {
        problems_add(problems, "/job_type", "choice", "is made by a call of its own and cannot be scheduled");
    } else if (payload == NULL || json_is_null(payload) || json_is_object(payload)) {
        job_payload_check(type, json_is_object(payload) ? payload : empty, "/payload", problems);
    }
}

void schedule_check(const json_t *schedule, int64_t now_us, bool diagnostics, struct problems *problems)
{
    check_cron(schedule, now_us, problems);
    check_type(schedule, diagnostics, problems);
    retry_policy_check(json_object_get(schedule, "retry"), "/retry", problems);
}

/* --- a job -------------------------------------------------------------------------------------------------------- */

static int64_t number_or(const json_t *schedule, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(schedule, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* The first fault of a type or payload that was right once. */
static bool check_still(const json_t *schedule, bool diagnostics, struct err *e)
{
    CLEANUP(problems_release) struct problems problems = {0};
    check_type(schedule, diagnostics, &problems);
    if (!problems_any(&problems)) {
        return true;
    }
    const json_t *first = json_array_get(problems.list, 0);
    return err_set(e, ERR_INVALID, "%s %s", json_string_value(json_object_get(first, "pointer")),
                   json_string_value(json_object_get(first, "detail")));
}

/* Of its retry policy; the schedule keeps it. */
static const char *keep_retry_text(json_t *schedule)
{
    char *text = retry_policy_text(json_object_get(schedule, "retry"));
    if (text != NULL) {
        json_object_set_new(schedule, "retry_text", json_string(text));
        free(text);
    }
    return json_text(schedule, "retry_text");
}

bool schedule_make_job(json_t *schedule, const char *id, bool diagnostics, int64_t grace_ms, struct job_new *ret,
                       struct err *e)
{
    const char *name = json_text(schedule, "job_type");
    const struct job_type *type = name == NULL ? NULL : job_type_find(name);
    if (!check_still(schedule, diagnostics, e) || type == NULL) {
        return err_set(e, ERR_INVALID, "/job_type is not a job type");
    }
    *ret = (struct job_new){
        .id = id,
        .organization_id = json_text(schedule, "organization_id"),
        .job_type = name,
        .created_by = json_text(schedule, "created_by"),
        .payload = json_object_get(schedule, "payload"),
        .priority = number_or(schedule, "priority", 0),
        .max_retries = number_or(schedule, "max_retries", job_type_max_retries(type)),
        .timeout_s = number_or(schedule, "timeout_s", type->timeout_s),
        .retry = keep_retry_text(schedule),
        .schedule_id = json_text(schedule, "id"),
        .grace_ms = grace_ms,
    };
    return true;
}

/* --- the next ones ------------------------------------------------------------------------------------------------ */

json_t *schedule_next_firings(const char *cron_text, const char *zone_name, int64_t after_us, size_t n)
{
    struct err ignored = ERR_INIT;
    struct cron cron;
    json_t *list = json_array();
    g_autoptr(GTimeZone) zone = zone_of(zone_name);
    if (zone == NULL || !cron_parse(cron_text, &cron, &ignored)) {
        return list;
    }
    while (json_array_size(list) < n && cron_next(&cron, zone, after_us, &after_us)) {
        char text[CRON_LOCAL_TEXT_BYTES];
        cron_format_local(zone, after_us, text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

int64_t schedule_next(const char *cron_text, const char *zone_name, int64_t after_us)
{
    struct err ignored = ERR_INIT;
    struct cron cron;
    int64_t next_us = 0;
    g_autoptr(GTimeZone) zone = zone_of(zone_name);
    bool found = zone != NULL && cron_parse(cron_text, &cron, &ignored) && cron_next(&cron, zone, after_us, &next_us);
    return found ? next_us : 0;
}

/* --- what fires now ----------------------------------------------------------------------------------------------- */

/* The first instant at or after from_us that is not before the one that is due. */
static bool first_from(const struct schedule_due *d, int64_t from_us, int64_t *ret_us)
{
    *ret_us = d->due_us;
    return from_us <= d->due_us || cron_next(&d->cron, d->zone, from_us - 1, ret_us);
}

/* Appends the instants in [from, to), of them the latest max. False: there are older ones too. */
static bool append_latest(const struct schedule_due *d, int64_t from_us, int64_t to_us, guint max, GArray *out)
{
    guint had = out->len;
    int64_t at_us = 0;
    bool complete = true;
    for (bool more = first_from(d, from_us, &at_us); more && at_us < to_us;
         more = cron_next(&d->cron, d->zone, at_us, &at_us)) {
        if (out->len - had == max) {
            g_array_remove_index(out, had);
            complete = false;
        }
        g_array_append_val(out, at_us);
    }
    return complete;
}

/* The latest max before to_us. Looks back over a time that grows until they are found, so that a schedule of every
 * minute is not walked through from an instant months ago. */
static void append_missed(const struct schedule_due *d, int64_t to_us, guint max, GArray *out)
{
    guint had = out->len;
    for (int64_t window_us = WINDOW_FIRST_US;; window_us *= WINDOW_GROWTH) {
        int64_t from_us = to_us - d->due_us > window_us ? to_us - window_us : d->due_us;
        g_array_set_size(out, had);
        bool complete = append_latest(d, from_us, to_us, max, out);
        if (!complete || out->len - had == max || from_us == d->due_us) {
            return;
        }
    }
}

void schedule_plan(const struct schedule_due *d, GArray *fire_us, int64_t *ret_next_us)
{
    const int64_t in_time_us = d->now_us - d->grace_ms * US_PER_MS; /* from here on an instant is not late */
    g_autoptr(GArray) in_time = g_array_new(FALSE, FALSE, sizeof(int64_t));
    append_latest(d, in_time_us, d->now_us + 1, SCHEDULE_MISFIRE_MAX, in_time);
    if (d->due_us < in_time_us && d->misfire == SCHEDULE_ALL) {
        append_missed(d, in_time_us, (guint)d->misfire_limit, fire_us);
    } else if (d->due_us < in_time_us && d->misfire == SCHEDULE_ONCE && in_time->len == 0) {
        append_missed(d, in_time_us, 1, fire_us);
    }
    if (in_time->len > 0) {
        g_array_append_vals(fire_us, in_time->data, in_time->len);
    }
    *ret_next_us = 0;
    if (!cron_next(&d->cron, d->zone, d->now_us, ret_next_us)) {
        *ret_next_us = 0;
    }
}
