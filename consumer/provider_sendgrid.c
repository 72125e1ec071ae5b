/*
 * provider_sendgrid.c: mail through SendGrid's v3 API (docs: "Mail Send", "v3 Mail Send Errors", "Rate limits").
 *
 *     POST https://api.sendgrid.com/v3/mail/send   Authorization: Bearer <api_key>
 *     202, no body, X-Message-Id
 *
 * The delivery's id goes along as custom_args.delivery_id, which its event webhook repeats, and in Message-ID. Its own
 * tracking of opens and clicks stays off: it would rewrite links whatever the settings say.
 */
#include <stdlib.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/json.h"
#include "provider_http.h"
#include "provider_mail.h"

#define OWN "https://api.sendgrid.com"
#define PATH "/v3/mail/send"
#define RESET_MAX_S 3600

static const struct provider_verdict verdicts[] = {
    {202, 202, NULL, PROVIDER_SENT, 0, ""},
    {200, 200, NULL, PROVIDER_REFUSED, 0, "it found the message valid and did not queue it"},
    {201, 299, NULL, PROVIDER_AMBIGUOUS, 0, "which is none of its answers"},
    {400, 400, NULL, PROVIDER_REFUSED, 0, "it refuses the message"},
    {401, 401, NULL, PROVIDER_PAUSE, 0, "it does not accept the key, or its credits are used up"},
    {403, 403, NULL, PROVIDER_PAUSE, 0, "the key or the sender is not allowed to send"},
    {413, 413, NULL, PROVIDER_REFUSED, 0, "the message is too large"},
    PROVIDER_COMMON_VERDICTS,
};

/* --- the request -------------------------------------------------------------------------------------------------- */

static void add_content(json_t *list, const char *type, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_array_append_new(list, json_pack("{s:s, s:s}", "type", type, "value", text));
    }
}

static json_t *make_mail(const struct provider_message *m, const struct provider_sender *sender)
{
    json_t *content = json_array();
    add_content(content, "text/plain", m->content->text);
    add_content(content, "text/html", m->content->html);
    return json_pack("{s:[{s:[{s:s}], s:{s:s}}], s:{s:s, s:s*}, s:s, s:o, s:o, s:{s:{s:b}, s:{s:b}}}",
                     "personalizations", "to", "email", m->to, "custom_args", "delivery_id", m->id, "from", "email",
                     sender->address, "name", sender->name, "subject", m->content->subject, "content", content,
                     "headers", provider_mail_headers(m, sender), "tracking_settings", "click_tracking", "enable", 0,
                     "open_tracking", "enable", 0);
}

/* --- its answers -------------------------------------------------------------------------------------------------- */

/* It says when a used-up limit is filled again as a time, not as Retry-After. */
static int64_t seconds_until(const char *epoch)
{
    int64_t at_s = g_ascii_strtoll(epoch, NULL, 10);
    int64_t left_s = at_s - clock_wall_us() / US_PER_S;
    return at_s <= 0 ? 0 : CLAMP(left_s, 1, RESET_MAX_S);
}

static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    const json_t *first = json_array_get(json_object_get(body, "errors"), 0);
    said->words = g_strdup(json_string_value(json_object_get(first, "message")));
    if (answer->status == 202 && answer->wanted[0][0] != '\0') {
        said->message_id = g_strdup(answer->wanted[0]);
    }
    if (answer->status == 429 && answer->retry_after_s == 0) {
        said->retry_after_s = seconds_until(answer->wanted[1]);
    }
}

enum provider_outcome provider_sendgrid_send(const struct provider_call *call, const struct provider_message *m,
                                             struct provider_reply *reply)
{
    struct provider_sender sender;
    const char *key = provider_config_text(call, "api_key");
    if (key == NULL) {
        return provider_unusable(reply, "the account has no api_key");
    }
    if (!provider_sender(call, m, &sender, reply)) {
        return PROVIDER_REFUSED;
    }
    g_autofree char *url = provider_url(call, OWN, PATH);
    g_autofree char *bearer = g_strconcat("Authorization: Bearer ", key, NULL);
    const char *const headers[] = {"Content-Type: application/json", "User-Agent: bellman/" BELLMAN_VERSION, bearer,
                                   NULL};
    size_t bytes = 0;
    json_auto_text char *body = provider_body(make_mail(m, &sender), &bytes);
    struct provider_exchange x = {
        .provider = "sendgrid",
        .request = {.url = url,
                    .headers = headers,
                    .body = body,
                    .body_bytes = bytes,
                    .wanted = {"X-Message-Id", "X-RateLimit-Reset"}},
        .verdicts = verdicts,
        .read = read_answer,
    };
    return provider_post(call, &x, reply);
}

/* --- without a message -------------------------------------------------------------------------------------------- */

#define NO_SCOPE "no_mail_send"

static const struct provider_verdict check_verdicts[] = {
    {200, 299, NO_SCOPE, PROVIDER_PAUSE, 0, "the key is not allowed to send mail"},
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    {403, 403, NULL, PROVIDER_PAUSE, 0, "it does not accept the key"},
    PROVIDER_COMMON_VERDICTS,
};

/* {"scopes": ["mail.send", ...]} */
static void read_scopes(const struct http_reply *answer, struct provider_said *said)
{
    if (answer->status >= 300) {
        read_answer(answer, said);
        return;
    }
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    const json_t *scopes = json_object_get(body, "scopes");
    bool may_send = false;
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        may_send = may_send || g_strcmp0(json_string_value(json_array_get(scopes, i)), "mail.send") == 0;
    }
    g_strlcpy(said->code, may_send ? "" : NO_SCOPE, sizeof(said->code));
    said->words = g_strdup(may_send ? "the key may send mail" : "");
}

enum provider_outcome provider_sendgrid_check(const struct provider_call *call, struct provider_reply *reply)
{
    const char *key = provider_config_text(call, "api_key");
    if (key == NULL) {
        return provider_unusable(reply, "the account has no api_key");
    }
    g_autofree char *url = provider_url(call, OWN, "/v3/scopes");
    g_autofree char *bearer = g_strconcat("Authorization: Bearer ", key, NULL);
    const char *const headers[] = {"User-Agent: bellman/" BELLMAN_VERSION, bearer, NULL};
    struct provider_exchange x = {
        .provider = "sendgrid",
        .is_get = true,
        .request = {.url = url, .headers = headers},
        .verdicts = check_verdicts,
        .read = read_scopes,
    };
    return provider_post(call, &x, reply);
}
