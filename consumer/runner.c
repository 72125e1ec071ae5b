/*
 * runner.c: runs one job at a time: payload check, handler, outcome to decision. Knows no AMQP.
 */
#include <string.h>

#include "domain/backoff.h"
#include "domain/job_types.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/log.h"
#include "pipeline.h"

#define RESULT_MAX_BYTES (1 << 20)
/* Whatever a receiver or a handler asks for. */
#define RETRY_AFTER_MAX_MS (24 * 3600 * MS_PER_S)
#define SNOOZE_MIN_MS MS_PER_S
#define SNOOZE_MAX_MS (30 * 24 * 3600 * MS_PER_S)

/* What is looked for among the flows. */
struct wish {
    const struct reserve *reserve;
    struct reserve_rule rule;
};

static bool may_start(const void *item, const void *arg)
{
    const struct work *w = item;
    const struct wish *wish = arg;
    return reserve_may_start(wish->reserve, &wish->rule, w->delivery.message.flow);
}

static struct work *pop(struct pipeline *p, enum tier tier, enum lane lane, const struct wish *wish)
{
    struct work *w = flows_pop_if(&p->runnable[tier][lane], may_start, wish);
    p->runnable_cost_us[tier][lane] -= w->cost_us;
    return w;
}

/* What may start; ret_held: something waits whose organization runs enough. */
static struct lane_choice look(const struct pipeline *p, const struct wish *wish, bool *ret_held)
{
    struct lane_choice choice = {0};
    *ret_held = false;
    for (int i = 0; i < TIERS * LANES; i++) {
        enum tier tier = (enum tier)(i / LANES);
        const struct flows *runnable = &p->runnable[tier][i % LANES];
        const struct work *next = flows_peek_if(runnable, may_start, wish);
        *ret_held = *ret_held || (next == NULL && runnable->length > 0);
        if (next != NULL) {
            choice.waiting[tier][i % LANES] = true;
            choice.share_percent[tier][i % LANES] = pipeline_share_percent(p, &next->delivery);
            choice.flow[tier][i % LANES] = next->delivery.message.flow;
        }
    }
    return choice;
}

/* Takes the next job by tier and priority; NULL when the pipeline has stopped. Called and returns with the lock held.
 */
static struct work *draw(struct pipeline *p)
{
    for (;;) {
        bool is_held = false;
        const struct wish wish = {&p->reserve, pipeline_reserve_rule(p)};
        const struct lane_choice choice = look(p, &wish, &is_held);
        enum tier tier = TIER_MAIN;
        enum lane lane = LANE_HIGH;
        if (tier_draw_next(&p->run_draw, &choice, &tier, &lane)) {
            return pop(p, tier, lane, &wish);
        }
        if (pipeline_phase(p) == PIPELINE_STOPPED) {
            return NULL;
        }
        p->sleepers_held += is_held ? 1 : 0;
        pthread_cond_wait(&p->run_cond, &p->lock);
        p->sleepers_held -= is_held ? 1 : 0;
    }
}

/* One end may let an organization start more than one that waits, and only this runner heard of it. */
static void wake_held(struct pipeline *p)
{
    if (p->sleepers_held == 0) {
        return;
    }
    bool is_held = false;
    const struct wish wish = {&p->reserve, pipeline_reserve_rule(p)};
    const struct lane_choice choice = look(p, &wish, &is_held);
    if (lane_choice_any(&choice)) {
        pthread_cond_signal(&p->run_cond);
    }
}

static void begin(struct pipeline *p, struct work *w)
{
    w->is_slow = w->cost_us > LOOKAHEAD_US;
    p->running++;
    reserve_start(&p->reserve, w->delivery.message.flow, w->is_slow);
    wake_held(p);
}

static void end(struct pipeline *p, struct work *w)
{
    p->running--;
    reserve_end(&p->reserve, w->delivery.message.flow, w->is_slow);
    pace_record(&p->pace, w->claim.job_type, clock_mono_us() - w->started_mono_us);
    w->has_run = true;
    w->finish.is_acked = w->is_acked;
    g_queue_push_tail(&p->done, w);
}

