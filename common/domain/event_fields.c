/*
 * event_fields.c: the field tables of an event, of its recipients and of what its templates may name.
 */
#include <string.h>

#include "domain/event.h"

#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
#define TEXT_CHARS_MAX 5000

/* clang-format off */
#define EVENT(flags_)                                                                                                  \
    {.name = "event", .type = FIELD_ENUM, .flags = (flags_), .choices = notify_event_names, .sql = "varchar(32)",      \
     .help = "What has happened"}
#define SEVERITY                                                                                                       \
    {.name = "severity", .type = FIELD_ENUM, .choices = notify_severity_names, .def = "\"info\"",                      \
     .sql = "varchar(16)",                                                                                            \
     .help = "critical goes out at once, through quiet hours, do-not-disturb and digests"}
#define DEDUPE                                                                                                         \
    {.name = "dedupe_key", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1, .max = 255,       \
     .sql = "varchar(255)",                                                                                           \
     .help = "Names what has happened: an event with the key of an earlier one of the organization is that one, and "  \
             "nobody is told again"}

static const struct field recipient_fields[] = {
    {.name = "user_id", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, .max = 128,
     .help = "Who it is in the platform; one message per user and channel"},
    {.name = "email", .type = FIELD_EMAIL, .flags = FIELD_NULLABLE, .max = 254, .help = "Without it there is no mail"},
    {.name = "phone", .type = FIELD_PHONE, .flags = FIELD_NULLABLE, .help = "E.164; without it no text message"},
    {.name = "locale", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 2, .max = 35,
     .help = "BCP 47, such as de or de-CH: which template; null: the default"},
    {.name = "timezone", .type = FIELD_ZONE, .flags = FIELD_NULLABLE,
     .help = "For quiet hours and digests; null: the settings'"},
};
const struct record event_recipient_record = {
    .name = "EventRecipient",
    .fields = recipient_fields,
    .n = ARRAY_SIZE(recipient_fields),
    .help = "Somebody who is told",
};

static const struct field create_fields[] = {
    EVENT(FIELD_REQUIRED),
    SEVERITY,
    {.name = "recipients", .type = FIELD_RECORDS, .flags = FIELD_REQUIRED, .min = 1, .max = EVENT_RECIPIENTS_MAX,
     .record = &event_recipient_record, .help = "Who is told"},
    {.name = "data", .type = FIELD_OBJECT, .max = EVENT_DATA_BYTES_MAX, .def = "{}",
     .help = "What templates may name; GET /notifications/events/fields lists it for each event"},
    DEDUPE,
};
const struct record event_create_body = {
    .name = "EventCreate",
    .fields = create_fields,
    .n = ARRAY_SIZE(create_fields),
    .help = "Something that has happened",
};

static const struct field event_fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = RO, .sql = "uuid", .help = "UUIDv7"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "The organization it happened in"},
    EVENT(RO),
    SEVERITY,
    DEDUPE,
    {.name = "recipients", .type = FIELD_RECORDS, .flags = RO, .min = 1, .max = EVENT_RECIPIENTS_MAX,
     .record = &event_recipient_record, .sql = "longtext", .help = "Who is told"},
    {.name = "data", .type = FIELD_OBJECT, .flags = RO, .max = EVENT_DATA_BYTES_MAX, .sql = "longtext",
     .help = "As it came"},
    {.name = "job_id", .type = FIELD_UUID, .flags = RO, .sql = "uuid", .help = "The job that makes the deliveries"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it came in"},
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Subject of the token that told of it"},
};
const struct record event_record = {
    .name = "Event",
    .table = "notification_events",
    .fields = event_fields,
    .n = ARRAY_SIZE(event_fields),
    .help = "Something that has happened",
};

/* --- what templates may name -------------------------------------------------------------------------------------- */

#define NAMED(name_, text)                                                                                             \
    {.name = (name_), .type = FIELD_STRING, .flags = FIELD_NULLABLE, .max = TEXT_CHARS_MAX, .help = (text)}
#define URL NAMED("url", "Where to read on")
#define EMPLOYEE NAMED("employee_name", "Whom it concerns")
#define LEAVE                                                                                                          \
    EMPLOYEE, NAMED("leave_type", "Vacation, sick leave and so on"), NAMED("start_date", "First day"),                 \
        NAMED("end_date", "Last day"), NAMED("days", "Number of days")

