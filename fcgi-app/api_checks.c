/*
 * api_checks.c: the test buttons. A test message takes the way of every message: row, queue, worker, provider. The
 * request waits for its end, and only a few may wait at one time: the other threads stay free for other calls.
 *
 * What is tried out may be a change that is not saved yet: it is laid over the organization's own account (never over
 * the deployment's, whose secrets are not an organization's to send anywhere) and goes sealed with the job.
 */
#include <string.h>
#include <time.h>

#include "api.h"
#include "domain/job.h"
#include "domain/job_types.h"
#include "domain/notify_check.h"
#include "domain/provider_account.h"
#include "domain/settings.h"
#include "ground/clock.h"

#define POLL_FIRST_MS 20
#define POLL_LAST_MS 200
#define CONFIG_BYTES_MAX 16384

/* clang-format off */
#define CONFIG                                                                                                         \
    {.name = "config", .type = FIELD_OBJECT, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE, .max = CONFIG_BYTES_MAX,      \
     .help = "Tried out without being saved, over what the organization's account has; secrets that are absent or "    \
             "masked are those that are stored"}
#define PROVIDER(text)                                                                                                 \
    {.name = "provider", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,  \
     .max = 16, .help = text}

static const struct field email_fields[] = {
    {.name = "email", .type = FIELD_EMAIL, .flags = FIELD_REQUIRED | FIELD_INPUT_ONLY, .max = 254,
     .help = "Where the test mail goes"},
    PROVIDER("Which one; null: the one of the settings (email_provider)"),
    CONFIG,
};
static const struct field sms_fields[] = {
    {.name = "phone", .type = FIELD_PHONE, .flags = FIELD_REQUIRED | FIELD_INPUT_ONLY,
     .help = "Where the test message goes"},
    PROVIDER("Which one; null: the one of the settings (sms_provider)"),
    CONFIG,
};
static const struct field slack_fields[] = {
    {.name = "slack_webhook_url", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE,
     .min = 1, .max = 255, .help = "Tried out without being saved; null, absent or masked: the one of the settings"},
    {.name = "slack_channel", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE,
     .min = 1, .max = 80, .help = "Where it is shown; null: as the settings say"},
    CONFIG,
};
static const struct field webhook_fields[] = {
    CONFIG,
};
static const struct field check_fields[] = {
    {.name = "to", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,
     .max = 254, .help = "Address or number of a test message; without it nothing is sent where that can be asked"},
    CONFIG,
};

#define BODY(symbol, component, list, text)                                                                            \
    const struct record symbol = {.name = component, .fields = list, .n = ARRAY_SIZE(list), .help = text}
BODY(test_email_body, "TestEmailRequest", email_fields, "Who gets the test mail");
BODY(test_sms_body, "TestSmsRequest", sms_fields, "Who gets the test message");
BODY(test_slack_body, "TestSlackRequest", slack_fields, "What is tried out");
BODY(test_webhook_body, "TestWebhookRequest", webhook_fields, "What is tried out");
BODY(provider_check_body, "ProviderCheckRequest", check_fields, "What is tried out");
/* clang-format on */

struct check {
    const struct provider_kind *kind;
    const char *to; /* NULL: none */
    bool is_login;
    json_t *change; /* NULL: the stored account; owned */
    char job_id[UUID_TEXT_BYTES];
};

static const char *text(const struct call *c, const char *name)
{
    return json_string_value(json_object_get(c->body, name));
}

/* --- the change --------------------------------------------------------------------------------------------------- */

static json_t *without_masks(const struct provider_kind *kind, const json_t *config)
{
    json_t *plain = json_copy((json_t *)(uintptr_t)config);
    for (size_t i = 0; i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        const char *value = json_string_value(json_object_get(config, field->name));
        if ((field->flags & FIELD_SECRET) != 0 && g_strcmp0(value, FIELD_MASK) == 0) {
            json_object_del(plain, field->name);
        }
    }
    return plain;
}

