/*
 * provider_sns.c: text messages through Amazon SNS, API version 2010-03-31 (API reference, "Publish"; Developer Guide,
 * "Publishing SMS messages to a mobile phone").
 *
 *     POST https://sns.<region>.amazonaws.com/    a form, signed (Signature Version 4, service sns)
 *     <PublishResponse><PublishResult><MessageId>...          <ErrorResponse><Error><Code>...<Message>...
 */
#include <string.h>

#include "provider_aws.h"

#define ATTRIBUTE(n, member) "MessageAttributes.entry." n "." member

static const struct provider_verdict verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    PROVIDER_AWS_VERDICTS,
    {400, 499, "AuthorizationError", PROVIDER_PAUSE, 0, "the key is not allowed to send"},
    {400, 499, "InvalidSecurity", PROVIDER_PAUSE, 0, "it does not accept the signature"},
    {400, 499, "KMSThrottling", PROVIDER_RETRY, 1, "too many at once"},
    {400, 499, "KMSAccessDenied", PROVIDER_PAUSE, 0, "the account's encryption key cannot be used"},
    {400, 499, "KMSDisabled", PROVIDER_PAUSE, 0, "the account's encryption key cannot be used"},
    {400, 499, "KMSInvalidState", PROVIDER_PAUSE, 0, "the account's encryption key cannot be used"},
    {400, 499, "KMSNotFound", PROVIDER_PAUSE, 0, "the account's encryption key cannot be used"},
    {400, 499, "KMSOptInRequired", PROVIDER_PAUSE, 0, "the account's encryption key cannot be used"},
    {400, 499, "OptedOut", PROVIDER_REFUSED, 0, "the number wants no messages"},
    {400, 499, "UserError", PROVIDER_REFUSED, 0, "the number is not one that the account may send to"},
    {400, 499, "InvalidParameter", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "InvalidParameterValue", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "ParameterValueInvalid", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "Validation", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "EndpointDisabled", PROVIDER_REFUSED, 0, "it refuses the message"},
    {400, 499, "PlatformApplicationDisabled", PROVIDER_REFUSED, 0, "it refuses the message"},
    PROVIDER_COMMON_VERDICTS,
};

/* --- the request -------------------------------------------------------------------------------------------------- */

/* Attributes are numbered without gaps: those that may be missing come last, and the sender's number takes the place of
 * its name. The delivery's id is for whoever reads the account's records; phones do not see it. */
static char *make_form(const struct provider_call *call, const struct provider_message *m)
{
    const char *sender_id = provider_config_text(call, "sender_id");
    const char *number = json_string_value(json_object_get(m->settings, "sms_from_number"));
    const char *sender = number != NULL ? number : sender_id;
    const char *string = sender == NULL ? NULL : "String";
    const char *name = number != NULL ? "AWS.MM.SMS.OriginationNumber" : "AWS.SNS.SMS.SenderID";
    const struct provider_form_field fields[] = {
        {"Action", "Publish"},
        {"Version", "2010-03-31"},
        {"PhoneNumber", m->to},
        {"Message", m->content->text},
        {ATTRIBUTE("1", "Name"), "AWS.SNS.SMS.SMSType"},
        {ATTRIBUTE("1", "Value.DataType"), "String"},
        {ATTRIBUTE("1", "Value.StringValue"), "Transactional"},
        {ATTRIBUTE("2", "Name"), "delivery_id"},
        {ATTRIBUTE("2", "Value.DataType"), "String"},
        {ATTRIBUTE("2", "Value.StringValue"), m->id},
        {ATTRIBUTE("3", "Name"), sender == NULL ? NULL : name},
        {ATTRIBUTE("3", "Value.DataType"), string},
        {ATTRIBUTE("3", "Value.StringValue"), sender},
        {NULL, NULL},
    };
    return provider_form(fields);
}

/* --- its answers -------------------------------------------------------------------------------------------------- */

struct reading {
    GString *message_id;
    GString *code;
    GString *words;
};

