/*
 * api_templates.c: the words of messages: read, change, try out.
 */
#include <string.h>

#include "api.h"
#include "domain/event.h"
#include "domain/sms_text.h"
#include "domain/template.h"
#include "domain/template_fields.h"
#include "domain/template_store.h"
#include "ground/json.h"
#include "versioned.h"

/* --- one of them -------------------------------------------------------------------------------------------------- */

/* False: answered, the path names none that there could be. */
static bool key_of(struct call *c, struct template_key *ret)
{
    if (template_key_parse(c->path_value, ret)) {
        return true;
    }
    response_problem(c->response, 404, "not_found",
                     "There are no such messages; a template is named event.channel or event.channel.locale, and "
                     "GET /notification-templates lists them.");
    return false;
}

static void answer(struct call *c, int status, const struct template_key *key, json_t *template, int64_t version)
{
    json_object_set_new(template, "fields", template_describe_fields(key->event, key->channel));
    versioned_answer(c, status, template, version);
}

void api_templates_list(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *list = NULL;
    if (template_list(c->db, c->who.org, &list, &e)) {
        response_json(c->response, 200, list);
    } else {
        call_fail(c, &e);
    }
}

void api_templates_get(struct call *c)
{
    struct err e = ERR_INIT;
    struct template_key key;
    json_auto_t *template = NULL;
    int64_t version = 0;
    if (!key_of(c, &key)) {
        return;
    }
    if (template_get(c->db, c->who.org, &key, &template, &version, &e)) {
        answer(c, 200, &key, template, version);
    } else {
        call_fail(c, &e);
    }
}

/* --- change ------------------------------------------------------------------------------------------------------- */

static bool read_version(struct call *c, const void *key, int64_t *ret_version, struct err *e)
{
    json_auto_t *template = NULL;
    return template_get(c->db, c->who.org, key, &template, ret_version, e);
}

static struct versioned versioned_of(const struct template_key *key)
{
    return (struct versioned){
        .stale = "The template has changed since the version in If-Match; read it again.",
        .read = read_version,
        .key = key,
        .may_be_missing = true,
    };
}

static struct template_call call_of(const struct call *c, const struct template_key *key)
{
    return (struct template_call){
        .organization_id = c->who.org,
        .key = key,
        .user = c->who.sub,
        .request_id = c->request->id,
        .if_version = -1,
    };
}

void api_templates_put_check(const struct call *c, struct problems *problems)
{
    struct template_key key;
    if (template_key_parse(c->path_value, &key)) {
        template_check(key.event, key.channel, c->body, true, problems);
    }
}

void api_templates_put(struct call *c)
{
    struct err e = ERR_INIT;
    struct template_key key;
    json_auto_t *template = NULL;
    int64_t version = 0;
    enum template_put outcome = TEMPLATE_CHANGED;
    if (!key_of(c, &key)) {
        return;
    }
    struct template_call call = call_of(c, &key);
    const struct versioned versioned = versioned_of(&key);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (!template_put(c->db, &call, c->body, &outcome, &template, &version, &e)) {
        versioned_fail(c, &versioned, &e);
    } else if (outcome == TEMPLATE_FULL) {
        response_problem(c->response, 409, "too_many",
                         "The organization has as many templates as it may; delete some.");
    } else {
        char name[TEMPLATE_KEY_BYTES];
        template_key_format(&key, name);
        if (outcome == TEMPLATE_MADE) {
            response_header(c->response, "Location", API_BASE "/notification-templates/%s", name);
        }
        answer(c, outcome == TEMPLATE_MADE ? 201 : 200, &key, template, version);
    }
}

void api_templates_delete(struct call *c)
{
    struct err e = ERR_INIT;
    struct template_key key;
    if (!key_of(c, &key)) {
        return;
    }
    struct template_call call = call_of(c, &key);
    const struct versioned versioned = versioned_of(&key);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (template_delete(c->db, &call, &e)) {
        response_empty(c->response, 204);
    } else {
        versioned_fail(c, &versioned, &e);
    }
}

/* --- try out ------------------------------------------------------------------------------------------------------ */

/* clang-format off */
#define WHICH                                                                                                          \
    {.name = "event", .type = FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = template_event_names,                    \
     .help = "What has happened, or digest"},                                                                          \
    {.name = "channel", .type = FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = template_channel_names,                \
     .help = "How it is told"}
#define NULLABLE_TEXT(name_, max_, help_)                                                                              \
    {.name = (name_), .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = (max_), .help = (help_)}
