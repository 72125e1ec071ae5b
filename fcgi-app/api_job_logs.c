/*
 * api_job_logs.c: the lines that a job's handler wrote.
 */
#include "api.h"
#include "domain/job_log.h"

#define QUERY FIELD_INPUT_ONLY | FIELD_NULLABLE
/* clang-format off */
static const struct field log_query_fields[] = {
    {.name = "attempt", .type = FIELD_INT, .flags = QUERY, .min = 1, .max = INT32_MAX,
     .help = "Only the lines of this attempt"},
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 1000, .def = "200",
     .help = "Lines on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = QUERY | FIELD_ONE_LINE | FIELD_CURSOR, .min = 1, .max = 32,
     .help = "next_cursor of the page before"},
};
/* clang-format on */

const struct record job_log_query = {
    .name = "JobLogQuery",
    .fields = log_query_fields,
    .n = ARRAY_SIZE(log_query_fields),
    .help = "Which lines of a job's log",
};

static void answer_bad_cursor(struct call *c)
{
    struct problems problems CLEANUP(problems_release) = {0};
    problems_add(&problems, "?cursor", "format", "is not a cursor that a log has given");
    response_faults(c->response, &problems);
}

void api_job_logs(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *found = NULL;
    const struct job_log_page page = {
        .organization_id = c->who.org,
        .job_id = c->path_value,
        .attempt = json_integer_value(json_object_get(c->query, "attempt")),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = json_string_value(json_object_get(c->query, "cursor")),
    };
    if (uuid_is_valid(c->path_value)) {
        call_note_job(c, c->path_value);
    }
    if (job_log_list(c->db, &page, &found, &e)) {
        response_json(c->response, 200, found);
    } else if (e.code == ERR_INVALID) {
        answer_bad_cursor(c);
    } else {
        call_fail(c, &e);
    }
}