static bool check_payload(struct work *w, const struct job_type *type)
{
    struct err e = ERR_INIT;
    w->payload = json_parse_limited(w->claim.payload, strlen(w->claim.payload), &e);
    w->ctx.payload = w->payload;
    if (w->payload == NULL) {
        (void)job_error(&w->ctx, JOB_PERMANENT, "the payload cannot be read: %s", e.text);
        return false;
    }
    struct problems problems = {0};
    job_payload_check(type, w->ctx.payload, "/payload", &problems);
    if (problems_any(&problems)) {
        const json_t *first = json_array_get(problems.list, 0);
        (void)job_error(&w->ctx, JOB_PERMANENT, "the payload does not fit the type: %s %s",
                        json_string_value(json_object_get(first, "pointer")),
                        json_string_value(json_object_get(first, "detail")));
    }
    bool ok = !problems_any(&problems);
    problems_release(&problems);
    return ok;
}

static void decide_failed(struct work *w, const char *cause)
{
    w->finish.kind = JOB_FINISH_FAILED;
    w->finish.outcome = "failed";
    w->finish.cause = cause;
}

/* What the receiver asked for, else the job's own policy over its type's. */
static int64_t retry_delay_ms(const struct work *w)
{
    if (w->ctx.retry_after_ms > 0) {
        return MIN(w->ctx.retry_after_ms, RETRY_AFTER_MAX_MS);
    }
    struct backoff b = w->ctx.type->retry;
    backoff_overlay(&b, w->claim.retry);
    return backoff_delay_ms(&b, w->claim.retry_count + 1, g_random_int());
}

static void decide_retry(struct work *w, const char *outcome)
{
    if (w->claim.retry_count >= w->claim.max_retries) {
        decide_failed(w, w->ctx.cause != NULL ? w->ctx.cause : "exhausted");
        w->finish.outcome = outcome;
        return;
    }
    w->finish.kind = JOB_FINISH_RETRY;
    w->finish.outcome = outcome;
    w->finish.delay_ms = retry_delay_ms(w);
}

static void decide_snooze(struct work *w)
{
    w->finish.kind = JOB_FINISH_SNOOZED;
    w->finish.outcome = "snoozed";
    w->finish.delay_ms = CLAMP(w->ctx.snooze_ms, SNOOZE_MIN_MS, SNOOZE_MAX_MS);
}

static void decide_stopped(struct work *w)
{
    switch ((enum stop_reason)atomic_load(&w->stop_reason)) {
    case STOP_CANCEL:
        w->finish.kind = JOB_FINISH_CANCELLED;
        w->finish.outcome = "cancelled";
        break;
    case STOP_TIMEOUT:
        (void)job_error(&w->ctx, JOB_RETRY, "stopped after its timeout of %lld s", (long long)w->claim.timeout_s);
        decide_retry(w, "timeout");
        break;
    case STOP_NONE: /* a handler that gives up without being told has failed */
        (void)job_error(&w->ctx, JOB_RETRY, "the handler stopped without being told to");
        decide_retry(w, "failed");
        break;
    case STOP_LOST:
    case STOP_SHUTDOWN:
        w->finish.kind = JOB_FINISH_RELEASED;
        w->finish.outcome = "released";
        break;
    }
}

/* What a handler found out although it failed. */
static void keep_result(struct work *w)
{
    if (w->ctx.result == NULL || w->finish.kind != JOB_FINISH_FAILED) {
        return;
    }
    w->result_text = json_dumps(w->ctx.result, JSON_COMPACT | JSON_ENCODE_ANY);
    w->finish.result = w->result_text != NULL && strlen(w->result_text) <= RESULT_MAX_BYTES ? w->result_text : NULL;
}

/* False: the result is more than a row should hold. */
static bool decide_done(struct work *w)
{
    w->result_text = w->ctx.result == NULL ? NULL : json_dumps(w->ctx.result, JSON_COMPACT | JSON_ENCODE_ANY);
    if (w->result_text != NULL && strlen(w->result_text) > RESULT_MAX_BYTES) {
        (void)job_error(&w->ctx, JOB_PERMANENT, "the result has more than %d bytes", RESULT_MAX_BYTES);
        decide_failed(w, "permanent");
        return false;
    }
    w->finish.kind = JOB_FINISH_COMPLETED;
    w->finish.outcome = "completed";
    w->finish.result = w->result_text;
    return true;
}

