/*
 * api_operations.c: failed and cancelled jobs run again, one by one; and operations on many jobs, which are jobs
 * themselves.
 */
#include "api.h"
#include "domain/job_retry.h"
#include "domain/job_sweep.h"
#include "idempotent.h"
#include "job_input.h"

/* --- one --------------------------------------------------------------------------------------------------------- */

static void answer_refused(struct call *c, enum job_retry_result result, const char *holder, enum job_status status)
{
    static const struct {
        const char *code;
        const char *detail;
    } texts[] = {
        [JOB_RETRY_NOT_ENDED] = {"not_ended", "Only a failed or cancelled job can be run again."},
        [JOB_RETRY_NOT_DEAD] = {"not_dead", "The job is no dead letter."},
        [JOB_RETRY_NOT_UNIQUE] = {"not_unique", "Another job holds its unique_key by now."},
    };
    bool is_held = result == JOB_RETRY_NOT_UNIQUE;
    json_auto_t *extra = json_pack("{s:s, s:s*}", "job_id", is_held ? holder : c->path_value, "job_status",
                                   is_held ? NULL : job_status_name(status));
    response_problem_with(c->response, 409, texts[result].code, texts[result].detail, extra);
}

static void retry_one(struct call *c, const char *action, bool only_dead)
{
    struct err e = ERR_INIT;
    enum job_retry_result result = JOB_RETRY_DONE;
    enum job_status status = JOB_STATUSES;
    struct job_ref ref = {.attempt = 0};
    const struct job_retry retry = {
        .organization_id = c->who.org,
        .id = c->path_value,
        .user = c->who.sub,
        .request_id = c->request->id,
        .action = action,
        .only_dead = only_dead,
        .grace_ms = c->conf->consumer.dispatch_grace_ms,
    };
    if (!job_retry(c->db, &retry, &result, &ref, &status, &e)) {
        call_fail(c, &e);
        return;
    }
    call_note_job(c, c->path_value);
    if (result != JOB_RETRY_DONE) {
        answer_refused(c, result, ref.id, status);
        return;
    }
    const struct org_kind kind = {c->who.org, ref.job_type, lane_priority(ref.lane)};
    org_load_add(c->api->load, &kind, 1);
    job_ref_place(&ref, c->db, &(struct job_tiers){c->api->load, c->conf->limits.backlog_threshold}, c->who.org);
    (void)dispatcher_publish(c->api->dispatcher, &ref);
    api_answer_job(c, 200, c->path_value);
}

void api_jobs_retry(struct call *c)
{
    retry_one(c, "job.retry", false);
}

void api_dead_replay(struct call *c)
{
    retry_one(c, "dead_letter.replay", true);
}

/* --- many -------------------------------------------------------------------------------------------------------- */

void api_operation_check(const struct call *c, struct problems *problems)
{
    if (!problems_any(problems)) {
        job_sweep_check(c->body, "", problems);
    }
}

/* The filter without what says nothing, as the operation's payload shows it. New reference. */
static json_t *filter_of(const json_t *body)
{
    json_t *filter = json_object();
    json_auto_t *copy = json_deep_copy(body);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(copy, name, value)
    {
        if (!json_is_null(value) && !json_is_false(value)) {
            json_object_set(filter, name, value);
        }
    }
    return filter;
}

static void create_operation(struct call *c, enum job_sweep_kind kind)
{
    struct idempotency key;
    char id[UUID_TEXT_BYTES];
    char location[JOB_LOCATION_BYTES];
    char traceparent[TRACEPARENT_BYTES];
    json_auto_t *payload = filter_of(c->body);
    bool has_key = idempotent_key(c, 202, &key);
    if (has_key && idempotent_answer(c, &key, true)) {
        return;
    }
    uuid7_new(id);
    (void)g_snprintf(location, sizeof(location), API_BASE "/background-jobs/%s", id);
    key.location = location;
    struct job_new job = job_sweep_new_job(kind);
    job.id = id;
    job.organization_id = c->who.org;
    job.created_by = c->who.sub;
    job.payload = payload;
    job.traceparent = job_input_traceparent(c, traceparent);
    job.grace_ms = c->conf->consumer.dispatch_grace_ms;
    job_input_create(c, &job, has_key ? &key : NULL, 202);
}

void api_jobs_cancel_many(struct call *c)
{
    create_operation(c, JOB_SWEEP_CANCEL);
}

void api_jobs_retry_many(struct call *c)
{
    create_operation(c, JOB_SWEEP_RETRY);
}

void api_dead_replay_many(struct call *c)
{
    create_operation(c, JOB_SWEEP_REPLAY);
}
