/*
 * handler_http.c: job types whose section has http: the job is posted to that address, signed, and the answer decides.
 *
 *     POST <http>                       webhook-id, webhook-timestamp, webhook-signature (domain/webhook_sign.h),
 *     Content-Type: application/json    Idempotency-Key (the job's id, as webhook-id), traceparent if the job has one
 *
 *     {"job_id": ..., "job_type": ..., "organization_id": ..., "attempt": 1, "created_at": ..., "payload": {...}}
 *
 * 2xx completes the job, and a JSON body becomes its result.
 */
#include <stdlib.h>

#include "domain/webhook_sign.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "handlers.h"

#define RETRY_AFTER_MAX_S INT64_C(86400) /* an endpoint cannot put a job off for longer */
#define SPARE_MS                                                                                        \
    2000 /* the runner tells an attempt to stop when its time is up; this comes after it, should it not \
          */

/* The first row that fits decides. 408, 425 and 429 ask to come again (RFC 9110, 8470, 6585); 409 is what the
 * Idempotency-Key draft (2.7) answers while the first request with a key still runs. */
static const struct {
    int first;
    int last;
    enum job_outcome outcome;
    const char *what;
} verdicts[] = {
    {200, 299, JOB_DONE, ""},
    {300, 399, JOB_PERMANENT, "which would lead elsewhere and is not followed"},
    {408, 409, JOB_RETRY, "which asks to come again"},
    {425, 425, JOB_RETRY, "which asks to come again"},
    {429, 429, JOB_RETRY, "which asks to come again"},
    {400, 499, JOB_PERMANENT, "which refuses the job"},
    {0, INT32_MAX, JOB_RETRY, "which is its own failure"},
};

static size_t find_verdict(int status)
{
    size_t i = 0;
    while (status < verdicts[i].first || status > verdicts[i].last) {
        i++;
    }
    return i;
}

/* The payload goes in as it was stored, so that no number in it is rounded on the way. */
static GString *make_body(const struct job_claim *claim)
{
    char created[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(claim->created_wall_us, created);
    json_auto_t *head = json_pack("{s:s, s:s, s:s, s:I, s:s}", "job_id", claim->id, "job_type", claim->job_type,
                                  "organization_id", claim->organization_id, "attempt", (json_int_t)claim->attempt,
                                  "created_at", created);
    json_auto_text char *text = json_dumps(head, JSON_COMPACT);
    GString *body = g_string_new(text);
    g_string_truncate(body, body->len - 1);
    g_string_append_printf(body, ",\"payload\":%s}", claim->payload);
    return body;
}

static char **make_headers(const struct job_claim *claim, const struct conf_job_type *type, const GString *body)
{
    int64_t now_s = clock_wall_us() / US_PER_S;
    g_autofree char *signature = webhook_sign(type->http_secret, type->http_secret_previous, claim->id, now_s,
                                              body->str, body->len);
    GStrvBuilder *lines = g_strv_builder_new();
    g_strv_builder_add_many(lines, "Content-Type: application/json", "User-Agent: bellman/" BELLMAN_VERSION, NULL);
    g_autofree char *id = g_strconcat("webhook-id: ", claim->id, NULL);
    g_autofree char *key = g_strconcat("Idempotency-Key: ", claim->id, NULL);
    g_autofree char *timestamp = g_strdup_printf("webhook-timestamp: %" G_GINT64_FORMAT, now_s);
    g_autofree char *signed_by = g_strconcat("webhook-signature: ", signature, NULL);
    g_strv_builder_add_many(lines, id, key, timestamp, signed_by, NULL);
    if (claim->traceparent[0] != '\0') {
        g_autofree char *trace = g_strconcat("traceparent: ", claim->traceparent, NULL);
        g_strv_builder_add(lines, trace);
    }
    char **made = g_strv_builder_end(lines);
    g_strv_builder_unref(lines);
    return made;
}

static void take_result(struct job_context *ctx, const struct http_reply *reply)
{
    struct err ignored = ERR_INIT;
    ctx->result = reply->body_bytes == 0 ? NULL : json_parse_limited(reply->body, reply->body_bytes, &ignored);
}

static enum job_outcome judge_answer(struct job_context *ctx, const struct http_reply *reply)
{
    size_t verdict = find_verdict(reply->status);
    if (verdicts[verdict].outcome != JOB_DONE) {
        ctx->retry_after_ms = MIN(reply->retry_after_s, RETRY_AFTER_MAX_S) * MS_PER_S;
        return job_error(ctx, verdicts[verdict].outcome, "the endpoint answered %d, %s%s%s", reply->status,
                         verdicts[verdict].what, reply->text[0] == '\0' ? "" : ": ", reply->text);
    }
    if (reply->is_cut) {
        return job_error(ctx, JOB_PERMANENT, "the endpoint answered %d, and more than %d bytes", reply->status,
                         HTTP_BODY_MAX_BYTES);
    }
    take_result(ctx, reply);
    return JOB_DONE;
}

static enum job_outcome judge(struct job_context *ctx, enum http_outcome outcome, const struct http_reply *reply)
{
    switch (outcome) {
    case HTTP_ANSWERED:
        return judge_answer(ctx, reply);
    case HTTP_STOPPED:
        return job_error(ctx, JOB_STOPPED, "the request was broken off; whether it had an effect is unknown");
    case HTTP_FORBIDDEN:
        return job_error(ctx, JOB_PERMANENT, "nothing was sent: %s", reply->text);
    case HTTP_NO_ANSWER:
        break;
    }
    return job_error(ctx, JOB_RETRY, "the endpoint gave no answer: %s", reply->text);
}

enum job_outcome handler_http(struct job_context *ctx)
{
    const struct conf_job_type *type = ctx->type->conf;
    GString *body = make_body(ctx->claim);
    g_auto(GStrv) headers = make_headers(ctx->claim, type, body);
    const struct http_request request = {
        .url = type->http,
        .headers = (const char *const *)headers,
        .body = body->str,
        .body_bytes = body->len,
        .timeout_ms = ctx->claim->timeout_s * MS_PER_S + SPARE_MS,
        .connect_timeout_ms = ctx->conf->egress.connect_timeout_s * MS_PER_S,
        .ca_file = type->http_ca_file,
        .allow_private = ctx->conf->egress.allow_private,
    };
    struct http_reply reply = {0};
    enum job_outcome outcome = judge(ctx, http_post(ctx->http, &request, &ctx->stop, &reply), &reply);
    http_reply_release(&reply);
    g_string_free(body, TRUE);
    return outcome;
}