static const struct field preview_fields[] = {
    WHICH,
    {.name = "locale", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE,
     .max = TEMPLATE_LOCALE_BYTES - 1,
     .help = "The recipient's; null: none"},
    NULLABLE_TEXT("subject", TEMPLATE_SUBJECT_CHARS_MAX, "Instead of what there is; null: none"),
    NULLABLE_TEXT("text", TEMPLATE_TEXT_CHARS_MAX, "Instead of what there is"),
    NULLABLE_TEXT("html", TEMPLATE_HTML_CHARS_MAX, "Instead of what there is; null: none"),
    {.name = "data", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE, .max = EVENT_DATA_BYTES_MAX,
     .help = "As an event would have it; null: a sample with every field"},
};
static const struct field validate_fields[] = {
    WHICH,
    NULLABLE_TEXT("subject", TEMPLATE_SUBJECT_CHARS_MAX, "A mail's subject"),
    NULLABLE_TEXT("text", TEMPLATE_TEXT_CHARS_MAX, "The text"),
    NULLABLE_TEXT("html", TEMPLATE_HTML_CHARS_MAX, "A mail's HTML"),
};
/* clang-format on */

const struct record template_preview_body = {
    .name = "NotificationTemplatePreviewRequest",
    .fields = preview_fields,
    .n = ARRAY_SIZE(preview_fields),
    .help = "What to render",
};
const struct record template_validate_body = {
    .name = "NotificationTemplateValidateRequest",
    .fields = validate_fields,
    .n = ARRAY_SIZE(validate_fields),
    .help = "Texts to check",
};

/* False: the body names none that there could be; with a problem where the record has found none. */
static bool which_of(const json_t *body, struct template_key *ret, struct problems *problems)
{
    int event = notify_parse(template_event_names, json_text(body, "event"));
    int channel = notify_parse(template_channel_names, json_text(body, "channel"));
    if (event < 0 || channel < 0) {
        return false;
    }
    if (!template_is_carried(event, (enum notify_channel)channel)) {
        problems_add(problems, "/channel", "choice", "there are no such messages of this event");
        return false;
    }
    *ret = (struct template_key){.event = event, .channel = (enum notify_channel)channel};
    return true;
}

void api_templates_preview_check(const struct call *c, struct problems *problems)
{
    struct template_key key;
    const char *locale = json_text(c->body, "locale");
    if (locale != NULL && !template_locale(locale, key.locale)) {
        problems_add(problems, "/locale", "format", "must be a language tag such as de or de-CH");
    }
    if (json_is_null(json_object_get(c->body, "text"))) {
        problems_add(problems, "/text", "null", "must not be null: every message has a text");
    }
    if (which_of(c->body, &key, problems)) {
        template_check(key.event, key.channel, c->body, false, problems);
        event_check(c->body, problems);
    }
}

static json_t *sms_of(const struct template_key *key, const struct template_message *message)
{
    struct sms_measure measure;
    if (key->channel != NOTIFY_SMS) {
        return json_null();
    }
    sms_measure(message->text, &measure);
    return json_pack("{s:s, s:I, s:I}", "encoding", measure.encoding, "length", (json_int_t)measure.length, "segments",
                     (json_int_t)measure.segments);
}

static json_t *delivery_of(const struct call *c, const struct template_key *key)
{
    json_t *delivery = template_sample(key->event, key->channel);
    json_t *data = json_object_get(c->body, "data");
    json_object_set_new(delivery, "locale", json_incref(json_object_get(c->body, "locale")));
    if (json_is_object(data)) {
        json_object_set(delivery, "data", data);
    }
    return delivery;
}

void api_templates_preview(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems none CLEANUP(problems_release) = {0};
    CLEANUP(template_message_release) struct template_message message = {0};
    struct template_key key = {0};
    if (!which_of(c->body, &key, &none)) {
        response_faults(c->response, &none);
        return;
    }
    json_auto_t *delivery = delivery_of(c, &key);
    struct template_try try = {.organization_id = c->who.org, .delivery = delivery, .over = c->body};
    if (!template_try_out(c->db, &try, &message, &e)) {
        call_fail(c, &e);
        return;
    }
    json_auto_t *answer_body = json_pack("{s:s?, s:s, s:s?, s:o, s:s, s:s}", "subject", message.subject, "text",
                                         message.text, "html", message.html, "sms", sms_of(&key, &message), "source",
                                         try.source, "locale", try.locale);
    response_json(c->response, 200, answer_body);
}

void api_templates_validate_check(const struct call *c, struct problems *problems)
{
    struct template_key key;
    (void)which_of(c->body, &key, problems);
}

void api_templates_validate(struct call *c)
{
    struct problems problems CLEANUP(problems_release) = {0};
    struct template_key key = {0};
    if (which_of(c->body, &key, &problems)) {
        template_check(key.event, key.channel, c->body, true, &problems);
    }
    if (!json_is_string(json_object_get(c->body, "text"))) {
        problems_add(&problems, "/text", "required", "must be given: every message has a text");
    }
    json_auto_t *answer_body = json_pack("{s:b, s:o}", "valid", !problems_any(&problems), "errors",
                                         problems.list == NULL ? json_array() : json_incref(problems.list));
    response_json(c->response, 200, answer_body);
}
