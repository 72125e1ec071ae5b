/*
 * provider_ses.c: mail through Amazon SES, API version 2 (API reference, "SendEmail").
 *
 *     POST https://email.<region>.amazonaws.com/v2/email/outbound-emails    signed (Signature Version 4, service ses)
 *     200 {"MessageId": ...}          4xx, 5xx: x-amzn-ErrorType, {"message": ...}
 *
 * SES puts a Message-ID of its own in place of any other. So the delivery's id goes along as the tag delivery_id, which
 * its events repeat, and in a header field of ours.
 */
#include <stdlib.h>

#include "ground/json.h"
#include "ports/mail_headers.h"
#include "provider_aws.h"
#include "provider_mail.h"

#define PATH "/v2/email/outbound-emails"

static const struct provider_verdict verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    PROVIDER_AWS_VERDICTS,
    {400, 499, "MessageRejected", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "BadRequest", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "Validation", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "AccountSuspended", PROVIDER_PAUSE, 0, "the account may not send any more"},
    {400, 499, "SendingPaused", PROVIDER_PAUSE, 0, "sending is paused for the account or its configuration set"},
    {400, 499, "MailFromDomainNotVerified", PROVIDER_PAUSE, 0, "the sender's domain is not verified"},
    {400, 499, "LimitExceeded", PROVIDER_PAUSE, 0, "the account's quota is used up"},
    {400, 499, "NotFound", PROVIDER_PAUSE, 0, "there is no such configuration set"},
    PROVIDER_COMMON_VERDICTS,
};

/* --- the request -------------------------------------------------------------------------------------------------- */

/* In one line: it stands in JSON, and SES folds it itself. */
static char *make_from(const struct provider_sender *sender)
{
    g_autoptr(GString) from = g_string_new(NULL);
    mail_append_mailbox(from, sender->name, sender->address, 0);
    g_string_replace(from, "\r\n", "", 0);
    return g_strchug(g_string_free(g_steal_pointer(&from), FALSE));
}

static json_t *make_part(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : json_pack("{s:s, s:s}", "Data", text, "Charset", "UTF-8");
}

static json_t *make_headers(const struct provider_message *m, const struct provider_sender *sender)
{
    json_auto_t *fields = provider_mail_headers(m, sender);
    json_t *list = json_array();
    const char *name;
    json_t *value;
    json_object_del(fields, "Message-ID");
    json_object_set_new(fields, "X-Delivery-Id", json_string(m->id));
    json_object_foreach(fields, name, value)
    {
        json_array_append_new(list, json_pack("{s:s, s:O}", "Name", name, "Value", value));
    }
    return list;
}

static json_t *make_mail(const struct provider_call *call, const struct provider_message *m,
                         const struct provider_sender *sender)
{
    g_autofree char *from = make_from(sender);
    json_t *subject = make_part(m->content->subject);
    json_t *body = json_pack("{s:o*, s:o*}", "Text", make_part(m->content->text), "Html", make_part(m->content->html));
    return json_pack("{s:s, s:{s:[s]}, s:{s:{s:o, s:o, s:o}}, s:[{s:s, s:s}], s:s*}", "FromEmailAddress", from,
                     "Destination", "ToAddresses", m->to, "Content", "Simple", "Subject", subject, "Body", body,
                     "Headers", make_headers(m, sender), "EmailTags", "Name", "delivery_id", "Value", m->id,
                     "ConfigurationSetName", provider_config_text(call, "configuration_set"));
}

/* --- its answers -------------------------------------------------------------------------------------------------- */

static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    if (answer->status < 300) {
        said->message_id = g_strdup(json_string_value(json_object_get(body, "MessageId")));
        said->words = said->message_id == NULL ? NULL : g_strdup("");
        return;
    }
    const char *lower = json_string_value(json_object_get(body, "message"));
    const char *upper = json_string_value(json_object_get(body, "Message"));
    const char *type = json_string_value(json_object_get(body, "__type"));
    said->words = g_strdup(lower != NULL ? lower : upper);
    provider_aws_code(answer->wanted[0][0] != '\0' || type == NULL ? answer->wanted[0] : type, said->code,
                      sizeof(said->code));
}

enum provider_outcome provider_ses_send(const struct provider_call *call, const struct provider_message *m,
                                        struct provider_reply *reply)
{
    static const char *const headers[] = {"Content-Type: application/json", "User-Agent: bellman/" BELLMAN_VERSION,
                                          NULL};
    struct http_aws aws;
    struct provider_sender sender;
    if (!provider_aws_account(call, "ses", &aws, reply)) {
        return PROVIDER_PAUSE;
    }
    if (!provider_sender(call, m, &sender, reply)) {
        return PROVIDER_REFUSED;
    }
    g_autofree char *url = provider_aws_url(call, "email", PATH);
    size_t bytes = 0;
    json_auto_text char *body = provider_body(make_mail(call, m, &sender), &bytes);
    struct provider_exchange x = {
        .provider = "ses",
        .request = {.url = url,
                    .headers = headers,
                    .body = body,
                    .body_bytes = bytes,
                    .aws = &aws,
                    .wanted = {"x-amzn-ErrorType"}},
        .verdicts = verdicts,
        .read = read_answer,
        .needs_id = true,
    };
    return provider_post(call, &x, reply);
}

/* --- without a message -------------------------------------------------------------------------------------------- */

#define SENDING_OFF "sending_off"

/* A key that may do nothing but send is known all the same. */
static const struct provider_verdict check_verdicts[] = {
    {200, 299, SENDING_OFF, PROVIDER_PAUSE, 0, "sending is switched off for the account"},
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    {400, 499, "AccessDenied", PROVIDER_SENT, 0, ""},
    PROVIDER_AWS_VERDICTS,
    PROVIDER_COMMON_VERDICTS,
};

/* GetAccount: {"SendingEnabled": true, ...} */
static void read_account(const struct http_reply *answer, struct provider_said *said)
{
    if (answer->status >= 300) {
        read_answer(answer, said);
        return;
    }
    struct err ignored = ERR_INIT;
    json_auto_t *body = json_parse_limited(answer->body, answer->body_bytes, &ignored);
    bool is_on = json_is_true(json_object_get(body, "SendingEnabled"));
    g_strlcpy(said->code, is_on ? "" : SENDING_OFF, sizeof(said->code));
    said->words = g_strdup(is_on ? "the account may send" : "");
}

enum provider_outcome provider_ses_check(const struct provider_call *call, struct provider_reply *reply)
{
    static const char *const headers[] = {"User-Agent: bellman/" BELLMAN_VERSION, NULL};
    struct http_aws aws;
    if (!provider_aws_account(call, "ses", &aws, reply)) {
        return PROVIDER_PAUSE;
    }
    g_autofree char *url = provider_aws_url(call, "email", "/v2/email/account");
    struct provider_exchange x = {
        .provider = "ses",
        .is_get = true,
        .request = {.url = url, .headers = headers, .aws = &aws, .wanted = {"x-amzn-ErrorType"}},
        .verdicts = check_verdicts,
        .read = read_account,
    };
    return provider_post(call, &x, reply);
}
