/*
 * claimer.c: takes deliveries by tier and priority, claims them in the database in batches and hands them to the
 * runners.
 *
 * It claims what can start at once, and beyond that only as much as is expected to start within LOOKAHEAD_US, so that
 * short jobs share a transaction and a long job never makes a claimed one wait. What may start is also a matter of what
 * the organization has already (reserve.h).
 */
#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"
#include "release.h"

/* Of a batch while others are active: a job of theirs that comes during a claim waits for its commit. And after such a
 * batch comes a pause of so many times what its claim has taken: a backlog of short jobs would otherwise keep
 * processors, database and broker busy, and the job of another would wait at each station on its way here. */
#define SHARED_BACKLOG_MAX 32
#define SHARED_PAUSE 2
#define SHARED_PAUSE_MAX_US (50 * US_PER_MS)
#define MISS_LIMIT 5
#define MISS_DELAY_US (400 * US_PER_MS)
#define HELD_DELAY_US (200 * US_PER_MS)
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
#define DEFERRED_POLL_MS 100

struct batch {
    GPtrArray *deliveries; /* struct delivery, owned */
    int64_t cost_us[TIERS][LANES];
    size_t count[TIERS][LANES];
    guint backlog;           /* deliveries of the backlog tier */
    int64_t next_backlog_us; /* monotonic: none of them before */
    guint with_room;         /* deliveries that may be claimed; those behind them only parked */
    bool parks;              /* most of the batch before was parked, last a job like this one: */
    enum tier parked_tier;
    enum lane parked_lane;
    uint32_t parked_flow;
    char parked_type[JOB_TYPE_BYTES];
};

static void requeue_deferred(struct pipeline *p)
{
    int64_t now_us = clock_mono_us();
    for (guint n = g_queue_get_length(&p->deferred); n > 0; n--) {
        struct delivery *d = g_queue_pop_head(&p->deferred);
        if (d->not_before_us <= now_us) {
            pipeline_put_unclaimed(p, d);
        } else {
            g_queue_push_tail(&p->deferred, d);
        }
    }
}

struct ahead {
    size_t jobs;
    int64_t us;
};

static void add_ahead(const struct pipeline *p, const struct batch *b, enum tier tier, enum lane lane,
                      struct ahead *sum)
{
    for (enum lane l = LANE_HIGH; l <= lane; l++) {
        sum->jobs += p->runnable[tier][l].length + b->count[tier][l];
        sum->us += p->runnable_cost_us[tier][l] + b->cost_us[tier][l];
    }
}

static struct ahead ahead_of(const struct pipeline *p, const struct batch *b, enum tier tier, enum lane lane)
{
    struct ahead ahead = {0};
    add_ahead(p, b, tier, lane, &ahead);
    if (tier == TIER_BACKLOG) {
        add_ahead(p, b, TIER_MAIN, LANES - 1, &ahead);
    }
    return ahead;
}

/* What is looked for in an inbox. */
struct wish {
    const struct pipeline *p;
    struct reserve_rule rule;
    struct ahead ahead; /* what waits in its own and higher lanes; the main tier overtakes the backlog */
};

/* Room for one more job: a runner that it may have, now, or soon, when those that run short jobs are through. As
 * organizations take turns, no more is before it than as many of each other one as of its own. */
static bool has_room(const void *item, const void *arg)
{
    const struct delivery *d = item;
    const struct wish *wish = arg;
    const struct reserve *r = &wish->p->reserve;
    const struct reserve_part part = reserve_part_of(r, d->message.flow);
    size_t idle = wish->rule.runners - wish->p->running;
    size_t before = MIN(wish->ahead.jobs, r->parts_waiting * (part.waiting + 1));
    if (reserve_fits(&wish->rule, part.running + part.waiting, idle - MIN(idle, before))) {
        return true;
    }
    size_t quick = wish->rule.runners - r->slow;
    int64_t cost_us = pace_expect_us(&wish->p->pace, d->message.job_type);
    return reserve_fits(&wish->rule, part.slow, quick) &&
           (wish->ahead.us + cost_us) / (int64_t)quick <= LOOKAHEAD_US - cost_us;
}

