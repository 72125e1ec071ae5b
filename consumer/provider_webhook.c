/*
 * provider_webhook.c: an endpoint of the organization that is told of every event, signed as Standard Webhooks says
 * (domain/webhook_sign.h).
 *
 *     POST <url>                        webhook-id: the delivery's id, on every try the same
 *     {"id": delivery, "event": ..., "severity": ..., "created_at": ..., "data": {...}, "recipients": [...]}
 *
 * 410 means that nobody wants it any more (Standard Webhooks, "Responding to webhooks"); 401 and 403 that it does not
 * know our secret. Either pauses the account. Any other 4xx refuses this one message.
 */
#include <stdlib.h>

#include "domain/webhook_sign.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "provider_http.h"

#define RECEIPT_BYTES 64 /* of a webhook's answer nobody needs more */

static const struct provider_verdict verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    {300, 399, NULL, PROVIDER_REFUSED, 0, "it would lead elsewhere, which is not followed"},
    {401, 401, NULL, PROVIDER_PAUSE, 0, "it does not accept the signature"},
    {403, 403, NULL, PROVIDER_PAUSE, 0, "it does not accept the signature"},
    {404, 405, NULL, PROVIDER_REFUSED, 0, "there is nothing at this address"},
    {409, 409, NULL, PROVIDER_RETRY, 0, "it asks to come again"},
    {410, 410, NULL, PROVIDER_PAUSE, 0, "it is gone"},
    {402, 402, NULL, PROVIDER_REFUSED, 0, "it refuses the message"},
    PROVIDER_COMMON_VERDICTS,
};

static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    if (answer->status < 300) {
        said->words = g_strndup(answer->body, RECEIPT_BYTES);
    }
}

static json_t *member(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static json_t *make_event(const struct provider_message *m)
{
    return json_pack("{s:s, s:O?, s:O?, s:O?, s:O?, s:O*}", "id", m->id, "event", member(m->delivery, "event"),
                     "severity", member(m->delivery, "severity"), "created_at", member(m->delivery, "created_at"),
                     "data", member(m->delivery, "data"), "recipients", member(m->delivery, "recipients"));
}

static char **make_headers(const struct provider_call *call, const struct provider_message *m, const char *body,
                           size_t bytes)
{
    int64_t now_s = clock_wall_us() / US_PER_S;
    g_autofree char *signature = webhook_sign(provider_config_text(call, "secret"),
                                              provider_config_text(call, "previous_secret"), m->id, now_s, body, bytes);
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_ptr_array_add(lines, g_strdup("Content-Type: application/json"));
    g_ptr_array_add(lines, g_strdup("User-Agent: bellman/" BELLMAN_VERSION));
    g_ptr_array_add(lines, g_strconcat("webhook-id: ", m->id, NULL));
    g_ptr_array_add(lines, g_strdup_printf("webhook-timestamp: %" G_GINT64_FORMAT, now_s));
    g_ptr_array_add(lines, g_strconcat("webhook-signature: ", signature, NULL));
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_steal(lines, NULL);
}

/* Without its prefix it is as good as with it. */
static const char *bare(const char *secret)
{
    return secret != NULL && g_str_has_prefix(secret, WEBHOOK_SECRET_PREFIX)
               ? secret + sizeof(WEBHOOK_SECRET_PREFIX) - 1
               : NULL;
}

enum provider_outcome provider_webhook_send(const struct provider_call *call, const struct provider_message *m,
                                            struct provider_reply *reply)
{
    const char *url = provider_config_text(call, "url");
    const char *secret = provider_config_text(call, "secret");
    struct err e = ERR_INIT;
    if (url == NULL || secret == NULL) {
        return provider_unusable(reply, "the account has no url or no secret");
    }
    if (!webhook_secret_check(secret, &e)) {
        return provider_unusable(reply, "the account's secret is none of Standard Webhooks");
    }
    size_t bytes = 0;
    json_auto_text char *body = provider_body(make_event(m), &bytes);
    g_auto(GStrv) headers = make_headers(call, m, body == NULL ? "" : body, bytes);
    struct provider_exchange x = {
        .provider = "webhook",
        .request = {.url = url, .headers = (const char *const *)headers, .body = body, .body_bytes = bytes},
        .verdicts = verdicts,
        .read = read_answer,
        .secrets = {bare(secret), bare(provider_config_text(call, "previous_secret"))},
    };
    return provider_post(call, &x, reply);
}
