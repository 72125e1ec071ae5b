#include <string.h>

#include "ports/mq_internal.h"

static bool equals(amqp_bytes_t bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

static void copy_printable(char *out, size_t out_bytes, amqp_bytes_t bytes)
{
    const char *from = bytes.bytes;
    size_t n = MIN(bytes.len, out_bytes - 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = g_ascii_isprint(from[i]) ? from[i] : '?';
    }
    out[n] = '\0';
}

/* A key that is longer than ours can be is none of ours; any text that is no lane's name will do for it. */
static void keep_routing_key(struct mq_reader *r, amqp_bytes_t key)
{
    copy_printable(r->routing_key, sizeof(r->routing_key), key);
}

static void begin_message(struct mq_reader *r, struct mq_event event, amqp_bytes_t routing_key)
{
    r->event = event;
    r->is_dropped = false;
    r->stage = MQ_READER_HEADER;
    keep_routing_key(r, routing_key);
    if (event.type == MQ_CONTROL) {
        r->body = g_byte_array_new();
    }
}

/* --- methods: true when the method alone is an event -------------------------------------------------------------- */

static bool on_deliver(struct mq_reader *r, const void *decoded, struct mq_event *ret UNUSED)
{
    const amqp_basic_deliver_t *m = decoded;
    bool is_control = equals(m->exchange, MQ_EXCHANGE_CONTROL);
    begin_message(r,
                  (struct mq_event){
                      .type = is_control ? MQ_CONTROL : MQ_DELIVERY,
                      .tag = m->delivery_tag,
                      .redelivered = m->redelivered != 0,
                  },
                  m->routing_key);
    return false;
}

static bool on_return(struct mq_reader *r, const void *decoded, struct mq_event *ret UNUSED)
{
    const amqp_basic_return_t *m = decoded;
    struct mq_event event = {.type = MQ_RETURNED};
    copy_printable(event.text, sizeof(event.text), m->reply_text);
    begin_message(r, event, m->routing_key);
    return false;
}

static bool on_ack(struct mq_reader *r UNUSED, const void *decoded, struct mq_event *ret)
{
    const amqp_basic_ack_t *m = decoded;
    *ret = (struct mq_event){.type = MQ_CONFIRMED, .tag = m->delivery_tag, .multiple = m->multiple != 0};
    return true;
}

static bool on_nack(struct mq_reader *r UNUSED, const void *decoded, struct mq_event *ret)
{
    const amqp_basic_nack_t *m = decoded;
    *ret = (struct mq_event){.type = MQ_REJECTED, .tag = m->delivery_tag, .multiple = m->multiple != 0};
    return true;
}

static bool on_cancel(struct mq_reader *r UNUSED, const void *decoded, struct mq_event *ret)
{
    const amqp_basic_cancel_t *m = decoded;
    *ret = (struct mq_event){.type = MQ_CANCELLED};
    copy_printable(ret->text, sizeof(ret->text), m->consumer_tag);
    return true;
}

static bool on_blocked(struct mq_reader *r UNUSED, const void *decoded, struct mq_event *ret)
{
    const amqp_connection_blocked_t *m = decoded;
    *ret = (struct mq_event){.type = MQ_BLOCKED};
    copy_printable(ret->text, sizeof(ret->text), m->reason);
    return true;
}

static bool on_unblocked(struct mq_reader *r UNUSED, const void *decoded UNUSED, struct mq_event *ret)
{
    *ret = (struct mq_event){.type = MQ_UNBLOCKED};
    return true;
}

static bool on_channel_close(struct mq_reader *r, const void *decoded, struct mq_event *ret)
{
    const amqp_channel_close_t *m = decoded;
    r->answer = AMQP_CHANNEL_CLOSE_OK_METHOD;
    *ret = (struct mq_event){.type = MQ_CLOSED};
    copy_printable(ret->text, sizeof(ret->text), m->reply_text);
    return true;
}

static bool on_connection_close(struct mq_reader *r, const void *decoded, struct mq_event *ret)
{
    const amqp_connection_close_t *m = decoded;
    r->answer = AMQP_CONNECTION_CLOSE_OK_METHOD;
    *ret = (struct mq_event){.type = MQ_CLOSED};
    copy_printable(ret->text, sizeof(ret->text), m->reply_text);
    return true;
}

static bool take_method(struct mq_reader *r, const amqp_method_t *method, struct mq_event *ret)
{
    static const struct {
        amqp_method_number_t id;
        bool (*take)(struct mq_reader *r, const void *decoded, struct mq_event *ret);
    } methods[] = {
        {AMQP_BASIC_DELIVER_METHOD, on_deliver},
        {AMQP_BASIC_ACK_METHOD, on_ack},
        {AMQP_BASIC_NACK_METHOD, on_nack},
        {AMQP_BASIC_RETURN_METHOD, on_return},
        {AMQP_BASIC_CANCEL_METHOD, on_cancel},
        {AMQP_CONNECTION_BLOCKED_METHOD, on_blocked},
        {AMQP_CONNECTION_UNBLOCKED_METHOD, on_unblocked},
        {AMQP_CHANNEL_CLOSE_METHOD, on_channel_close},
        {AMQP_CONNECTION_CLOSE_METHOD, on_connection_close},
    };
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (methods[i].id == method->id) {
            return methods[i].take(r, method->decoded, ret);
        }
    }
    return false; /* the answer to something nobody waits for any more */
}

