#include <string.h>

#include "ground/clock.h"
#include "ports/mq_internal.h"

#define HEADER_ATTEMPT "x-bellman-attempt"
#define HEADER_FLOW "x-bellman-flow"
#define HEADER_CAUSE "x-bellman-cause"
#define HEADER_TRACE "traceparent"

#define PARTS (1 + MQ_BACKLOG_PARTS)
#define KEYS(lane)                                                                     \
    {                                                                                  \
        lane, lane ".backlog", lane ".backlog.1", lane ".backlog.2", lane ".backlog.3" \
    }

static const struct {
    const char *name;
    const char *keys[PARTS];  /* the main tier's, then those of the backlog's parts */
    int64_t priority;         /* of the row */
    uint8_t message_priority; /* of the message: RabbitMQ has no negative ones */
} lanes[LANES] = {
    [LANE_HIGH] = {.name = "high", .keys = KEYS("high"), .priority = 1, .message_priority = 2},
    [LANE_NORMAL] = {.name = "normal", .keys = KEYS("normal"), .priority = 0, .message_priority = 1},
    [LANE_LOW] = {.name = "low", .keys = KEYS("low"), .priority = -1, .message_priority = 0},
};

const char *lane_name(enum lane lane)
{
    return lane < LANES ? lanes[lane].name : "unknown";
}

enum lane lane_of_priority(int64_t priority)
{
    return priority > 0 ? LANE_HIGH : priority == 0 ? LANE_NORMAL : LANE_LOW;
}

int64_t lane_priority(enum lane lane)
{
    return lane < LANES ? lanes[lane].priority : 0;
}

static bool equals(amqp_bytes_t bytes, const char *text)
{
    size_t length = strlen(text);
    return bytes.len == length && memcmp(bytes.bytes, text, length) == 0;
}

const char *mq_routing_key(enum tier tier, enum lane lane, unsigned part)
{
    unsigned parts = tier == TIER_MAIN ? 1 : MQ_BACKLOG_PARTS;
    return lane < LANES && tier < TIERS && part < parts ? lanes[lane].keys[tier + part] : "unknown";
}

unsigned mq_part(enum tier tier, uint32_t flow)
{
    /* The low bits of a flow are a sum of letters, which ids that differ by their digits' order share. */
    return tier == TIER_MAIN ? 0 : ((flow * UINT32_C(2654435761)) >> 16) % MQ_BACKLOG_PARTS;
}

enum lane mq_lane_of_key(amqp_bytes_t key, enum tier *ret_tier)
{
    for (unsigned i = 0; i < PARTS * LANES; i++) {
        enum lane lane = (enum lane)(i % LANES);
        if (equals(key, lanes[lane].keys[i / LANES])) {
            *ret_tier = i < LANES ? TIER_MAIN : TIER_BACKLOG;
            return lane;
        }
    }
    *ret_tier = TIER_MAIN;
    return LANES;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void copy_text(char *out, size_t out_bytes, amqp_bytes_t bytes)
{
    out[0] = '\0';
    if (bytes.len >= out_bytes) {
        return;
    }
    const unsigned char *from = bytes.bytes;
    for (size_t i = 0; i < bytes.len; i++) {
        if (from[i] < 0x20 || from[i] > 0x7e) {
            return;
        }
    }
    if (bytes.len > 0) {
        memcpy(out, bytes.bytes, bytes.len);
    }
    out[bytes.len] = '\0';
}

static int64_t read_integer(const amqp_field_value_t *v)
{
    const struct {
        uint8_t kind;
        int64_t value;
    } kinds[] = {
        {AMQP_FIELD_KIND_I8, v->value.i8},   {AMQP_FIELD_KIND_U8, v->value.u8},
        {AMQP_FIELD_KIND_I16, v->value.i16}, {AMQP_FIELD_KIND_U16, v->value.u16},
        {AMQP_FIELD_KIND_I32, v->value.i32}, {AMQP_FIELD_KIND_U32, v->value.u32},
        {AMQP_FIELD_KIND_I64, v->value.i64}, {AMQP_FIELD_KIND_U64, (int64_t)v->value.u64},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (v->kind == kinds[i].kind) {
            return kinds[i].value < 0 ? -1 : kinds[i].value; /* a huge u64 is negative here, too */
        }
    }
    return -1;
}

static void read_text_header(char *out, size_t out_bytes, const amqp_field_value_t *v)
{
    if (v->kind == AMQP_FIELD_KIND_UTF8 || v->kind == AMQP_FIELD_KIND_BYTES) {
        copy_text(out, out_bytes, v->value.bytes);
    }
}

static void read_headers(struct mq_message *m, const amqp_table_t *headers)
{
    for (int i = 0; i < headers->num_entries; i++) {
        const amqp_table_entry_t *entry = &headers->entries[i];
        if (equals(entry->key, HEADER_ATTEMPT)) {
            m->attempt = read_integer(&entry->value);
        } else if (equals(entry->key, HEADER_FLOW)) {
            m->flow = (uint32_t)MAX(read_integer(&entry->value), 0);
        } else if (equals(entry->key, HEADER_TRACE)) {
            read_text_header(m->traceparent, sizeof(m->traceparent), &entry->value);
        } else if (equals(entry->key, HEADER_CAUSE)) {
            read_text_header(m->cause, sizeof(m->cause), &entry->value);
        }
    }
}

void mq_message_read(struct mq_message *message, const amqp_basic_properties_t *properties, amqp_bytes_t routing_key)
{
    *message = (struct mq_message){.attempt = -1};
    message->lane = mq_lane_of_key(routing_key, &message->tier);
    if ((properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0) {
        copy_text(message->job_id, sizeof(message->job_id), properties->message_id);
    }
    if ((properties->_flags & AMQP_BASIC_TYPE_FLAG) != 0) {
        copy_text(message->job_type, sizeof(message->job_type), properties->type);
    }
    if ((properties->_flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0) {
        message->published_s = (int64_t)MIN(properties->timestamp, (uint64_t)INT64_MAX / US_PER_S);
    }
    if ((properties->_flags & AMQP_BASIC_HEADERS_FLAG) != 0) {
        read_headers(message, &properties->headers);
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void add_text_header(amqp_table_t *table, const char *key, const char *value)
{
    if (value[0] != '\0') {
        table->entries[table->num_entries++] = (amqp_table_entry_t){
            .key = amqp_cstring_bytes(key),
            .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(value)}},
        };
    }
}

static uint8_t message_priority(const struct mq_message *message)
{
    if (message->ahead) {
        return MQ_PRIORITY_AHEAD;
    }
    return message->lane < LANES ? lanes[message->lane].message_priority : 0;
}

void mq_message_write(const struct mq_message *message, amqp_basic_properties_t *properties,
                      amqp_table_entry_t headers[MQ_HEADERS_MAX])
{
    *properties = (amqp_basic_properties_t){
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                  AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .priority = message_priority(message),
        .message_id = amqp_cstring_bytes(message->job_id),
        .type = amqp_cstring_bytes(message->job_type),
        .timestamp = (uint64_t)message->published_s,
        .headers = {.num_entries = 2, .entries = headers},
    };
    headers[0] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(HEADER_ATTEMPT),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = message->attempt}},
    };
    headers[1] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(HEADER_FLOW),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = message->flow}},
    };
    add_text_header(&properties->headers, HEADER_TRACE, message->traceparent);
    add_text_header(&properties->headers, HEADER_CAUSE, message->cause);
}