static void decide(struct work *w, enum job_outcome outcome, const char *permanent_cause)
{
    w->finish.claim = &w->claim;
    w->finish.started_wall_us = w->started_wall_us;
    switch (outcome) {
    case JOB_DONE:
        if (decide_done(w)) {
            return;
        }
        break;
    case JOB_RETRY:
        decide_retry(w, "failed");
        break;
    case JOB_PERMANENT:
        decide_failed(w, permanent_cause);
        break;
    case JOB_STOPPED:
        decide_stopped(w);
        break;
    case JOB_SNOOZE:
        decide_snooze(w);
        break;
    }
    if (outcome != JOB_DONE) {
        keep_result(w);
    }
    w->finish.error = w->ctx.error[0] == '\0' ? NULL : w->ctx.error;
}

static enum job_outcome run_handler(struct work *w, const struct conf *conf, const char **cause)
{
    *cause = "permanent";
    const struct job_type *type = job_type_find(w->claim.job_type);
    job_run_fn *run = type == NULL ? NULL : handler_find(type);
    w->ctx.type = type;
    if (run == NULL) {
        *cause = "unknown_type";
        return job_error(&w->ctx, JOB_PERMANENT, "this worker knows no job type \"%s\"", w->claim.job_type);
    }
    if (type->diagnostic && !conf->consumer.diagnostics) {
        return job_error(&w->ctx, JOB_PERMANENT, "job type \"%s\" is not allowed here ([consumer] diagnostics)",
                         w->claim.job_type);
    }
    if (!check_payload(w, type)) {
        *cause = "unreadable";
        return JOB_PERMANENT;
    }
    if (job_stopping(&w->ctx)) {
        return JOB_STOPPED;
    }
    return run(&w->ctx);
}

static void run_one(struct pipeline *p, struct work *w, struct db *db, struct smtp *smtp, struct http *http)
{
    const struct conf *conf = atomic_load(&p->conf);
    w->ctx.conf = conf;
    w->ctx.db = db;
    w->ctx.smtp = smtp;
    w->ctx.http = http;
    w->ctx.dispatcher = p->dispatcher;
    w->ctx.settings_cache = p->settings_cache;
    w->ctx.accounts_cache = p->accounts_cache;
    w->ctx.providers = p->providers;
    w->ctx.seal = p->seal;
    w->ctx.guard = atomic_load(&p->guard);
    w->started_wall_us = clock_wall_us();
    w->started_mono_us = clock_mono_us();
    atomic_store(&w->deadline_us, w->started_mono_us + w->claim.timeout_s * US_PER_S);
    const char *cause = NULL;
    enum job_outcome outcome = run_handler(w, conf, &cause);
    atomic_store(&w->deadline_us, 0);
    job_report_end(&w->ctx);
    decide(w, outcome, cause);
}

/* Only who has something to do by now: a wake-up costs more than a short job. The lock is held. */
static void wake_neighbours(struct pipeline *p)
{
    if (p->claimer_waits) {
        p->claimer_waits = false;
        pthread_cond_signal(&p->claim_cond);
    }
    if (p->done_wanted > 0 && p->done.length >= p->done_wanted) {
        p->done_wanted = 0;
        pthread_cond_signal(&p->done_cond);
    }
}

void *runner_run(void *arg)
{
    struct pipeline *p = arg;
    struct db *db = db_new(atomic_load(&p->conf));
    struct smtp *smtp = smtp_new();
    struct http *http = http_new();
    pthread_mutex_lock(&p->lock);
    for (struct work *w = draw(p); w != NULL; w = draw(p)) {
        begin(p, w);
        pthread_mutex_unlock(&p->lock);
        run_one(p, w, db, smtp, http);
        pthread_mutex_lock(&p->lock);
        end(p, w);
        wake_neighbours(p);
    }
    pthread_mutex_unlock(&p->lock);
    http_free(http);
    smtp_free(smtp);
    db_free(db);
    return NULL;
}
