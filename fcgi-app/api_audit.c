/*
 * api_audit.c: who changed what, and when.
 */
#include "api.h"
#include "domain/audit_list.h"
#include "ground/clock.h"
#include "ground/json.h"

#define FILTER FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE
/* clang-format off */
static const struct field list_fields[] = {
    {.name = "action", .type = FIELD_STRING, .flags = FILTER | FIELD_ASCII, .min = 1, .max = 64,
     .help = "Only this one"},
    {.name = "subject", .type = FIELD_STRING, .flags = FILTER | FIELD_ASCII, .min = 1, .max = 64,
     .help = "Only what was done to this: an id or a name"},
    {.name = "actor", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 128, .help = "Only what this one did"},
    {.name = "created_after", .type = FIELD_TIME, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE,
     .help = "Only entries made after this time"},
    {.name = "created_before", .type = FIELD_TIME, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE,
     .help = "Only entries made before this time"},
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 200, .def = "50",
     .help = "Entries on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = FILTER | FIELD_CURSOR, .min = 1, .max = FIELD_CURSOR_BYTES_MAX,
     .help = "next_cursor of the page before"},
};
/* clang-format on */

const struct record audit_list_query = {
    .name = "AuditListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "Which entries of the audit log",
};

static int64_t time_of(const struct call *c, const char *name)
{
    int64_t at_us = 0;
    const char *text = json_text(c->query, name);
    return text != NULL && clock_parse_rfc3339(text, &at_us) ? at_us : 0;
}

void api_audit_list(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *page = NULL;
    const struct audit_filter filter = {
        .organization_id = c->who.org,
        .action = json_text(c->query, "action"),
        .subject = json_text(c->query, "subject"),
        .actor = json_text(c->query, "actor"),
        .created_after_us = time_of(c, "created_after"),
        .created_before_us = time_of(c, "created_before"),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = json_text(c->query, "cursor"),
    };
    if (audit_list(c->db, &filter, &page, &e)) {
        response_json(c->response, 200, page);
    } else if (e.code == ERR_INVALID) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, &e);
    }
}
