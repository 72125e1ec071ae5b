/*
 * keeper.c: looks after what is active: renews leases in one statement, passes on cancels, ends what overran its time,
 * acknowledges what runs long, writes down what has ended.
 *
 * A cancel arrives twice: as a broadcast, within milliseconds, and with the next renewal from the row itself, in case
 * the broadcast was lost.
 */
#include <string.h>

#include "ground/clock.h"
#include "ground/log.h"
#include "pipeline.h"
#include "release.h"
#include "steward.h"

#define TICK_MS 100
/* The tally is figures for people: it must not keep leases waiting, so no statement of it may take longer. */
#define TALLY_TIMEOUT_S 1
#define TALLY_MS 2000

struct snapshot {
    GArray *refs;     /* struct job_ref */
    GPtrArray *works; /* the same order; only to be compared with what is still active */
};

static int compare_works(const void *a, const void *b)
{
    const struct work *const *x = a;
    const struct work *const *y = b;
    return strcmp((*x)->claim.id, (*y)->claim.id);
}

/* By id: a renewal locks rows in the order in which claims and outcomes lock them, and so deadlocks with none. */
static void take_snapshot(struct pipeline *p, struct snapshot *s)
{
    g_array_set_size(s->refs, 0);
    g_ptr_array_set_size(s->works, 0);
    GHashTableIter it;
    gpointer key;
    pthread_mutex_lock(&p->lock);
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        g_ptr_array_add(s->works, key);
    }
    g_ptr_array_sort(s->works, compare_works);
    for (guint i = 0; i < s->works->len; i++) {
        const struct work *w = g_ptr_array_index(s->works, i);
        struct job_ref ref = {.attempt = w->claim.attempt};
        memcpy(ref.id, w->claim.id, sizeof(ref.id));
        g_array_append_val(s->refs, ref);
    }
    pthread_mutex_unlock(&p->lock);
}

/* The work of entry i, when it is still active; the lock is held. */
static struct work *still_active(struct pipeline *p, const struct snapshot *s, guint i)
{
    struct work *w = g_ptr_array_index(s->works, i);
    const struct job_ref *ref = &g_array_index(s->refs, struct job_ref, i);
    bool same = g_hash_table_contains(p->active, w) && w->claim.attempt == ref->attempt &&
                strcmp(w->claim.id, ref->id) == 0;
    return same ? w : NULL;
}

