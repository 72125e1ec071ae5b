/*
 * api_jobs_create.c: POST /background-jobs.
 */
#include <glib.h>
#include <string.h>

#include "api.h"
#include "domain/job.h"
#include "ground/json.h"
#include "idempotent.h"
#include "job_input.h"

void api_jobs_create_check(const struct call *c, struct problems *problems)
{
    job_input_check(c, c->body, "", problems);
}

static void answer_not_unique(struct call *c, const char *holder_id)
{
    json_auto_t *extra = json_pack("{s:s}", "job_id", holder_id);
    response_problem_with(c->response, 409, "not_unique", "Another job holds this unique_key.", extra);
}

static void answer_inserted(struct call *c, const struct job_new *job, const struct idempotency *key, int status,
                            const char *fresh)
{
    job_input_publish(c, job, 1);
    if (fresh == NULL && key != NULL && idempotent_answer(c, key, false)) {
        return; /* the commit's outcome had to be looked up: what was kept is the answer */
    }
    response_header(c->response, "Location", API_BASE "/background-jobs/%s", job->id);
    if (fresh != NULL) {
        response_json_text(c->response, status, fresh, strlen(fresh));
    } else {
        api_answer_job(c, status, job->id);
    }
}

void job_input_create(struct call *c, const struct job_new *job, const struct idempotency *key, int status)
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_INSERTED;
    char id[UUID_TEXT_BYTES];
    g_autofree char *fresh = NULL;
    if (!job_group_insert(c->api->inserts, c->db, job, key, &outcome, id, &fresh, &e)) {
        call_fail(c, &e);
        return;
    }
    if (outcome == JOB_INSERTED) {
        call_note_job(c, id);
        answer_inserted(c, job, key, status, fresh);
    } else if (outcome == JOB_NOT_UNIQUE) {
        call_note_job(c, id);
        answer_not_unique(c, id);
    } else if (outcome == JOB_KEY_BUSY || !idempotent_answer(c, key, true)) {
        idempotent_answer_busy(c);
    }
}

void api_jobs_create(struct call *c)
{
    struct idempotency key;
    struct job_new job;
    CLEANUP(job_texts_release) struct job_texts texts = {.payload = NULL};
    char traceparent[TRACEPARENT_BYTES];
    char location[JOB_LOCATION_BYTES];
    bool has_key = idempotent_key(c, 201, &key);
    if (has_key && idempotent_answer(c, &key, true)) {
        return;
    }
    if (!job_input_has_room(c, 1)) {
        return;
    }
    const json_t *body = c->body;
    job_input_fill(c, &body, 1, job_input_traceparent(c, traceparent), &job, &texts);
    (void)g_snprintf(location, sizeof(location), API_BASE "/background-jobs/%s", job.id);
    key.location = location;
    job_input_create(c, &job, has_key ? &key : NULL, 201);
}
