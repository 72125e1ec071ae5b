/*
 * api_events.c: POST /notifications/events, and what became of an event.
 */
#include "api.h"
#include "domain/event.h"
#include "domain/job_types.h"
#include "ground/ids.h"
#include "job_input.h"

void api_events_create_check(const struct call *c, struct problems *problems)
{
    event_check(c->body, problems);
}

static struct job_new job_of(const struct call *c, const char *job_id)
{
    const struct job_type *type = job_type_find(EVENT_JOB_TYPE);
    const char *severity = json_string_value(json_object_get(c->body, "severity"));
    bool urgent = g_strcmp0(severity, notify_severity_names[NOTIFY_CRITICAL]) == 0;
    return (struct job_new){
        .id = job_id,
        .organization_id = c->who.org,
        .job_type = EVENT_JOB_TYPE,
        .created_by = c->who.sub,
        .priority = urgent ? 1 : 0,
        .max_retries = EVENT_MAX_RETRIES,
        .timeout_s = type->timeout_s,
        .grace_ms = c->conf->consumer.dispatch_grace_ms,
    };
}

void api_events_create(struct call *c)
{
    struct err e = ERR_INIT;
    char id[UUID_TEXT_BYTES];
    char job_id[UUID_TEXT_BYTES];
    char traceparent[TRACEPARENT_BYTES];
    enum event_insert outcome = EVENT_INSERTED;
    json_auto_t *answer = NULL;
    if (!job_input_has_room(c, 1)) {
        return;
    }
    uuid7_new(id);
    uuid7_new(job_id);
    struct event_new event = {
        .id = id, .organization_id = c->who.org, .created_by = c->who.sub, .body = c->body, .job = job_of(c, job_id)};
    event.job.traceparent = job_input_traceparent(c, traceparent);
    if (!event_create(c->db, &event, &outcome, &answer, &e)) {
        call_fail(c, &e);
        return;
    }
    call_note_job(c, json_string_value(json_object_get(answer, "job_id")));
    if (outcome == EVENT_INSERTED) {
        job_input_publish(c, &event.job, 1);
    }
    response_header(c->response, "Location", API_BASE "/notifications/events/%s",
                    json_string_value(json_object_get(answer, "id")));
    response_json(c->response, outcome == EVENT_INSERTED ? 202 : 200, answer);
}

void api_events_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *event = NULL;
    if (event_get(c->db, c->who.org, c->path_value, &event, &e)) {
        response_json(c->response, 200, event);
    } else {
        call_fail(c, &e);
    }
}

/* What templates of each event may name. */
void api_events_fields(struct call *c)
{
    json_auto_t *events = json_object();
    for (int i = 0; i < NOTIFY_EVENTS; i++) {
        const struct record *record = event_data_record((enum notify_event)i);
        json_t *fields = json_array();
        for (size_t f = 0; f < record->n; f++) {
            json_array_append_new(
                fields, json_pack("{s:s, s:s}", "name", record->fields[f].name, "help", record->fields[f].help));
        }
        json_object_set_new(events, notify_event_names[i], fields);
    }
    json_auto_t *answer = json_pack("{s:O}", "events", events);
    response_json(c->response, 200, answer);
}