static void pass_on(struct pipeline *p, const struct snapshot *s, const bool *told, const bool *lost)
{
    pthread_mutex_lock(&p->lock);
    for (guint i = 0; i < s->refs->len; i++) {
        struct work *w = told[i] || lost[i] ? still_active(p, s, i) : NULL;
        if (w != NULL) {
            work_stop(w, lost[i] ? STOP_LOST : STOP_CANCEL);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

/* lost may also mean finished this moment: such work has left the active table or will find its stop flag unread. */
static void renew(struct pipeline *p, struct db *db, struct snapshot *s, bool *failing)
{
    const struct conf *conf = atomic_load(&p->conf);
    take_snapshot(p, s);
    if (s->refs->len == 0) {
        return;
    }
    g_autofree bool *told = g_new0(bool, s->refs->len);
    g_autofree bool *lost = g_new0(bool, s->refs->len);
    struct err e = ERR_INIT;
    if (job_renew_leases(db, p->worker_id, conf->consumer.lease_ms, (const struct job_ref *)(void *)s->refs->data,
                         s->refs->len, told, lost, &e)) {
        pass_on(p, s, told, lost);
        *failing = false;
    } else if (!*failing) {
        log_error("lease.renewal_failed", LINT("jobs", s->refs->len), LERR(&e), LSTR("then", "trying again"));
        *failing = true;
    }
}

/* And sees to it that nothing waits behind a job that was expected to be short. */
static void end_overdue(struct pipeline *p)
{
    int64_t now_us = clock_mono_us();
    GHashTableIter it;
    gpointer key;
    pthread_mutex_lock(&p->lock);
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        struct work *w = key;
        int64_t deadline_us = atomic_load(&w->deadline_us);
        if (deadline_us != 0 && now_us >= deadline_us) {
            work_stop(w, STOP_TIMEOUT);
        }
    }
    pipeline_wake_runners(p);
    pthread_mutex_unlock(&p->lock);
}

/* The claim is committed, so that the lease alone guards such a job from here on. RabbitMQ would close the connection
 * over a message that waits for its ack longer than consumer_timeout. */
static void ack_long(struct pipeline *p)
{
    const struct conf *conf = atomic_load(&p->conf);
    const int64_t before_us = clock_mono_us() - conf->consumer.ack_after_s * US_PER_S;
    bool any = false;
    GHashTableIter it;
    gpointer key;
    pthread_mutex_lock(&p->lock);
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        struct work *w = key;
        if (w->has_run || w->is_acked || w->delivery.received_us >= before_us) {
            continue;
        }
        const struct verdict ack = {w->delivery.epoch, w->delivery.tag, VERDICT_ACK};
        g_array_append_val(p->verdicts, ack);
        w->is_acked = true;
        any = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (any) {
        pipeline_wake_broker(p);
    }
}

static void cancel_active(struct pipeline *p, const char *job_id)
{
    GHashTableIter it;
    gpointer key;
    pthread_mutex_lock(&p->lock);
    g_hash_table_iter_init(&it, p->active);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        struct work *w = key;
        if (strcmp(w->claim.id, job_id) == 0) {
            work_stop(w, STOP_CANCEL);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static void change_gates(struct pipeline *p)
{
    gates_expire(p->gates);
    release_wake(p);
}

/* The deployment's accounts stand beside everybody's own. */
static void forget_accounts(struct pipeline *p, const char *org)
{
    if (org[0] == '\0') {
        (void)cache_flush(p->accounts_cache);
    } else {
        cache_drop(p->accounts_cache, org);
    }
}

void keeper_on_control(void *arg, const char *cmd, const json_t *body)
{
    struct pipeline *p = arg;
    const char *job_id = json_string_value(json_object_get(body, "job_id"));
    const char *org = json_string_value(json_object_get(body, "organization_id"));
    const char *task = json_string_value(json_object_get(body, "task"));
    if (strcmp(cmd, "cancel") == 0 && job_id != NULL) {
        cancel_active(p, job_id);
    } else if (strcmp(cmd, "settings_changed") == 0 && org != NULL) {
        cache_drop(p->settings_cache, org);
    } else if (strcmp(cmd, "providers_changed") == 0 && org != NULL) {
        forget_accounts(p, org);
    } else if (strcmp(cmd, "poke") == 0 && task != NULL) {
        steward_poke(p->steward, task);
    } else if (strcmp(cmd, "cache_flush") == 0) {
        log_info("cache.flushed", LINT("entries", cache_flush(p->settings_cache) + cache_flush(p->accounts_cache)));
        change_gates(p);
    } else if (strcmp(cmd, "gates_changed") == 0) {
        change_gates(p);
    }
}

static void write_tally(struct pipeline *p, struct db *db, bool *failing)
{
    struct err e = ERR_INIT;
    bool ok = tally_flush(p->tally, db, &e);
    if (!ok && !*failing) {
        log_warn("tally.not_written", LERR(&e), LSTR("then", "trying again"));
    }
    *failing = !ok;
}

void *keeper_run(void *arg)
{
    struct pipeline *p = arg;
    struct db *db = db_new(atomic_load(&p->conf));
    struct db *tally_db = db_new(atomic_load(&p->conf));
    db_set_read_timeout(tally_db, TALLY_TIMEOUT_S);
    struct snapshot s = {g_array_new(FALSE, FALSE, sizeof(struct job_ref)), g_ptr_array_new()};
    bool failing = false;
    bool is_tally_failing = false;
    int64_t next_renewal_us = 0;
    int64_t next_tally_us = 0;
    while (pipeline_phase(p) != PIPELINE_STOPPED) {
        end_overdue(p);
        if (clock_mono_us() >= next_renewal_us) {
            renew(p, db, &s, &failing);
            ack_long(p);
            const struct conf *conf = atomic_load(&p->conf);
            next_renewal_us = clock_mono_us() + conf->consumer.renew_ms * US_PER_MS;
        }
        if (clock_mono_us() >= next_tally_us) {
            write_tally(p, tally_db, &is_tally_failing);
            next_tally_us = clock_mono_us() + TALLY_MS * US_PER_MS;
        }
        pipeline_pause(p, TICK_MS, PIPELINE_STOPPED);
    }
    write_tally(p, tally_db, &is_tally_failing);
    g_array_unref(s.refs);
    g_ptr_array_unref(s.works);
    db_free(tally_db);
    db_free(db);
    return NULL;
}