/* The organization's own account with the change laid over it. False: answered. */
static bool merge_config(struct call *c, struct check *check, json_t **ret)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *stored = NULL;
    json_auto_t *wanted = without_masks(check->kind, json_object_get(c->body, "config"));
    record_check(check->kind->config, wanted, "/config", &problems);
    if (!problems_any(&problems)) {
        if (!provider_account_own_config(c->db, c->api->seal, c->who.org, check->kind, &stored, &e) &&
            e.code != ERR_NOT_FOUND) {
            call_fail(c, &e);
            return false;
        }
        *ret = provider_config_merge(check->kind, stored, wanted);
        provider_config_check(check->kind, *ret, c->conf->egress.allow_private, "/config", &problems);
    }
    if (problems_any(&problems)) {
        response_faults(c->response, &problems);
    }
    return !problems_any(&problems);
}

/* What the settings would be for the try. */
static json_t *settings_of(const struct call *c)
{
    static const char *const names[] = {"slack_webhook_url", "slack_channel"};
    json_t *settings = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = text(c, names[i]);
        if (value != NULL) {
            json_object_set_new(settings, names[i], json_string(value));
        }
    }
    return settings;
}

/* False: answered. */
static bool make_change(struct call *c, struct check *check)
{
    json_auto_t *config = NULL;
    json_auto_t *settings = settings_of(c);
    bool has_config = json_is_object(json_object_get(c->body, "config"));
    if (has_config && !merge_config(c, check, &config)) {
        return false;
    }
    if (has_config || json_object_size(settings) > 0) {
        check->change = json_pack("{s:O?, s:O}", "config", config, "settings", settings);
    }
    return true;
}

/* --- the job ------------------------------------------------------------------------------------------------------ */

static json_t *make_payload(struct call *c, const struct check *check, struct err *e)
{
    json_t *payload = json_pack("{s:s, s:s?, s:b}", "provider", check->kind->name, "to", check->to, "login",
                                check->is_login);
    if (check->change != NULL) {
        char *sealed = notify_check_seal(c->api->seal, c->who.org, check->job_id, check->change, e);
        if (sealed == NULL) {
            json_decref(payload);
            return NULL;
        }
        json_object_set_new(payload, "sealed", json_string(sealed));
        seal_text_free(sealed);
    }
    return payload;
}

static bool insert(struct call *c, struct check *check)
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_INSERTED;
    const struct job_type *type = job_type_find(NOTIFY_CHECK_JOB_TYPE);
    char id[UUID_TEXT_BYTES];
    uuid7_new(check->job_id);
    json_auto_t *payload = make_payload(c, check, &e);
    const struct job_new job = {
        .id = check->job_id,
        .organization_id = c->who.org,
        .job_type = NOTIFY_CHECK_JOB_TYPE,
        .created_by = c->who.sub,
        .payload = payload,
        .priority = 1,
        .max_retries = 0,
        .timeout_s = type->timeout_s,
        .grace_ms = c->conf->consumer.dispatch_grace_ms,
    };
    if (payload == NULL || !job_insert(c->db, &job, NULL, &outcome, id, NULL, &e)) {
        call_fail(c, &e);
        return false;
    }
    struct job_ref ref = {
        .attempt = 0, .lane = LANE_HIGH, .job_type = NOTIFY_CHECK_JOB_TYPE, .flow = job_flow(c->who.org)};
    g_strlcpy(ref.id, check->job_id, sizeof(ref.id));
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

/* --- the answer --------------------------------------------------------------------------------------------------- */

static const char *words_of(const json_t *job)
{
    const char *words = json_string_value(json_object_get(json_object_get(job, "result"), "reply"));
    return words != NULL && words[0] != '\0' ? words : "The provider takes it.";
}

static const char *error_of(const json_t *job)
{
    const char *status = json_string_value(json_object_get(job, "status"));
    const char *error = json_string_value(json_object_get(job, "error_message"));
    if (is_final(job)) {
        return error != NULL ? error : "Nothing was sent.";
    }
    return status != NULL && strcmp(status, "processing") == 0
               ? "The provider has not answered yet; the job goes on and its page shows the outcome."
               : "The job still waits in the queue; it goes on and its page shows the outcome.";
}

