/*
 * provider_fields.c: the configuration of each provider's accounts, and the table of providers that the API sees.
 */
#include <string.h>

#include "domain/provider_kind.h"
#include "domain/webhook_sign.h"
#include "ports/http.h"
#include "ports/http_address.h"

#define LINE FIELD_ONE_LINE
#define OPTIONAL (FIELD_NULLABLE | FIELD_ONE_LINE)
#define SECRET (FIELD_SECRET | FIELD_ONE_LINE)
#define NAME_MAX_CHARS 255
#define SECRET_MAX_CHARS 1024

static const char *const securities[] = {"starttls", "tls", "none", NULL};

/* clang-format off */
#define ENDPOINT                                                                                                       \
    {.name = "endpoint", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = HTTP_URL_MAX_BYTES,                 \
     .help = "Scheme and host to call instead of the provider's own, for regional and private endpoints"}
#define REGION                                                                                                         \
    {.name = "region", .type = FIELD_STRING, .flags = LINE, .min = 1, .max = 32, .help = "Such as eu-central-1"}
#define ACCESS_KEY                                                                                                     \
    {.name = "access_key_id", .type = FIELD_STRING, .flags = LINE, .min = 16, .max = 128, .help = "Of an IAM user"},   \
    {.name = "secret_access_key", .type = FIELD_STRING, .flags = SECRET, .min = 1, .max = SECRET_MAX_CHARS,            \
     .help = "Its secret"}
#define TOPIC                                                                                                          \
    {.name = "topic_arn", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = 512,                               \
     .help = "The SNS topic that tells what became of messages; null: none is listened to"}

static const struct field smtp_fields[] = {
    {.name = "host", .type = FIELD_STRING, .flags = LINE, .min = 1, .max = NAME_MAX_CHARS, .help = "Mail server"},
    {.name = "port", .type = FIELD_INT, .min = 1, .max = 65535, .def = "587", .help = "Its port"},
    {.name = "security", .type = FIELD_ENUM, .choices = securities, .def = "\"starttls\"",
     .help = "starttls: required after the greeting; tls: from the first byte; none: plain text, only where the "
             "deployment allows it"},
    {.name = "username", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = NAME_MAX_CHARS,
     .help = "To log in with; null: no login"},
    {.name = "password", .type = FIELD_STRING, .flags = SECRET | FIELD_NULLABLE, .min = 1, .max = SECRET_MAX_CHARS,
     .help = "Its password"},
};
static const struct field sendgrid_fields[] = {
    {.name = "api_key", .type = FIELD_STRING, .flags = SECRET, .min = 1, .max = SECRET_MAX_CHARS,
     .help = "A key that may send mail"},
    ENDPOINT,
    {.name = "webhook_public_key", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = 1024,
     .help = "Verification key of the signed event webhook; null: it is not listened to"},
};
static const struct field ses_fields[] = {
    REGION,
    ACCESS_KEY,
    {.name = "configuration_set", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = 64,
     .help = "Whose event destinations tell what became of mails"},
    ENDPOINT,
    TOPIC,
};
static const struct field twilio_fields[] = {
    {.name = "account_sid", .type = FIELD_STRING, .flags = LINE, .min = 34, .max = 34, .help = "AC and 32 digits"},
    {.name = "auth_token", .type = FIELD_STRING, .flags = SECRET, .min = 1, .max = SECRET_MAX_CHARS,
     .help = "Its token; also verifies status callbacks"},
    {.name = "messaging_service_sid", .type = FIELD_STRING, .flags = OPTIONAL, .min = 34, .max = 34,
     .help = "Sends from the service's numbers instead of sms_from_number"},
    ENDPOINT,
};
static const struct field sns_fields[] = {
    REGION,
    ACCESS_KEY,
    {.name = "sender_id", .type = FIELD_STRING, .flags = OPTIONAL, .min = 1, .max = 11,
     .help = "Shown as the sender where that is possible"},
    ENDPOINT,
    TOPIC,
};
static const struct field slack_fields[] = {
    ENDPOINT,
};
static const struct field webhook_fields[] = {
    {.name = "url", .type = FIELD_STRING, .flags = LINE, .min = 1, .max = HTTP_URL_MAX_BYTES,
     .help = "Where every event of the organization is posted"},
    {.name = "secret", .type = FIELD_STRING, .flags = SECRET, .min = 1, .max = SECRET_MAX_CHARS,
     .help = "whsec_ and base64 of 24 to 64 bytes, as Standard Webhooks wants it"},
    {.name = "previous_secret", .type = FIELD_STRING, .flags = SECRET | FIELD_NULLABLE, .min = 1,
     .max = SECRET_MAX_CHARS, .help = "Signs too while receivers change over to a new one"},
};

