/*
 * broker.c: the thread that owns the consuming connection: deliveries in, verdicts out, heartbeats always.
 */
#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 2000
#define POLL_MS 1000

/* What is not yet claimed came on a connection that is gone; the broker delivers it again. */
static void forget_deliveries(struct pipeline *p)
{
    for (struct delivery *d = pipeline_take_unclaimed(p, INT64_MAX); d != NULL;
         d = pipeline_take_unclaimed(p, INT64_MAX)) {
        g_free(d);
    }
    pthread_mutex_lock(&p->lock);
    g_array_set_size(p->verdicts, 0);
    pthread_mutex_unlock(&p->lock);
}

static bool is_readable(const struct mq_message *m)
{
    return uuid_is_valid(m->job_id) && m->attempt >= 0 && m->lane < LANES;
}

static bool take_delivery(struct pipeline *p, struct mq *mq, const struct mq_event *event, struct err *e)
{
    if (!is_readable(&event->message)) {
        log_warn("message.unreadable", LSTR("message_id", event->message.job_id),
                 LINT("attempt", event->message.attempt), LSTR("verdict", "dead-lettered"));
        return mq_reject(mq, event->tag, false, e);
    }
    if (pipeline_phase(p) != PIPELINE_RUNNING) {
        return mq_reject(mq, event->tag, true, e);
    }
    struct delivery *d = g_new0(struct delivery, 1);
    d->epoch = mq_epoch(mq);
    d->tag = event->tag;
    d->received_us = clock_mono_us();
    d->redelivered = event->redelivered;
    d->message = event->message;
    pthread_mutex_lock(&p->lock);
    pipeline_put_unclaimed(p, d);
    if (p->claimer_waits) {
        p->claimer_waits = false;
        pthread_cond_signal(&p->claim_cond);
    }
    pthread_mutex_unlock(&p->lock);
    return true;
}

static bool settle_one(struct mq *mq, const struct verdict *v, struct err *e)
{
    if (v->epoch != mq_epoch(mq)) {
        return true; /* that connection is gone, and with it the tag */
    }
    return v->kind == VERDICT_ACK ? mq_ack(mq, v->tag, false, e) : mq_reject(mq, v->tag, v->kind == VERDICT_REQUEUE, e);
}

static bool send_verdicts(struct pipeline *p, struct mq *mq, struct err *e)
{
    pthread_mutex_lock(&p->lock);
    guint n = p->verdicts->len;
    g_autofree struct verdict *list = g_memdup2(p->verdicts->data, n * sizeof(struct verdict));
    g_array_set_size(p->verdicts, 0);
    pthread_mutex_unlock(&p->lock);
    for (guint i = 0; i < n; i++) {
        if (!settle_one(mq, &list[i], e)) {
            return false;
        }
    }
    return true;
}

/* What was delivered before the time and is not claimed goes back to the queue for another worker. */
static bool hand_back_unclaimed(struct pipeline *p, struct mq *mq, int64_t before_us, struct err *e)
{
    for (;;) {
        g_autofree struct delivery *d = pipeline_take_unclaimed(p, before_us);
        if (d == NULL) {
            return true;
        }
        const struct verdict back = {d->epoch, d->tag, VERDICT_REQUEUE};
        if (!settle_one(mq, &back, e)) {
            return false;
        }
    }
}

static struct mq *connect_and_consume(struct pipeline *p, struct err *e)
{
    const struct conf *conf = atomic_load(&p->conf);
    struct mq *mq = mq_connect(conf, "bellman-consumer", e);
    if (mq == NULL) {
        return NULL;
    }
    bool created[LANES] = {false};
    /* In both layouts more than can run: whose job is next is decided here, and only among what is here. */
    if (!mq_declare_topology(mq, created, e) || !mq_consume_jobs(mq, (uint16_t)conf->consumer.prefetch, e)) {
        mq_free(mq);
        return NULL;
    }
    for (int l = 0; l < LANES; l++) {
        if (created[l]) {
            atomic_store(&p->lane_lost[l], true);
        }
    }
    return mq;
}

/* While long jobs keep every runner busy, what waits here would wait longer than the broker allows (consumer_timeout);
 * and another worker may be free. Looked at once a second. */
static bool hand_back_old(struct pipeline *p, struct mq *mq, int64_t *next_us, struct err *e)
{
    int64_t now_us = clock_mono_us();
    if (now_us < *next_us) {
        return true;
    }
    const struct conf *conf = atomic_load(&p->conf);
    *next_us = now_us + US_PER_S;
    return hand_back_unclaimed(p, mq, now_us - conf->consumer.ack_after_s * US_PER_S, e);
}

/* Serves one connection until it ends (false, with the cause) or the pipeline has stopped (true). */
static bool serve(struct pipeline *p, struct mq *mq, struct err *e)
{
    bool consuming = true;
    int64_t next_look_us = 0;
    while (pipeline_phase(p) != PIPELINE_STOPPED) {
        if (consuming && pipeline_phase(p) != PIPELINE_RUNNING) {
            consuming = false;
            if (!mq_cancel_jobs(mq, e) || !hand_back_unclaimed(p, mq, INT64_MAX, e)) {
                return false;
            }
        }
        struct mq_event event = {0};
        enum mq_event_type type = mq_next(mq, POLL_MS, p->broker_wake_fd, &event);
        bool ok = type != MQ_DELIVERY || take_delivery(p, mq, &event, e);
        if (type == MQ_CLOSED || type == MQ_CANCELLED) {
            ok = err_set(e, ERR_UNAVAILABLE, "%s", type == MQ_CLOSED ? event.text : "a job queue was deleted");
        }
        mq_event_release(&event);
        if (!ok || !send_verdicts(p, mq, e) || !hand_back_old(p, mq, &next_look_us, e)) {
            return false;
        }
    }
    return send_verdicts(p, mq, e);
}

void *broker_run(void *arg)
{
    struct pipeline *p = arg;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    bool reported = false;
    while (pipeline_phase(p) != PIPELINE_STOPPED) {
        struct err e = ERR_INIT;
        struct mq *mq = connect_and_consume(p, &e);
        if (mq != NULL) {
            log_info("broker.consuming", LINT("epoch", mq_epoch(mq)));
            backoff_ms = BACKOFF_FIRST_MS;
            reported = false;
            bool ended_well = serve(p, mq, &e);
            mq_free(mq);
            forget_deliveries(p);
            if (ended_well) {
                break;
            }
        }
        if (!reported) {
            log_warn("broker.lost", LERR(&e), LSTR("then", "connecting again until it works"));
            reported = true;
        }
        forget_deliveries(p);
        pipeline_pause(p, backoff_ms / 2 + g_random_int_range(0, (gint32)backoff_ms), PIPELINE_STOPPED);
        backoff_ms = MIN(backoff_ms * 2, BACKOFF_LAST_MS);
    }
    return NULL;
}
