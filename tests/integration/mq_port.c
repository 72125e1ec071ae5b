/*
 * Tests for ports/mq*.c against the broker of $BELLMAN_CONFIG; test_mq_port.py runs them. $BELLMAN_RABBITMQCTL is its
 * rabbitmqctl, $BELLMAN_RABBITMQ_PID its process.
 */
#include "mq_fixture.h"

/* --- topology ---------------------------------------------------------------------------------------------------- */

static void test_created_once(void **state)
{
    struct conf *conf = *state;
    for (int round = 0; round < 2; round++) {
        bool created[LANES] = {false};
        mq_free(declared(conf, created));
        for (int l = 0; l < LANES; l++) {
            assert_int_equal(created[l], round == 0);
        }
    }
    static const char *const lost[] = {"bellman.jobs.low", "bellman.jobs.low.backlog", "bellman.jobs.low.backlog.3"};
    for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
        bool created[LANES] = {true, true, true};
        delete_queue(lost[i]);
        mq_free(declared(conf, created));
        assert_false(created[LANE_HIGH]);
        assert_true(created[LANE_LOW]);
    }
}

static void test_other_arguments_are_a_conflict(void **state)
{
    struct conf *conf = *state;
    struct err e = ERR_INIT;
    bool created[LANES] = {false};
    eval("rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"bellman.jobs.low\">>), true, false, [],"
         " none, <<\"test\">>).");
    struct mq *mq = connected(conf);
    assert_false(mq_declare_topology(mq, created, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "bellman.jobs.low"));
    mq_free(mq);
}

static void test_change_of_layout(void **state)
{
    struct conf *conf = *state;
    bool created[LANES] = {false};
    mq_free(declared(conf, created));
    conf->broker.layout = CONF_LAYOUT_PRIORITY;
    struct mq *mq = publisher(conf);
    publish_one(mq, 1, LANE_LOW);
    for (unsigned l = 0; l < LANES; l++) {
        wait_depth(mq, TIER_MAIN, (enum lane)l, 1); /* one queue stands for all lanes */
        wait_depth(mq, TIER_BACKLOG, (enum lane)l, 0);
    }
    mq_free(mq);
    conf->broker.layout = CONF_LAYOUT_LANES;
    mq = publisher(conf);
    wait_depth(mq, TIER_MAIN, LANE_LOW, 0); /* the former layout's queue took nothing */
    mq_free(mq);
}

/* --- publishing and consuming ------------------------------------------------------------------------------------ */

static void publish_and_consume(const struct conf *conf)
{
    enum { MESSAGES = 3000 };
    struct err e = ERR_INIT;
    struct mq *mq = publisher(conf);
    for (int i = 0; i < MESSAGES; i++) {
        assert_int_equal(publish_to(mq, i, (enum tier)(i % TIERS), (enum lane)(i % LANES)), i + 1);
    }
    assert_int_equal(wait_confirms(mq, 1, MESSAGES), 0);
    mq_free(mq);

    size_t by_lane[LANES] = {0};
    mq = consumer(conf, 100);
    for (int i = 0; i < MESSAGES; i++) {
        struct mq_event event = next_of(mq, MQ_DELIVERY);
        assert_string_equal(event.message.job_id, ID);
        assert_string_equal(event.message.job_type, "noop");
        assert_int_equal(event.message.lane, event.message.attempt % LANES);
        assert_int_equal(event.message.tier, event.message.attempt % TIERS);
        by_lane[event.message.lane]++;
        must(mq_ack(mq, event.tag, false, &e), &e);
    }
    for (int l = 0; l < LANES; l++) {
        assert_int_equal(by_lane[l], MESSAGES / LANES);
    }
    mq_free(mq);
}

static void test_lanes(void **state)
{
    publish_and_consume(*state);
}

static void test_priority_queue(void **state)
{
    struct conf *conf = *state;
    conf->broker.layout = CONF_LAYOUT_PRIORITY;
    publish_and_consume(conf);
}

static void test_high_first_in_the_priority_queue(void **state)
{
    struct conf *conf = *state;
    struct err e = ERR_INIT;
    conf->broker.layout = CONF_LAYOUT_PRIORITY;
    struct mq *mq = publisher(conf);
    for (unsigned l = LANES; l-- > 0;) {
        publish_one(mq, 1, (enum lane)l);
    }
    mq_free(mq);
    mq = consumer(conf, 1);
    for (unsigned l = 0; l < LANES; l++) {
        struct mq_event event = next_of(mq, MQ_DELIVERY);
        assert_int_equal(event.message.lane, l);
        must(mq_ack(mq, event.tag, false, &e), &e);
    }
    mq_free(mq);
}

