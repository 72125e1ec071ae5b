/*
 * Tests for ports/mq*.c against the broker of $BELLMAN_CONFIG; test_mq_port.py runs them. $BELLMAN_RABBITMQCTL is its
 * rabbitmqctl, $BELLMAN_RABBITMQ_PID its process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/mq.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define PATIENCE_MS 20000
#define HEARTBEAT_S 2

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static void ctl(const char *arguments)
{
    g_autofree char *command = g_strdup_printf("%s -q %s >/dev/null", g_getenv("BELLMAN_RABBITMQCTL"), arguments);
    assert_int_equal(system(command), 0);
}

static void signal_broker(int number)
{
    gint64 pid = g_ascii_strtoll(g_getenv("BELLMAN_RABBITMQ_PID"), NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, number), 0);
}

static void must(bool ok, const struct err *e)
{
    if (!ok) {
        fail_msg("%s", e->text);
    }
}

static struct mq *connected(const struct conf *conf)
{
    struct err e = ERR_INIT;
    struct mq *mq = mq_connect(conf, "mq_port", &e);
    must(mq != NULL, &e);
    return mq;
}

static struct mq *declared(const struct conf *conf, bool created[LANES])
{
    struct err e = ERR_INIT;
    struct mq *mq = connected(conf);
    must(mq_declare_topology(mq, created, &e), &e);
    return mq;
}

static struct mq *publisher(const struct conf *conf)
{
    struct err e = ERR_INIT;
    bool created[LANES] = {false};
    struct mq *mq = declared(conf, created);
    must(mq_confirm_select(mq, &e), &e);
    return mq;
}

static struct mq *consumer(const struct conf *conf, uint16_t prefetch)
{
    struct err e = ERR_INIT;
    bool created[LANES] = {false};
    struct mq *mq = declared(conf, created);
    must(mq_consume_jobs(mq, prefetch, &e), &e);
    return mq;
}

static uint64_t publish_to(struct mq *mq, int64_t attempt, enum tier tier, enum lane lane)
{
    struct err e = ERR_INIT;
    uint64_t sequence = 0;
    struct mq_message m = {.job_id = ID, .attempt = attempt, .tier = tier, .lane = lane, .job_type = "noop"};
    must(mq_publish(mq, MQ_EXCHANGE_JOBS, &m, &sequence, &e), &e);
    return sequence;
}

static uint64_t publish(struct mq *mq, int64_t attempt, enum lane lane)
{
    return publish_to(mq, attempt, TIER_MAIN, lane);
}

/* The next event of the type; others are passed over. Fails when none comes. */
static struct mq_event next_of(struct mq *mq, enum mq_event_type type)
{
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS; clock_mono_us() < end_us;) {
        struct mq_event event = {0};
        if (mq_next(mq, 100, -1, &event) == type) {
            return event;
        }
        if (event.type == MQ_CLOSED) {
            fail_msg("closed: %s", event.text);
        }
        mq_event_release(&event);
    }
    fail_msg("no event of type %d", (int)type);
    return (struct mq_event){0};
}

/* Reads until every message from first to last is confirmed or rejected; returns how many were rejected. */
static size_t wait_confirms(struct mq *mq, uint64_t first, uint64_t last)
{
    g_autofree bool *settled = g_new0(bool, last + 1);
    size_t rejected = 0;
    int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS;
    for (uint64_t left = last - first + 1; left > 0;) {
        struct mq_event event = {0};
        enum mq_event_type type = mq_next(mq, 1000, -1, &event);
        assert_true(type != MQ_CLOSED && clock_mono_us() < end_us);
        if (type != MQ_CONFIRMED && type != MQ_REJECTED) {
            continue;
        }
        for (uint64_t s = event.multiple ? first : MAX(first, event.tag); s <= MIN(event.tag, last); s++) {
            rejected += !settled[s] && type == MQ_REJECTED ? 1 : 0;
            left -= settled[s] ? 0 : 1;
            settled[s] = true;
        }
    }
    return rejected;
}

