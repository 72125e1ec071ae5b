/*
 * api_callbacks.c: providers tell what became of messages. Public: a signature over the body as it came says who calls,
 * and is looked at before anything that the body says is believed.
 */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "domain/callback_events.h"
#include "domain/provider_account.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ports/verify.h"
#include "sns_sender.h"

#define DEPLOYMENT "-" /* in the address: the deployment's account */
/* SendGrid repeats a call that failed for a day; what is told twice is known by its id. */
#define SENDGRID_AGE_MAX_S (25 * 3600)
#define AHEAD_MAX_S 300
#define SNS_AGE_MAX_S (10 * 24 * 3600)

/* clang-format off */
static const struct field twilio_fields[] = {
    {.name = "delivery_id", .type = FIELD_UUID, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE,
     .help = "The delivery; part of the address that Twilio was given"},
};
/* clang-format on */
const struct record callback_twilio_query = {
    .name = "CallbackTwilioQuery", .fields = twilio_fields, .n = ARRAY_SIZE(twilio_fields), .help = "Which delivery"};

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value == NULL ? "" : value;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* One answer, whatever was wrong; the log knows. */
static void refuse(struct call *c, const char *why)
{
    err_set(&c->cause, ERR_DENIED, "%s", why);
    response_problem(c->response, 403, "bad_signature", "The call is not signed by the account's provider.");
}

static bool has_body(struct call *c)
{
    if (c->request->body_state == REQUEST_BODY_OK && c->request->body != NULL) {
        return true;
    }
    bool is_large = c->request->body_state == REQUEST_BODY_TOO_LARGE;
    response_problem(c->response, is_large ? 413 : 400, is_large ? "too_large" : "malformed_body",
                     is_large ? "The body is too large." : "The body did not come whole.");
    return false;
}

static const char *organization_of(const struct call *c)
{
    return strcmp(c->path_value, DEPLOYMENT) == 0 ? PROVIDER_DEPLOYMENT : c->path_value;
}

/* The account's configuration, or NULL: answered. */
static json_t *config_of(struct call *c, const char *provider)
{
    struct err e = ERR_INIT;
    json_t *config = NULL;
    if (!has_body(c)) {
        return NULL;
    }
    if (provider_account_config(c->db, c->api->seal, organization_of(c), provider, &config, &e)) {
        return config;
    }
    if (e.code == ERR_NOT_FOUND) {
        refuse(c, "there is no account");
    } else {
        call_fail(c, &e);
    }
    return NULL;
}

static void apply(struct call *c, const char *provider, struct callback_events *events)
{
    struct err e = ERR_INIT;
    struct delivery_callback *list = (struct delivery_callback *)(void *)events->list->data;
    const char *org = organization_of(c);
    for (guint i = 0; i < events->list->len; i++) {
        list[i].provider = provider;
        list[i].organization_id = org[0] == '\0' ? NULL : org;
    }
    for (guint i = 0; i < events->list->len; i += CALLBACK_BATCH_MAX) {
        size_t known = 0;
        if (!delivery_callbacks_apply(c->db, list + i, MIN(events->list->len - i, CALLBACK_BATCH_MAX), &known, &e)) {
            call_fail(c, &e);
            return;
        }
    }
    response_empty(c->response, 204);
}

/* --- Twilio ------------------------------------------------------------------------------------------------------- */

static bool is_signed_for(const struct call *c, const json_t *config, const char *url, const json_t *form)
{
    g_autofree char *signed_text = url == NULL ? NULL : callback_twilio_signed(url, form);
    return signed_text != NULL && verify_hmac_sha1(text(config, "auth_token"), signed_text, strlen(signed_text),
                                                   request_param(c->request, "HTTP_X_TWILIO_SIGNATURE"));
}

static bool is_twilio(const struct call *c, const json_t *config, const json_t *form)
{
    const char *uri = request_param(c->request, "REQUEST_URI");
    g_autofree char *url = g_strconcat(c->conf->api.public_url, uri == NULL ? "" : uri, NULL);
    g_autofree char *other = callback_twilio_other_url(url);
    return text(config, "auth_token")[0] != '\0' &&
           (is_signed_for(c, config, url, form) || is_signed_for(c, config, other, form));
}

/* The address names the organization also where its message went through the deployment's account, as it does while its
 * own is switched off. */
static bool is_deployments_twilio(const struct call *c, const json_t *form)
{
    struct err e = ERR_INIT;
    json_auto_t *config = NULL;
    return provider_account_config(c->db, c->api->seal, PROVIDER_DEPLOYMENT, "twilio", &config, &e) &&
           is_twilio(c, config, form);
}

void api_callback_twilio(struct call *c)
{
    struct err e = ERR_INIT;
    CLEANUP(callback_events_release) struct callback_events events;
    callback_events_init(&events);
    json_auto_t *config = config_of(c, "twilio");
    if (config == NULL) {
        return;
    }
    json_auto_t *form = request_decode_query(c->request->body, &e);
    if (c->conf->api.public_url[0] == '\0' || form == NULL) {
        refuse(c, form == NULL ? e.text : "[api] public_url, which Twilio signs, is not set");
        return;
    }
    if (!is_twilio(c, config, form) && !is_deployments_twilio(c, form)) {
        refuse(c, "the signature of Twilio is missing or wrong");
        return;
    }
    callback_events_twilio(&events, form, json_string_value(json_object_get(c->query, "delivery_id")));
    apply(c, "twilio", &events);
}

