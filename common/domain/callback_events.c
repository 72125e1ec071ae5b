#include "domain/callback_events.h"

#include <string.h>

#include "domain/suppression.h"
#include "ground/clock.h"
#include "ground/json.h"

#define AT_MAX_S INT64_C(4102444800) /* 2100: later times are nonsense */

void callback_events_init(struct callback_events *events)
{
    events->list = g_array_new(FALSE, TRUE, sizeof(struct delivery_callback));
    events->texts = g_string_chunk_new(1024);
}

void callback_events_release(struct callback_events *events)
{
    g_array_unref(events->list);
    g_string_chunk_free(events->texts);
}

static const char *keep(struct callback_events *events, const char *value)
{
    return value == NULL ? NULL : g_string_chunk_insert(events->texts, value);
}

/* What a provider's word for something means. */
struct meaning {
    const char *word;
    enum callback_kind kind;
    const char *suppress;
};

static const struct meaning *find(const struct meaning *meanings, const char *word)
{
    for (; word != NULL && meanings->word != NULL; meanings++) {
        if (strcmp(meanings->word, word) == 0) {
            return meanings;
        }
    }
    return NULL;
}

/* What the columns take: one event that they refuse would hold up those that came with it, call after call. */
#define WORDS_MAX 2000
#define MESSAGE_ID_MAX 255

static const char *keep_words(struct callback_events *events, const char *words)
{
    if (words == NULL || g_utf8_strlen(words, -1) <= WORDS_MAX) {
        return keep(events, words);
    }
    g_autofree char *clipped = g_utf8_substring(words, 0, WORDS_MAX);
    return keep(events, clipped);
}

static bool is_message_id(const char *id)
{
    return id != NULL && strlen(id) <= MESSAGE_ID_MAX && g_str_is_ascii(id);
}

/* c's texts are copied. One without an id of its own, or of no delivery, is left out. */
static void add(struct callback_events *events, const struct delivery_callback *c)
{
    if (c->callback_id == NULL || (c->delivery_id == NULL && !is_message_id(c->message_id)) ||
        events->list->len >= CALLBACK_EVENTS_MAX) {
        return;
    }
    struct delivery_callback copy = *c;
    copy.callback_id = keep(events, c->callback_id);
    copy.delivery_id = keep(events, c->delivery_id);
    copy.message_id = is_message_id(c->message_id) ? keep(events, c->message_id) : NULL;
    copy.words = keep_words(events, c->words);
    g_array_append_val(events->list, copy);
}

/* --- Twilio ------------------------------------------------------------------------------------------------------- */

static const struct meaning twilio_statuses[] = {
    {"delivered", CALLBACK_DELIVERED, NULL}, {"read", CALLBACK_OPENED, NULL}, {"undelivered", CALLBACK_BOUNCED, NULL},
    {"failed", CALLBACK_BOUNCED, NULL},      {NULL, CALLBACK_KINDS, NULL},
};
/* Errors after which the number gets nothing any more. */
static const struct meaning twilio_errors[] = {
    {"30005", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},      /* unknown destination handset */
    {"30006", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},      /* landline or unreachable carrier */
    {"21614", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},      /* no mobile number */
    {"21610", CALLBACK_BOUNCED, SUPPRESSION_UNSUBSCRIBE}, /* answered STOP */
    {NULL, CALLBACK_KINDS, NULL},
};

