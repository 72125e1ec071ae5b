/*
 * api_deliveries.h: what the calls that list deliveries share.
 */
#ifndef BELLMAN_API_DELIVERIES_H
#define BELLMAN_API_DELIVERIES_H

#include "api.h"
#include "domain/delivery.h"

/* clang-format off */
#define DELIVERY_FILTER_FLAGS FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE
#define DELIVERY_FILTER_FIELDS \
    {.name = "state", .type = FIELD_ENUM, .flags = DELIVERY_FILTER_FLAGS, .choices = delivery_state_names, \
     .help = "Only in this state"}, \
    {.name = "event", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS, .min = 1, .max = 32, \
     .help = "Only of this event, or digest"}, \
    {.name = "event_id", .type = FIELD_UUID, .flags = DELIVERY_FILTER_FLAGS, .help = "Only of this very event"}, \
    {.name = "channel", .type = FIELD_ENUM, .flags = DELIVERY_FILTER_FLAGS, .choices = notify_channel_names, \
     .help = "Only over this channel"}, \
    {.name = "provider", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS, .min = 1, .max = 16, \
     .help = "Only through this provider"}, \
    {.name = "recipient", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS, .min = 1, .max = 128, \
     .help = "Only to this user_id"}, \
    {.name = "address", .type = FIELD_STRING, .flags = DELIVERY_FILTER_FLAGS, .min = 1, .max = 254, \
     .help = "Only to this address or number"}, \
    {.name = "created_after", .type = FIELD_TIME, .flags = DELIVERY_FILTER_FLAGS, \
     .help = "Only made after this time"}, \
    {.name = "created_before", .type = FIELD_TIME, .flags = DELIVERY_FILTER_FLAGS, .help = "Only made before this time"}
/* clang-format on */

/* What the query asks for; borrows from it. */
struct delivery_filter api_delivery_filter(const struct call *c);
/* Answers the failure of a list: 422 for a cursor that is none. */
void api_delivery_list_fail(struct call *c, const struct err *e);

#endif
