#include "tally.h"

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>

struct tally {
    pthread_mutex_t lock;
    GHashTable *sums; /* set of struct job_minute, the same by organization, minute and type */
};

static guint hash_sum(gconstpointer key)
{
    const struct job_minute *m = key;
    return g_str_hash(m->organization_id) * 31U + g_str_hash(m->job_type) + (guint)(m->minute_us / JOB_MINUTE_US);
}

static gboolean is_same_sum(gconstpointer a, gconstpointer b)
{
    return job_minute_compare(a, b) == 0;
}

struct tally *tally_new(void)
{
    struct tally *t = g_new0(struct tally, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->sums = g_hash_table_new_full(hash_sum, is_same_sum, g_free, NULL);
    return t;
}

void tally_free(struct tally *t)
{
    g_hash_table_unref(t->sums);
    pthread_mutex_destroy(&t->lock);
    g_free(t);
}

static bool ending_of(enum job_finish_kind kind, enum job_ending *ret)
{
    static const struct {
        enum job_finish_kind kind;
        enum job_ending ending;
    } rows[] = {
        {JOB_FINISH_COMPLETED, JOB_ENDED_COMPLETED},
        {JOB_FINISH_FAILED, JOB_ENDED_FAILED},
        {JOB_FINISH_RETRY, JOB_ENDED_RETRIED},
        {JOB_FINISH_CANCELLED, JOB_ENDED_CANCELLED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].kind == kind) {
            *ret = rows[i].ending;
            return true;
        }
    }
    return false;
}

/* The lock is held. */
static void add_sum(struct tally *t, const struct job_minute *sum)
{
    struct job_minute *there = g_hash_table_lookup(t->sums, sum);
    if (there == NULL) {
        g_hash_table_add(t->sums, g_memdup2(sum, sizeof(*sum)));
        return;
    }
    for (size_t i = 0; i < JOB_ENDINGS; i++) {
        there->n[i] += sum->n[i];
    }
}

void tally_add(struct tally *t, const struct job_finish *finish, int64_t now_wall_us)
{
    enum job_ending ending = JOB_ENDED_COMPLETED;
    struct job_minute sum = {.minute_us = job_minute_of(now_wall_us)};
    if (!finish->written || !ending_of(finish->kind, &ending)) {
        return;
    }
    g_strlcpy(sum.organization_id, finish->claim->organization_id, sizeof(sum.organization_id));
    g_strlcpy(sum.job_type, finish->claim->job_type, sizeof(sum.job_type));
    sum.n[ending] = 1;
    pthread_mutex_lock(&t->lock);
    add_sum(t, &sum);
    pthread_mutex_unlock(&t->lock);
}

struct job_minute *tally_take(struct tally *t, size_t max, size_t *ret_n)
{
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(struct job_minute));
    GHashTableIter it;
    gpointer key;
    pthread_mutex_lock(&t->lock);
    g_hash_table_iter_init(&it, t->sums);
    while (taken->len < max && g_hash_table_iter_next(&it, &key, NULL)) {
        g_array_append_vals(taken, key, 1);
        g_hash_table_iter_remove(&it);
    }
    pthread_mutex_unlock(&t->lock);
    g_array_sort(taken, job_minute_compare);
    *ret_n = taken->len;
    return taken->len == 0 ? NULL : (struct job_minute *)g_array_steal(taken, NULL);
}

void tally_put_back(struct tally *t, const struct job_minute *sums, size_t n)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        add_sum(t, &sums[i]);
    }
    pthread_mutex_unlock(&t->lock);
}

bool tally_flush(struct tally *t, struct db *db, struct err *e)
{
    for (;;) {
        size_t n = 0;
        g_autofree struct job_minute *sums = tally_take(t, JOB_MINUTES_ADD_MAX, &n);
        if (sums == NULL) {
            return true;
        }
        if (!job_minutes_add(db, sums, n, e)) {
            tally_put_back(t, sums, n);
            return false;
        }
        if (n < JOB_MINUTES_ADD_MAX) {
            return true; /* what was added meanwhile waits for the next time: jobs may end faster than this writes */
        }
    }
}
