/*
 * api_jobs.c: background jobs: create, read, list, cancel.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "domain/job.h"
#include "domain/job_types.h"
#include "ground/clock.h"
#include "ground/json.h"

#define SKIP_MAX 100000
#define LIST_LIMIT_MAX 200
#define LIST_LIMIT_DEFAULT "50"
#define PAGE_BYTES 65536
#define KEY_TEXT_BYTES 65 /* SHA-256 in hex */

static void text_cleanup(char **text)
{
    free(*text);
}

static void answer_job(struct call *c, int status, const char *id)
{
    struct err e = ERR_INIT;
    json_auto_t *job = NULL;
    if (job_get(c->db, c->who.org, id, &job, &e)) {
        response_json(c->response, status, job);
    } else {
        call_fail(c, &e);
    }
}

/* --- create ----------------------------------------------------------------------------------------------------- */

static void check_payload(const struct call *c, const struct job_type *type, struct problems *problems)
{
    json_auto_t *empty = json_object();
    const json_t *payload = json_object_get(c->body, "payload");
    char *text CLEANUP(text_cleanup) = payload == NULL ? NULL : json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);
    if (payload != NULL && !json_is_object(payload) && !json_is_null(payload)) {
        return; /* the record has said so */
    }
    if (text != NULL && strlen(text) > (size_t)c->conf->api.payload_max_bytes) {
        problems_add(problems, "/payload", "length", "may have at most %" PRId64 " bytes",
                     c->conf->api.payload_max_bytes);
        return;
    }
    job_payload_check(type, json_is_object(payload) ? payload : empty, "/payload", problems);
}

static bool is_at_fault(const struct problems *problems, const char *pointer)
{
    for (size_t i = 0; i < json_array_size(problems->list); i++) {
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(problems->list, i), "pointer")), pointer) == 0) {
            return true;
        }
    }
    return false;
}

void api_jobs_create_check(const struct call *c, struct problems *problems)
{
    const char *name = json_string_value(json_object_get(c->body, "job_type"));
    const struct job_type *type = name == NULL ? NULL : job_type_find(name);
    if (is_at_fault(problems, "/job_type")) {
        return;
    }
    if (type == NULL) {
        problems_add(problems, "/job_type", "choice", "is not a job type");
    } else if (type->diagnostic && !c->conf->consumer.diagnostics) {
        problems_add(problems, "/job_type", "choice", "is a diagnostic type, which this installation does not allow");
    } else {
        check_payload(c, type, problems);
    }
}

/* The member, or its default by the record when it is absent or null. New reference. */
static json_t *member(const struct call *c, const char *name)
{
    json_t *value = json_object_get(c->body, name);
    return value != NULL && !json_is_null(value) ? json_incref(value)
                                                 : field_default(record_field(&job_create_body, name));
}

static int64_t int_member(const struct call *c, const char *name)
{
    json_auto_t *value = member(c, name);
    return json_integer_value(value);
}