static void test_unroutable_is_returned(void **state)
{
    struct mq *mq = publisher(*state);
    publish(mq, 7, LANES);
    struct mq_event event = next_of(mq, MQ_RETURNED);
    assert_string_equal(event.message.job_id, ID);
    assert_int_equal(event.message.attempt, 7);
    event = next_of(mq, MQ_CONFIRMED); /* after the return */
    assert_int_equal(event.tag, 1);
    mq_free(mq);
}

static void test_full_queue_rejects(void **state)
{
    struct mq *mq = publisher(*state);
    ctl("set_policy full '^bellman.jobs.low$' '{\"max-length\":5}' --apply-to queues");
    size_t rejected = 0; /* not at once: the limit is a soft one, and the policy takes a moment */
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS; rejected == 0 && clock_mono_us() < end_us;) {
        uint64_t sequence = publish(mq, 1, LANE_LOW);
        rejected = wait_confirms(mq, sequence, sequence);
    }
    ctl("clear_policy full");
    assert_int_equal(rejected, 1);
    mq_free(mq);
}

/* --- dead letters ------------------------------------------------------------------------------------------------ */

/* The first dead letter, held by a connection of its own. */
static struct mq_event read_dead(const struct conf *conf, struct mq **ret)
{
    struct err e = ERR_INIT;
    *ret = connected(conf);
    must(mq_consume_dead(*ret, &e), &e);
    return next_of(*ret, MQ_DELIVERY);
}

static void reject_one(const struct conf *conf)
{
    struct err e = ERR_INIT;
    struct mq *mq = publisher(conf);
    publish_one(mq, 3, LANE_LOW);
    must(mq_consume_jobs(mq, 10, &e), &e);
    must(mq_reject(mq, next_of(mq, MQ_DELIVERY).tag, true, &e), &e);
    struct mq_event event = next_of(mq, MQ_DELIVERY); /* requeued */
    assert_true(event.redelivered);
    must(mq_reject(mq, event.tag, false, &e), &e);
    struct mq *reader = NULL;
    event = read_dead(conf, &reader);
    assert_string_equal(event.message.job_id, ID);
    assert_int_equal(event.message.attempt, 3);
    assert_int_equal(event.message.lane, LANE_LOW);
    must(mq_ack(reader, event.tag, false, &e), &e);
    mq_free(reader);
    mq_free(mq);
}

static void test_rejected_is_dead(void **state)
{
    struct conf *conf = *state;
    reject_one(conf);
    conf->broker.layout = CONF_LAYOUT_PRIORITY;
    reject_one(conf);
}

static void test_published_as_dead(void **state)
{
    struct err e = ERR_INIT;
    uint64_t sequence = 0;
    int64_t depth = 1;
    int64_t consumers = 1;
    struct mq *reader = NULL;
    struct mq *mq = publisher(*state);
    must(mq_dead_depth(mq, &depth, &consumers, &e), &e);
    assert_int_equal(depth, 0);
    struct mq_message m = {.job_id = ID, .lane = LANE_HIGH, .cause = "crashed_worker"};
    must(mq_publish(mq, MQ_EXCHANGE_DEAD, &m, &sequence, &e), &e);
    assert_int_equal(wait_confirms(mq, sequence, sequence), 0);
    assert_string_equal(read_dead(*state, &reader).message.cause, "crashed_worker");
    mq_free(reader); /* not acked: it stays */
    assert_string_equal(read_dead(*state, &reader).message.cause, "crashed_worker");
    mq_free(reader);
    mq_free(mq);
}

/* What is read is held by nobody else and is back afterwards, but for what was acked. */
static void test_dead_letters_are_read_and_given_back(void **state)
{
    enum { MESSAGES = 50 };
    struct err e = ERR_INIT;
    uint64_t sequence = 0;
    int64_t depth = 0;
    int64_t consumers = 0;
    struct mq *mq = publisher(*state);
    for (int i = 0; i < MESSAGES; i++) {
        struct mq_message m = {.job_id = ID, .attempt = i, .lane = LANE_LOW};
        must(mq_publish(mq, MQ_EXCHANGE_DEAD, &m, &sequence, &e), &e);
    }
    assert_int_equal(wait_confirms(mq, 1, sequence), 0);
    mq_free(mq);
    for (int round = 0; round < 3; round++) {
        mq = connected(*state);
        must(mq_consume_dead(mq, &e), &e);
        for (int i = round; i < MESSAGES; i++) {
            struct mq_event event = next_of(mq, MQ_DELIVERY);
            if (event.message.attempt == round) {
                must(mq_ack(mq, event.tag, false, &e), &e);
            }
        }
        must(mq_dead_depth(mq, &depth, &consumers, &e), &e);
        assert_int_equal(depth, 0);
        must(mq_cancel_dead(mq, &e), &e);
        must(mq_give_back(mq, 0, &e), &e);
        mq_free(mq);
    }
    mq = connected(*state);
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS;
         depth != MESSAGES - 3 && clock_mono_us() < end_us;) {
        must(mq_dead_depth(mq, &depth, &consumers, &e), &e);
    }
    assert_int_equal(depth, MESSAGES - 3);
    mq_free(mq);
}

