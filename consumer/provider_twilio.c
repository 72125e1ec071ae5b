/*
 * provider_twilio.c: text messages through Twilio (REST API 2010-04-01, "Create a Message resource"; "Error and Warning
 * Dictionary").
 *
 *     POST https://api.twilio.com/2010-04-01/Accounts/<sid>/Messages.json    a form, HTTP Basic <sid>:<auth_token>
 *     201 {"sid": ..., "status": "queued"}          4xx, 5xx {"code": 21211, "message": ..., "status": 400}
 *
 * Twilio knows no idempotency key. The delivery's id goes along in the address of the status callback, so that a
 * message whose answer was lost is recognized when Twilio tells of it.
 */
#include <stdio.h>
#include <string.h>

#include "ground/json.h"
#include "provider_http.h"

#define OWN "https://api.twilio.com"
#define QUEUE_FULL_S 60 /* a number sends one message a second, and has four hours' worth of them waiting */
#define DAY_LIMIT_S 3600
#define NO_LOGIN "the account has no account_sid or no auth_token"

/* Twilio gives new, finer codes from time to time; what is not here goes by its status. */
static const struct provider_verdict verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},

    {400, 599, "14107", PROVIDER_RETRY, 1, "too many at once"},
    {400, 599, "20429", PROVIDER_RETRY, 1, "too many at once"},
    {400, 599, "30001", PROVIDER_RETRY, QUEUE_FULL_S, "the number's queue is full"},
    {400, 599, "21611", PROVIDER_RETRY, QUEUE_FULL_S, "the number's queue is full"},
    {400, 599, "63038", PROVIDER_RETRY, DAY_LIMIT_S, "the account has sent what it may in a day"},

    {400, 499, "20003", PROVIDER_PAUSE, 0, "it does not accept the credentials"},
    {400, 499, "20005", PROVIDER_PAUSE, 0, "the account is not active"},
    {400, 499, "20008", PROVIDER_PAUSE, 0, "these are credentials for tests"},
    {400, 499, "20403", PROVIDER_PAUSE, 0, "it does not let the account do this"},
    {400, 499, "20404", PROVIDER_PAUSE, 0, "there is no such account"},
    {400, 499, "30002", PROVIDER_PAUSE, 0, "the account is suspended"},
    {400, 499, "21212", PROVIDER_PAUSE, 0, "the sender's number is not valid"},
    {400, 499, "21267", PROVIDER_PAUSE, 0, "a trial account has no named senders"},
    {400, 499, "21603", PROVIDER_PAUSE, 0, "there is no sender"},
    {400, 499, "21606", PROVIDER_PAUSE, 0, "the sender's number cannot send text messages"},
    {400, 499, "21609", PROVIDER_PAUSE, 0, "it does not accept the address for status callbacks"},
    {400, 499, "21659", PROVIDER_PAUSE, 0, "the sender's number is not one of Twilio's"},
    {400, 499, "21660", PROVIDER_PAUSE, 0, "the sender's number belongs to another account"},
    {400, 499, "21661", PROVIDER_PAUSE, 0, "the sender's number cannot send text messages"},
    {400, 499, "21701", PROVIDER_PAUSE, 0, "there is no such messaging service"},
    {400, 499, "21703", PROVIDER_PAUSE, 0, "the messaging service has no numbers"},
    {400, 499, "21704", PROVIDER_PAUSE, 0, "the messaging service has no numbers"},
    {400, 499, "21705", PROVIDER_PAUSE, 0, "the messaging service is not valid"},

    {400, 499, "21211", PROVIDER_REFUSED, 0, "the recipient's number is not valid"},
    {400, 499, "21265", PROVIDER_REFUSED, 0, "the recipient's number is a short code"},
    {400, 499, "21266", PROVIDER_REFUSED, 0, "the recipient's number is the sender's"},
    {400, 499, "21408", PROVIDER_REFUSED, 0, "the account may not send to this country"},
    {400, 499, "21602", PROVIDER_REFUSED, 0, "the message is empty"},
    {400, 499, "21604", PROVIDER_REFUSED, 0, "there is no recipient"},
    {400, 499, "21608", PROVIDER_REFUSED, 0, "a trial account may send to verified numbers only"},
    {400, 499, "21610", PROVIDER_REFUSED, 0, "the recipient wants no messages"},
    {400, 499, "21612", PROVIDER_REFUSED, 0, "the sender cannot reach the recipient"},
    {400, 499, "21614", PROVIDER_REFUSED, 0, "the recipient's number is no mobile number"},
    {400, 499, "21617", PROVIDER_REFUSED, 0, "the message is too long"},
    {400, 499, "21635", PROVIDER_REFUSED, 0, "the recipient's number is a landline"},
    PROVIDER_COMMON_VERDICTS,
};