/* A key is the caller's own on this route: its row holds a hash over both. */
static void scope_key(const struct call *c, const char *key, char out[KEY_TEXT_BYTES])
{
    unsigned char hash[32];
    g_autofree char *scoped = g_strconcat(c->route->operation, "\n", c->who.sub, "\n", key, NULL);
    seal_sha256(scoped, strlen(scoped), hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        (void)g_snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}

static int64_t scheduled_us(const struct call *c)
{
    int64_t at_us = 0;
    const char *text = json_string_value(json_object_get(c->body, "scheduled_at"));
    bool is_later = text != NULL && clock_parse_rfc3339(text, &at_us) && at_us > clock_wall_us();
    return is_later ? at_us : 0;
}

static void publish(struct call *c, const struct job_new *job, const char *id)
{
    struct job_ref ref = {.attempt = 0, .lane = lane_of_priority(job->priority)};
    ref.tier = org_load_tier(c->api->load, c->db, job->organization_id, c->conf->limits.backlog_threshold);
    g_strlcpy(ref.id, id, sizeof(ref.id));
    g_strlcpy(ref.job_type, job->job_type, sizeof(ref.job_type));
    g_strlcpy(ref.traceparent, job->traceparent == NULL ? "" : job->traceparent, sizeof(ref.traceparent));
    (void)dispatcher_publish(c->api->dispatcher, &ref);
}

static void answer_not_unique(struct call *c, const char *id)
{
    json_auto_t *extra = json_pack("{s:s}", "job_id", id);
    response_problem_with(c->response, 409, "not_unique", "A queued or processing job holds this unique_key.", extra);
}

static void answer_inserted(struct call *c, const struct job_new *job, enum job_insert outcome, const char *id,
                            const json_t *fresh)
{
    call_note_job(c, id);
    if (outcome == JOB_KEY_REUSED) {
        response_problem(c->response, 422, "idempotency_key_reused",
                         "This Idempotency-Key was used for a request with another body.");
        return;
    }
    if (outcome == JOB_NOT_UNIQUE) {
        answer_not_unique(c, id);
        return;
    }
    if (outcome == JOB_INSERTED) {
        org_load_add(c->api->load, job->organization_id, 1);
    }
    if (outcome == JOB_INSERTED && job->scheduled_wall_us == 0) {
        publish(c, job, id);
    }
    if (outcome == JOB_REPLAYED) {
        response_header(c->response, "Idempotency-Replayed", "true");
    }
    response_header(c->response, "Location", API_BASE "/background-jobs/%s", id);
    if (fresh != NULL) {
        response_json(c->response, 201, fresh);
    } else {
        answer_job(c, 201, id);
    }
}

static void fill_job(const struct call *c, struct job_new *job, const struct job_type *type)
{
    job->organization_id = c->who.org;
    job->job_type = type->name;
    job->created_by = c->who.sub;
    job->priority = int_member(c, "priority");
    job->max_retries = int_member(c, "max_retries");
    job->timeout_s = int_member(c, "timeout_s");
    job->timeout_s = job->timeout_s > 0 ? job->timeout_s : type->timeout_s;
    job->scheduled_wall_us = scheduled_us(c);
    job->unique_key = json_string_value(json_object_get(c->body, "unique_key"));
    job->grace_ms = c->conf->consumer.dispatch_grace_ms;
}

void api_jobs_create(struct call *c)
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_INSERTED;
    char id[UUID_TEXT_BYTES];
    char scoped_key[KEY_TEXT_BYTES];
    char traceparent[TRACEPARENT_BYTES];
    unsigned char body_hash[32];
    const char *key = request_param(c->request, "HTTP_IDEMPOTENCY_KEY");
    const struct job_type *type = job_type_find(json_string_value(json_object_get(c->body, "job_type")));
    json_auto_t *payload = member(c, "payload");
    json_auto_t *fresh = NULL;
    struct job_new job = {.payload = payload};
    if (type == NULL) {
        return; /* api_jobs_create_check has looked */
    }
    fill_job(c, &job, type);
    if (request_traceparent(request_param(c->request, "HTTP_TRACEPARENT"), traceparent)) {
        job.traceparent = traceparent;
    }
    if (key != NULL) {
        char *canonical CLEANUP(text_cleanup) = json_dump_canonical(c->body);
        seal_sha256(canonical, strlen(canonical), body_hash);
        scope_key(c, key, scoped_key);
        job.idempotency_key = scoped_key;
        job.request_sha256 = body_hash;
    }
    if (job_group_insert(c->api->inserts, c->db, &job, &outcome, id, &fresh, &e)) {
        answer_inserted(c, &job, outcome, id, fresh);
    } else {
        call_fail(c, &e);
    }
}

/* --- read and list ---------------------------------------------------------------------------------------------- */

void api_jobs_get(struct call *c)
{
    if (uuid_is_valid(c->path_value)) {
        call_note_job(c, c->path_value);
    }
    answer_job(c, 200, c->path_value);
}

static const char *const statuses[] = {"queued", "processing", "completed", "failed", "cancelled", NULL};