static void on_text(GMarkupParseContext *context, const gchar *text, gsize length, gpointer arg, GError **error UNUSED)
{
    const struct reading *r = arg;
    const struct {
        const char *element;
        GString *out;
    } wanted[] = {{"MessageId", r->message_id}, {"Code", r->code}, {"Message", r->words}};
    const char *element = g_markup_parse_context_get_element(context);
    for (size_t i = 0; element != NULL && i < ARRAY_SIZE(wanted); i++) {
        if (strcmp(element, wanted[i].element) == 0) {
            g_string_append_len(wanted[i].out, text, (gssize)length);
        }
    }
}

/* What is no XML from some place on counts up to there. */
static void read_answer(const struct http_reply *answer, struct provider_said *said)
{
    static const GMarkupParser parser = {.text = on_text};
    g_autoptr(GString) id = g_string_new(NULL);
    g_autoptr(GString) code = g_string_new(NULL);
    g_autoptr(GString) words = g_string_new(NULL);
    struct reading reading = {.message_id = id, .code = code, .words = words};
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &reading, NULL);
    (void)g_markup_parse_context_parse(context, answer->body, (gssize)answer->body_bytes, NULL);
    g_markup_parse_context_free(context);
    if (answer->status < 300) {
        said->message_id = id->len == 0 ? NULL : g_strdup(id->str);
        said->words = said->message_id == NULL ? NULL : g_strdup("");
        return;
    }
    provider_aws_code(code->str, said->code, sizeof(said->code));
    said->words = words->len == 0 ? NULL : g_strdup(words->str);
}

static enum provider_outcome post_form(const struct provider_call *call, const struct http_aws *aws, const char *form,
                                       const struct provider_verdict *table, provider_read_fn *read,
                                       struct provider_reply *reply)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/xml",
                                          "User-Agent: bellman/" BELLMAN_VERSION, NULL};
    g_autofree char *url = provider_aws_url(call, "sns", "/");
    struct provider_exchange x = {
        .provider = "sns",
        .request =
            {.url = url, .headers = headers, .body = form, .body_bytes = form == NULL ? 0 : strlen(form), .aws = aws},
        .verdicts = table,
        .read = read,
        .needs_id = read == read_answer,
    };
    return provider_post(call, &x, reply);
}

enum provider_outcome provider_sns_send(const struct provider_call *call, const struct provider_message *m,
                                        struct provider_reply *reply)
{
    struct http_aws aws;
    if (!provider_aws_account(call, "sns", &aws, reply)) {
        return PROVIDER_PAUSE;
    }
    g_autofree char *form = make_form(call, m);
    return post_form(call, &aws, form, verdicts, read_answer, reply);
}

/* --- without a message -------------------------------------------------------------------------------------------- */

/* A key that may do nothing but publish is known all the same. */
static const struct provider_verdict check_verdicts[] = {
    {200, 299, NULL, PROVIDER_SENT, 0, ""},
    {400, 499, "AuthorizationError", PROVIDER_SENT, 0, ""},
    {400, 499, "AccessDenied", PROVIDER_SENT, 0, ""},
    PROVIDER_AWS_VERDICTS,
    {400, 499, "InvalidSecurity", PROVIDER_PAUSE, 0, "it does not accept the signature"},
    PROVIDER_COMMON_VERDICTS,
};

static void read_attributes(const struct http_reply *answer, struct provider_said *said)
{
    if (answer->status >= 300) {
        read_answer(answer, said);
    } else {
        said->words = g_strdup("the key is known");
    }
}

enum provider_outcome provider_sns_check(const struct provider_call *call, struct provider_reply *reply)
{
    static const struct provider_form_field fields[] = {
        {"Action", "GetSMSAttributes"}, {"Version", "2010-03-31"}, {NULL, NULL}};
    struct http_aws aws;
    if (!provider_aws_account(call, "sns", &aws, reply)) {
        return PROVIDER_PAUSE;
    }
    g_autofree char *form = provider_form(fields);
    return post_form(call, &aws, form, check_verdicts, read_attributes, reply);
}