static struct lane_choice look(const struct pipeline *p, const struct batch *b, guint backlog_max)
{
    struct lane_choice choice = {0};
    for (int i = 0; i < TIERS * LANES; i++) {
        enum tier tier = (enum tier)(i / LANES);
        enum lane lane = (enum lane)(i % LANES);
        if (tier == TIER_BACKLOG && b->backlog >= backlog_max) {
            continue;
        }
        const struct wish wish = {p, pipeline_reserve_rule(p), ahead_of(p, b, tier, lane)};
        const struct delivery *next = flows_peek_if(&p->inbox[tier][lane], has_room, &wish);
        if (next != NULL) {
            choice.waiting[tier][lane] = true;
            choice.share_percent[tier][lane] = pipeline_share_percent(p, next);
            choice.flow[tier][lane] = next->message.flow;
        }
    }
    return choice;
}

/* Takes what look() has found. */
static void take(struct pipeline *p, struct batch *b, enum tier tier, enum lane lane)
{
    const struct wish wish = {p, pipeline_reserve_rule(p), ahead_of(p, b, tier, lane)};
    struct delivery *d = flows_pop_if(&p->inbox[tier][lane], has_room, &wish);
    b->cost_us[tier][lane] += pace_expect_us(&p->pace, d->message.job_type);
    b->count[tier][lane]++;
    b->backlog += tier == TIER_BACKLOG ? 1 : 0;
    reserve_claim(&p->reserve, d->message.flow);
    g_ptr_array_add(b->deliveries, d);
}

static bool is_alike(const void *item, const void *arg)
{
    const struct delivery *d = item;
    const struct batch *b = arg;
    return d->message.flow == b->parked_flow && strcmp(d->message.job_type, b->parked_type) == 0;
}

/* What cannot start needs no runner: it is parked by full batches, so that others do not wait behind it. */
static void add_alike(struct pipeline *p, struct batch *b)
{
    const struct conf *conf = atomic_load(&p->conf);
    b->with_room = b->deliveries->len;
    while (b->parks && b->deliveries->len < (guint)conf->consumer.batch_max) {
        struct delivery *d = flows_pop_if(&p->inbox[b->parked_tier][b->parked_lane], is_alike, b);
        if (d == NULL) {
            return;
        }
        g_ptr_array_add(b->deliveries, d);
    }
}

static guint backlog_room(const struct pipeline *p, const struct batch *b, guint batch_max)
{
    int64_t now_us = clock_mono_us();
    if (now_us < b->next_backlog_us) {
        return 0;
    }
    return reserve_is_shared(&p->reserve, now_us) ? MIN(batch_max, SHARED_BACKLOG_MAX) : batch_max;
}

/* Moves deliveries into the batch while there is room. Called with the lock held. */
static void fill_batch(struct pipeline *p, struct batch *b)
{
    const struct conf *conf = atomic_load(&p->conf);
    guint batch_max = (guint)conf->consumer.batch_max;
    guint backlog_max = backlog_room(p, b, batch_max);
    while (b->deliveries->len < batch_max) {
        enum tier tier = TIER_MAIN;
        enum lane lane = LANE_HIGH;
        const struct lane_choice choice = look(p, b, backlog_max);
        if (!tier_draw_next(&p->claim_draw, &choice, &tier, &lane)) {
            return;
        }
        take(p, b, tier, lane);
    }
}

/* How long the claimer may sleep: a pause ends, and what is deferred comes back, without anybody's word. */
static int64_t sleep_ms(const struct pipeline *p, const struct batch *b)
{
    int64_t pause_us = b->next_backlog_us - clock_mono_us();
    if (pause_us > 0) {
        return pause_us / US_PER_MS + 1;
    }
    return p->deferred.length == 0 ? 0 : DEFERRED_POLL_MS;
}

