/*
 * api_deliveries.c: the record of what was sent to whom, and what became of it.
 */
#include "api_deliveries.h"

#include "domain/digest_preview.h"
#include "ground/clock.h"

/* clang-format off */
static const struct field list_fields[] = {
    DELIVERY_FILTER_FIELDS,
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 200, .def = "50",
     .help = "Deliveries on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS | FIELD_CURSOR, .min = 1,
     .max = FIELD_CURSOR_BYTES_MAX, .help = "next_cursor of the page before"},
};
/* clang-format on */

const struct record delivery_list_query = {
    .name = "DeliveryListQuery",
    .fields = list_fields,
    .n = ARRAY_SIZE(list_fields),
    .help = "Which deliveries",
};

static const char *text(const struct call *c, const char *name)
{
    return json_string_value(json_object_get(c->query, name));
}

static int64_t time_of(const struct call *c, const char *name)
{
    int64_t wall_us = 0;
    const char *value = text(c, name);
    return value != NULL && clock_parse_rfc3339(value, &wall_us) ? wall_us : 0;
}

struct delivery_filter api_delivery_filter(const struct call *c)
{
    return (struct delivery_filter){
        .organization_id = c->who.org,
        .state = text(c, "state"),
        .event = text(c, "event"),
        .event_id = text(c, "event_id"),
        .channel = text(c, "channel"),
        .provider = text(c, "provider"),
        .recipient = text(c, "recipient"),
        .address = text(c, "address"),
        .created_after_us = time_of(c, "created_after"),
        .created_before_us = time_of(c, "created_before"),
        .limit = json_integer_value(json_object_get(c->query, "limit")),
        .cursor = text(c, "cursor"),
    };
}

void api_delivery_list_fail(struct call *c, const struct err *e)
{
    struct problems problems CLEANUP(problems_release) = {0};
    if (e->code == ERR_INVALID) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, e);
    }
}

void api_deliveries_list(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *page = NULL;
    const struct delivery_filter filter = api_delivery_filter(c);
    if (delivery_list(c->db, &filter, &page, &e)) {
        response_json(c->response, 200, page);
    } else {
        api_delivery_list_fail(c, &e);
    }
}

void api_deliveries_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *delivery = NULL;
    if (delivery_get(c->db, c->who.org, c->path_value, &delivery, &e)) {
        response_json(c->response, 200, delivery);
    } else {
        call_fail(c, &e);
    }
}

/* --- once more ---------------------------------------------------------------------------------------------------- */

static void answer_new(struct call *c, const char *id)
{
    struct err e = ERR_INIT;
    json_auto_t *delivery = NULL;
    if (!delivery_get(c->db, c->who.org, id, &delivery, &e)) {
        call_fail(c, &e);
        return;
    }
    call_note_job(c, json_string_value(json_object_get(delivery, "job_id")));
    response_header(c->response, "Location", API_BASE "/deliveries/%s", id);
    response_json(c->response, 201, delivery);
}

void api_deliveries_resend(struct call *c)
{
    struct err e = ERR_INIT;
    enum delivery_resend outcome = DELIVERY_RESENT;
    char id[UUID_TEXT_BYTES];
    const struct delivery_call call = {
        .organization_id = c->who.org, .id = c->path_value, .user = c->who.sub, .request_id = c->request->id};
    if (!delivery_resend(c->db, &call, &outcome, id, &e)) {
        call_fail(c, &e);
    } else if (outcome == DELIVERY_OPEN) {
        response_problem(c->response, 409, "open", "The delivery is still on its way.");
    } else if (outcome == DELIVERY_IS_DIGEST) {
        response_problem(c->response, 409, "digest", "A digest is not sent again; its members can be, one by one.");
    } else {
        answer_new(c, id);
    }
}

/* --- digests to come ---------------------------------------------------------------------------------------------- */

/* clang-format off */
static const char *const digest_channels[] = {"email", NULL};
static const struct field preview_fields[] = {
    {.name = "recipient", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS, .min = 1, .max = 128,
     .help = "user_id of the recipient whose next digest it is"},
    {.name = "channel", .type = FIELD_ENUM, .flags = FIELD_INPUT_ONLY, .choices = digest_channels, .def = "\"email\"",
     .help = "Over which it goes"},
    {.name = "delivery_id", .type = FIELD_UUID, .flags = DELIVERY_FILTER_FLAGS,
     .help = "This very digest, in place of recipient and channel"},
};
/* clang-format on */

const struct record digest_preview_query = {
    .name = "DigestPreviewQuery",
    .fields = preview_fields,
    .n = ARRAY_SIZE(preview_fields),
    .help = "Which digest",
};

void api_digest_preview_check(const struct call *c, struct problems *problems)
{
    if (text(c, "recipient") == NULL && text(c, "delivery_id") == NULL) {
        problems_add(problems, "?recipient", "required", "is needed, or delivery_id");
    }
}

void api_digest_preview(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *preview = NULL;
    const struct digest_wanted wanted = {
        .organization_id = c->who.org,
        .delivery_id = text(c, "delivery_id"),
        .channel = text(c, "channel"),
        .recipient = text(c, "recipient"),
    };
    if (digest_preview(c->db, &wanted, &preview, &e)) {
        response_json(c->response, 200, preview);
    } else {
        call_fail(c, &e);
    }
}
