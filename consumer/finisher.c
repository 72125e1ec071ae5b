/*
 * finisher.c: writes outcomes in batches, one transaction each, and only then lets the broker thread ack.
 */
#include <string.h>

#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"
#include "release.h"

/* The least time between two batches, unless the second is half full: while jobs end all the time, more of them share a
 * transaction. The runner is free meanwhile; what waits is the record, and with it whatever follows from the outcome.
 */
#define PACE_US (5 * US_PER_MS)
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000
/* Payloads and results of one batch, beyond the first: MariaDB reads whole rows to change them, results travel in one
 * packet (max_allowed_packet is 16 MB by default, and JSON in JSON doubles its quotes), and a statement must end in its
 * time. */
#define BATCH_BYTES (4 * 1024 * 1024)

static size_t bytes_of(const struct work *w)
{
    size_t payload = w->claim.payload == NULL ? 0 : strlen(w->claim.payload);
    return payload + (w->result_text == NULL ? 0 : strlen(w->result_text));
}

/* Moves finished jobs into the batch while there is room. Called with the lock held. */
static void fill_batch(struct pipeline *p, GPtrArray *batch, guint max)
{
    size_t bytes = 0;
    while (batch->len < max && !g_queue_is_empty(&p->done)) {
        bytes += bytes_of(g_queue_peek_head(&p->done));
        if (batch->len > 0 && bytes > BATCH_BYTES) {
            return;
        }
        g_ptr_array_add(batch, g_queue_pop_head(&p->done));
    }
}

/* Called with the lock held. */
static void keep_pace(struct pipeline *p, int64_t last_us)
{
    const struct conf *conf = atomic_load(&p->conf);
    const int64_t at_once = MIN(conf->consumer.batch_max, conf->consumer.prefetch);
    const guint enough = conf->consumer.finish_flush_us == 0 ? 1 : (guint)MAX(at_once / 2, 1);
    for (int64_t left_us = last_us + PACE_US - clock_mono_us();
         left_us > 0 && p->done.length < enough && pipeline_phase(p) == PIPELINE_RUNNING;
         left_us = last_us + PACE_US - clock_mono_us()) {
        p->done_wanted = enough;
        pipeline_wait(p, &p->done_cond, (left_us + US_PER_MS - 1) / US_PER_MS);
    }
}

/* Waits for the first finished job, then a moment for others to share its commit: until the batch is full, the time is
 * up, or nothing else that is active could still join. last_us: when the batch before began; it becomes that of this
 * one. NULL when the pipeline has stopped. */
static GPtrArray *next_batch(struct pipeline *p, int64_t *last_us)
{
    const struct conf *conf = atomic_load(&p->conf);
    GPtrArray *batch = g_ptr_array_new();
    pthread_mutex_lock(&p->lock);
    while (g_queue_is_empty(&p->done) && pipeline_phase(p) != PIPELINE_STOPPED) {
        p->done_wanted = 1;
        pthread_cond_wait(&p->done_cond, &p->lock);
    }
    keep_pace(p, *last_us);
    struct timespec until;
    clock_deadline(0, &until);
    int64_t nsec = until.tv_nsec + conf->consumer.finish_flush_us * 1000;
    until.tv_sec += nsec / 1000000000;
    until.tv_nsec = nsec % 1000000000;
    p->done_wanted = MIN((guint)conf->consumer.batch_max, g_hash_table_size(p->active));
    while (g_queue_get_length(&p->done) < p->done_wanted && pipeline_phase(p) != PIPELINE_STOPPED &&
           pthread_cond_timedwait(&p->done_cond, &p->lock, &until) == 0) {
        p->done_wanted = MIN((guint)conf->consumer.batch_max, g_hash_table_size(p->active));
    }
    p->done_wanted = 0;
    *last_us = clock_mono_us();
    fill_batch(p, batch, (guint)conf->consumer.batch_max);
    pthread_mutex_unlock(&p->lock);
    if (batch->len == 0) {
        g_ptr_array_unref(batch);
        return NULL;
    }
    return batch;
}

static enum verdict_kind verdict_for(const struct job_finish *f)
{
    return f->written && f->kind == JOB_FINISH_FAILED ? VERDICT_DEAD : VERDICT_ACK;
}

static void log_finished(struct log_lines *lines, const struct work *w)
{
    const struct job_finish *f = &w->finish;
    enum log_level level = f->written && f->kind == JOB_FINISH_COMPLETED ? LOG_LEVEL_INFO : LOG_LEVEL_WARN;
    if (!log_wants(level)) {
        return;
    }
    const struct log_field fields[] = {
        LSTR("job_id", w->claim.id),
        LSTR("org", w->claim.organization_id),
        LSTR("job_type", w->claim.job_type),
        LINT("attempt", w->claim.attempt),
        LSTR("outcome", f->outcome),
        LSTR("cause", f->cause),
        LSTR("error", f->error),
        LINT("retry_in_ms", f->kind == JOB_FINISH_RETRY || f->kind == JOB_FINISH_SNOOZED ? f->delay_ms : 0),
        LINT("dur_us", clock_wall_us() - w->started_wall_us),
        LINT("wait_us", w->started_wall_us - w->claim.created_wall_us),
        {.key = NULL},
    };
    log_lines_add(lines, level, f->written ? "job.finished" : "job.fenced_off", fields);
}