#define CONFIG(symbol, component)                                                                                      \
    const struct record provider_config_##symbol = {.name = component, .fields = symbol##_fields,                      \
                                                    .n = ARRAY_SIZE(symbol##_fields), .help = "Configuration"}
CONFIG(smtp, "SmtpConfig");
CONFIG(sendgrid, "SendgridConfig");
CONFIG(ses, "SesConfig");
CONFIG(twilio, "TwilioConfig");
CONFIG(sns, "SnsConfig");
CONFIG(slack, "SlackConfig");
CONFIG(webhook, "WebhookConfig");

#define PROVIDER(name_, symbol, channel_, help_)                                                                       \
    {.name = name_, .channel = channel_, .help = help_, .config = &provider_config_##symbol},
/* clang-format on */

const struct provider_kind provider_kinds[] = {
#include "domain/providers.def"
};
const size_t provider_kinds_n = ARRAY_SIZE(provider_kinds);

#undef PROVIDER

const struct provider_kind *provider_kind_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < provider_kinds_n; i++) {
        if (strcmp(provider_kinds[i].name, name) == 0) {
            return &provider_kinds[i];
        }
    }
    return NULL;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

struct check {
    const struct field *field;
    const char *text;
    const char *pointer;
    bool allow_private;
};

static void check_url(const struct check *c, struct problems *problems)
{
    struct err e = ERR_INIT;
    if (!http_url_check(c->text, c->allow_private, &e)) {
        problems_add(problems, c->pointer, "format", "%s", e.text);
    }
}

static void check_endpoint(const struct check *c, struct problems *problems)
{
    const char *authority = strstr(c->text, "://");
    check_url(c, problems);
    if (authority != NULL && strpbrk(authority + 3, "/?#") != NULL) {
        problems_add(problems, c->pointer, "format", "must be a scheme and a host only, without a path");
    }
}

static void check_secret(const struct check *c, struct problems *problems)
{
    struct err e = ERR_INIT;
    if (!webhook_secret_check(c->text, &e)) {
        problems_add(problems, c->pointer, "format", "%s", e.text);
    }
}

/* Letters, digits and some more: what goes into paths, host names and signatures as it stands. */
static void check_word(const struct check *c, struct problems *problems)
{
    for (const char *at = c->text; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && strchr("-_.:", *at) == NULL) {
            problems_add(problems, c->pointer, "format", "may have letters, digits, - _ . and : only");
            return;
        }
    }
}

static void check_host(const struct check *c, struct problems *problems)
{
    check_word(c, problems);
    if (!c->allow_private && http_address_is_private_text(c->text)) {
        problems_add(problems, c->pointer, "format", "is a private address");
    }
}

static void check_security(const struct check *c, struct problems *problems)
{
    if (!c->allow_private && strcmp(c->text, "none") == 0) {
        problems_add(problems, c->pointer, "choice", "plain text is not allowed here; use starttls or tls");
    }
}

static const struct {
    const char *field; /* of whatever provider */
    void (*check)(const struct check *c, struct problems *problems);
} rules[] = {
    {"url", check_url},
    {"endpoint", check_endpoint},
    {"secret", check_secret},
    {"previous_secret", check_secret},
    {"region", check_word},
    {"access_key_id", check_word},
    {"configuration_set", check_word},
    {"account_sid", check_word},
    {"messaging_service_sid", check_word},
    {"sender_id", check_word},
    {"topic_arn", check_word},
    {"host", check_host},
    {"security", check_security},
};

static void check_member(const struct check *c, struct problems *problems)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (strcmp(rules[i].field, c->field->name) == 0) {
            rules[i].check(c, problems);
        }
    }
}

static bool is_missing(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

void provider_config_check(const struct provider_kind *kind, const json_t *config, bool allow_private,
                           const char *prefix, struct problems *problems)
{
    for (size_t i = 0; i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        const json_t *value = json_object_get(config, field->name);
        g_autofree char *pointer = g_strdup_printf("%s/%s", prefix, field->name);
        const struct check check = {field, json_string_value(value), pointer, allow_private};
        if (is_missing(value) && (field->flags & FIELD_NULLABLE) == 0) {
            problems_add(problems, pointer, "required", "is needed");
        } else if (check.text != NULL) {
            check_member(&check, problems);
        }
    }
    if (json_is_string(json_object_get(config, "username")) && is_missing(json_object_get(config, "password"))) {
        g_autofree char *pointer = g_strdup_printf("%s/password", prefix);
        problems_add(problems, pointer, "required", "is needed with username");
    }
}