static json_t *describe(const json_t *job, const char *id)
{
    const char *status = json_string_value(json_object_get(job, "status"));
    bool success = status != NULL && strcmp(status, "completed") == 0;
    json_t *stages = json_object_get(json_object_get(job, "result"), "stages");
    return json_pack("{s:b, s:s, s:s, s:o}", "success", success, "job_id", id, success ? "message" : "error",
                     success ? words_of(job) : error_of(job), "stages",
                     stages != NULL ? json_incref(stages) : json_array());
}

static void send_and_wait(struct call *c, struct check *check)
{
    struct err e = ERR_INIT;
    if (!make_change(c, check) || !insert(c, check)) {
        return;
    }
    call_note_job(c, check->job_id);
    json_auto_t *job = wait_for_end(c, check->job_id, &e);
    if (job == NULL) {
        call_fail(c, &e);
        return;
    }
    json_auto_t *answer = describe(job, check->job_id);
    response_json(c->response, 200, answer);
}

static void run(struct call *c, struct check *check)
{
    if (atomic_fetch_add(&c->api->test_waiters, 1) < (int)c->conf->api.test_email_waiters) {
        send_and_wait(c, check);
    } else {
        response_header(c->response, "Retry-After", "5");
        response_problem(c->response, 503, "busy", "Too many test messages are waited for at this moment.");
    }
    atomic_fetch_sub(&c->api->test_waiters, 1);
    json_decref(check->change);
}

static void refuse(struct call *c, const char *pointer, const char *code, const char *detail)
{
    struct problems problems CLEANUP(problems_release) = {0};
    problems_add(&problems, pointer, code, "%s", detail);
    response_faults(c->response, &problems);
}

/* The provider that the body names, else the settings'. NULL: answered. */
static const struct provider_kind *choose(struct call *c, enum notify_channel channel)
{
    struct err e = ERR_INIT;
    json_auto_t *settings = NULL;
    int64_t version = 0;
    const char *name = text(c, "provider");
    if (name == NULL && !settings_get(c->db, c->who.org, c->who.sub, &settings, &version, &e)) {
        call_fail(c, &e);
        return NULL;
    }
    const struct provider_kind *kind = provider_kind_find(name != NULL ? name
                                                                       : provider_of_settings(settings, channel));
    if (kind == NULL || kind->channel != channel) {
        refuse(c, "/provider", "choice", "must be a provider of this channel");
        return NULL;
    }
    return kind;
}

static void test(struct call *c, enum notify_channel channel, const char *member)
{
    struct check check = {.to = text(c, member)};
    check.kind = choose(c, channel);
    if (check.kind != NULL) {
        run(c, &check);
    }
}

void api_test_email(struct call *c)
{
    test(c, NOTIFY_EMAIL, "email");
}

void api_test_sms(struct call *c)
{
    test(c, NOTIFY_SMS, "phone");
}

void api_test_slack(struct call *c)
{
    struct check check = {.kind = provider_kind_find("slack"), .to = text(c, "slack_channel")};
    const char *url = text(c, "slack_webhook_url");
    if (g_strcmp0(url, FIELD_MASK) == 0) {
        json_object_del(c->body, "slack_webhook_url");
    } else if (url != NULL && !format_is_slack_url(url)) {
        refuse(c, "/slack_webhook_url", "format", "must begin with https://hooks.slack.com/services/");
        return;
    }
    run(c, &check);
}

void api_test_webhook(struct call *c)
{
    struct check check = {.kind = provider_kind_find("webhook")};
    run(c, &check);
}

static bool is_address(enum notify_channel channel, const char *to)
{
    return channel == NOTIFY_EMAIL ? format_is_email(to) : channel != NOTIFY_SMS || format_is_phone(to);
}

void api_providers_check(struct call *c)
{
    const char *to = text(c, "to");
    struct check check = {.kind = provider_kind_find(c->path_value), .to = to, .is_login = to == NULL};
    if (check.kind == NULL) {
        response_problem(c->response, 404, "not_found", "There is no such provider.");
    } else if (to != NULL && !is_address(check.kind->channel, to)) {
        refuse(c, "/to", "format", "must be an address or number of the provider's channel");
    } else {
        run(c, &check);
    }
}