/* Before the works leave the active table: the keeper writes the tally for the last time when that is empty. */
static void count_batch(struct pipeline *p, GPtrArray *batch)
{
    int64_t now_us = clock_wall_us();
    for (guint i = 0; i < batch->len; i++) {
        tally_add(p->tally, &((struct work *)g_ptr_array_index(batch, i))->finish, now_us);
    }
}

/* Verdicts out, works freed. */
static void settle_batch(struct pipeline *p, GPtrArray *batch)
{
    g_autofree struct verdict *verdicts = g_new(struct verdict, batch->len);
    guint n = 0;
    count_batch(p, batch);
    pthread_mutex_lock(&p->lock);
    for (guint i = 0; i < batch->len; i++) {
        struct work *w = g_ptr_array_index(batch, i);
        g_hash_table_remove(p->active, w);
        p->suspects -= w->is_suspect ? 1 : 0;
        if (!w->is_acked) {
            verdicts[n++] = (struct verdict){w->delivery.epoch, w->delivery.tag, verdict_for(&w->finish)};
        }
    }
    g_array_append_vals(p->verdicts, verdicts, n);
    atomic_fetch_add(&p->finished, batch->len);
    pthread_mutex_unlock(&p->lock);
    pipeline_wake_broker(p);
    struct log_lines lines = {0};
    for (guint i = 0; i < batch->len; i++) {
        struct work *w = g_ptr_array_index(batch, i);
        log_finished(&lines, w);
        release_note(p, &w->claim);
        work_free(w);
    }
    log_lines_flush(&lines);
}

static bool write_batch(struct pipeline *p, struct db *db, GPtrArray *batch, struct err *e)
{
    g_autofree struct job_finish *finishes = g_new(struct job_finish, batch->len);
    for (guint i = 0; i < batch->len; i++) {
        finishes[i] = ((struct work *)g_ptr_array_index(batch, i))->finish;
    }
    if (!job_finish_batch(db, p->worker_id, finishes, batch->len, e)) {
        return false;
    }
    for (guint i = 0; i < batch->len; i++) {
        ((struct work *)g_ptr_array_index(batch, i))->finish = finishes[i];
    }
    return true;
}

/* One outcome that the database refuses must not hold up the others: it becomes a failure that can be stored. */
static void write_refused(struct pipeline *p, struct db *db, struct work *w, const struct err *cause)
{
    log_error("job.outcome_refused", LSTR("job_id", w->claim.id), LERR(cause));
    w->finish.kind = JOB_FINISH_FAILED;
    w->finish.outcome = "failed";
    w->finish.cause = "permanent";
    w->finish.result = NULL;
    w->finish.error = "the outcome could not be stored";
    struct err e = ERR_INIT;
    if (!job_finish_batch(db, p->worker_id, &w->finish, 1, &e)) {
        w->finish.written = false; /* its lease will end and the relay rescues it */
        log_error("job.outcome_lost", LSTR("job_id", w->claim.id), LERR(&e));
    }
}

static void write_one_by_one(struct pipeline *p, struct db *db, GPtrArray *batch)
{
    for (guint i = 0; i < batch->len; i++) {
        struct work *w = g_ptr_array_index(batch, i);
        struct err e = ERR_INIT;
        if (!job_finish_batch(db, p->worker_id, &w->finish, 1, &e)) {
            write_refused(p, db, w, &e);
        }
    }
}

static bool is_passing(const struct err *e)
{
    return e->code == ERR_UNAVAILABLE || e->code == ERR_LOCKED || e->code == ERR_UNKNOWN_OUTCOME ||
           e->code == ERR_TIMEOUT;
}

/* Writes until it works: an outcome is never thrown away while this process lives. False only when stopped. */
static bool write_until_done(struct pipeline *p, struct db *db, GPtrArray *batch)
{
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    bool reported = false;
    while (pipeline_phase(p) != PIPELINE_STOPPED) {
        struct err e = ERR_INIT;
        if (write_batch(p, db, batch, &e)) {
            return true;
        }
        if (!is_passing(&e)) {
            write_one_by_one(p, db, batch);
            return true;
        }
        if (!reported) {
            log_error("finish.failed", LINT("jobs", batch->len), LERR(&e), LSTR("then", "trying again"));
            reported = true;
        }
        pipeline_pause(p, backoff_ms, PIPELINE_STOPPED);
        backoff_ms = MIN(backoff_ms * 2, BACKOFF_LAST_MS);
    }
    return false;
}

void *finisher_run(void *arg)
{
    struct pipeline *p = arg;
    struct db *db = db_new(atomic_load(&p->conf));
    int64_t last_us = 0;
    for (GPtrArray *batch = next_batch(p, &last_us); batch != NULL; batch = next_batch(p, &last_us)) {
        if (write_until_done(p, db, batch)) {
            settle_batch(p, batch);
        } else {
            g_ptr_array_set_free_func(batch, (GDestroyNotify)work_free);
        }
        g_ptr_array_unref(batch);
    }
    db_free(db);
    return NULL;
}
