/*
 * claimer.c: takes deliveries by priority, claims them in the database in batches and hands them to the runners.
 *
 * It claims what can start at once, and beyond that only as much as is expected to start within LOOKAHEAD_US, so that
 * short jobs share a transaction and a long job never makes a claimed one wait.
 */
#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"

#define LOOKAHEAD_US (20 * US_PER_MS)
#define MISS_LIMIT 5
#define MISS_DELAY_US (400 * US_PER_MS)
#define HELD_DELAY_US (200 * US_PER_MS)
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
#define DEFERRED_POLL_MS 100

struct batch {
    GPtrArray *deliveries; /* struct delivery, owned */
    int64_t cost_us[LANES];
    size_t count[LANES];
};

static void requeue_deferred(struct pipeline *p)
{
    int64_t now_us = clock_mono_us();
    for (guint n = g_queue_get_length(&p->deferred); n > 0; n--) {
        struct delivery *d = g_queue_pop_head(&p->deferred);
        g_queue_push_tail(d->not_before_us <= now_us ? &p->inbox[d->message.lane] : &p->deferred, d);
    }
}

/* Room for one more job of the lane, given what waits in its own and higher lanes. */
static bool has_room(const struct pipeline *p, const struct batch *b, enum lane lane, int64_t cost_us)
{
    size_t ahead = 0;
    int64_t ahead_us = 0;
    for (enum lane l = LANE_HIGH; l <= lane; l++) {
        ahead += p->runnable[l].length + b->count[l];
        ahead_us += p->runnable_cost_us[l] + b->cost_us[l];
    }
    size_t idle = p->runners - p->running;
    return ahead < idle || (ahead_us + cost_us) / (int64_t)p->runners <= LOOKAHEAD_US - cost_us;
}

static void lanes_with_room(struct pipeline *p, const struct batch *b, bool waiting[LANES])
{
    for (enum lane l = LANE_HIGH; l < LANES; l++) {
        const struct delivery *head = g_queue_peek_head(&p->inbox[l]);
        waiting[l] = head != NULL && has_room(p, b, l, pace_expect_us(&p->pace, head->message.job_type));
    }
}

/* Moves deliveries into the batch while there is room. Called with the lock held. */
static void fill_batch(struct pipeline *p, struct batch *b)
{
    const struct conf *conf = atomic_load(&p->conf);
    while (b->deliveries->len < (guint)conf->consumer.batch_max) {
        bool waiting[LANES];
        lanes_with_room(p, b, waiting);
        enum lane lane = lane_draw_next(&p->claim_draw, waiting, conf->consumer.low_share_percent);
        if (lane == LANES) {
            return;
        }
        struct delivery *d = g_queue_pop_head(&p->inbox[lane]);
        b->cost_us[lane] += pace_expect_us(&p->pace, d->message.job_type);
        b->count[lane]++;
        g_ptr_array_add(b->deliveries, d);
    }
}

