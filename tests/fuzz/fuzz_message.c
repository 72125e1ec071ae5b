/*
 * What a broker sends, as bytes on the wire below the frame: methods and message properties are decoded by librabbitmq
 * and go through the reader that makes events of frames. The input is a series of (kind, channel, 2 bytes of length,
 * bytes).
 */
#include "fuzz.h"

#include <string.h>

#include "ports/mq_internal.h"

struct input {
    const uint8_t *at;
    size_t left;
};

static amqp_bytes_t take(struct input *in, size_t n)
{
    n = MIN(n, in->left);
    amqp_bytes_t bytes = {.len = n, .bytes = g_memdup2(in->at, n)};
    in->at += n;
    in->left -= n;
    return bytes;
}

static uint32_t number(const uint8_t *bytes, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static bool is_text(const char *text, size_t room)
{
    const char *end = memchr(text, '\0', room);
    for (const char *c = text; end != NULL && c < end; c++) {
        if (!g_ascii_isprint(*c)) {
            return false;
        }
    }
    return end != NULL;
}

static void check_event(struct mq_event *event)
{
    const struct mq_message *m = &event->message;
    MUST_HOLD(is_text(event->text, sizeof(event->text)));
    if (event->type == MQ_DELIVERY || event->type == MQ_RETURNED) {
        MUST_HOLD(is_text(m->job_id, sizeof(m->job_id)) && is_text(m->job_type, sizeof(m->job_type)));
        MUST_HOLD(is_text(m->traceparent, sizeof(m->traceparent)) && is_text(m->cause, sizeof(m->cause)));
        MUST_HOLD(m->attempt >= -1 && m->lane <= LANES);
    }
    if (event->type == MQ_CONTROL) {
        MUST_HOLD(event->body != NULL && event->body[event->body_bytes] == '\0');
        MUST_HOLD(event->body_bytes <= MQ_BODY_MAX_BYTES);
    }
    mq_event_release(event);
}

static bool make_method(amqp_frame_t *frame, amqp_bytes_t payload, amqp_pool_t *pool)
{
    if (payload.len < 4) {
        return false;
    }
    amqp_bytes_t encoded = {.len = payload.len - 4, .bytes = (uint8_t *)payload.bytes + 4};
    frame->frame_type = AMQP_FRAME_METHOD;
    frame->payload.method.id = number(payload.bytes, 4);
    return amqp_decode_method(frame->payload.method.id, pool, encoded, &frame->payload.method.decoded) ==
           AMQP_STATUS_OK;
}

static bool make_header(amqp_frame_t *frame, amqp_bytes_t payload, amqp_pool_t *pool)
{
    if (payload.len < 4) {
        return false;
    }
    amqp_bytes_t encoded = {.len = payload.len - 4, .bytes = (uint8_t *)payload.bytes + 4};
    frame->frame_type = AMQP_FRAME_HEADER;
    frame->payload.properties.class_id = AMQP_BASIC_CLASS;
    frame->payload.properties.body_size = number(payload.bytes, 4);
    return amqp_decode_properties(AMQP_BASIC_CLASS, pool, encoded, &frame->payload.properties.decoded) ==
           AMQP_STATUS_OK;
}

static bool make_frame(amqp_frame_t *frame, uint8_t kind, amqp_bytes_t payload, amqp_pool_t *pool)
{
    switch (kind % 4) {
    case 0:
        return make_method(frame, payload, pool);
    case 1:
        return make_header(frame, payload, pool);
    case 2:
        frame->frame_type = AMQP_FRAME_BODY;
        frame->payload.body_fragment = payload;
        return true;
    default:
        frame->frame_type = AMQP_FRAME_HEARTBEAT;
        return true;
    }
}

/* False at the end of the input. The payload is memory of its own, freed before the next frame, as with librabbitmq. */
static bool feed_one(struct mq_reader *reader, struct input *in)
{
    struct mq_event event = {0};
    amqp_frame_t frame = {0};
    amqp_pool_t pool;
    if (in->left < 4) {
        return false;
    }
    uint8_t kind = in->at[0];
    size_t length = number(in->at + 2, 2);
    frame.channel = in->at[1] % 3;
    in->at += 4;
    in->left -= 4;
    init_amqp_pool(&pool, 4096);
    amqp_bytes_t payload = take(in, length);
    if (make_frame(&frame, kind, payload, &pool) && mq_reader_take(reader, &frame, &event)) {
        empty_amqp_pool(&pool);
        g_free(payload.bytes);
        check_event(&event);
        return true;
    }
    empty_amqp_pool(&pool);
    g_free(payload.bytes);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct mq_reader reader = {0};
    struct input in = {.at = data, .left = bytes};
    while (feed_one(&reader, &in)) {
        continue;
    }
    mq_reader_release(&reader);
    return 0;
}
