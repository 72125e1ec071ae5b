/*
 * api_jobs_bulk.c: POST /background-jobs/bulk: many jobs, all or none.
 */
#include <inttypes.h>
#include <string.h>

#include "api.h"
#include "domain/job.h"
#include "ground/json.h"
#include "idempotent.h"
#include "job_input.h"

/* An entry of the answer, its job type apart. */
#define ENTRY_BYTES 96

struct bulk {
    size_t n;
    struct job_new *jobs;
    struct job_texts *texts;
    char traceparent[TRACEPARENT_BYTES];
    GString *answer;
};

/* --- check ------------------------------------------------------------------------------------------------------- */

static void check_sum(const struct call *c, const json_t *jobs, struct problems *problems)
{
    size_t sum_bytes = 0;
    size_t i = 0;
    json_t *body = NULL;
    json_array_foreach(jobs, i, body)
    {
        sum_bytes += json_dumpb(json_object_get(body, "payload"), NULL, 0, JSON_COMPACT);
    }
    if (sum_bytes > (size_t)c->conf->api.bulk_body_max_bytes) {
        problems_add(problems, "/jobs", "length", "may have at most %" PRId64 " bytes of payload altogether",
                     c->conf->api.bulk_body_max_bytes);
    }
}

void api_jobs_bulk_check(const struct call *c, struct problems *problems)
{
    const json_t *jobs = json_object_get(c->body, "jobs");
    if (json_array_size(jobs) > JOB_BULK_MAX) {
        return; /* the record has said so */
    }
    for (size_t i = 0; i < json_array_size(jobs) && !problems_full(problems); i++) {
        char prefix[32];
        const json_t *body = json_array_get(jobs, i);
        (void)g_snprintf(prefix, sizeof(prefix), "/jobs/%zu", i);
        if (json_is_object(body)) {
            job_input_check(c, body, prefix, problems);
        }
    }
    const int64_t max = c->conf->limits.org_max_queued;
    if (max > 0 && json_array_size(jobs) > (size_t)max) {
        problems_add(problems, "/jobs", "length", "are more than the %" PRId64 " that an organization may queue", max);
    }
    if (c->request->body_bytes > (size_t)c->conf->api.bulk_body_max_bytes / 8) {
        check_sum(c, jobs, problems);
    }
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

/* Written by hand, since it is a third of the time otherwise: ids and names of job types need no escaping. */
static void write_answer(struct bulk *b)
{
    b->answer = g_string_sized_new(b->n * (ENTRY_BYTES + JOB_TYPE_BYTES) + 64);
    g_string_append(b->answer, "{\"jobs\":[");
    for (size_t i = 0; i < b->n; i++) {
        g_string_append(b->answer, i == 0 ? "{\"id\":\"" : ",{\"id\":\"");
        g_string_append(b->answer, b->jobs[i].id);
        g_string_append(b->answer, "\",\"job_type\":\"");
        g_string_append(b->answer, b->jobs[i].job_type);
        g_string_append(b->answer, "\",\"status\":\"queued\"}");
    }
    g_string_append_printf(b->answer, "],\"count\":%zu}", b->n);
}

static void answer_not_unique(struct call *c, const struct job_holder *holders, size_t n)
{
    struct problems problems CLEANUP(problems_release) = {0};
    for (size_t i = 0; i < n && !problems_full(&problems); i++) {
        char pointer[64];
        (void)g_snprintf(pointer, sizeof(pointer), "/jobs/%zu/unique_key", holders[i].index);
        if (holders[i].id[0] == '\0') {
            problems_add(&problems, pointer, "not_unique", "is also that of /jobs/%zu", holders[i].other);
            continue;
        }
        problems_add(&problems, pointer, "not_unique", "is held by another job");
        json_object_set_new(json_array_get(problems.list, json_array_size(problems.list) - 1), "job_id",
                            json_string(holders[i].id));
    }
    json_auto_t *extra = json_pack("{s:O}", "errors", problems.list);
    response_problem_with(c->response, 409, "not_unique", "Some unique_keys are taken, see errors; no job was created.",
                          extra);
}

/* --- insert ------------------------------------------------------------------------------------------------------ */

static void bulk_init(struct call *c, struct bulk *b)
{
    const json_t *bodies = json_object_get(c->body, "jobs");
    const char *traceparent = job_input_traceparent(c, b->traceparent);
    b->n = json_array_size(bodies);
    b->jobs = g_new(struct job_new, b->n);
    b->texts = g_new(struct job_texts, b->n);
    g_autofree const json_t **each = g_new(const json_t *, b->n);
    for (size_t i = 0; i < b->n; i++) {
        each[i] = json_array_get(bodies, i);
    }
    job_input_fill(c, each, b->n, traceparent, b->jobs, b->texts);
    write_answer(b);
}

static void bulk_release(struct bulk *b)
{
    for (size_t i = 0; i < b->n; i++) {
        job_texts_release(&b->texts[i]);
    }
    g_free(b->jobs);
    g_free(b->texts);
    if (b->answer != NULL) {
        g_string_free(b->answer, TRUE);
    }
}

static void insert(struct call *c, const struct bulk *b, const struct idempotency *key)
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_INSERTED;
    size_t holders_n = 0;
    g_autofree struct job_holder *holders = g_new0(struct job_holder, 2 * b->n);
    if (!job_insert_bulk(c->db, b->jobs, b->n, key, &outcome, holders, &holders_n, &e)) {
        call_fail(c, &e);
    } else if (outcome == JOB_INSERTED) {
        job_input_publish(c, b->jobs, b->n);
        response_json_text(c->response, 201, b->answer->str, b->answer->len);
    } else if (outcome == JOB_NOT_UNIQUE) {
        answer_not_unique(c, holders, holders_n);
    } else if (outcome == JOB_KEY_BUSY || !idempotent_answer(c, key, true)) {
        idempotent_answer_busy(c);
    }
}

void api_jobs_bulk(struct call *c)
{
    struct idempotency key;
    CLEANUP(bulk_release) struct bulk bulk = {.n = 0};
    bool has_key = idempotent_key(c, 201, &key);
    if (has_key && idempotent_answer(c, &key, true)) {
        return;
    }
    if (!job_input_has_room(c, json_array_size(json_object_get(c->body, "jobs")))) {
        return;
    }
    bulk_init(c, &bulk);
    key.body = bulk.answer->str;
    insert(c, &bulk, has_key ? &key : NULL);
}