/* --- SendGrid ----------------------------------------------------------------------------------------------------- */

static bool is_sendgrid(const struct call *c, const json_t *config)
{
    const char *timestamp = request_param(c->request, "HTTP_X_TWILIO_EMAIL_EVENT_WEBHOOK_TIMESTAMP");
    const char *signature = request_param(c->request, "HTTP_X_TWILIO_EMAIL_EVENT_WEBHOOK_SIGNATURE");
    if (timestamp == NULL || strlen(timestamp) > 12 || strspn(timestamp, "0123456789") != strlen(timestamp)) {
        return false;
    }
    int64_t age_s = clock_wall_us() / US_PER_S - g_ascii_strtoll(timestamp, NULL, 10);
    g_autoptr(GString) data = g_string_new(timestamp);
    g_string_append_len(data, c->request->body, (gssize)c->request->body_bytes);
    return age_s <= SENDGRID_AGE_MAX_S && age_s >= -AHEAD_MAX_S &&
           verify_ecdsa_p256(text(config, "webhook_public_key"), data->str, data->len, signature);
}

static json_t *parse(struct call *c)
{
    struct err e = ERR_INIT;
    json_t *body = json_parse_limited(c->request->body, c->request->body_bytes, &e);
    if (body == NULL) {
        response_problem(c->response, 400, "malformed_json", "The body is not JSON that is taken here.");
    }
    return body;
}

void api_callback_sendgrid(struct call *c)
{
    CLEANUP(callback_events_release) struct callback_events events;
    callback_events_init(&events);
    json_auto_t *config = config_of(c, "sendgrid");
    if (config == NULL) {
        return;
    }
    if (!is_sendgrid(c, config)) {
        refuse(c, "the signature of SendGrid is missing, wrong or too old");
        return;
    }
    json_auto_t *body = parse(c);
    if (body != NULL) {
        callback_events_sendgrid(&events, body);
        apply(c, "sendgrid", &events);
    }
}

/* --- SNS, and SES through it -------------------------------------------------------------------------------------- */

static bool is_fresh(const json_t *message)
{
    int64_t at_us = 0;
    int64_t now_us = clock_wall_us();
    return clock_parse_rfc3339(text(message, "Timestamp"), &at_us) && now_us - at_us <= SNS_AGE_MAX_S * US_PER_S &&
           at_us - now_us <= AHEAD_MAX_S * US_PER_S;
}

static bool is_signed(const json_t *message, const char *pem)
{
    const char *version = text(message, "SignatureVersion");
    g_autofree char *data = callback_sns_signed(message);
    bool is_known = strcmp(version, "1") == 0 || strcmp(version, "2") == 0;
    return data != NULL && is_known &&
           verify_certificate(pem, clock_wall_us() / US_PER_S, version[0] == '2', data, strlen(data),
                              text(message, "Signature"));
}

/* What costs nothing is looked at first: only then is a certificate fetched. False: answered. */
static bool verify_sns(struct call *c, const json_t *config, const json_t *message)
{
    struct err e = ERR_INIT;
    const char *url = text(message, "SigningCertURL");
    const char *topic = text(config, "topic_arn");
    if (topic[0] == '\0' || strcmp(text(message, "TopicArn"), topic) != 0 || !is_fresh(message) ||
        !sns_sender_has_certificate(config, url)) {
        refuse(c, "topic, time or certificate of an SNS message are not the account's");
        return false;
    }
    g_autofree char *pem = sns_sender_certificate(c->api->sns, c->conf, url, &e);
    if (pem == NULL) {
        err_set(&c->cause, e.code, "%s", e.text);
        response_header(c->response, "Retry-After", "5");
        response_problem(c->response, 503, "unavailable", "The certificate cannot be fetched now.");
        return false;
    }
    if (!is_signed(message, pem)) {
        refuse(c, "the signature of SNS is wrong");
        return false;
    }
    return true;
}

static void confirm(struct call *c, const json_t *config, const json_t *message)
{
    struct err e = ERR_INIT;
    if (!sns_sender_confirm(c->api->sns, c->conf, config, text(message, "SubscribeURL"), &e)) {
        err_set(&c->cause, e.code, "%s", e.text);
        response_header(c->response, "Retry-After", "5");
        response_problem(c->response, 503, "unavailable", "The subscription cannot be confirmed now.");
        return;
    }
    response_empty(c->response, 204);
}

static void take_sns(struct call *c, const char *provider,
                     void (*read)(struct callback_events *events, const json_t *message, const char *id))
{
    CLEANUP(callback_events_release) struct callback_events events;
    callback_events_init(&events);
    json_auto_t *config = config_of(c, provider);
    json_auto_t *message = config == NULL ? NULL : parse(c);
    if (message == NULL || !verify_sns(c, config, message)) {
        return;
    }
    if (strcmp(text(message, "Type"), "SubscriptionConfirmation") == 0) {
        confirm(c, config, message);
        return;
    }
    json_auto_t *inner = json_loads(text(message, "Message"), 0, NULL);
    read(&events, inner, text(message, "MessageId"));
    apply(c, provider, &events);
}

void api_callback_ses(struct call *c)
{
    take_sns(c, "ses", callback_events_ses);
}

void api_callback_sns(struct call *c)
{
    take_sns(c, "sns", callback_events_sns);
}