/* --- content ------------------------------------------------------------------------------------------------------ */

static bool finish_message(struct mq_reader *r, struct mq_event *ret)
{
    r->stage = MQ_READER_METHOD;
    if (r->body != NULL) {
        GByteArray *body = g_steal_pointer(&r->body);
        r->event.body_bytes = body->len;
        g_byte_array_append(body, (const guint8 *)"", 1);
        r->event.body = (char *)g_byte_array_free(body, FALSE);
    }
    *ret = r->event;
    r->event = (struct mq_event){0};
    if (r->is_dropped) {
        mq_event_release(ret);
        return false;
    }
    return true;
}

static bool take_header(struct mq_reader *r, const amqp_frame_t *frame, struct mq_event *ret)
{
    mq_message_read(&r->event.message, frame->payload.properties.decoded, amqp_cstring_bytes(r->routing_key));
    r->body_left_bytes = frame->payload.properties.body_size;
    if (r->body != NULL && r->body_left_bytes > MQ_BODY_MAX_BYTES) {
        g_byte_array_unref(g_steal_pointer(&r->body));
        r->is_dropped = true;
    }
    r->stage = MQ_READER_BODY;
    return r->body_left_bytes == 0 && finish_message(r, ret);
}

static bool take_body(struct mq_reader *r, const amqp_frame_t *frame, struct mq_event *ret)
{
    amqp_bytes_t bytes = frame->payload.body_fragment;
    size_t n = MIN(bytes.len, r->body_left_bytes);
    if (r->body != NULL) {
        g_byte_array_append(r->body, bytes.bytes, (guint)n);
    }
    r->body_left_bytes -= n;
    return r->body_left_bytes == 0 && finish_message(r, ret);
}

static bool protocol_error(struct mq_event *ret)
{
    *ret = (struct mq_event){.type = MQ_CLOSED, .text = "the broker sent a frame that does not belong here"};
    return true;
}

bool mq_reader_take(struct mq_reader *r, const amqp_frame_t *frame, struct mq_event *ret)
{
    if (frame->channel != 0 && frame->channel != MQ_CHANNEL) {
        return false;
    }
    if (frame->frame_type == AMQP_FRAME_METHOD) {
        /* Between a method and its content only channel 0 may speak, or the channel be closed. */
        bool is_apart = frame->channel == 0 || frame->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD;
        if (r->stage != MQ_READER_METHOD && !is_apart) {
            return protocol_error(ret);
        }
        return take_method(r, &frame->payload.method, ret);
    }
    if (frame->frame_type == AMQP_FRAME_HEADER) {
        return r->stage == MQ_READER_HEADER ? take_header(r, frame, ret) : protocol_error(ret);
    }
    if (frame->frame_type == AMQP_FRAME_BODY) {
        return r->stage == MQ_READER_BODY ? take_body(r, frame, ret) : protocol_error(ret);
    }
    return false;
}

void mq_reader_release(struct mq_reader *r)
{
    if (r->body != NULL) {
        g_byte_array_unref(r->body);
    }
    mq_event_release(&r->event);
    *r = (struct mq_reader){0};
}

void mq_event_release(struct mq_event *event)
{
    g_free(event->body);
    event->body = NULL;
    event->body_bytes = 0;
}
