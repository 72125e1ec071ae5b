/*
 * relay.c: acts on dispatch_at. Publishes queued rows that are due (fresh ones whose message was never confirmed,
 * scheduled and retried ones), rescues processing ones whose lease has ended, publishes the dead letters of jobs that
 * failed without a message in hand, and finds rows whose confirmed message the broker has lost. In the priority layout,
 * where the broker alone decides who comes next, it also sees to the reserved share of the lower priorities. Every
 * consumer runs one: rows are taken with SKIP LOCKED. Only the reconciliation is elected, by a named lock in the
 * database.
 */
#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"
#include "release.h"

#define BATCH 500
#define BACKLOG_LIMIT 4000
#define RECONCILE_QUICK_MS 5000
#define RECONCILE_FULL_EVERY 6 /* quick rounds */
#define LOST_AGE_MS 5000
#define COUNT_LIMIT 20000 /* lost rows that one round looks for */
#define HELD_LIMIT 50000  /* longer queues are not counted against the rows */
#define WHOLE_TURN_PERCENT 100

struct relay {
    struct pipeline *p;
    struct db *db;
    struct mq *mq; /* asks for queue depths only */
    struct release *release;
    bool leader;
    bool failing;
    bool blind; /* the broker could not be asked */
    int64_t rescue_from_us;
    int64_t next_reconcile_us;
    unsigned round;
    int64_t claims_seen[LANES];
    int64_t credit_percent[LANES]; /* of lower lanes, as in lanes.h */
    size_t batch; /* rows at a time: fewer after a statement that took too long, as with large payloads */
    struct job_ref refs[BATCH];
    struct job_dead_ref dead[BATCH];
};

static bool publisher_has_room(const struct relay *r)
{
    return dispatcher_is_ready(r->p->dispatcher) && dispatcher_backlog(r->p->dispatcher) < BACKLOG_LIMIT;
}

static struct job_tiers tiers(const struct relay *r)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    return (struct job_tiers){r->p->load, conf->limits.backlog_threshold};
}

static bool publish_due(struct relay *r, size_t *ret_n, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    const struct job_tiers to = tiers(r);
    if (!job_take_due(r->db, &to, r->refs, r->batch, conf->consumer.dispatch_grace_ms, ret_n, e)) {
        return false;
    }
    for (size_t i = 0; i < *ret_n; i++) {
        (void)dispatcher_publish(r->p->dispatcher, &r->refs[i]); /* not taken: due again after the grace */
    }
    return true;
}

