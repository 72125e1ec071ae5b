#include "domain/job_types.h"

#include <stdio.h>
#include <string.h>

#include "domain/own_tables.h"

#define TEXT_MAX 500000

/* --- payloads ----------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct field email_send_fields[] = {
    {.name = "to", .type = FIELD_EMAIL, .flags = FIELD_REQUIRED, .help = "Recipient's address"},
    {.name = "subject", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, .max = 200,
     .help = "Subject line"},
    {.name = "text", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = TEXT_MAX,
     .help = "Plain-text body; text, html or both must be there"},
    {.name = "html", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = TEXT_MAX, .help = "HTML body"},
};
/* clang-format on */

static const char *const db_operations[] = {"analyze", "optimize", NULL};
/* clang-format off */
static const struct field db_optimize_fields[] = {
    {.name = "tables", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .min = 1, .max = 20,
     .help = "Bellman's own tables, one after the other"},
    {.name = "operation", .type = FIELD_ENUM, .choices = db_operations, .def = "\"analyze\"",
     .help = "ANALYZE TABLE (fast) or OPTIMIZE TABLE (rebuilds)"},
};

static const struct field sleep_fields[] = {
    {.name = "ms", .type = FIELD_INT, .flags = FIELD_REQUIRED, .min = 0, .max = 3600000,
     .help = "Milliseconds to wait"},
};

static const struct field fail_fields[] = {
    {.name = "times", .type = FIELD_INT, .min = 0, .max = 1000, .def = "1",
     .help = "Attempts that fail before one completes"},
    {.name = "permanent", .type = FIELD_BOOL, .def = "false", .help = "Fail for good at once"},
    {.name = "message", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = 500,
     .help = "The error to report"},
};
/* clang-format on */

/* clang-format off */
#define PAYLOAD(symbol, component, list, text)                                                                         \
    static const struct record payload_##symbol = {                                                                    \
        .name = component, .fields = list, .n = ARRAY_SIZE(list), .help = text}
#define EMPTY_PAYLOAD(symbol, component)                                                                               \
    static const struct record payload_##symbol = {.name = component, .help = "Takes nothing"}

PAYLOAD(email_send, "EmailSendPayload", email_send_fields, "One mail to one recipient");
PAYLOAD(db_optimize, "DbOptimizePayload", db_optimize_fields, "Table maintenance");
PAYLOAD(sleep, "SleepPayload", sleep_fields, "How long to wait");
PAYLOAD(fail, "FailPayload", fail_fields, "How to fail");
EMPTY_PAYLOAD(cache_flush, "CacheFlushPayload");
EMPTY_PAYLOAD(noop, "NoopPayload");
EMPTY_PAYLOAD(crash, "CrashPayload");
/* clang-format on */

/* --- rules over several fields ------------------------------------------------------------------------------------ */

static void check_email_send(const json_t *payload, const char *prefix, struct problems *problems)
{
    if (!json_is_string(json_object_get(payload, "text")) && !json_is_string(json_object_get(payload, "html"))) {
        problems_add(problems, prefix, "required", "text, html or both must be given");
    }
}

static void check_db_optimize(const json_t *payload, const char *prefix, struct problems *problems)
{
    const json_t *tables = json_object_get(payload, "tables");
    for (size_t i = 0; i < json_array_size(tables); i++) {
        if (own_table_find(json_string_value(json_array_get(tables, i))) == NULL) {
            char pointer[64];
            (void)snprintf(pointer, sizeof(pointer), "%s/tables/%zu", prefix, i);
            problems_add(problems, pointer, "choice", "must be one of Bellman's own tables");
        }
    }
}

#define check_cache_flush NULL
#define check_noop NULL
#define check_sleep NULL
#define check_fail NULL
#define check_crash NULL

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define JOB_TYPE(type_name, symbol, seconds, is_diagnostic, text)                                                      \
    {.name = type_name,                                                                                                \
     .payload = &payload_##symbol,                                                                                     \
     .check = check_##symbol,                                                                                          \
     .timeout_s = (seconds),                                                                                           \
     .diagnostic = (is_diagnostic),                                                                                    \
     .help = text},
/* clang-format on */

const struct job_type job_types[] = {
#include "domain/job_types.def"
};
const size_t job_types_n = ARRAY_SIZE(job_types);

const struct job_type *job_type_find(const char *name)
{
    for (size_t i = 0; i < job_types_n; i++) {
        if (strcmp(job_types[i].name, name) == 0) {
            return &job_types[i];
        }
    }
    return NULL;
}

void job_payload_check(const struct job_type *type, const json_t *payload, const char *prefix,
                       struct problems *problems)
{
    struct problems own = {0};
    record_check(type->payload, payload, prefix, &own);
    if (!problems_any(&own) && type->check != NULL) {
        type->check(payload, prefix, &own);
    }
    if (!problems_any(&own)) {
        return;
    }
    if (problems->list == NULL) {
        *problems = own;
        return;
    }
    json_array_extend(problems->list, own.list);
    problems_release(&own);
}
