/*
 * api_jobs.c: background jobs: read, list, cancel. They are created in api_jobs_create.c and api_jobs_bulk.c.
 */
#include <string.h>

#include "api.h"
#include "domain/job.h"
#include "ground/clock.h"
#include "ground/json.h"

#define SKIP_MAX 100000
#define LIST_LIMIT_MAX 200
#define LIST_LIMIT_DEFAULT "50"
#define PAGE_BYTES 65536
#define JOB_BYTES 2048

void api_answer_job(struct call *c, int status, const char *id)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) job = g_string_sized_new(JOB_BYTES);
    if (job_reads_get(c->api->reads, c->db, c->who.org, id, job, &e)) {
        response_json_text(c->response, status, job->str, job->len);
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
    api_answer_job(c, 200, c->path_value);
}

static const char *const statuses[] = {"queued", "processing", "completed", "failed", "cancelled", NULL};

#define QUERY FIELD_INPUT_ONLY | FIELD_NULLABLE
static const struct field list_fields[] = {
    {.name = "status", .type = FIELD_ENUM, .flags = QUERY, .choices = statuses, .help = "Only jobs of this status"},
    {.name = "job_type",
     .type = FIELD_STRING,
     .flags = QUERY | FIELD_ASCII,
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
    api_answer_job(c, outcome == JOB_CANCEL_TOLD ? 202 : 200, c->path_value);
}
