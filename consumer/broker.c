/*
 * broker.c: the thread that owns the consuming connection: deliveries in, verdicts out, heartbeats always.
 */
#include "ack_window.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 2000
#define POLL_MS 1000
/* The part of the prefetch that acks may keep back. */
#define HELD_PART 4

struct link {
    struct pipeline *p;
    struct mq *mq;
    struct ack_window acks;
};

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

static bool reject(struct link *l, uint64_t tag, bool requeue, struct err *e)
{
    ack_window_drop(&l->acks, tag);
    return mq_reject(l->mq, tag, requeue, e);
}

static bool take_delivery(struct link *l, const struct mq_event *event, struct err *e)
{
    struct pipeline *p = l->p;
    ack_window_add(&l->acks, event->tag);
    if (!is_readable(&event->message)) {
        log_warn("message.unreadable", LSTR("message_id", event->message.job_id),
                 LINT("attempt", event->message.attempt), LSTR("verdict", "dead-lettered"));
        return reject(l, event->tag, false, e);
    }
    if (pipeline_phase(p) != PIPELINE_RUNNING) {
        return reject(l, event->tag, true, e);
    }
    struct delivery *d = g_new0(struct delivery, 1);
    d->epoch = mq_epoch(l->mq);
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

static bool settle_one(struct link *l, const struct verdict *v, struct err *e)
{
    if (v->epoch != mq_epoch(l->mq)) {
        return true; /* that connection is gone, and with it the tag */
    }
    if (v->kind == VERDICT_ACK) {
        ack_window_hold(&l->acks, v->tag, clock_mono_us());
        return true;
    }
    return reject(l, v->tag, v->kind == VERDICT_REQUEUE, e);
}

static bool send_ack(void *arg, uint64_t tag, bool multiple, struct err *e)
{
    return mq_ack(arg, tag, multiple, e);
}

static bool send_verdicts(struct link *l, bool all, struct err *e)
{
    struct pipeline *p = l->p;
    pthread_mutex_lock(&p->lock);
    guint n = p->verdicts->len;
    g_autofree struct verdict *list = g_memdup2(p->verdicts->data, n * sizeof(struct verdict));
    g_array_set_size(p->verdicts, 0);
    pthread_mutex_unlock(&p->lock);
    for (guint i = 0; i < n; i++) {
        if (!settle_one(l, &list[i], e)) {
            return false;
        }
    }
    return ack_window_send(&l->acks, clock_mono_us(), all, send_ack, l->mq, e);
}

/* What was delivered before the time and is not claimed goes back to the queue for another worker. */
static bool hand_back_unclaimed(struct link *l, int64_t before_us, struct err *e)
{
    for (;;) {
        g_autofree struct delivery *d = pipeline_take_unclaimed(l->p, before_us);
        if (d == NULL) {
            return true;
        }
        const struct verdict back = {d->epoch, d->tag, VERDICT_REQUEUE};
        if (!settle_one(l, &back, e)) {
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
static bool hand_back_old(struct link *l, int64_t *next_us, struct err *e)
{
    int64_t now_us = clock_mono_us();
    if (now_us < *next_us) {
        return true;
    }
    const struct conf *conf = atomic_load(&l->p->conf);
    *next_us = now_us + US_PER_S;
    return hand_back_unclaimed(l, now_us - conf->consumer.ack_after_s * US_PER_S, e);
}

static bool serve_once(struct link *l, struct err *e)
{
    struct mq_event event = {0};
    int wait_ms = ack_window_wait_ms(&l->acks, clock_mono_us(), POLL_MS);
    enum mq_event_type type = mq_next(l->mq, wait_ms, l->p->broker_wake_fd, &event);
    bool ok = type != MQ_DELIVERY || take_delivery(l, &event, e);
    if (type == MQ_CLOSED || type == MQ_CANCELLED) {
        ok = err_set(e, ERR_UNAVAILABLE, "%s", type == MQ_CLOSED ? event.text : "a job queue was deleted");
    }
    mq_event_release(&event);
    return ok && send_verdicts(l, false, e);
}

static bool serve_link(struct link *l, struct err *e)
{
    bool consuming = true;
    int64_t next_look_us = 0;
    while (pipeline_phase(l->p) != PIPELINE_STOPPED) {
        if (consuming && pipeline_phase(l->p) != PIPELINE_RUNNING) {
            consuming = false;
            if (!mq_cancel_jobs(l->mq, e) || !hand_back_unclaimed(l, INT64_MAX, e)) {
                return false;
            }
        }
        if (!serve_once(l, e) || !hand_back_old(l, &next_look_us, e)) {
            return false;
        }
    }
    return send_verdicts(l, true, e);
}

/* Serves one connection until it ends (false, with the cause) or the pipeline has stopped (true). */
static bool serve(struct pipeline *p, struct mq *mq, struct err *e)
{
    struct link l = {.p = p, .mq = mq};
    const struct conf *conf = atomic_load(&p->conf);
    ack_window_init(&l.acks, (guint)conf->consumer.prefetch / HELD_PART);
    bool ended_well = serve_link(&l, e);
    ack_window_release(&l.acks);
    return ended_well;
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
