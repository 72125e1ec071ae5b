/* Messages between struct mq_message and AMQP properties: whatever a stranger publishes becomes a well-defined message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mq_internal.h"

#define ID "0190a000-0000-7000-8000-000000000001"

static const struct mq_message whole = {
    .job_id = ID,
    .attempt = 7,
    .tier = TIER_BACKLOG,
    .lane = LANE_LOW,
    .flow = 0xfedcba98,
    .published_s = 1800000000,
    .job_type = "email.send",
    .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    .cause = "exhausted",
};

static struct mq_message there_and_back(const struct mq_message *message)
{
    amqp_basic_properties_t properties;
    amqp_table_entry_t headers[MQ_HEADERS_MAX];
    struct mq_message read;
    mq_message_write(message, &properties, headers);
    mq_message_read(&read, &properties, amqp_cstring_bytes(mq_routing_key(message->tier, message->lane, 0)));
    return read;
}

static void test_round_trip(void **state UNUSED)
{
    struct mq_message read = there_and_back(&whole);
    assert_string_equal(read.job_id, ID);
    assert_int_equal(read.attempt, 7);
    assert_int_equal(read.tier, TIER_BACKLOG);
    assert_int_equal(read.lane, LANE_LOW);
    assert_int_equal(read.flow, 0xfedcba98);
    assert_int_equal(read.published_s, 1800000000);
    assert_string_equal(read.job_type, "email.send");
    assert_string_equal(read.traceparent, whole.traceparent);
    assert_string_equal(read.cause, "exhausted");
}

static void test_what_is_published(void **state UNUSED)
{
    static const struct {
        enum lane lane;
        bool ahead;
        uint8_t priority;
    } rows[] = {{LANE_HIGH, false, 2}, {LANE_NORMAL, false, 1}, {LANE_LOW, false, 0}, {LANE_LOW, true, 3}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mq_message message = {.job_id = ID, .lane = rows[i].lane, .ahead = rows[i].ahead};
        amqp_basic_properties_t properties;
        amqp_table_entry_t headers[MQ_HEADERS_MAX];
        mq_message_write(&message, &properties, headers);
        assert_int_equal(properties.delivery_mode, 2);
        assert_int_equal(properties.priority, rows[i].priority);
        assert_true((properties._flags & AMQP_BASIC_PRIORITY_FLAG) != 0);
        assert_int_equal(properties.headers.num_entries, 2); /* empty text gets no header */
        assert_int_equal(headers[0].value.kind, AMQP_FIELD_KIND_I64);
    }
}

static void test_nothing_there(void **state UNUSED)
{
    /* Without its flag a field is not there, whatever its bytes are. */
    amqp_basic_properties_t properties;
    memset(&properties, 0xa5, sizeof(properties));
    properties._flags = 0;
    struct mq_message m;
    mq_message_read(&m, &properties, amqp_empty_bytes);
    assert_string_equal(m.job_id, "");
    assert_string_equal(m.job_type, "");
    assert_int_equal(m.attempt, -1);
    assert_int_equal(m.published_s, 0);
    assert_int_equal(m.lane, LANES);
}

static void test_odd_text(void **state UNUSED)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } rows[] = {
        {ID, 36, ID},
        {ID "x", 37, ""},        /* one too long */
        {"a\0b", 3, ""},         /* NUL */
        {"line\nbreak", 10, ""}, /* control character */
        {"\xff\xfe", 2, ""},     /* not ASCII */
        {"", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree void *bytes = g_memdup2(rows[i].bytes, rows[i].length + 1);
        amqp_basic_properties_t properties = {
            ._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
            .message_id = {.len = rows[i].length, .bytes = bytes},
        };
        struct mq_message m;
        mq_message_read(&m, &properties, amqp_empty_bytes);
        assert_string_equal(m.job_id, rows[i].expected);
    }
}

static int64_t attempt_of(amqp_field_value_t value)
{
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes("x-bellman-attempt"), .value = value};
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_HEADERS_FLAG,
        .headers = {.num_entries = 1, .entries = &entry},
    };
    struct mq_message m;
    mq_message_read(&m, &properties, amqp_empty_bytes);
    return m.attempt;
}

