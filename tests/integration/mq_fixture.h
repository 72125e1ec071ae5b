/*
 * mq_fixture.h: what mq_port.c does again and again with a broker.
 */
#ifndef BELLMAN_MQ_FIXTURE_H
#define BELLMAN_MQ_FIXTURE_H

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

static inline void ctl(const char *arguments)
{
    g_autofree char *command = g_strdup_printf("%s -q %s >/dev/null", g_getenv("BELLMAN_RABBITMQCTL"), arguments);
    assert_int_equal(system(command), 0);
}

static inline void eval(const char *expression)
{
    g_autofree char *command = g_strdup_printf("%s '%s'", g_getenv("BELLMAN_RABBITMQ_EVAL"), expression);
    assert_int_equal(system(command), 0);
}

static inline void delete_queue(const char *name)
{
    g_autofree char *expression = g_strdup_printf(
        "{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"%s\">>)),"
        " {ok, _} = rabbit_amqqueue:delete(Q, false, false, <<\"test\">>).",
        name);
    eval(expression);
}

static inline void signal_broker(int number)
{
    gint64 pid = g_ascii_strtoll(g_getenv("BELLMAN_RABBITMQ_PID"), NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, number), 0);
}

static inline void must(bool ok, const struct err *e)
{
    if (!ok) {
        fail_msg("%s", e->text);
    }
}

static inline struct mq *connected(const struct conf *conf)
{
    struct err e = ERR_INIT;
    struct mq *mq = mq_connect(conf, "mq_port", &e);
    must(mq != NULL, &e);
    return mq;
}

static inline struct mq *declared(const struct conf *conf, bool created[LANES])
{
    struct err e = ERR_INIT;
    struct mq *mq = connected(conf);
    must(mq_declare_topology(mq, created, &e), &e);
    return mq;
}

static inline struct mq *publisher(const struct conf *conf)
{
    struct err e = ERR_INIT;
    bool created[LANES] = {false};
    struct mq *mq = declared(conf, created);
    must(mq_confirm_select(mq, &e), &e);
    return mq;
}

static inline struct mq *consumer(const struct conf *conf, uint16_t prefetch)
{
    struct err e = ERR_INIT;
    bool created[LANES] = {false};
    struct mq *mq = declared(conf, created);
    must(mq_consume_jobs(mq, prefetch, &e), &e);
    return mq;
}

static inline uint64_t publish_to(struct mq *mq, int64_t attempt, enum tier tier, enum lane lane)
{
    struct err e = ERR_INIT;
    uint64_t sequence = 0;
    struct mq_message m = {.job_id = ID, .attempt = attempt, .tier = tier, .lane = lane, .job_type = "noop"};
    must(mq_publish(mq, MQ_EXCHANGE_JOBS, &m, &sequence, &e), &e);
    return sequence;
}

static inline uint64_t publish(struct mq *mq, int64_t attempt, enum lane lane)
{
    return publish_to(mq, attempt, TIER_MAIN, lane);
}

/* The next event of the type; others are passed over. Fails when none comes. */
static inline struct mq_event next_of(struct mq *mq, enum mq_event_type type)
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
static inline size_t wait_confirms(struct mq *mq, uint64_t first, uint64_t last)
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

static inline void publish_one(struct mq *mq, int64_t attempt, enum lane lane)
{
    uint64_t sequence = publish(mq, attempt, lane);
    assert_int_equal(wait_confirms(mq, sequence, sequence), 0);
}

/* Messages become visible to a passive declare a moment after their confirm. */
static inline void wait_depth(struct mq *mq, enum tier tier, enum lane lane, int64_t wanted)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    conf_free(*state);
    eval("[rabbit_amqqueue:delete(Q, false, false, <<\"test\">>) || Q <- rabbit_amqqueue:list()].");
    return 0;
}

#endif