/* --- what arrives while something else is asked for --------------------------------------------------------------- */

static void test_nothing_is_hidden(void **state)
{
    enum { MESSAGES = 30 };
    struct err e = ERR_INIT;
    struct mq *mq = publisher(*state);
    must(mq_consume_jobs(mq, MESSAGES, &e), &e);
    for (int i = 0; i < MESSAGES; i++) {
        publish(mq, i, LANE_HIGH);
        int64_t unused = 0;
        must(mq_depth(mq, TIER_MAIN, LANE_LOW, &unused, &unused, &e), &e);
        must(mq_dead_depth(mq, &unused, &unused, &e), &e);
    }
    uint64_t confirmed = 0;
    int deliveries = 0;
    while (confirmed < MESSAGES || deliveries < MESSAGES) {
        struct mq_event event = {0};
        enum mq_event_type type = mq_next(mq, 1000, -1, &event);
        assert_true(type == MQ_CONFIRMED || type == MQ_DELIVERY);
        deliveries += type == MQ_DELIVERY ? 1 : 0;
        confirmed = type == MQ_CONFIRMED ? MAX(confirmed, event.tag) : confirmed;
    }
    must(mq_cancel_jobs(mq, &e), &e);
    mq_free(mq);
}

static void test_broadcast(void **state)
{
    struct err e = ERR_INIT;
    uint64_t sequence = 0;
    struct mq *listeners[] = {connected(*state), connected(*state)};
    for (size_t i = 0; i < ARRAY_SIZE(listeners); i++) {
        must(mq_consume_control(listeners[i], &e), &e);
    }
    struct mq *mq = publisher(*state);
    must(mq_broadcast(mq, "{\"cmd\":\"x\"}", &sequence, &e), &e);
    assert_int_equal(wait_confirms(mq, sequence, sequence), 0);
    for (size_t i = 0; i < ARRAY_SIZE(listeners); i++) {
        struct mq_event event = next_of(listeners[i], MQ_CONTROL);
        assert_string_equal(event.body, "{\"cmd\":\"x\"}");
        mq_event_release(&event);
        mq_free(listeners[i]);
    }
    mq_free(mq);
}

static void test_wake(void **state)
{
    struct mq *mq = connected(*state);
    struct mq_event event = {0};
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(eventfd_write(fd, 1), 0);
    int64_t begun_us = clock_mono_us();
    assert_int_equal(mq_next(mq, 1000, fd, &event), MQ_NOTHING);
    assert_true(clock_mono_us() - begun_us < 400 * US_PER_MS);
    eventfd_t count = 0;
    assert_int_equal(eventfd_read(fd, &count), -1); /* drained */
    close(fd);
    mq_free(mq);
}

/* --- trouble ----------------------------------------------------------------------------------------------------- */

static void test_deleted_queue_cancels(void **state)
{
    struct mq *mq = consumer(*state, 10);
    delete_queue("bellman.jobs.normal");
    assert_string_equal(next_of(mq, MQ_CANCELLED).text, "bellman.normal");
    mq_free(mq);
}

static void test_blocked(void **state)
{
    struct mq *mq = publisher(*state);
    ctl("set_vm_memory_high_watermark 0.00001");
    publish(mq, 1, LANE_HIGH);
    assert_string_equal(next_of(mq, MQ_BLOCKED).text, "low on memory");
    ctl("set_vm_memory_high_watermark absolute 1GB");
    (void)next_of(mq, MQ_UNBLOCKED);
    publish_one(mq, 2, LANE_HIGH);
    mq_free(mq);
}

static void test_idle_stays_connected(void **state)
{
    struct mq *mq = connected(*state);
    for (int64_t end_us = clock_mono_us() + 4 * HEARTBEAT_S * US_PER_S; clock_mono_us() < end_us;) {
        struct mq_event event = {0};
        assert_int_equal(mq_next(mq, 1000, -1, &event), MQ_NOTHING);
    }
    mq_free(mq);
}

