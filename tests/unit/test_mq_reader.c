/* Frames to events: messages in pieces, broadcasts, what channel 0 says in between, and frames that do not belong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mq_internal.h"

static amqp_frame_t method(amqp_channel_t channel, amqp_method_number_t id, void *decoded)
{
    return (amqp_frame_t){
        .frame_type = AMQP_FRAME_METHOD, .channel = channel, .payload = {.method = {.id = id, .decoded = decoded}}};
}

static amqp_frame_t header(amqp_basic_properties_t *properties, uint64_t body_bytes)
{
    return (amqp_frame_t){
        .frame_type = AMQP_FRAME_HEADER,
        .channel = MQ_CHANNEL,
        .payload = {.properties = {.class_id = AMQP_BASIC_CLASS, .body_size = body_bytes, .decoded = properties}}};
}

static amqp_frame_t body(const char *text, size_t bytes)
{
    amqp_bytes_t fragment = amqp_cstring_bytes(text);
    fragment.len = bytes;
    return (amqp_frame_t){.frame_type = AMQP_FRAME_BODY, .channel = MQ_CHANNEL, .payload = {.body_fragment = fragment}};
}

static amqp_basic_properties_t with_id(const char *id)
{
    return (amqp_basic_properties_t){._flags = AMQP_BASIC_MESSAGE_ID_FLAG, .message_id = amqp_cstring_bytes(id)};
}

static amqp_basic_deliver_t deliver(const char *exchange, const char *key)
{
    return (amqp_basic_deliver_t){
        .delivery_tag = 42,
        .redelivered = 1,
        .exchange = amqp_cstring_bytes(exchange),
        .routing_key = amqp_cstring_bytes(key),
    };
}

static bool take(struct mq_reader *r, amqp_frame_t frame, struct mq_event *ret)
{
    return mq_reader_take(r, &frame, ret);
}

static void test_delivery(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_deliver_t m = deliver(MQ_EXCHANGE_JOBS, "normal");
    amqp_basic_properties_t p = with_id("abc");
    assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_DELIVER_METHOD, &m), &event));
    memset(&m, 0, sizeof(m)); /* librabbitmq's memory is gone by the next frame */
    assert_false(take(&r, header(&p, 5), &event));
    assert_false(take(&r, body("12", 2), &event));
    assert_true(take(&r, body("345", 3), &event));
    assert_int_equal(event.type, MQ_DELIVERY);
    assert_int_equal(event.tag, 42);
    assert_true(event.redelivered);
    assert_int_equal(event.message.lane, LANE_NORMAL);
    assert_string_equal(event.message.job_id, "abc");
    assert_null(event.body);
    mq_reader_release(&r);
}

static void test_delivery_without_body(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_deliver_t m = deliver(MQ_EXCHANGE_JOBS, "a.key.that.is.longer.than.any.lane.of.ours");
    amqp_basic_properties_t p = with_id("abc");
    assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_DELIVER_METHOD, &m), &event));
    assert_true(take(&r, header(&p, 0), &event));
    assert_int_equal(event.type, MQ_DELIVERY);
    assert_int_equal(event.message.lane, LANES);
}

static void test_broadcast_sizes(void **state UNUSED)
{
    static const struct {
        size_t bytes;
        bool is_event;
    } rows[] = {{0, true}, {10, true}, {MQ_BODY_MAX_BYTES, true}, {MQ_BODY_MAX_BYTES + 1, false}};
    g_autofree char *text = g_strnfill(MQ_BODY_MAX_BYTES + 1, 'x');
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mq_reader r = {0};
        struct mq_event event = {0};
        amqp_basic_deliver_t m = deliver(MQ_EXCHANGE_CONTROL, "");
        amqp_basic_properties_t p = {0};
        size_t left = rows[i].bytes;
        assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_DELIVER_METHOD, &m), &event));
        bool is_event = take(&r, header(&p, left), &event);
        while (left > 0) {
            size_t piece = MIN(left, 30000);
            left -= piece;
            is_event = take(&r, body(text, piece), &event);
            assert_true(left == 0 || !is_event);
        }
        assert_int_equal(is_event, rows[i].is_event);
        if (is_event) {
            assert_int_equal(event.type, MQ_CONTROL);
            assert_int_equal(event.body_bytes, rows[i].bytes);
            assert_int_equal(strlen(event.body), rows[i].bytes);
        }
        mq_event_release(&event);
        /* The one after it is read as if nothing had been. */
        assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_DELIVER_METHOD, &m), &event));
        assert_true(take(&r, header(&p, 0), &event));
        assert_int_equal(event.type, MQ_CONTROL);
        mq_event_release(&event);
        mq_reader_release(&r);
    }
}