static bool publish_dead(struct relay *r, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    size_t n = 0;
    if (!job_take_dead(r->db, r->dead, r->batch, conf->consumer.dispatch_grace_ms, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        (void)dispatcher_publish_dead(r->p->dispatcher, &r->dead[i]);
    }
    return true;
}

/* What was claimed of higher lanes since the last look earns a lane its share; for each whole turn its oldest waiting
 * job gets a second message that goes ahead of all others. The first one is stale when it comes. */
static bool push_ahead(struct relay *r, enum lane lane, int64_t claims_above, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    r->credit_percent[lane] += claims_above * conf->consumer.low_share_percent;
    size_t turns = (size_t)MIN(r->credit_percent[lane] / WHOLE_TURN_PERCENT, BATCH);
    if (turns == 0) {
        return true;
    }
    size_t n = 0;
    const struct job_tiers to = tiers(r);
    if (!job_take_waiting(r->db, &to, lane, r->refs, turns, conf->consumer.dispatch_grace_ms, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        r->refs[i].ahead = true;
        (void)dispatcher_publish(r->p->dispatcher, &r->refs[i]);
    }
    /* An empty lane keeps no credit: it would jump the queue long after the pressure ended. */
    r->credit_percent[lane] = n < turns ? 0 : r->credit_percent[lane] - (int64_t)turns * WHOLE_TURN_PERCENT;
    return true;
}

static bool keep_shares(struct relay *r, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    if (conf->broker.layout != CONF_LAYOUT_PRIORITY) {
        return true;
    }
    int64_t claims_above = 0;
    for (enum lane lane = LANE_HIGH; lane < LANES; lane++) {
        if (claims_above > 0 && !push_ahead(r, lane, claims_above, e)) {
            return false;
        }
        int64_t claims = atomic_load(&r->p->claims[lane]);
        claims_above += claims - r->claims_seen[lane];
        r->claims_seen[lane] = claims;
    }
    return true;
}

/* After a database outage no lease could be renewed, so for one lease's time nobody is taken for dead. */
static bool rescue(struct relay *r, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    if (clock_mono_us() < r->rescue_from_us) {
        return true;
    }
    size_t n = 0;
    if (!job_rescue(r->db, conf->consumer.crash_limit, r->batch, &n, e)) {
        return false;
    }
    if (n > 0) {
        log_warn("jobs.rescued", LINT("jobs", n), LSTR("cause", "their worker's lease ended"));
    }
    return true;
}

static bool elect(struct relay *r, struct err *e)
{
    CLEANUP(db_result_release) struct db_result lock = {0};
    if (!db_run_text(r->db, &lock, e, "SELECT GET_LOCK(CONCAT('bellman.relay.', DATABASE()), 0)")) {
        return false;
    }
    r->leader = lock.rows == 1 && db_cell_int(&lock, 0, 0) == 1;
    return true;
}

/* Rows got another message. Up to held of them may be in the hands of workers that are busy; more are lost for sure. */
static void log_redispatched(enum lane lane, int64_t n, int64_t held)
{
    if (n > held) {
        log_warn("messages.lost", LSTR("lane", lane_name(lane)), LINT("jobs", n),
                 LSTR("then", "publishing them again"));
    } else if (n > 0) {
        log_info("messages.repeated", LSTR("lane", lane_name(lane)), LINT("jobs", n),
                 LSTR("cause", "workers hold them unclaimed, and others may be free; or they are lost"));
    }
}

/* Up to max rows, a batch at a time. held: how many messages workers may hold. */
static bool redispatch(struct relay *r, enum lane lane, int64_t max, int64_t held, struct err *e)
{
    int64_t total = 0;
    size_t n = 0;
    size_t wanted = 0;
    do {
        wanted = (size_t)MIN((int64_t)r->batch, max - total);
        if (!job_redispatch_lost(r->db, lane, LOST_AGE_MS, wanted, &n, e)) {
            return false;
        }
        total += (int64_t)n;
    } while (n == wanted && total < max);
    log_redispatched(lane, total, held);
    return true;
}

/* Of a lane's queues in all tiers: rows do not say in which their message is. */
struct depth {
    int64_t ready;
    int64_t consumers;
};

/* Empty queues with rows that count on them have lost them, or busy workers hold them unclaimed: a second message is
 * harmless, and then lies in a queue, so that this is not repeated. Every sixth round queues that are not empty are
 * counted against the rows as well. */
static bool reconcile_lane(struct relay *r, enum lane lane, const struct depth *depth, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    int64_t held = depth->ready + depth->consumers * conf->consumer.prefetch;
    if (depth->ready == 0) {
        return redispatch(r, lane, held + COUNT_LIMIT, held, e);
    }
    if (r->round % RECONCILE_FULL_EVERY != 0 || depth->ready > HELD_LIMIT) {
        return true;
    }
    int64_t rows = 0;
    if (!job_count_dispatched(r->db, lane, LOST_AGE_MS, held + COUNT_LIMIT, &rows, e)) {
        return false;
    }
    return rows <= held || redispatch(r, lane, rows - held, 0, e);
}

static bool sum_depth(struct mq *mq, enum lane lane, struct depth *ret, struct err *e)
{
    *ret = (struct depth){0};
    for (enum tier tier = TIER_MAIN; tier < TIERS; tier++) {
        struct depth depth = {0};
        if (!mq_depth(mq, tier, lane, &depth.ready, &depth.consumers, e)) {
            return false;
        }
        ret->ready += depth.ready;
        ret->consumers += depth.consumers;
    }
    return true;
}

static bool ask_depth(struct relay *r, enum lane lane, struct depth *ret)
{
    struct err e = ERR_INIT;
    if (r->mq == NULL) {
        r->mq = mq_connect(atomic_load(&r->p->conf), "bellman-relay", &e);
    }
    if (r->mq != NULL && sum_depth(r->mq, lane, ret, &e)) {
        r->blind = false;
        return true;
    }
    if (!r->blind) {
        log_warn("relay.no_depth", LSTR("lane", lane_name(lane)), LERR(&e));
        r->blind = true;
    }
    g_clear_pointer(&r->mq, mq_free);
    return false;
}

static bool reconcile(struct relay *r, struct err *e)
{
    if (clock_mono_us() < r->next_reconcile_us) {
        return true;
    }
    r->next_reconcile_us = clock_mono_us() + RECONCILE_QUICK_MS * US_PER_MS;
    r->round++;
    if (!elect(r, e)) {
        return false;
    }
    for (enum lane lane = LANE_HIGH; r->leader && lane < LANES; lane++) {
        struct depth depth = {0};
        if (!ask_depth(r, lane, &depth)) {
            return true;
        }
        if (!reconcile_lane(r, lane, &depth, e)) {
            return false;
        }
    }
    return true;
}

static bool redispatch_wiped(struct relay *r, struct err *e)
{
    for (enum lane lane = LANE_HIGH; lane < LANES; lane++) {
        if (!atomic_exchange(&r->p->lane_lost[lane], false)) {
            continue;
        }
        size_t n = r->batch;
        while (n == r->batch) {
            if (!job_redispatch_lost(r->db, lane, 0, r->batch, &n, e)) {
                atomic_store(&r->p->lane_lost[lane], true);
                return false;
            }
        }
    }
    return true;
}

/* One round; ret_more: there was a full batch, so go round again at once. */
static bool round_trip(struct relay *r, bool *ret_more, struct err *e)
{
    bool is_told = atomic_exchange(&r->p->release_due, false);
    size_t n = 0;
    bool more_held = false;
    if (publisher_has_room(r) && !(redispatch_wiped(r, e) && publish_due(r, &n, e) && publish_dead(r, e) &&
                                   release_run(r->release, r->db, is_told, r->refs, r->batch, &more_held, e) &&
                                   keep_shares(r, e) && reconcile(r, e))) {
        return false;
    }
    *ret_more = n == r->batch || more_held;
    return rescue(r, e);
}

static void keep_link_alive(struct relay *r)
{
    if (r->mq == NULL) {
        return;
    }
    struct mq_event event = {0};
    if (mq_next(r->mq, 0, -1, &event) == MQ_CLOSED) {
        g_clear_pointer(&r->mq, mq_free);
    }
    mq_event_release(&event);
}

static void note_failure(struct relay *r, const struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    if (!r->failing) {
        log_error("relay.failed", LERR(e), LSTR("then", "trying again"));
    }
    r->failing = true;
    if (e->code == ERR_TIMEOUT) {
        r->batch = MAX(r->batch / 4, 1);
    }
    r->rescue_from_us = clock_mono_us() + 2 * conf->consumer.lease_ms * US_PER_MS;
}

/* True: woken before the deadline, to look at held jobs. */
static bool wait_or_wake(struct pipeline *p, const struct timespec *deadline)
{
    bool is_late = false;
    pthread_mutex_lock(&p->lock);
    while (pipeline_phase(p) == PIPELINE_RUNNING && !atomic_load(&p->release_due) && !is_late) {
        is_late = pthread_cond_timedwait(&p->phase_cond, &p->lock, deadline) != 0;
    }
    bool is_running = pipeline_phase(p) == PIPELINE_RUNNING;
    pthread_mutex_unlock(&p->lock);
    return is_running && !is_late;
}

/* Until the next round; held jobs are let go meanwhile, as soon as there is reason to. */
static void wait_for_round(struct relay *r)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    struct timespec deadline;
    bool more = false;
    struct err e = ERR_INIT;
    clock_deadline(conf->consumer.relay_interval_ms, &deadline);
    while (!more && wait_or_wake(r->p, &deadline)) {
        atomic_store(&r->p->release_due, false);
        if (publisher_has_room(r) && !release_run(r->release, r->db, true, r->refs, r->batch, &more, &e)) {
            note_failure(r, &e);
            pipeline_pause(r->p, conf->consumer.relay_interval_ms, PIPELINE_DRAINING);
            return;
        }
    }
}

void *relay_run(void *arg)
{
    struct pipeline *p = arg;
    struct relay *r = g_new0(struct relay, 1);
    r->p = p;
    r->batch = BATCH;
    r->release = release_new(p);
    r->db = db_new(atomic_load(&p->conf));
    while (pipeline_phase(p) == PIPELINE_RUNNING) {
        struct err e = ERR_INIT;
        bool more = false;
        if (round_trip(r, &more, &e)) {
            r->failing = false;
            r->batch = MIN(r->batch + 1, BATCH);
        } else {
            note_failure(r, &e);
        }
        keep_link_alive(r);
        if (!more) {
            wait_for_round(r);
        }
    }
    mq_free(r->mq);
    release_free(r->release);
    db_free(r->db);
    g_free(r);
    return NULL;
}