void callback_events_twilio(struct callback_events *events, const json_t *form, const char *delivery_id)
{
    const char *sid = json_text_or_null(form, "MessageSid");
    const char *status = json_text_or_null(form, "MessageStatus");
    const char *code = json_text_or_null(form, "ErrorCode");
    const struct meaning *meaning = find(twilio_statuses, status);
    if (sid == NULL || meaning == NULL) {
        return;
    }
    const struct meaning *error = meaning->kind == CALLBACK_BOUNCED ? find(twilio_errors, code) : NULL;
    g_autofree char *id = g_strdup_printf("%s/%s", sid, status);
    g_autofree char *words = g_strdup_printf("Twilio: %s%s%s", status, code == NULL ? "" : ", error ",
                                             code == NULL ? "" : code);
    const struct delivery_callback c = {
        .callback_id = id,
        .delivery_id = delivery_id,
        .message_id = sid,
        .kind = meaning->kind,
        .suppress = error == NULL ? NULL : error->suppress,
        .words = words,
    };
    add(events, &c);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *callback_twilio_signed(const char *url, const json_t *form)
{
    GString *out = g_string_new(url);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (void *i = json_object_iter((json_t *)(uintptr_t)form); i != NULL;
         i = json_object_iter_next((json_t *)(uintptr_t)form, i)) {
        g_ptr_array_add(names, (void *)(uintptr_t)json_object_iter_key(i));
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const char *value = json_string_value(json_object_get(form, name));
        g_string_append_printf(out, "%s%s", name, value == NULL ? "" : value);
    }
    return g_string_free(out, FALSE);
}

char *callback_twilio_other_url(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (scheme_end == NULL) {
        return NULL;
    }
    const char *host = scheme_end + 3;
    const char *path = host + strcspn(host, "/?#");
    const char *colon = path;
    while (colon > host && g_ascii_isdigit(colon[-1])) {
        colon--;
    }
    bool has_port = colon > host && colon < path && colon[-1] == ':';
    const char *added = g_str_has_prefix(url, "https:") ? ":443" : ":80";
    const char *end = has_port ? colon - 1 : path;
    return g_strdup_printf("%.*s%s%s", (int)(end - url), url, has_port ? "" : added, path);
}

/* --- SendGrid ----------------------------------------------------------------------------------------------------- */

static const struct meaning sendgrid_events[] = {
    {"delivered", CALLBACK_DELIVERED, NULL},
    {"open", CALLBACK_OPENED, NULL},
    {"click", CALLBACK_CLICKED, NULL},
    {"bounce", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},
    {"dropped", CALLBACK_BOUNCED, NULL},
    {"spamreport", CALLBACK_COMPLAINED, SUPPRESSION_COMPLAINT},
    {"unsubscribe", CALLBACK_UNSUBSCRIBED, SUPPRESSION_UNSUBSCRIBE},
    {"group_unsubscribe", CALLBACK_UNSUBSCRIBED, SUPPRESSION_UNSUBSCRIBE},
    {NULL, CALLBACK_KINDS, NULL},
};

static void add_sendgrid(struct callback_events *events, const json_t *event)
{
    const char *word = json_text_or_null(event, "event");
    const struct meaning *meaning = find(sendgrid_events, word);
    const char *message_id = json_text_or_null(event, "sg_message_id");
    if (meaning == NULL) {
        return;
    }
    /* What the answer to the sending called it, and behind a dot where it went. */
    g_autofree char *own = message_id == NULL ? NULL : g_strndup(message_id, strcspn(message_id, "."));
    const char *reason = json_text_or_null(event, "reason");
    g_autofree char *words = g_strdup_printf("SendGrid: %s%s%s", word, reason == NULL ? "" : ", ",
                                             reason == NULL ? "" : reason);
    bool is_blocked = g_strcmp0(json_text_or_null(event, "type"), "blocked") ==
                      0; /* for now, and not for the address */
    const struct delivery_callback c = {
        .callback_id = json_text_or_null(event, "sg_event_id"),
        .delivery_id = json_text_or_null(event, "delivery_id"),
        .message_id = own,
        .kind = meaning->kind,
        .suppress = is_blocked ? NULL : meaning->suppress,
        .words = words,
        .at_us = CLAMP(json_integer_value(json_object_get(event, "timestamp")), 0, AT_MAX_S) * US_PER_S,
    };
    add(events, &c);
}

void callback_events_sendgrid(struct callback_events *events, const json_t *body)
{
    size_t i = 0;
    json_t *event = NULL;
    json_array_foreach(body, i, event)
    {
        add_sendgrid(events, event);
    }
}

/* --- SES, through SNS --------------------------------------------------------------------------------------------- */

static const struct meaning ses_events[] = {
    {"Delivery", CALLBACK_DELIVERED, NULL},
    {"Open", CALLBACK_OPENED, NULL},
    {"Click", CALLBACK_CLICKED, NULL},
    {"Bounce", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},
    {"Complaint", CALLBACK_COMPLAINED, SUPPRESSION_COMPLAINT},
    {"Reject", CALLBACK_BOUNCED, NULL},
    {NULL, CALLBACK_KINDS, NULL},
};

static const char *first_diagnosis(const json_t *bounce)
{
    return json_text_or_null(json_array_get(json_object_get(bounce, "bouncedRecipients"), 0), "diagnosticCode");
}

/* A passing bounce of the kind General is often an automatic answer. */
static bool is_no_bounce(const json_t *bounce)
{
    const char *type = json_text_or_null(bounce, "bounceType");
    const char *subtype = json_text_or_null(bounce, "bounceSubType");
    return bounce != NULL && g_strcmp0(type, "Permanent") != 0 && g_strcmp0(subtype, "General") == 0;
}

static int64_t time_of(const json_t *object)
{
    int64_t at_us = 0;
    const char *at = json_text_or_null(object, "timestamp");
    return at != NULL && clock_parse_rfc3339(at, &at_us) ? at_us : 0;
}

void callback_events_ses(struct callback_events *events, const json_t *message, const char *id)
{
    const char *word = json_text_or_null(message, "eventType");
    word = word != NULL ? word : json_text_or_null(message, "notificationType");
    const struct meaning *meaning = find(ses_events, word);
    const json_t *mail = json_object_get(message, "mail");
    const json_t *bounce = json_object_get(message, "bounce");
    if (meaning == NULL || is_no_bounce(bounce)) {
        return;
    }
    g_autofree char *part = g_ascii_strdown(word, -1);
    const char *diagnosis = first_diagnosis(bounce);
    g_autofree char *words = g_strdup_printf("SES: %s%s%s", part, diagnosis == NULL ? "" : ", ",
                                             diagnosis == NULL ? "" : diagnosis);
    bool is_passing = bounce != NULL && g_strcmp0(json_text_or_null(bounce, "bounceType"), "Permanent") != 0;
    const struct delivery_callback c = {
        .callback_id = id,
        .delivery_id = json_string_value(
            json_array_get(json_object_get(json_object_get(mail, "tags"), "delivery_id"), 0)),
        .message_id = json_text_or_null(mail, "messageId"),
        .kind = meaning->kind,
        .suppress = is_passing ? NULL : meaning->suppress,
        .words = words,
        .at_us = time_of(json_object_get(message, part)),
    };
    add(events, &c);
}

/* --- SNS ---------------------------------------------------------------------------------------------------------- */

static const struct meaning sns_events[] = {
    {"TEXT_DELIVERED", CALLBACK_DELIVERED, NULL},
    {"TEXT_INVALID", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},
    {"TEXT_BLOCKED", CALLBACK_BOUNCED, NULL},
    {"TEXT_CARRIER_BLOCKED", CALLBACK_BOUNCED, NULL},
    {"TEXT_CARRIER_UNREACHABLE", CALLBACK_BOUNCED, NULL},
    {"TEXT_INVALID_MESSAGE", CALLBACK_BOUNCED, NULL},
    {"TEXT_PROTECT_BLOCKED", CALLBACK_BOUNCED, NULL},
    {"TEXT_SPAM", CALLBACK_BOUNCED, NULL},
    {"TEXT_TTL_EXPIRED", CALLBACK_BOUNCED, NULL},
    {"TEXT_UNREACHABLE", CALLBACK_BOUNCED, NULL},
    {NULL, CALLBACK_KINDS, NULL},
};

/* The log's own words; a message that failed is told by its providerResponse. */
static const struct meaning sns_log_statuses[] = {
    {"SUCCESS", CALLBACK_DELIVERED, NULL},
    {"FAILURE", CALLBACK_BOUNCED, NULL},
    {NULL, CALLBACK_KINDS, NULL},
};
static const struct meaning sns_log_responses[] = {
    {"Invalid phone number", CALLBACK_BOUNCED, SUPPRESSION_BOUNCE},
    {"Phone number is opted out", CALLBACK_BOUNCED, SUPPRESSION_UNSUBSCRIBE},
    {NULL, CALLBACK_KINDS, NULL},
};

static int64_t log_time_of(const json_t *notification)
{
    int64_t at_us = 0;
    const char *at = json_text_or_null(notification, "timestamp");
    return at != NULL && clock_parse_sql(at, &at_us) ? at_us : 0;
}

/* An entry of the log. */
static void add_sns_log(struct callback_events *events, const json_t *message, const char *id)
{
    const char *status = json_text_or_null(message, "status");
    const json_t *notification = json_object_get(message, "notification");
    const char *response = json_text_or_null(json_object_get(message, "delivery"), "providerResponse");
    const struct meaning *meaning = find(sns_log_statuses, status);
    if (meaning == NULL) {
        return;
    }
    const struct meaning *cause = meaning->kind == CALLBACK_BOUNCED ? find(sns_log_responses, response) : NULL;
    g_autofree char *words = g_strdup_printf("SNS: %s%s%s", status, response == NULL ? "" : ", ",
                                             response == NULL ? "" : response);
    const struct delivery_callback c = {
        .callback_id = id,
        .message_id = json_text_or_null(notification, "messageId"),
        .kind = meaning->kind,
        .suppress = cause == NULL ? NULL : cause->suppress,
        .words = words,
        .at_us = log_time_of(notification),
    };
    add(events, &c);
}

static void add_sns_event(struct callback_events *events, const json_t *message, const char *id)
{
    const struct meaning *meaning = find(sns_events, json_text_or_null(message, "eventType"));
    const char *status = json_text_or_null(message, "messageStatusDescription");
    if (meaning == NULL) {
        return;
    }
    g_autofree char *words = g_strdup_printf("SNS: %s%s%s", meaning->word, status == NULL ? "" : ", ",
                                             status == NULL ? "" : status);
    int64_t at_ms = CLAMP(json_integer_value(json_object_get(message, "eventTimestamp")), 0, AT_MAX_S * MS_PER_S);
    const struct delivery_callback c = {
        .callback_id = id,
        .message_id = json_text_or_null(message, "messageId"),
        .kind = meaning->kind,
        .suppress = meaning->suppress,
        .words = words,
        .at_us = at_ms * US_PER_MS,
    };
    add(events, &c);
}

void callback_events_sns(struct callback_events *events, const json_t *message, const char *id)
{
    if (json_is_object(json_object_get(message, "notification"))) {
        add_sns_log(events, message, id);
    } else {
        add_sns_event(events, message, id);
    }
}

char *callback_sns_signed(const json_t *message)
{
    static const char *const notification[] = {"Message",  "MessageId", "Subject", "Timestamp",
                                               "TopicArn", "Type",      NULL};
    static const char *const subscription[] = {"Message", "MessageId", "SubscribeURL", "Timestamp",
                                               "Token",   "TopicArn",  "Type",         NULL};
    const char *type = json_text_or_null(message, "Type");
    bool is_notification = g_strcmp0(type, "Notification") == 0;
    if (!is_notification && g_strcmp0(type, "SubscriptionConfirmation") != 0 &&
        g_strcmp0(type, "UnsubscribeConfirmation") != 0) {
        return NULL;
    }
    GString *out = g_string_new(NULL);
    for (const char *const *name = is_notification ? notification : subscription; *name != NULL; name++) {
        const char *value = json_string_value(json_object_get(message, *name));
        if (value != NULL) {
            g_string_append_printf(out, "%s\n%s\n", *name, value);
        } else if (strcmp(*name, "Subject") != 0) {
            (void)g_string_free(out, TRUE);
            return NULL;
        }
    }
    return g_string_free(out, FALSE);
}

bool callback_sns_is_certificate(const char *url, const char *base)
{
    static const char name[] = "/SimpleNotificationService-";
    static const char end[] = ".pem";
    if (url == NULL || !g_str_has_prefix(url, base) || !g_str_has_prefix(url + strlen(base), name)) {
        return false;
    }
    const char *rest = url + strlen(base) + strlen(name);
    size_t n = strspn(rest, "0123456789abcdef");
    return n > 0 && n <= 64 && strcmp(rest + n, end) == 0;
}

bool callback_sns_is_confirmation(const char *url, const char *base)
{
    static const char start[] = "/?Action=ConfirmSubscription&";
    return url != NULL && g_str_has_prefix(url, base) && g_str_has_prefix(url + strlen(base), start);
}
