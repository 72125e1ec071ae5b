#include "pipeline.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/service.h"

/* A wake-up costs more than a short job: expected work for which one more runner is woken. */
#define WORTH_A_RUNNER_US 500

void pipeline_init(struct pipeline *p, struct conf *conf)
{
    atomic_store(&p->conf, conf);
    pthread_mutex_init(&p->lock, NULL);
    service_cond_init(&p->claim_cond);
    service_cond_init(&p->run_cond);
    service_cond_init(&p->done_cond);
    service_cond_init(&p->phase_cond);
    for (int i = 0; i < TIERS * LANES; i++) {
        flows_init(&p->inbox[i / LANES][i % LANES]);
        flows_init(&p->runnable[i / LANES][i % LANES]);
    }
    g_queue_init(&p->deferred);
    g_queue_init(&p->done);
    p->active = g_hash_table_new(NULL, NULL);
    p->tally = tally_new();
    p->runners = (size_t)conf->consumer.concurrency;
    pace_init(&p->pace);
    reserve_init(&p->reserve);
    p->verdicts = g_array_new(FALSE, FALSE, sizeof(struct verdict));
    p->broker_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_assert(p->broker_wake_fd >= 0);
}

void pipeline_release(struct pipeline *p)
{
    for (int i = 0; i < TIERS * LANES; i++) {
        flows_release(&p->inbox[i / LANES][i % LANES], g_free);
        flows_release(&p->runnable[i / LANES][i % LANES], (GDestroyNotify)work_free);
    }
    g_queue_clear_full(&p->deferred, g_free);
    g_queue_clear_full(&p->done, (GDestroyNotify)work_free);
    g_hash_table_unref(p->active);
    tally_free(p->tally);
    pace_release(&p->pace);
    reserve_release(&p->reserve);
    g_array_unref(p->verdicts);
    close(p->broker_wake_fd);
    pthread_cond_destroy(&p->claim_cond);
    pthread_cond_destroy(&p->run_cond);
    pthread_cond_destroy(&p->done_cond);
    pthread_cond_destroy(&p->phase_cond);
    pthread_mutex_destroy(&p->lock);
}

void pipeline_wake_broker(struct pipeline *p)
{
    /* Fails only when the counter is at its limit, and then the broker thread is being woken anyway. */
    (void)eventfd_write(p->broker_wake_fd, 1);
}

static void stop_active(gpointer key, gpointer value UNUSED, gpointer arg UNUSED)
{
    work_stop(key, STOP_SHUTDOWN);
}

void pipeline_set_phase(struct pipeline *p, enum pipeline_phase phase)
{
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->phase, (int)phase);
    if (phase == PIPELINE_HARD) {
        g_hash_table_foreach(p->active, stop_active, NULL);
    }
    pthread_cond_broadcast(&p->claim_cond);
    pthread_cond_broadcast(&p->run_cond);
    pthread_cond_broadcast(&p->done_cond);
    pthread_cond_broadcast(&p->phase_cond);
    pthread_mutex_unlock(&p->lock);
    pipeline_wake_broker(p);
}

