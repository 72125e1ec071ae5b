/*
 * settings_fields.c: the field table of an organization's notification settings.
 */
#include "domain/settings.h"

#define CUSTOM_BYTES_MAX 65536
#define ONE_LINE_NULL (FIELD_NULLABLE | FIELD_ONE_LINE)
#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)

#define SWITCH(column, initially, text)                                                         \
    {                                                                                           \
        .name = column, .type = FIELD_BOOL, .def = initially, .sql = "tinyint(1)", .help = text \
    }
#define CHOICE(column, list, initially, text)                                                                     \
    {                                                                                                             \
        .name = column, .type = FIELD_ENUM, .choices = list, .def = initially, .sql = "varchar(16)", .help = text \
    }

static const char *const email_providers[] = {"smtp", "sendgrid", "ses", NULL};
static const char *const sms_providers[] = {"twilio", "sns", NULL};
static const char *const digest_frequencies[] = {"hourly", "daily", "weekly", NULL};

/* In the order of the columns. */
/* clang-format off */
static const struct field fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = RO, .sql = "uuid", .help = "Identifies the settings"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "The organization they belong to"},

    SWITCH("email_enabled", "true", "Whether mail is sent at all"),
    CHOICE("email_provider", email_providers, "\"smtp\"", "What sends the mail"),
    {.name = "email_from_address", .type = FIELD_EMAIL, .flags = FIELD_NULLABLE, .max = 254, .sql = "varchar(254)",
     .help = "Sender's address; null: the server's own"},
    {.name = "email_from_name", .type = FIELD_STRING, .flags = ONE_LINE_NULL, .min = 1, .max = 100,
     .sql = "varchar(100)", .help = "Sender's name; null: the server's own"},
    SWITCH("email_on_employee_created", "true", "Mail when an employee was created"),
    SWITCH("email_on_leave_request", "true", "Mail on a leave request"),
    SWITCH("email_on_payroll", "true", "Mail on a payroll run"),
    SWITCH("email_on_alert", "true", "Mail on an alert"),

    SWITCH("sms_enabled", "false", "Whether text messages are sent at all"),
    CHOICE("sms_provider", sms_providers, "\"twilio\"", "What sends the text messages"),
    {.name = "sms_from_number", .type = FIELD_PHONE, .flags = FIELD_NULLABLE, .sql = "varchar(16)",
     .help = "Sender's number in E.164 form; needed to send with twilio"},
    SWITCH("sms_on_leave_approval", "false", "Text message when a leave was approved"),
    SWITCH("sms_on_payroll", "false", "Text message on a payroll run"),
    SWITCH("sms_on_alert", "false", "Text message on an alert"),

    SWITCH("slack_enabled", "false", "Whether Slack messages are sent at all; needs slack_webhook_url"),
    {.name = "slack_webhook_url", .type = FIELD_SLACK_URL, .flags = FIELD_NULLABLE | FIELD_SECRET,
     .sql = "varchar(1024)",
     .help = "Slack's incoming webhook. Stored encrypted and never shown: answers have a mask when it is set, null "
             "when not; leave it out to keep it"},
    {.name = "slack_channel", .type = FIELD_STRING, .flags = ONE_LINE_NULL, .min = 1, .max = 80, .sql = "varchar(80)",
     .help = "Channel to post to; null: the webhook's own"},
    SWITCH("slack_on_critical_alert", "false", "Slack message on a critical alert"),

    SWITCH("digest_enabled", "false", "Whether notifications are gathered into a digest"),
    CHOICE("digest_frequency", digest_frequencies, "\"daily\"", "How often a digest is sent"),
    {.name = "digest_time", .type = FIELD_HHMM, .def = "\"09:00\"", .sql = "char(5)",
     .help = "Time of day of a daily or weekly digest, in timezone"},
    {.name = "quiet_hours_start", .type = FIELD_HHMM, .flags = FIELD_NULLABLE, .sql = "char(5)",
     .help = "When quiet hours begin, in timezone; comes with quiet_hours_end and may be later in the day than it"},
    {.name = "quiet_hours_end", .type = FIELD_HHMM, .flags = FIELD_NULLABLE, .sql = "char(5)",
     .help = "When quiet hours end, in timezone"},
    SWITCH("dnd_enabled", "false", "Do not disturb: holds back all that is not critical"),
    {.name = "timezone", .type = FIELD_ZONE, .def = "\"UTC\"", .sql = "varchar(64)",
     .help = "IANA time zone of the digest and the quiet hours"},
    {.name = "custom_settings", .type = FIELD_OBJECT, .max = CUSTOM_BYTES_MAX, .def = "{}", .sql = "longtext",
     .help = "Whatever else the platform keeps here. An update is merged member by member (RFC 7396): a member that is "
             "null is removed; null in place of the object empties it"},

    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Subject of the token that first asked for them"},
    {.name = "updated_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Subject of the token that last changed them"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When they were made"},
    {.name = "updated_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When they last changed"},

    {.name = "version", .type = FIELD_INT, .flags = RO | FIELD_INTERNAL, .sql = "bigint(20)"},
};
/* clang-format on */

const struct record settings_record = {
    .name = "NotificationSettings",
    .table = "notification_settings",
    .fields = fields,
    .n = ARRAY_SIZE(fields),
    .help = "An organization's notification settings",
};