/* Waits until something can be claimed; false when the pipeline drains. */
static bool next_batch(struct pipeline *p, struct batch *b)
{
    memset(b->cost_us, 0, sizeof(b->cost_us));
    memset(b->count, 0, sizeof(b->count));
    b->backlog = 0;
    pthread_mutex_lock(&p->lock);
    while (pipeline_phase(p) == PIPELINE_RUNNING) {
        requeue_deferred(p);
        fill_batch(p, b);
        add_alike(p, b);
        if (b->deliveries->len > 0) {
            p->claiming = b->deliveries->len;
            break;
        }
        p->claimer_waits = true;
        pipeline_wait(p, &p->claim_cond, sleep_ms(p, b));
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
    } else if (result == JOB_PARKED) {
        log_debug("job.held", LSTR("job_id", d->message.job_id));
    } else {
        log_debug("message.stale", LSTR("job_id", d->message.job_id), LINT("attempt", d->message.attempt));
    }
    struct verdict v = verdict_of(d, kind);
    pipeline_settle(p, &v, 1);
}

static struct work *find_active(struct pipeline *p, const struct job_claim *claim)
{
    GHashTableIter it;
    gpointer key;
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        struct work *w = key;
        if (w->claim.attempt == claim->attempt && strcmp(w->claim.id, claim->id) == 0) {
            return w;
        }
    }
    return NULL;
}

/* The message that the work came with is gone with its connection, and this is the same one again: it waits for the
 * outcome in the other's place, so that it is there to be dead-lettered. Any other is a duplicate. */
static bool adopt(struct work *w, const struct delivery *d)
{
    bool is_same_again = !w->is_acked && w->delivery.epoch != d->epoch;
    if (is_same_again) {
        w->delivery.epoch = d->epoch;
        w->delivery.tag = d->tag;
        w->delivery.received_us = d->received_us;
    }
    return is_same_again;
}

/* Gives the claim to w and puts it where runners take it. False: it runs here already, and this message is a duplicate;
 * only this thread adds to what is active, so that a job which is not there is held by this worker in the database
 * alone. ret_kept: w is in use. The lock is held. */
static bool make_runnable(struct pipeline *p, struct work *w, struct job_claim *claim, bool *ret_kept)
{
    const struct conf *conf = atomic_load(&p->conf);
    struct work *running = claim->result == JOB_OURS ? find_active(p, claim) : NULL;
    *ret_kept = running == NULL;
    if (running != NULL) {
        return adopt(running, &w->delivery);
    }
    w->claim = *claim;
    claim->payload = NULL;
    w->ctx.claim = &w->claim;
    enum tier tier = w->delivery.message.tier;
    enum lane lane = lane_of_priority(w->claim.priority);
    atomic_fetch_add(&p->claims[lane], 1);
    w->cost_us = pace_expect_us(&p->pace, w->claim.job_type);
    reserve_note(&p->reserve, w->claim.organization_id, tier == TIER_MAIN, clock_mono_us());
    reserve_claim(&p->reserve, w->delivery.message.flow);
    p->runnable_cost_us[tier][lane] += w->cost_us;
    w->is_suspect = job_is_suspect(w->claim.crash_count, conf->consumer.crash_limit);
    p->suspects += w->is_suspect ? 1 : 0;
    g_hash_table_add(p->active, w);
    flows_push(&p->runnable[tier][lane], w->delivery.message.flow, w);
    if (pipeline_phase(p) == PIPELINE_HARD) {
        work_stop(w, STOP_SHUTDOWN);
    }
    return true;
}

/* Notes whether the next batch is likely to be parked, too. */
static void note_parked(struct pipeline *p, struct batch *b, const struct job_claim *claims)
{
    guint parked = 0;
    for (guint i = 0; i < b->deliveries->len; i++) {
        if (claims[i].result == JOB_PARKED) {
            const struct delivery *d = g_ptr_array_index(b->deliveries, i);
            parked++;
            b->parked_tier = d->message.tier;
            b->parked_lane = d->message.lane;
            b->parked_flow = d->message.flow;
            g_strlcpy(b->parked_type, claims[i].job_type, sizeof(b->parked_type));
            release_note(p, &claims[i]);
        }
    }
    b->parks = parked * 2 > b->deliveries->len;
}

