/*
 * api_dead_letters.c: jobs that have failed for good: list, read, replay, discard.
 */
#include "api.h"
#include "domain/dead_letters.h"
#include "domain/job_retry.h"
#include "ground/clock.h"

#define LIST_LIMIT_MAX 200
#define LIST_LIMIT_DEFAULT "50"

/* --- list -------------------------------------------------------------------------------------------------------- */

static const char *const causes[] = {"exhausted", "permanent", "unknown_type", "unreadable", "crashed_worker",
                                     "signal",    NULL};

#define QUERY FIELD_INPUT_ONLY | FIELD_NULLABLE
/* clang-format off */
static const struct field list_fields[] = {
    {.name = "job_type", .type = FIELD_STRING, .flags = QUERY | FIELD_ASCII, .min = 1, .max = 64,
     .help = "Only jobs of this type"},
    {.name = "cause", .type = FIELD_ENUM, .flags = QUERY, .choices = causes, .help = "Only those that failed for this"},
    {.name = "created_after", .type = FIELD_TIME, .flags = QUERY, .help = "Only jobs created after this time"},
    {.name = "created_before", .type = FIELD_TIME, .flags = QUERY, .help = "Only jobs created before this time"},
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = LIST_LIMIT_MAX,
     .def = LIST_LIMIT_DEFAULT, .help = "Dead letters on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = QUERY | FIELD_ONE_LINE | FIELD_CURSOR, .min = 1, .max = 200,
     .help = "next_cursor of the page before"},
};
/* clang-format on */

const struct record dead_list_query = {
    .name = "DeadLetterListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "Filters and the page of a list of dead letters",
};

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

void api_dead_list(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *page = NULL;
    const struct dead_filter filter = {
        .organization_id = c->who.org,
        .job_type = text_of(c, "job_type"),
        .cause = text_of(c, "cause"),
        .created_after_us = time_of(c, "created_after"),
        .created_before_us = time_of(c, "created_before"),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = text_of(c, "cursor"),
    };
    if (dead_letters_list(c->db, &filter, &page, &e)) {
        response_json(c->response, 200, page);
    } else if (e.code == ERR_INVALID) {
        struct problems problems CLEANUP(problems_release) = {0};
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, &e);
    }
}

/* --- one --------------------------------------------------------------------------------------------------------- */

void api_dead_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *job = NULL;
    if (dead_letter_get(c->db, c->who.org, c->path_value, &job, &e)) {
        call_note_job(c, c->path_value);
        response_json(c->response, 200, job);
    } else {
        call_fail(c, &e);
    }
}

void api_dead_discard(struct call *c)
{
    struct err e = ERR_INIT;
    enum dead_discard outcome = DEAD_DISCARD_DONE;
    if (!dead_letter_discard(c->db, c->who.org, c->path_value, c->who.sub, c->request->id, &outcome, &e)) {
        call_fail(c, &e);
        return;
    }
    call_note_job(c, c->path_value);
    if (outcome == DEAD_DISCARD_NOT_DEAD) {
        json_auto_t *extra = json_pack("{s:s}", "job_id", c->path_value);
        response_problem_with(c->response, 409, "not_dead", "The job is no dead letter.", extra);
    } else {
        api_answer_job(c, 200, c->path_value);
    }
}