/* Waits until something can be claimed; false when the pipeline drains. */
static bool next_batch(struct pipeline *p, struct batch *b)
{
    memset(b->cost_us, 0, sizeof(b->cost_us));
    memset(b->count, 0, sizeof(b->count));
    pthread_mutex_lock(&p->lock);
    while (pipeline_phase(p) == PIPELINE_RUNNING) {
        requeue_deferred(p);
        fill_batch(p, b);
        if (b->deliveries->len > 0) {
            p->claiming = b->deliveries->len;
            break;
        }
        p->claimer_waits = true;
        if (g_queue_is_empty(&p->deferred)) {
            pthread_cond_wait(&p->claim_cond, &p->lock);
        } else {
            struct timespec until;
            clock_deadline(DEFERRED_POLL_MS, &until);
            (void)pthread_cond_timedwait(&p->claim_cond, &p->lock, &until);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return b->deliveries->len > 0;
}

static struct verdict verdict_of(const struct delivery *d, enum verdict_kind kind)
{
    return (struct verdict){.epoch = d->epoch, .tag = d->tag, .kind = kind};
}

static void defer(struct pipeline *p, struct delivery *d, int64_t delay_us)
{
    d->not_before_us = clock_mono_us() + delay_us;
    pthread_mutex_lock(&p->lock);
    g_queue_push_tail(&p->deferred, g_memdup2(d, sizeof(*d)));
    pthread_mutex_unlock(&p->lock);
}

/* A row that is missing may not be visible here yet (a replica, a restored backup): look a few times before giving up.
 */
static void settle_unclaimed(struct pipeline *p, struct delivery *d, enum job_claim_result result)
{
    if (result == JOB_HELD) {
        defer(p, d, HELD_DELAY_US);
        return;
    }
    if (result == JOB_MISSING && ++d->misses < MISS_LIMIT) {
        defer(p, d, MISS_DELAY_US * d->misses);
        return;
    }
    bool is_dead = result == JOB_MISSING || (result == JOB_STALE_DEAD && d->redelivered);
    enum verdict_kind kind = is_dead ? VERDICT_DEAD : VERDICT_ACK;
    if (result == JOB_MISSING) {
        log_error("message.no_such_job", LSTR("job_id", d->message.job_id), LSTR("verdict", "dead-lettered"));
    } else {
        log_debug("message.stale", LSTR("job_id", d->message.job_id), LINT("attempt", d->message.attempt));
    }
    struct verdict v = verdict_of(d, kind);
    pipeline_settle(p, &v, 1);
}

static bool runs_here(struct pipeline *p, const struct job_claim *claim)
{
    GHashTableIter it;
    gpointer key;
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        const struct work *w = key;
        if (w->claim.attempt == claim->attempt && strcmp(w->claim.id, claim->id) == 0) {
            return true;
        }
    }
    return false;
}

/* False: it runs here already, and this message is a duplicate. Only this thread adds to what is active, so that a job
 * which is not there is held by this worker in the database alone. */
static bool make_runnable(struct pipeline *p, const struct delivery *d, struct job_claim *claim, int64_t crash_limit)
{
    struct work *w = work_new(d);
    pthread_mutex_lock(&p->lock);
    if (claim->result == JOB_OURS && runs_here(p, claim)) {
        pthread_mutex_unlock(&p->lock);
        work_free(w);
        return false;
    }
    w->claim = *claim;
    memset(claim, 0, sizeof(*claim));
    w->ctx.claim = &w->claim;
    enum lane lane = lane_of_priority(w->claim.priority);
    atomic_fetch_add(&p->claims[lane], 1);
    w->cost_us = pace_expect_us(&p->pace, w->claim.job_type);
    p->runnable_cost_us[lane] += w->cost_us;
    w->is_suspect = job_is_suspect(w->claim.crash_count, crash_limit);
    p->suspects += w->is_suspect ? 1 : 0;
    g_hash_table_add(p->active, w);
    g_queue_push_tail(&p->runnable[lane], w);
    if (pipeline_phase(p) == PIPELINE_HARD) {
        work_stop(w, STOP_SHUTDOWN);
    }
    pthread_cond_signal(&p->run_cond);
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void pass_on(struct pipeline *p, struct batch *b, struct job_claim *claims)
{
    const struct conf *conf = atomic_load(&p->conf);
    for (guint i = 0; i < b->deliveries->len; i++) {
        struct delivery *d = g_ptr_array_index(b->deliveries, i);
        bool is_held = claims[i].result == JOB_CLAIMED || claims[i].result == JOB_OURS;
        if (!is_held || !make_runnable(p, d, &claims[i], conf->consumer.crash_limit)) {
            settle_unclaimed(p, d, claims[i].result);
        }
    }
}

static bool has_suspect(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool has = p->suspects > 0;
    pthread_mutex_unlock(&p->lock);
    return has;
}

/* Claims until it works or the pipeline drains; while the database is away nothing is acked and nothing spins. */
static bool claim_batch(struct pipeline *p, struct db *db, const struct batch *b, struct job_claim *claims)
{
    const struct conf *conf = atomic_load(&p->conf);
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    bool reported = false;
    while (pipeline_phase(p) == PIPELINE_RUNNING) {
        struct err e = ERR_INIT;
        for (guint i = 0; i < b->deliveries->len; i++) {
            const struct delivery *d = g_ptr_array_index(b->deliveries, i);
            job_claim_release(&claims[i]);
            memset(&claims[i], 0, sizeof(claims[i]));
            memcpy(claims[i].id, d->message.job_id, sizeof(claims[i].id));
            claims[i].message_attempt = d->message.attempt;
        }
        const struct job_claim_terms terms = {
            .worker_id = p->worker_id,
            .lease_ms = conf->consumer.lease_ms,
            .crash_limit = conf->consumer.crash_limit,
            .has_suspect = has_suspect(p),
        };
        if (job_claim_batch(db, &terms, claims, b->deliveries->len, &e)) {
            return true;
        }
        if (!reported) {
            log_error("claim.failed", LINT("jobs", b->deliveries->len), LERR(&e), LSTR("then", "trying again"));
            reported = true;
        }
        pipeline_pause(p, backoff_ms, PIPELINE_DRAINING);
        backoff_ms = MIN(backoff_ms * 2, BACKOFF_LAST_MS);
    }
    return false;
}

static void hand_back(struct pipeline *p, const struct batch *b)
{
    for (guint i = 0; i < b->deliveries->len; i++) {
        struct verdict v = verdict_of(g_ptr_array_index(b->deliveries, i), VERDICT_REQUEUE);
        pipeline_settle(p, &v, 1);
    }
}

void *claimer_run(void *arg)
{
    struct pipeline *p = arg;
    const struct conf *conf = atomic_load(&p->conf);
    struct db *db = db_new(conf);
    struct batch b = {.deliveries = g_ptr_array_new_with_free_func(g_free)};
    g_autofree struct job_claim *claims = g_new0(struct job_claim, (gsize)conf->consumer.batch_max);
    while (next_batch(p, &b)) {
        if (claim_batch(p, db, &b, claims)) {
            pass_on(p, &b, claims);
        } else {
            hand_back(p, &b);
        }
        for (guint i = 0; i < b.deliveries->len; i++) {
            job_claim_release(&claims[i]);
            memset(&claims[i], 0, sizeof(claims[i]));
        }
        g_ptr_array_set_size(b.deliveries, 0);
        pthread_mutex_lock(&p->lock);
        p->claiming = 0;
        pthread_mutex_unlock(&p->lock);
    }
    g_ptr_array_unref(b.deliveries);
    db_free(db);
    return NULL;
}