static void test_blocked_between_pieces(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_deliver_t m = deliver(MQ_EXCHANGE_JOBS, "high");
    amqp_connection_blocked_t blocked = {.reason = amqp_cstring_bytes("low on\nmemory")};
    amqp_basic_properties_t p = with_id("abc");
    assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_DELIVER_METHOD, &m), &event));
    assert_true(take(&r, method(0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked), &event));
    assert_int_equal(event.type, MQ_BLOCKED);
    assert_string_equal(event.text, "low on?memory");
    assert_true(take(&r, header(&p, 0), &event));
    assert_int_equal(event.type, MQ_DELIVERY);
    assert_string_equal(event.message.job_id, "abc");
}

static void test_confirms(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_ack_t ack = {.delivery_tag = 4, .multiple = 1};
    amqp_basic_nack_t nack = {.delivery_tag = 5};
    assert_true(take(&r, method(MQ_CHANNEL, AMQP_BASIC_ACK_METHOD, &ack), &event));
    assert_int_equal(event.type, MQ_CONFIRMED);
    assert_int_equal(event.tag, 4);
    assert_true(event.multiple);
    assert_true(take(&r, method(MQ_CHANNEL, AMQP_BASIC_NACK_METHOD, &nack), &event));
    assert_int_equal(event.type, MQ_REJECTED);
    assert_int_equal(event.tag, 5);
    assert_false(event.multiple);
}

static void test_return(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_return_t m = {.reply_text = amqp_cstring_bytes("NO_ROUTE"), .routing_key = amqp_cstring_bytes("low")};
    amqp_basic_properties_t p = with_id("abc");
    assert_false(take(&r, method(MQ_CHANNEL, AMQP_BASIC_RETURN_METHOD, &m), &event));
    assert_true(take(&r, header(&p, 0), &event));
    assert_int_equal(event.type, MQ_RETURNED);
    assert_string_equal(event.text, "NO_ROUTE");
    assert_string_equal(event.message.job_id, "abc");
    assert_int_equal(event.message.lane, LANE_LOW);
}

static void test_closes(void **state UNUSED)
{
    amqp_channel_close_t channel = {.reply_code = 404, .reply_text = amqp_cstring_bytes("NOT_FOUND")};
    amqp_connection_close_t connection = {.reply_code = 320, .reply_text = amqp_cstring_bytes("CONNECTION_FORCED")};
    const struct {
        amqp_frame_t frame;
        amqp_method_number_t answer;
        const char *text;
    } rows[] = {
        {method(MQ_CHANNEL, AMQP_CHANNEL_CLOSE_METHOD, &channel), AMQP_CHANNEL_CLOSE_OK_METHOD, "NOT_FOUND"},
        {method(0, AMQP_CONNECTION_CLOSE_METHOD, &connection), AMQP_CONNECTION_CLOSE_OK_METHOD, "CONNECTION_FORCED"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mq_reader r = {.stage = MQ_READER_BODY, .body_left_bytes = 5};
        struct mq_event event = {0};
        assert_true(take(&r, rows[i].frame, &event));
        assert_int_equal(event.type, MQ_CLOSED);
        assert_int_equal(r.answer, rows[i].answer);
        assert_string_equal(event.text, rows[i].text);
    }
}

static void test_cancel(void **state UNUSED)
{
    struct mq_reader r = {0};
    struct mq_event event = {0};
    amqp_basic_cancel_t m = {.consumer_tag = amqp_cstring_bytes("bellman.low"), .nowait = 1};
    assert_true(take(&r, method(MQ_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &m), &event));
    assert_int_equal(event.type, MQ_CANCELLED);
    assert_string_equal(event.text, "bellman.low");
}

static void test_frames_that_do_not_belong(void **state UNUSED)
{
    amqp_basic_properties_t p = {0};
    amqp_basic_ack_t ack = {0};
    const struct {
        enum mq_reader_stage stage;
        amqp_frame_t frame;
        bool is_closed;
    } rows[] = {
        {MQ_READER_METHOD, header(&p, 1), true},
        {MQ_READER_METHOD, body("x", 1), true},
        {MQ_READER_HEADER, body("x", 1), true},
        {MQ_READER_BODY, header(&p, 1), true},
        {MQ_READER_HEADER, method(MQ_CHANNEL, AMQP_BASIC_ACK_METHOD, &ack), true},
        {MQ_READER_METHOD, method(MQ_CHANNEL + 1, AMQP_BASIC_ACK_METHOD, &ack), false},
        {MQ_READER_METHOD, method(MQ_CHANNEL, AMQP_BASIC_CANCEL_OK_METHOD, &ack), false},
        {MQ_READER_METHOD, {.frame_type = AMQP_FRAME_HEARTBEAT}, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mq_reader r = {.stage = rows[i].stage, .body_left_bytes = 1};
        struct mq_event event = {0};
        assert_int_equal(take(&r, rows[i].frame, &event), rows[i].is_closed);
        assert_int_equal(event.type, rows[i].is_closed ? MQ_CLOSED : MQ_NOTHING);
        assert_int_equal(r.answer, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_delivery_without_body),
        cmocka_unit_test(test_broadcast_sizes),
        cmocka_unit_test(test_blocked_between_pieces),
        cmocka_unit_test(test_confirms),
        cmocka_unit_test(test_return),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_frames_that_do_not_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
