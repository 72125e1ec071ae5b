/*
 * api_deliveries.c: the record of what was sent to whom, and what became of it.
 */
#include "api.h"
#include "domain/delivery.h"
#include "ground/clock.h"

#define FILTER FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE
/* clang-format off */
static const struct field list_fields[] = {
    {.name = "state", .type = FIELD_ENUM, .flags = FILTER, .choices = delivery_state_names,
     .help = "Only in this state"},
    {.name = "event", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 32,
     .help = "Only of this event, or digest"},
    {.name = "event_id", .type = FIELD_UUID, .flags = FILTER, .help = "Only of this very event"},
    {.name = "channel", .type = FIELD_ENUM, .flags = FILTER, .choices = notify_channel_names,
     .help = "Only over this channel"},
    {.name = "provider", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 16,
     .help = "Only through this provider"},
    {.name = "recipient", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 128,
     .help = "Only to this user_id"},
    {.name = "address", .type = FIELD_STRING, .flags = FILTER, .min = 1, .max = 254,
     .help = "Only to this address or number"},
    {.name = "created_after", .type = FIELD_TIME, .flags = FILTER, .help = "Only made after this time"},
    {.name = "created_before", .type = FIELD_TIME, .flags = FILTER, .help = "Only made before this time"},
    {.name = "limit", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 200, .def = "50",
     .help = "Deliveries on a page"},
    {.name = "cursor", .type = FIELD_STRING, .flags = FILTER | FIELD_CURSOR, .min = 1, .max = FIELD_CURSOR_BYTES_MAX,
     .help = "next_cursor of the page before"},
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

static struct delivery_filter filter_of(const struct call *c)
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

void api_deliveries_list(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *page = NULL;
    const struct delivery_filter filter = filter_of(c);
    if (delivery_list(c->db, &filter, &page, &e)) {
        response_json(c->response, 200, page);
    } else if (e.code == ERR_INVALID) {
        problems_add(&problems, "?cursor", "format", "is not a cursor that a list has given");
        response_faults(c->response, &problems);
    } else {
        call_fail(c, &e);
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