size_t pipeline_pending(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = g_hash_table_size(p->active) + p->claiming + p->verdicts->len;
    for (int i = 0; i < TIERS * LANES; i++) {
        n += p->inbox[i / LANES][i % LANES].length;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pipeline_put_unclaimed(struct pipeline *p, struct delivery *d)
{
    flows_push(&p->inbox[d->message.tier][d->message.lane], d->message.flow, d);
}

static bool is_older(const void *item, const void *before_us)
{
    return ((const struct delivery *)item)->received_us < *(const int64_t *)before_us;
}

struct delivery *pipeline_take_unclaimed(struct pipeline *p, int64_t before_us)
{
    pthread_mutex_lock(&p->lock);
    struct delivery *d = g_queue_peek_head(&p->deferred);
    d = d != NULL && is_older(d, &before_us) ? g_queue_pop_head(&p->deferred) : NULL;
    for (int i = 0; i < TIERS * LANES && d == NULL; i++) {
        d = flows_pop_if(&p->inbox[i / LANES][i % LANES], is_older, &before_us);
    }
    pthread_mutex_unlock(&p->lock);
    return d;
}

int64_t pipeline_share_percent(const struct pipeline *p, const struct delivery *head)
{
    const struct conf *conf = atomic_load(&p->conf);
    int64_t published_s = head->message.published_s;
    int64_t waited_s = published_s == 0 ? 0 : clock_wall_us() / US_PER_S - published_s;
    return lane_share_percent(conf->consumer.low_share_percent, waited_s, conf->consumer.ageing_s);
}

struct reserve_rule pipeline_reserve_rule(const struct pipeline *p)
{
    const struct conf *conf = atomic_load(&p->conf);
    return (struct reserve_rule){.runners = p->runners, .percent = conf->consumer.reserve_percent};
}

void pipeline_wake_runners(struct pipeline *p)
{
    size_t jobs = 0;
    int64_t cost_us = 0;
    for (int i = 0; i < TIERS * LANES; i++) {
        jobs += p->runnable[i / LANES][i % LANES].length;
        cost_us += p->runnable_cost_us[i / LANES][i % LANES];
    }
    size_t wanted = MIN(jobs, (size_t)(1 + cost_us / WORTH_A_RUNNER_US));
    for (size_t n = MIN(wanted, p->runners - p->running); n > 0; n--) {
        pthread_cond_signal(&p->run_cond);
    }
}

void pipeline_settle(struct pipeline *p, const struct verdict *verdicts, size_t n)
{
    if (n == 0) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    g_array_append_vals(p->verdicts, verdicts, (guint)n);
    pthread_mutex_unlock(&p->lock);
    pipeline_wake_broker(p);
}

void pipeline_wait(struct pipeline *p, pthread_cond_t *cond, int64_t ms)
{
    struct timespec deadline;
    if (ms == 0) {
        pthread_cond_wait(cond, &p->lock);
        return;
    }
    clock_deadline(ms, &deadline);
    (void)pthread_cond_timedwait(cond, &p->lock, &deadline);
}

void pipeline_pause(struct pipeline *p, int64_t ms, enum pipeline_phase until)
{
    struct timespec deadline;
    clock_deadline(ms, &deadline);
    pthread_mutex_lock(&p->lock);
    while (pipeline_phase(p) < until && pthread_cond_timedwait(&p->phase_cond, &p->lock, &deadline) == 0) {
        /* woken for another reason: wait on */
    }
    pthread_mutex_unlock(&p->lock);
}

struct work *work_new(const struct delivery *delivery)
{
    struct work *w = g_new0(struct work, 1);
    w->delivery = *delivery;
    atomic_init(&w->ctx.stop, false);
    pthread_mutex_init(&w->ctx.stop_lock, NULL);
    service_cond_init(&w->ctx.stop_cond);
    return w;
}

void work_free(struct work *w)
{
    if (w == NULL) {
        return;
    }
    job_claim_release(&w->claim);
    json_decref(w->payload);
    json_decref(w->ctx.result);
    free(w->result_text);
    pthread_cond_destroy(&w->ctx.stop_cond);
    pthread_mutex_destroy(&w->ctx.stop_lock);
    g_free(w);
}

void work_stop(struct work *w, enum stop_reason reason)
{
    int none = STOP_NONE;
    if (!atomic_compare_exchange_strong(&w->stop_reason, &none, (int)reason)) {
        return;
    }
    pthread_mutex_lock(&w->ctx.stop_lock);
    atomic_store(&w->ctx.stop, true);
    pthread_cond_broadcast(&w->ctx.stop_cond);
    pthread_mutex_unlock(&w->ctx.stop_lock);
}

void pipeline_load(void *arg, struct control_load *ret)
{
    struct pipeline *p = arg;
    pthread_mutex_lock(&p->lock);
    ret->running = (int64_t)p->running;
    ret->capacity = (int64_t)p->runners;
    pthread_mutex_unlock(&p->lock);
    ret->finished = atomic_load(&p->finished);
}