#define QUERY FIELD_INPUT_ONLY | FIELD_NULLABLE
static const struct field list_fields[] = {
    {.name = "status", .type = FIELD_ENUM, .flags = QUERY, .choices = statuses, .help = "Only jobs of this status"},
    {.name = "job_type",
     .type = FIELD_STRING,
     .flags = QUERY | FIELD_ONE_LINE,
     .min = 1,
     .max = 64,
     .help = "Only jobs of this type"},
    {.name = "priority", .type = FIELD_INT, .flags = QUERY, .min = -1, .max = 1, .help = "Only jobs of this priority"},
    {.name = "created_after", .type = FIELD_TIME, .flags = QUERY, .help = "Only jobs created after this time"},
    {.name = "created_before", .type = FIELD_TIME, .flags = QUERY, .help = "Only jobs created before this time"},
    {.name = "skip",
     .type = FIELD_INT,
     .flags = FIELD_INPUT_ONLY,
     .min = 0,
     .max = SKIP_MAX,
     .def = "0",
     .help = "Jobs to pass over; use cursor for deep pages"},
    {.name = "limit",
     .type = FIELD_INT,
     .flags = FIELD_INPUT_ONLY,
     .min = 1,
     .max = LIST_LIMIT_MAX,
     .def = LIST_LIMIT_DEFAULT,
     .help = "Jobs on a page"},
    {.name = "cursor",
     .type = FIELD_STRING,
     .flags = QUERY | FIELD_ONE_LINE | FIELD_CURSOR,
     .min = 1,
     .max = 200,
     .help = "next_cursor of the page before; not together with skip"},
};

const struct record job_list_query = {
    .name = "JobListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "Filters and the page of a list of jobs",
};

void api_jobs_list_check(const struct call *c, struct problems *problems)
{
    if (json_object_get(c->request->query, "skip") != NULL && json_object_get(c->request->query, "cursor") != NULL) {
        problems_add(problems, "?cursor", "conflict", "cannot be used together with skip");
    }
}

static const char *text_of(const struct call *c, const char *name)
{
    return json_string_value(json_object_get(c->query, name));
}

static int64_t time_of(const struct call *c, const char *name)
{
    int64_t at_us = 0;
    const char *text = text_of(c, name);
    return text != NULL && clock_parse_rfc3339(text, &at_us) ? at_us : 0;
}

static void answer_bad_page(struct call *c, bool has_cursor)
{
    struct problems problems CLEANUP(problems_release) = {0};
    if (has_cursor) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
    } else {
        problems_add(&problems, "?skip", "range", "passes over too many jobs for this filter; use cursor");
    }
    response_faults(c->response, &problems);
}

void api_jobs_list(struct call *c)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) page = g_string_sized_new(PAGE_BYTES);
    const json_t *priority = json_object_get(c->query, "priority");
    const struct job_filter filter = {
        .organization_id = c->who.org,
        .status = text_of(c, "status"),
        .job_type = text_of(c, "job_type"),
        .has_priority = json_is_integer(priority),
        .priority = json_integer_value(priority),
        .created_after_us = time_of(c, "created_after"),
        .created_before_us = time_of(c, "created_before"),
        .skip = json_integer_value(json_object_get(c->query, "skip")),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = text_of(c, "cursor"),
    };
    if (job_list_text(c->db, &filter, page, &e)) {
        call_answer_text(c, page->str, page->len);
    } else if (e.code == ERR_INVALID) {
        answer_bad_page(c, filter.cursor != NULL);
    } else {
        call_fail(c, &e);
    }
}

/* --- cancel ----------------------------------------------------------------------------------------------------- */

static void tell_worker(struct call *c, const char *id)
{
    g_autofree char *body = g_strdup_printf("{\"cmd\":\"cancel\",\"job_id\":\"%s\"}", id);
    (void)dispatcher_broadcast(c->api->dispatcher, body);
}

static void answer_finished(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *job = NULL;
    if (!job_get(c->db, c->who.org, c->path_value, &job, &e)) {
        call_fail(c, &e);
        return;
    }
    const char *status = json_string_value(json_object_get(job, "status"));
    json_auto_t *extra = json_pack("{s:s, s:s?}", "job_id", c->path_value, "job_status", status);
    response_problem_with(c->response, 409, "job_finished", "The job has already ended and cannot be cancelled.",
                          extra);
}

void api_jobs_cancel(struct call *c)
{
    struct err e = ERR_INIT;
    enum job_cancel outcome = JOB_CANCEL_DONE;
    if (uuid_is_valid(c->path_value)) {
        call_note_job(c, c->path_value);
    }
    if (!job_cancel(c->db, c->who.org, c->path_value, c->who.sub, c->request->id, &outcome, &e)) {
        call_fail(c, &e);
        return;
    }
    if (outcome == JOB_CANCEL_FINISHED) {
        answer_finished(c);
        return;
    }
    if (outcome == JOB_CANCEL_TOLD) {
        tell_worker(c, c->path_value);
    }
    answer_job(c, outcome == JOB_CANCEL_TOLD ? 202 : 200, c->path_value);
}
