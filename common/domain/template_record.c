/*
 * template_record.c: the field tables of templates.
 */
#include "domain/template_store.h"

#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
#define OF_ROW (FIELD_READONLY | FIELD_NULLABLE | FIELD_COLUMN_NOT_NULL)

static const char *const sources[] = {"default", "organization", NULL};

/* clang-format off */
#define KEY_FIELDS                                                                                                     \
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO | FIELD_INTERNAL, .max = 64, .sql = "varchar(64)"},  \
    {.name = "template", .type = FIELD_STRING, .flags = RO,                                                            \
     .derived = "CONCAT_WS('.', $event, $channel, NULLIF($locale, ''))",                                               \
     .help = "Its name in paths: event.channel or event.channel.locale"},                                              \
    {.name = "source", .type = FIELD_ENUM, .flags = RO, .choices = sources, .derived = "'organization'",               \
     .help = "Whose it is: the product's (default), or the organization's own, which takes its place"},                \
    {.name = "event", .type = FIELD_ENUM, .flags = RO, .choices = template_event_names, .sql = "varchar(32)",          \
     .help = "What has happened; digest: what gathers several messages"},                                              \
    {.name = "channel", .type = FIELD_ENUM, .flags = RO, .choices = template_channel_names, .sql = "varchar(16)",      \
     .help = "How it is told"},                                                                                        \
    {.name = "locale", .type = FIELD_STRING, .flags = RO, .max = 35, .sql = "varchar(35)",                             \
     .help = "For whom: de-CH, de; empty: for all that have none of their own"}
#define SUBJECT                                                                                                        \
    {.name = "subject", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,                      \
     .max = TEMPLATE_SUBJECT_CHARS_MAX, .sql = "varchar(400)", .help = "Mail's subject; of other channels null"}
#define TEXT(flags_)                                                                                                   \
    {.name = "text", .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = TEMPLATE_TEXT_CHARS_MAX,                \
     .sql = "longtext",                                                                                                \
     .help = "The plain text of a mail; the text message; Slack's mrkdwn"}
#define HTML                                                                                                           \
    {.name = "html", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = TEMPLATE_HTML_CHARS_MAX,          \
     .sql = "longtext", .help = "A mail's HTML, beside its text; null: none"}
#define ROW_FIELDS                                                                                                     \
    {.name = "created_at", .type = FIELD_TIME, .flags = OF_ROW, .sql = "datetime(6)",                                  \
     .help = "When it was made; null: it is the product's"},                                                           \
    {.name = "updated_at", .type = FIELD_TIME, .flags = OF_ROW, .sql = "datetime(6)", .help = "When it was changed"},  \
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",                  \
     .help = "Who made it"},                                                                                           \
    {.name = "updated_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",                  \
     .help = "Who changed it"},                                                                                        \
    {.name = "version", .type = FIELD_INT, .flags = RO | FIELD_INTERNAL, .sql = "bigint(20)"}

static const struct field template_fields[] = {
    KEY_FIELDS, SUBJECT, TEXT(FIELD_NULLABLE), HTML, ROW_FIELDS,
};
static const struct field summary_fields[] = {KEY_FIELDS, SUBJECT, ROW_FIELDS};
static const struct field put_fields[] = {SUBJECT, TEXT(FIELD_REQUIRED), HTML};
static const struct field texts_fields[] = {SUBJECT, TEXT(FIELD_NULLABLE), HTML};
/* clang-format on */

const struct record template_record = {
    .name = "NotificationTemplate",
    .table = "notification_templates",
    .fields = template_fields,
    .n = ARRAY_SIZE(template_fields),
    .help = "The words of a message",
};
const struct record template_summary_record = {
    .name = "NotificationTemplateSummary",
    .table = "notification_templates",
    .fields = summary_fields,
    .n = ARRAY_SIZE(summary_fields),
    .help = "A template without its longer texts",
};
const struct record template_put_body = {
    .name = "NotificationTemplatePut",
    .fields = put_fields,
    .n = ARRAY_SIZE(put_fields),
    .help = "The texts of a template: all of them",
};
const struct record template_texts_record = {
    .name = "NotificationTemplateTexts",
    .fields = texts_fields,
    .n = ARRAY_SIZE(texts_fields),
    .help = "The texts alone",
};