/* Those that came to be parked and may start wait for room again. */
static void put_back(struct pipeline *p, const struct batch *b, const struct job_claim *claims)
{
    pthread_mutex_lock(&p->lock);
    for (guint i = b->with_room; i < b->deliveries->len; i++) {
        const struct delivery *d = g_ptr_array_index(b->deliveries, i);
        if (claims[i].result == JOB_HELD) {
            pipeline_put_unclaimed(p, g_memdup2(d, sizeof(*d)));
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static bool is_ours(const struct job_claim *claim)
{
    return claim->result == JOB_CLAIMED || claim->result == JOB_OURS;
}

/* Everything that was claimed, under one lock. What is a duplicate becomes stale. */
static void run_claimed(struct pipeline *p, const struct batch *b, struct job_claim *claims)
{
    g_autofree struct work **works = g_new0(struct work *, b->deliveries->len);
    for (guint i = 0; i < b->deliveries->len; i++) {
        works[i] = is_ours(&claims[i]) ? work_new(g_ptr_array_index(b->deliveries, i)) : NULL;
    }
    pthread_mutex_lock(&p->lock);
    for (guint i = 0; i < b->deliveries->len; i++) {
        bool kept = false;
        if (works[i] != NULL && !make_runnable(p, works[i], &claims[i], &kept)) {
            claims[i].result = JOB_STALE;
        }
        works[i] = kept ? NULL : works[i];
    }
    pipeline_wake_runners(p);
    pthread_mutex_unlock(&p->lock);
    for (guint i = 0; i < b->deliveries->len; i++) {
        work_free(works[i]);
    }
}

static void pass_on(struct pipeline *p, struct batch *b, struct job_claim *claims)
{
    note_parked(p, b, claims);
    put_back(p, b, claims);
    run_claimed(p, b, claims);
    for (guint i = 0; i < b->deliveries->len; i++) {
        enum job_claim_result result = claims[i].result;
        bool is_back = result == JOB_HELD && i >= b->with_room;
        if (!is_back && !is_ours(&claims[i])) {
            settle_unclaimed(p, g_ptr_array_index(b->deliveries, i), result);
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
            claims[i].park_only = i >= b->with_room;
        }
        CLEANUP(gate_rules_cleanup)
        struct gate_rules *gates = gates_get(p->gates, db, conf->limits.org_max_running, &e);
        const struct job_claim_terms terms = {
            .worker_id = p->worker_id,
            .lease_ms = conf->consumer.lease_ms,
            .crash_limit = conf->consumer.crash_limit,
            .has_suspect = has_suspect(p),
            .gates = gates,
        };
        if (gates != NULL && job_claim_batch(db, &terms, claims, b->deliveries->len, &e)) {
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

/* What became runnable has been counted anew. */
static void end_batch(struct pipeline *p, struct batch *b, int64_t began_us)
{
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&p->lock);
    if (b->backlog > 0 && reserve_is_shared(&p->reserve, now_us)) {
        b->next_backlog_us = now_us + MIN((now_us - began_us) * SHARED_PAUSE, SHARED_PAUSE_MAX_US);
    }
    for (guint i = 0; i < b->with_room; i++) {
        const struct delivery *d = g_ptr_array_index(b->deliveries, i);
        reserve_drop(&p->reserve, d->message.flow);
    }
    p->claiming = 0;
    pthread_mutex_unlock(&p->lock);
    g_ptr_array_set_size(b->deliveries, 0);
}

void *claimer_run(void *arg)
{
    struct pipeline *p = arg;
    const struct conf *conf = atomic_load(&p->conf);
    struct db *db = db_new(conf);
    struct batch b = {.deliveries = g_ptr_array_new_with_free_func(g_free)};
    g_autofree struct job_claim *claims = g_new0(struct job_claim, (gsize)conf->consumer.batch_max);
    while (next_batch(p, &b)) {
        int64_t began_us = clock_mono_us();
        if (claim_batch(p, db, &b, claims)) {
            pass_on(p, &b, claims);
        } else {
            hand_back(p, &b);
        }
        for (guint i = 0; i < b.deliveries->len; i++) {
            job_claim_release(&claims[i]);
            memset(&claims[i], 0, sizeof(claims[i]));
        }
        end_batch(p, &b, began_us);
    }
    g_ptr_array_unref(b.deliveries);
    db_free(db);
    return NULL;
}
