/*
 * api_suppressions.c: the addresses that get nothing: list, add, remove.
 */
#include "api.h"
#include "domain/suppression.h"
#include "ground/json.h"

#define FILTER FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE
static const char *const channels[] = {"email", "sms", NULL};
/* clang-format off */
static const struct field list_fields[] = {
    {.name = "channel", .type = FIELD_ENUM, .flags = FILTER, .choices = channels, .help = "Only of this channel"},
    {.name = "address", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 254, .help = "Only this one"},
    {.name = "reason", .type = FIELD_ENUM, .flags = FILTER, .choices = suppression_reasons,
     .help = "Only for this reason"},
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 200, .def = "50",
     .help = "Addresses on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = FILTER | FIELD_CURSOR, .min = 1, .max = FIELD_CURSOR_BYTES_MAX,
     .help = "next_cursor of the page before"},
};
/* clang-format on */

const struct record suppression_list_query = {
    .name = "SuppressionListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "Which addresses",
};

void api_suppressions_list(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *page = NULL;
    const struct suppression_filter filter = {
        .organization_id = c->who.org,
        .channel = json_text(c->query, "channel"),
        .address = json_text(c->query, "address"),
        .reason = json_text(c->query, "reason"),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = json_text(c->query, "cursor"),
    };
    if (suppression_list(c->db, &filter, &page, &e)) {
        response_json(c->response, 200, page);
    } else if (e.code == ERR_INVALID) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, &e);
    }
}

void api_suppressions_check(const struct call *c, struct problems *problems)
{
    suppression_check(c->body, problems);
}

static struct suppression suppression_of(const struct call *c)
{
    const char *reason = json_text(c->body, "reason");
    return (struct suppression){
        .organization_id = c->who.org,
        .channel = json_text(c->body, "channel"),
        .address = json_text(c->body, "address"),
        .reason = reason == NULL ? SUPPRESSION_MANUAL : reason,
        .note = json_text(c->body, "note"),
        .actor = c->who.sub,
        .request_id = c->request->id,
    };
}

void api_suppressions_create(struct call *c)
{
    struct err e = ERR_INIT;
    bool made = false;
    json_auto_t *row = NULL;
    const struct suppression s = suppression_of(c);
    if (suppression_add(c->db, &s, &made, &row, &e)) {
        response_json(c->response, made ? 201 : 200, row);
    } else {
        call_fail(c, &e);
    }
}

void api_suppressions_remove(struct call *c)
{
    struct err e = ERR_INIT;
    const struct suppression s = suppression_of(c);
    if (suppression_remove(c->db, &s, &e)) {
        response_empty(c->response, 204);
    } else {
        call_fail(c, &e);
    }
}
