/*
 * api_schedules.c: schedules: make, read, change, pause, run now, try out.
 */
#include <string.h>

#include "api.h"
#include "domain/schedule.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "idempotent.h"
#include "job_input.h"
#include "versioned.h"

static struct schedule_call call_of(const struct call *c)
{
    return (struct schedule_call){
        .organization_id = c->who.org,
        .id = c->path_value,
        .user = c->who.sub,
        .request_id = c->request->id,
        .if_version = -1,
        .diagnostics = c->conf->consumer.diagnostics,
    };
}

/* Whoever fires need not wait for its next look. */
static void poke(struct call *c)
{
    (void)dispatcher_broadcast(c->api->dispatcher, "{\"cmd\":\"poke\",\"task\":\"schedules\"}");
}

/* --- versions ----------------------------------------------------------------------------------------------------- */

static bool read_version(struct call *c, const void *key UNUSED, int64_t *ret_version, struct err *e)
{
    json_auto_t *schedule = NULL;
    return schedule_get(c->db, c->who.org, c->path_value, &schedule, ret_version, e);
}

static const struct versioned versioned = {
    .stale = "The schedule has changed since the version in If-Match; read it again.",
    .read = read_version,
};

static void fail(struct call *c, const struct err *e)
{
    if (e->code == ERR_DUPLICATE) {
        response_problem(c->response, 409, "name_taken", "Another schedule of the organization has this name.");
    } else {
        versioned_fail(c, &versioned, e);
    }
}

/* --- create and read ---------------------------------------------------------------------------------------------- */

void api_schedules_create_check(const struct call *c, struct problems *problems)
{
    schedule_check(c->body, clock_wall_us(), c->conf->consumer.diagnostics, problems);
}

void api_schedules_create(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    const struct schedule_call call = call_of(c);
    if (!schedule_create(c->db, &call, c->body, &schedule, &version, &e)) {
        fail(c, &e);
        return;
    }
    response_header(c->response, "Location", API_BASE "/schedules/%s",
                    json_string_value(json_object_get(schedule, "id")));
    versioned_answer(c, 201, schedule, version);
    poke(c);
}

void api_schedules_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    if (schedule_get(c->db, c->who.org, c->path_value, &schedule, &version, &e)) {
        versioned_answer(c, 200, schedule, version);
    } else {
        call_fail(c, &e);
    }
}

static const struct field list_fields[] = {
    {.name = "limit",
     .type = FIELD_INT,
     .flags = FIELD_INPUT_ONLY,
     .min = 1,
     .max = 100,
     .def = "50",
     .help = "Schedules on a page"},
    {.name = "cursor",
     .type = FIELD_STRING,
     .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE | FIELD_CURSOR,
     .min = 1,
     .max = FIELD_CURSOR_BYTES_MAX,
     .help = "next_cursor of the page before"},
};

const struct record schedule_list_query = {
    .name = "ScheduleListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "The page of a list of schedules",
};

void api_schedules_list(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *page = NULL;
    int64_t limit = json_integer_value(json_object_get(c->query, "limit"));
    const char *cursor = json_string_value(json_object_get(c->query, "cursor"));
    if (schedule_list(c->db, c->who.org, limit, cursor, &page, &e)) {
        response_json(c->response, 200, page);
    } else if (e.code == ERR_INVALID) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, &e);
    }
}

/* --- change ------------------------------------------------------------------------------------------------------- */

void api_schedules_update(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    struct schedule_call call = call_of(c);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (schedule_update(c->db, &call, c->body, &problems, &schedule, &version, &e)) {
        versioned_answer(c, 200, schedule, version);
        poke(c);
    } else if (problems_any(&problems)) {
        response_faults(c->response, &problems);
    } else {
        fail(c, &e);
    }
}

void api_schedules_delete(struct call *c)
{
    struct err e = ERR_INIT;
    struct schedule_call call = call_of(c);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (schedule_delete(c->db, &call, &e)) {
        response_empty(c->response, 204);
    } else {
        fail(c, &e);
    }
}

static void set_paused(struct call *c, bool paused)
{
    struct err e = ERR_INIT;
    json_auto_t *schedule = NULL;
    int64_t version = 0;
    struct schedule_call call = call_of(c);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (schedule_pause(c->db, &call, paused, &schedule, &version, &e)) {
        versioned_answer(c, 200, schedule, version);
        poke(c);
    } else {
        fail(c, &e);
    }
}

void api_schedules_pause(struct call *c)
{
    set_paused(c, true);
}

void api_schedules_resume(struct call *c)
{
    set_paused(c, false);
}

/* --- run now and try out ------------------------------------------------------------------------------------------ */

static void fail_to_run(struct call *c, const struct idempotency *key, const struct err *e)
{
    if (e->code == ERR_INVALID) {
        response_problem(c->response, 409, "not_runnable",
                         "The schedule's job type is gone, or no longer takes its payload; change the schedule.");
    } else if (key == NULL || (e->code != ERR_DUPLICATE && e->code != ERR_CONFLICT)) {
        call_fail(c, e);
    } else if (e->code == ERR_CONFLICT || !idempotent_answer(c, key, true)) {
        idempotent_answer_busy(c);
    }
}

static void answer_run(struct call *c, const struct idempotency *key, const struct schedule_ran *ran)
{
    const struct job_new job = {.id = ran->job_id, .job_type = ran->job_type, .priority = ran->priority};
    call_note_job(c, ran->job_id);
    job_input_publish(c, &job, 1);
    if (ran->text == NULL && key != NULL && idempotent_answer(c, key, false)) {
        return; /* the commit's outcome had to be looked up: what was kept is the answer */
    }
    response_header(c->response, "Location", API_BASE "/background-jobs/%s", ran->job_id);
    if (ran->text != NULL) {
        response_json_text(c->response, 201, ran->text, strlen(ran->text));
    } else {
        api_answer_job(c, 201, ran->job_id);
    }
}

void api_schedules_run(struct call *c)
{
    struct err e = ERR_INIT;
    struct idempotency key;
    CLEANUP(schedule_ran_release) struct schedule_ran ran = {.text = NULL};
    char location[JOB_LOCATION_BYTES];
    const struct schedule_call call = call_of(c);
    const struct idempotency *kept = idempotent_key(c, 201, &key) ? &key : NULL;
    if ((kept != NULL && idempotent_answer(c, kept, true)) || !job_input_has_room(c, 1)) {
        return;
    }
    uuid7_new(ran.job_id);
    (void)g_snprintf(location, sizeof(location), API_BASE "/background-jobs/%s", ran.job_id);
    key.location = location;
    if (schedule_run(c->db, &call, c->conf->consumer.dispatch_grace_ms, kept, &ran, &e)) {
        answer_run(c, kept, &ran);
    } else {
        fail_to_run(c, kept, &e);
    }
}

void api_schedules_preview(struct call *c)
{
    const char *cron = json_string_value(json_object_get(c->body, "cron"));
    const char *zone = json_string_value(json_object_get(c->body, "timezone"));
    json_auto_t *list = json_pack(
        "{s:o}", "next_firings",
        schedule_next_firings(cron, zone == NULL ? "UTC" : zone, clock_wall_us(), SCHEDULE_FIRINGS_SHOWN));
    response_json(c->response, 200, list);
}