static void test_attempt_of_any_integer(void **state UNUSED)
{
    const struct {
        amqp_field_value_t value;
        int64_t expected;
    } rows[] = {
        {{.kind = AMQP_FIELD_KIND_I8, .value = {.i8 = 3}}, 3},
        {{.kind = AMQP_FIELD_KIND_U8, .value = {.u8 = 250}}, 250},
        {{.kind = AMQP_FIELD_KIND_I16, .value = {.i16 = 300}}, 300},
        {{.kind = AMQP_FIELD_KIND_U16, .value = {.u16 = 65535}}, 65535},
        {{.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = 70000}}, 70000},
        {{.kind = AMQP_FIELD_KIND_U32, .value = {.u32 = UINT32_MAX}}, UINT32_MAX},
        {{.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = INT64_MAX}}, INT64_MAX},
        {{.kind = AMQP_FIELD_KIND_U64, .value = {.u64 = 9}}, 9},
        {{.kind = AMQP_FIELD_KIND_U64, .value = {.u64 = UINT64_MAX}}, -1},
        {{.kind = AMQP_FIELD_KIND_I8, .value = {.i8 = -5}}, -1},
        {{.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = INT64_MIN}}, -1},
        {{.kind = AMQP_FIELD_KIND_F64, .value = {.f64 = 1.0}}, -1},
        {{.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes("7")}}, -1},
        {{.kind = AMQP_FIELD_KIND_VOID}, -1},
        {{.kind = AMQP_FIELD_KIND_TABLE}, -1},
        {{.kind = AMQP_FIELD_KIND_ARRAY}, -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(attempt_of(rows[i].value), rows[i].expected);
    }
}

static void test_lanes(void **state UNUSED)
{
    static const struct {
        int64_t priority;
        enum lane lane;
        int64_t back;
    } rows[] = {{1, LANE_HIGH, 1}, {0, LANE_NORMAL, 0}, {-1, LANE_LOW, -1}, {99, LANE_HIGH, 1}, {-99, LANE_LOW, -1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(lane_of_priority(rows[i].priority), rows[i].lane);
        assert_int_equal(lane_priority(rows[i].lane), rows[i].back);
    }
}

static void test_routing_keys(void **state UNUSED)
{
    static const struct {
        const char *key;
        enum tier tier;
        enum lane lane;
        unsigned part;
    } rows[] = {
        {"high", TIER_MAIN, LANE_HIGH, 0},
        {"normal", TIER_MAIN, LANE_NORMAL, 0},
        {"low", TIER_MAIN, LANE_LOW, 0},
        {"high.backlog", TIER_BACKLOG, LANE_HIGH, 0},
        {"normal.backlog", TIER_BACKLOG, LANE_NORMAL, 0},
        {"low.backlog", TIER_BACKLOG, LANE_LOW, 0},
        {"high.backlog.1", TIER_BACKLOG, LANE_HIGH, 1},
        {"normal.backlog.2", TIER_BACKLOG, LANE_NORMAL, 2},
        {"low.backlog.3", TIER_BACKLOG, LANE_LOW, 3},
        {"low.backlog.4", TIER_MAIN, LANES, 0},
        {"highest", TIER_MAIN, LANES, 0},
        {"hig", TIER_MAIN, LANES, 0},
        {"high.", TIER_MAIN, LANES, 0},
        {"high.backlogs", TIER_MAIN, LANES, 0},
        {".backlog", TIER_MAIN, LANES, 0},
        {"", TIER_MAIN, LANES, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum tier tier = TIERS;
        assert_int_equal(mq_lane_of_key(amqp_cstring_bytes(rows[i].key), &tier), rows[i].lane);
        assert_int_equal(tier, rows[i].tier);
        if (rows[i].lane < LANES) {
            assert_string_equal(mq_routing_key(tier, rows[i].lane, rows[i].part), rows[i].key);
        }
    }
    assert_string_equal(mq_routing_key(TIER_MAIN, LANES, 0), "unknown");
    assert_string_equal(mq_routing_key(TIERS, LANE_LOW, 0), "unknown");
    assert_string_equal(mq_routing_key(TIER_MAIN, LANE_LOW, 1), "unknown");
    assert_string_equal(mq_routing_key(TIER_BACKLOG, LANE_LOW, MQ_BACKLOG_PARTS), "unknown");
}

/* All of a flow are in one part, and flows in all of them. */
static void test_parts(void **state UNUSED)
{
    bool is_taken[MQ_BACKLOG_PARTS] = {false};
    for (uint32_t flow = UINT32_MAX - 9; flow != 10; flow++) {
        assert_int_equal(mq_part(TIER_MAIN, flow), 0);
        is_taken[mq_part(TIER_BACKLOG, flow)] = true;
    }
    for (size_t i = 0; i < MQ_BACKLOG_PARTS; i++) {
        assert_true(is_taken[i]);
    }
}

static void test_a_timestamp_of_any_size(void **state UNUSED)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_TIMESTAMP_FLAG, .timestamp = UINT64_MAX};
    struct mq_message m;
    mq_message_read(&m, &properties, amqp_empty_bytes);
    assert_true(m.published_s >= 0 && m.published_s <= INT64_MAX / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_is_published),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_odd_text),
        cmocka_unit_test(test_attempt_of_any_integer),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_routing_keys),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_a_timestamp_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