static void test_closed_by_the_broker(void **state)
{
    struct err e = ERR_INIT;
    struct mq *mq = consumer(*state, 10);
    /* rabbitmqctl takes seconds, in which this connection is without heartbeats. */
    eval("rabbit_networking:close_connections(rabbit_networking:connections(), \"maintenance\").");
    struct mq_event event = {0};
    while (mq_next(mq, 1000, -1, &event) == MQ_NOTHING) {
    }
    assert_int_equal(event.type, MQ_CLOSED);
    assert_non_null(strstr(event.text, "maintenance"));
    assert_int_equal(mq_next(mq, 1000, -1, &event), MQ_CLOSED); /* and stays so */
    assert_false(mq_ack(mq, 1, false, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    mq_free(mq);
}

/* A stopped broker reads nothing: whoever waits or publishes is told within two heartbeats, and never hangs. */
static void test_stalled_broker(void **state)
{
    const int64_t limit_us = (3 * HEARTBEAT_S + 2) * US_PER_S;
    struct err e = ERR_INIT;
    struct mq_event event = {0};
    struct mq *waiting = consumer(*state, 10);
    struct mq *publishing = publisher(*state);
    signal_broker(SIGSTOP);
    int64_t begun_us = clock_mono_us();
    bool ok = true;
    while (ok && clock_mono_us() - begun_us < limit_us) {
        uint64_t sequence = 0;
        struct mq_message m = {.job_id = ID, .lane = LANE_HIGH};
        ok = mq_publish(publishing, MQ_EXCHANGE_JOBS, &m, &sequence, &e);
    }
    int64_t told_us = clock_mono_us() - begun_us;
    while (mq_next(waiting, 1000, -1, &event) == MQ_NOTHING && clock_mono_us() - begun_us < 2 * limit_us) {
    }
    mq_free(waiting);
    mq_free(publishing);
    struct err refused = ERR_INIT;
    begun_us = clock_mono_us();
    struct mq *late = mq_connect(*state, "mq_port", &refused);
    int64_t connect_us = clock_mono_us() - begun_us;
    signal_broker(SIGCONT);
    assert_false(ok);
    assert_true(told_us < limit_us);
    assert_int_equal(event.type, MQ_CLOSED);
    assert_null(late);
    assert_true(connect_us < 6 * US_PER_S);
}

static void test_refusals(void **state)
{
    struct conf *conf = *state;
    char *right = conf->broker.url;
    const char *at = strchr(right, '@');
    g_autofree char *server = g_strndup(at, (gsize)(strrchr(at, '/') - at));
    g_autofree char *wrong_password = g_strdup_printf("amqp://bellman:wrong%s/%%2F", server);
    g_autofree char *no_vhost = g_strdup_printf("%.*s%s/none", (int)(at - right), right, server);
    const struct {
        const char *url;
        enum err_code code;
    } rows[] = {
        {wrong_password, ERR_DENIED},
        {no_vhost, ERR_DENIED},
        {"amqp://127.0.0.1:1/%2F", ERR_UNAVAILABLE},
        {"http://127.0.0.1", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = ERR_INIT;
        g_autofree char *url = g_strdup(rows[i].url);
        conf->broker.url = url;
        struct mq *mq = mq_connect(conf, "mq_port", &e);
        conf->broker.url = right;
        assert_null(mq);
        assert_int_equal(e.code, rows[i].code);
        assert_null(strstr(e.text, "wrong"));
    }
}

static void test_epochs_rise(void **state)
{
    struct mq *one = connected(*state);
    struct mq *two = connected(*state);
    assert_true(mq_epoch(one) > 0);
    assert_true(mq_epoch(two) > mq_epoch(one));
    mq_free(one);
    mq_free(two);
    mq_free(NULL);
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        SERVED(test_created_once),
        SERVED(test_other_arguments_are_a_conflict),
        SERVED(test_change_of_layout),
        SERVED(test_lanes),
        SERVED(test_priority_queue),
        SERVED(test_high_first_in_the_priority_queue),
        SERVED(test_unroutable_is_returned),
        SERVED(test_full_queue_rejects),
        SERVED(test_rejected_is_dead),
        SERVED(test_published_as_dead),
        SERVED(test_dead_letters_are_read_and_given_back),
        SERVED(test_nothing_is_hidden),
        SERVED(test_broadcast),
        SERVED(test_wake),
        SERVED(test_deleted_queue_cancels),
        SERVED(test_blocked),
        SERVED(test_idle_stays_connected),
        SERVED(test_closed_by_the_broker),
        SERVED(test_stalled_broker),
        SERVED(test_refusals),
        SERVED(test_epochs_rise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