static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    if (answer->status < 300) {
        said->message_id = g_strdup(json_string_value(json_object_get(body, "sid")));
        said->words = g_strdup(json_string_value(json_object_get(body, "status")));
        return;
    }
    const json_t *code = json_object_get(body, "code");
    if (json_is_integer(code)) {
        (void)snprintf(said->code, sizeof(said->code), "%" JSON_INTEGER_FORMAT, json_integer_value(code));
    }
    said->words = g_strdup(json_string_value(json_object_get(body, "message")));
}

static char *make_callback(const struct provider_message *m)
{
    const char *url = m->callback_url;
    return url == NULL ? NULL : g_strconcat(url, strchr(url, '?') == NULL ? "?" : "&", "delivery_id=", m->id, NULL);
}

/* The service chooses a number itself, and knows which may reach the recipient. */
static char *make_form(const struct provider_call *call, const struct provider_message *m)
{
    const char *service = provider_config_text(call, "messaging_service_sid");
    const char *number = json_string_value(json_object_get(m->settings, "sms_from_number"));
    g_autofree char *callback = make_callback(m);
    const struct provider_form_field fields[] = {
        {"To", m->to},
        {"MessagingServiceSid", service},
        {"From", service == NULL ? number : NULL},
        {"Body", m->content->text},
        {"StatusCallback", callback},
        {NULL, NULL},
    };
    return provider_form(fields);
}

static bool has_sender(const struct provider_call *call, const struct provider_message *m)
{
    return provider_config_text(call, "messaging_service_sid") != NULL ||
           json_string_value(json_object_get(m->settings, "sms_from_number")) != NULL;
}

static char *in_base64(const char *user, const char *password)
{
    g_autofree char *pair = g_strconcat(user, ":", password, NULL);
    return g_base64_encode((const guchar *)pair, strlen(pair));
}

static char *account_url(const struct provider_call *call, const char *below)
{
    g_autofree char *sid = g_uri_escape_string(provider_config_text(call, "account_sid"), NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/2010-04-01/Accounts/%s%s", sid, below);
    return provider_url(call, OWN, path);
}

enum provider_outcome provider_twilio_send(const struct provider_call *call, const struct provider_message *m,
                                           struct provider_reply *reply)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "User-Agent: bellman/" BELLMAN_VERSION, NULL};
    const char *sid = provider_config_text(call, "account_sid");
    const char *token = provider_config_text(call, "auth_token");
    if (sid == NULL || token == NULL) {
        return provider_unusable(reply, NO_LOGIN);
    }
    if (!has_sender(call, m)) {
        g_strlcpy(reply->text, "there is no sender: neither sms_from_number nor messaging_service_sid",
                  sizeof(reply->text));
        return PROVIDER_REFUSED;
    }
    g_autofree char *url = account_url(call, "/Messages.json");
    g_autofree char *form = make_form(call, m);
    g_autofree char *pair = in_base64(sid, token);
    struct provider_exchange x = {
        .provider = "twilio",
        .request = {.url = url,
                    .headers = headers,
                    .body = form,
                    .body_bytes = form == NULL ? 0 : strlen(form),
                    .basic_user = sid,
                    .basic_password = token},
        .verdicts = verdicts,
        .read = read_answer,
        .needs_id = true,
        .secrets = {pair},
    };
    return provider_post(call, &x, reply);
}

/* --- without a message -------------------------------------------------------------------------------------------- */

static const struct provider_verdict check_verdicts[] = {
    {200, 299, "active", PROVIDER_SENT, 0, ""},
    {200, 299, "suspended", PROVIDER_PAUSE, 0, "the account is suspended"},
    {200, 299, NULL, PROVIDER_PAUSE, 0, "the account is not active"},
    {400, 499, "20003", PROVIDER_PAUSE, 0, "it does not accept the credentials"},
    {400, 499, "20404", PROVIDER_PAUSE, 0, "there is no such account"},
    PROVIDER_COMMON_VERDICTS,
};

/* {"sid": ..., "friendly_name": ..., "status": "active"} */
static void read_account(const struct http_reply *answer, struct provider_said *said)
{
    if (answer->status >= 300) {
        read_answer(answer, said);
        return;
    }
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    const char *status = json_string_value(json_object_get(body, "status"));
    g_strlcpy(said->code, status == NULL ? "" : status, sizeof(said->code));
    said->words = status == NULL ? NULL : g_strdup_printf("the account is %s", status);
}

enum provider_outcome provider_twilio_check(const struct provider_call *call, struct provider_reply *reply)
{
    static const char *const headers[] = {"User-Agent: bellman/" BELLMAN_VERSION, NULL};
    const char *sid = provider_config_text(call, "account_sid");
    const char *token = provider_config_text(call, "auth_token");
    if (sid == NULL || token == NULL) {
        return provider_unusable(reply, NO_LOGIN);
    }
    g_autofree char *url = account_url(call, ".json");
    g_autofree char *pair = in_base64(sid, token);
    struct provider_exchange x = {
        .provider = "twilio",
        .is_get = true,
        .request = {.url = url, .headers = headers, .basic_user = sid, .basic_password = token},
        .verdicts = check_verdicts,
        .read = read_account,
        .secrets = {pair},
    };
    return provider_post(call, &x, reply);
}
