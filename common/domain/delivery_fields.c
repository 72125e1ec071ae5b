/*
 * delivery_fields.c: the field tables of a delivery and of its tries.
 */
#include "domain/delivery.h"

const char *const delivery_state_names[] = {"queued",  "held",       "sent",   "delivered", "opened",
                                            "bounced", "complained", "failed", NULL};
static const char *const hold_names[] = {"digest", "dnd", "quiet_hours", NULL};
const char *const delivery_try_outcomes[] = {"unknown", "sent", "retry", "ambiguous", "refused", "paused", NULL};

#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
#define HIDDEN_NULL (FIELD_READONLY | FIELD_NULLABLE | FIELD_INTERNAL)

/* clang-format off */
static const struct field delivery_fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = RO, .sql = "uuid",
     .help = "UUIDv7; also what the message is known by to providers and receivers, on every try"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "The organization it is sent for"},
    {.name = "event_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid",
     .help = "The event it tells of; null: it is a digest"},
    {.name = "event", .type = FIELD_STRING, .flags = RO, .max = 32, .sql = "varchar(32)",
     .help = "Name of the event, or digest"},
    {.name = "severity", .type = FIELD_ENUM, .flags = RO, .choices = notify_severity_names, .sql = "varchar(16)",
     .help = "The event's"},
    {.name = "channel", .type = FIELD_ENUM, .flags = RO, .choices = notify_channel_names, .sql = "varchar(16)",
     .help = "How it is sent"},
    {.name = "recipient", .type = FIELD_STRING, .flags = RO, .max = 128, .sql = "varchar(128)",
     .help = "user_id of the recipient; empty for Slack and webhooks, which have one message for all"},
    {.name = "address", .type = FIELD_STRING, .flags = RO, .max = 254, .sql = "varchar(254)",
     .help = "Where it is sent: address, number or channel"},
    {.name = "locale", .type = FIELD_STRING, .flags = RO_NULL, .max = 35, .sql = "varchar(35)",
     .help = "The recipient's"},
    {.name = "timezone", .type = FIELD_STRING, .flags = RO_NULL, .max = 64, .sql = "varchar(64)",
     .help = "The recipient's"},
    {.name = "state", .type = FIELD_ENUM, .flags = RO, .choices = delivery_state_names, .sql = "varchar(16)",
     .help = "sent: the provider took it; delivered, opened, bounced, complained: what it told later"},
    {.name = "hold_reason", .type = FIELD_ENUM, .flags = RO_NULL, .choices = hold_names, .sql = "varchar(16)",
     .help = "Why it is held"},
    {.name = "held_until", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "Until when; null while held: until do-not-disturb is switched off"},
    {.name = "provider", .type = FIELD_STRING, .flags = RO_NULL, .max = 16, .sql = "varchar(16)",
     .help = "Who took it, or was tried last"},
    {.name = "provider_message_id", .type = FIELD_STRING, .flags = RO_NULL, .max = 255, .sql = "varchar(255)",
     .help = "What the provider calls it"},
    {.name = "error_message", .type = FIELD_STRING, .flags = RO_NULL, .max = 2000, .sql = "varchar(2000)",
     .help = "Why it is not sent, or not yet"},
    {.name = "job_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid", .help = "The job that sends it"},
    {.name = "digest_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid",
     .help = "The digest that it is, or was, a part of"},
    {.name = "digest_slot", .type = FIELD_TIME, .flags = HIDDEN_NULL, .sql = "datetime(6)"},
    {.name = "resend_of", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid", .help = "The delivery that it repeats"},
    {.name = "copy", .type = FIELD_INT, .flags = FIELD_READONLY | FIELD_INTERNAL, .sql = "int(11)"},
    {.name = "sent_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)", .help = "When a provider took it"},
    {.name = "delivered_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)", .help = "When it arrived"},
    {.name = "opened_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)", .help = "When it was first read"},
    {.name = "clicked_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When a link in it was first followed"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was made"},
    {.name = "updated_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it last changed"},
};

static const struct field attempt_fields[] = {
    {.name = "delivery_id", .type = FIELD_UUID, .flags = RO | FIELD_INTERNAL, .sql = "uuid"},
    {.name = "number", .type = FIELD_INT, .flags = RO, .sql = "int(11)", .help = "Counts from 1"},
    {.name = "provider", .type = FIELD_STRING, .flags = RO, .max = 16, .sql = "varchar(16)", .help = "Who was tried"},
    {.name = "outcome", .type = FIELD_ENUM, .flags = RO, .choices = delivery_try_outcomes, .sql = "varchar(16)",
     .help = "unknown: begun and not ended, or the worker died; ambiguous: no answer, so it may have been taken; "
             "refused: for good; paused: the provider does not accept us"},
    {.name = "code", .type = FIELD_INT, .flags = RO_NULL, .sql = "int(11)", .help = "HTTP status or SMTP reply code"},
    {.name = "reply", .type = FIELD_STRING, .flags = RO_NULL, .max = 500, .sql = "varchar(500)",
     .help = "The provider's words"},
    {.name = "started_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was begun"},
    {.name = "latency_ms", .type = FIELD_INT, .flags = RO_NULL, .sql = "int(11)", .help = "How long it took"},
};
/* clang-format on */

const struct record delivery_record = {
    .name = "Delivery",
    .table = "deliveries",
    .fields = delivery_fields,
    .n = ARRAY_SIZE(delivery_fields),
    .help = "One message to one recipient over one channel",
};
const struct record delivery_attempt_record = {
    .name = "DeliveryAttempt",
    .table = "delivery_attempts",
    .fields = attempt_fields,
    .n = ARRAY_SIZE(attempt_fields),
    .help = "One try with one provider",
};
