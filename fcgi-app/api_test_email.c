/*
 * api_test_email.c: a test mail takes the way of every mail: row, queue, worker, provider. The request waits for its
 * end, and only a few may wait at one time: the other threads stay free for other calls.
 */
#include <string.h>
#include <time.h>

#include "api.h"
#include "domain/job.h"
#include "domain/job_types.h"
#include "ground/clock.h"

#define JOB_TYPE_NAME "email.send"
#define POLL_FIRST_MS 20
#define POLL_LAST_MS 200

static const struct field body_fields[] = {
    {.name = "email",
     .type = FIELD_EMAIL,
     .flags = FIELD_REQUIRED | FIELD_INPUT_ONLY,
     .max = 254,
     .help = "Where the test mail goes"},
};

const struct record test_email_body = {
    .name = "TestEmailRequest",
    .fields = body_fields,
    .n = ARRAY_SIZE(body_fields),
    .help = "Who gets the test mail",
};

static bool insert(struct call *c, char ret_id[UUID_TEXT_BYTES])
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_INSERTED;
    const struct job_type *type = job_type_find(JOB_TYPE_NAME);
    const char *to = json_string_value(json_object_get(c->body, "email"));
    json_auto_t *payload = json_pack("{s:s, s:s, s:s}", "to", to, "subject", "Test mail from Bellman", "text",
                                     "This is the test mail that was asked for on the notification settings page.\n"
                                     "Since you can read it, mail from this organization is delivered.\n");
    const struct job_new job = {
        .organization_id = c->who.org,
        .job_type = JOB_TYPE_NAME,
        .created_by = c->who.sub,
        .payload = payload,
        .priority = 1,
        .max_retries = 0,
        .timeout_s = type == NULL ? 60 : type->timeout_s,
        .grace_ms = c->conf->consumer.dispatch_grace_ms,
    };
    if (!job_insert(c->db, &job, NULL, &outcome, ret_id, NULL, &e)) {
        call_fail(c, &e);
        return false;
    }
    struct job_ref ref = {.attempt = 0, .lane = LANE_HIGH, .job_type = JOB_TYPE_NAME, .flow = job_flow(c->who.org)};
    g_strlcpy(ref.id, ret_id, sizeof(ref.id));
    (void)dispatcher_publish(c->api->dispatcher, &ref);
    return true;
}

static bool is_final(const json_t *job)
{
    enum job_status status = JOB_QUEUED;
    const char *name = json_string_value(json_object_get(job, "status"));
    return name != NULL && job_status_parse(name, &status) && job_status_is_final(status);
}

static void pause_ms(int64_t ms)
{
    const struct timespec t = {.tv_sec = (time_t)(ms / MS_PER_S), .tv_nsec = (long)(ms % MS_PER_S * 1000000)};
    (void)nanosleep(&t, NULL);
}

/* The job when it has ended or the time is over; NULL when the database failed. */
static json_t *wait_for_end(struct call *c, const char *id, struct err *e)
{
    int64_t end_us = clock_mono_us() + c->conf->api.test_email_wait_ms * US_PER_MS;
    int64_t pause = POLL_FIRST_MS;
    for (;;) {
        json_t *job = NULL;
        pause_ms(pause);
        if (!job_get(c->db, c->who.org, id, &job, e)) {
            return NULL;
        }
        if (is_final(job) || clock_mono_us() >= end_us || atomic_load(&c->api->stopping)) {
            return job;
        }
        json_decref(job);
        pause = MIN(pause * 2, POLL_LAST_MS);
    }
}

/* What the provider said, as the job's result has it. */
static const char *words_of(const json_t *job)
{
    static const char *const members[] = {"message", "reply", "text"};
    const json_t *result = json_object_get(job, "result");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const char *words = json_string_value(json_object_get(result, members[i]));
        if (words != NULL && words[0] != '\0') {
            return words;
        }
    }
    return "The provider took the mail.";
}

static json_t *describe(const json_t *job, const char *id)
{
    const char *status = json_string_value(json_object_get(job, "status"));
    const char *error = json_string_value(json_object_get(job, "error_message"));
    if (status != NULL && strcmp(status, "completed") == 0) {
        return json_pack("{s:b, s:s, s:s}", "success", 1, "job_id", id, "message", words_of(job));
    }
    if (is_final(job)) {
        return json_pack("{s:b, s:s, s:s}", "success", 0, "job_id", id, "error",
                         error != NULL ? error : "The mail was not sent.");
    }
    return json_pack("{s:b, s:s, s:s}", "success", 0, "job_id", id, "error",
                     status != NULL && strcmp(status, "processing") == 0
                         ? "The provider has not answered yet; the job goes on and its page shows the outcome."
                         : "The mail still waits in the queue; the job goes on and its page shows the outcome.");
}

static void send_and_wait(struct call *c)
{
    struct err e = ERR_INIT;
    char id[UUID_TEXT_BYTES];
    if (!insert(c, id)) {
        return;
    }
    call_note_job(c, id);
    json_auto_t *job = wait_for_end(c, id, &e);
    if (job == NULL) {
        call_fail(c, &e);
        return;
    }
    json_auto_t *answer = describe(job, id);
    response_json(c->response, 200, answer);
}

void api_test_email(struct call *c)
{
    if (atomic_fetch_add(&c->api->test_waiters, 1) < (int)c->conf->api.test_email_waiters) {
        send_and_wait(c);
    } else {
        response_header(c->response, "Retry-After", "5");
        response_problem(c->response, 503, "busy", "Too many test mails are waited for at this moment.");
    }
    atomic_fetch_sub(&c->api->test_waiters, 1);
}