static const struct field employee_created[] = {
    EMPLOYEE, NAMED("employee_id", "In the platform"), NAMED("department", "Where"), NAMED("position", "As what"),
    NAMED("start_date", "First day at work"), NAMED("manager_name", "Reports to"), NAMED("message", "Free text"), URL,
};
static const struct field leave_request[] = {
    LEAVE, NAMED("reason", "Why"), NAMED("manager_name", "Who decides"), NAMED("message", "Free text"), URL,
};
static const struct field leave_approval[] = {
    LEAVE, NAMED("status", "approved, rejected"), NAMED("approver_name", "Who decided"), NAMED("message", "Free text"),
    URL,
};
static const struct field payroll[] = {
    EMPLOYEE, NAMED("period", "The month or week paid"), NAMED("pay_date", "When the money comes"),
    NAMED("amount", "How much"), NAMED("currency", "Of what"), NAMED("message", "Free text"), URL,
};
static const struct field alert[] = {
    NAMED("title", "In a few words"), NAMED("message", "What it is"), NAMED("source", "Where it comes from"), URL,
};
/* clang-format on */

#define DATA(symbol, component)                                                                         \
    {                                                                                                   \
        .name = component, .fields = symbol, .n = ARRAY_SIZE(symbol), .help = "What templates may name" \
    }
static const struct record data_records[NOTIFY_EVENTS] = {
    [NOTIFY_EMPLOYEE_CREATED] = DATA(employee_created, "EmployeeCreatedData"),
    [NOTIFY_LEAVE_REQUEST] = DATA(leave_request, "LeaveRequestData"),
    [NOTIFY_LEAVE_APPROVAL] = DATA(leave_approval, "LeaveApprovalData"),
    [NOTIFY_PAYROLL] = DATA(payroll, "PayrollData"),
    [NOTIFY_ALERT] = DATA(alert, "AlertData"),
};

const struct record *event_data_record(enum notify_event event)
{
    return &data_records[event];
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static void check_named(const struct field *field, const json_t *value, struct problems *problems)
{
    g_autofree char *pointer = g_strconcat("/data/", field->name, NULL);
    if (json_is_string(value)) {
        field_check_value(field, value, pointer, problems);
    } else if (json_is_object(value) || json_is_array(value)) {
        problems_add(problems, pointer, "type", "must be text, a number, true or false");
    }
}

static void check_data(const json_t *body, struct problems *problems)
{
    int event = notify_parse(notify_event_names, json_string_value(json_object_get(body, "event")));
    const json_t *data = json_object_get(body, "data");
    if (event < 0) {
        return;
    }
    const struct record *record = event_data_record((enum notify_event)event);
    for (size_t i = 0; i < record->n; i++) {
        check_named(&record->fields[i], json_object_get(data, record->fields[i].name), problems);
    }
}

/* Letters, digits and hyphens (RFC 5646 2.1). */
static bool is_locale(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return text[n] == '\0' && g_ascii_isalpha(text[0]) && text[n - 1] != '-';
}

static void check_locale(const json_t *recipient, size_t i, struct problems *problems)
{
    const char *locale = json_string_value(json_object_get(recipient, "locale"));
    if (locale != NULL && locale[0] != '\0' && !is_locale(locale)) {
        g_autofree char *pointer = g_strdup_printf("/recipients/%zu/locale", i);
        problems_add(problems, pointer, "format", "must be a language tag such as de or de-CH");
    }
}

static void check_recipients(const json_t *body, struct problems *problems)
{
    const json_t *recipients = json_object_get(body, "recipients");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < json_array_size(recipients) && !problems_full(problems); i++) {
        const json_t *recipient = json_array_get(recipients, i);
        const char *user = json_string_value(json_object_get(recipient, "user_id"));
        check_locale(recipient, i, problems);
        if (user != NULL && !g_hash_table_add(seen, (gpointer)(uintptr_t)user)) {
            g_autofree char *pointer = g_strdup_printf("/recipients/%zu/user_id", i);
            problems_add(problems, pointer, "duplicate", "is also that of an earlier recipient");
        }
    }
}

void event_check(const json_t *body, struct problems *problems)
{
    check_data(body, problems);
    check_recipients(body, problems);
}