static void publish_one(struct mq *mq, int64_t attempt, enum lane lane)
{
    uint64_t sequence = publish(mq, attempt, lane);
    assert_int_equal(wait_confirms(mq, sequence, sequence), 0);
}

/* Messages become visible to a passive declare a moment after their confirm. */
static void wait_depth(struct mq *mq, enum tier tier, enum lane lane, int64_t wanted)
{
    struct err e = ERR_INIT;
    int64_t ready = -1;
    int64_t consumers = 0;
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS; ready != wanted && clock_mono_us() < end_us;) {
        must(mq_depth(mq, tier, lane, &ready, &consumers, &e), &e);
        (void)poll(NULL, 0, 20);
    }
    assert_int_equal(ready, wanted);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    struct conf *conf = conf_load(NULL, &e);
    if (conf == NULL) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    conf->broker.heartbeat_s = HEARTBEAT_S;
    *state = conf;
    return 0;
}

static int tear_down(void **state)
{
    conf_free(*state);
    ctl("eval '[rabbit_amqqueue:delete(Q, false, false, <<\"test\">>) || Q <- rabbit_amqqueue:list()].'");
    return 0;
}

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
    static const char *const deletions[] = {"delete_queue bellman.jobs.low", "delete_queue bellman.jobs.low.backlog"};
    for (size_t i = 0; i < ARRAY_SIZE(deletions); i++) {
        bool created[LANES] = {true, true, true};
        ctl(deletions[i]);
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
    ctl("eval 'rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"bellman.jobs.low\">>), true, false, [],"
        " none, <<\"test\">>).'");
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

static struct mq_event get_dead(struct mq *mq)
{
    struct err e = ERR_INIT;
    struct mq_event event = {0};
    bool is_found = false;
    for (int64_t end_us = clock_mono_us() + PATIENCE_MS * US_PER_MS; !is_found && clock_mono_us() < end_us;) {
        must(mq_get_dead(mq, &event, &is_found, &e), &e);
    }
    assert_true(is_found);
    return event;
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
    event = get_dead(mq); /* while other frames come on the same channel */
    assert_string_equal(event.message.job_id, ID);
    assert_int_equal(event.message.attempt, 3);
    assert_int_equal(event.message.lane, LANE_LOW);
    must(mq_ack(mq, event.tag, false, &e), &e);
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
    bool is_found = true;
    struct mq_event event = {0};
    struct mq *mq = publisher(*state);
    must(mq_get_dead(mq, &event, &is_found, &e), &e);
    assert_false(is_found);
    struct mq_message m = {.job_id = ID, .lane = LANE_HIGH, .cause = "crashed_worker"};
    must(mq_publish(mq, MQ_EXCHANGE_DEAD, &m, &sequence, &e), &e);
    assert_int_equal(wait_confirms(mq, sequence, sequence), 0);
    event = get_dead(mq);
    assert_string_equal(event.message.cause, "crashed_worker");
    mq_free(mq); /* not acked: it stays */
    mq = connected(*state);
    assert_string_equal(get_dead(mq).message.cause, "crashed_worker");
    mq_free(mq);
}

/* --- what arrives while something else is asked for --------------------------------------------------------------- */

static void test_nothing_is_hidden(void **state)
{
    enum { MESSAGES = 30 };
    struct err e = ERR_INIT;
    bool is_found = false;
    struct mq_event dead = {0};
    struct mq *mq = publisher(*state);
    must(mq_consume_jobs(mq, MESSAGES, &e), &e);
    for (int i = 0; i < MESSAGES; i++) {
        publish(mq, i, LANE_HIGH);
        int64_t unused = 0;
        must(mq_depth(mq, TIER_MAIN, LANE_LOW, &unused, &unused, &e), &e);
        must(mq_get_dead(mq, &dead, &is_found, &e), &e);
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
    ctl("delete_queue bellman.jobs.normal");
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
    ctl("close_all_connections maintenance");
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
