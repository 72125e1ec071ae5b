#include "domain/org_load.h"

#include <glib.h>
#include <inttypes.h>
#include <pthread.h>

#include "domain/job.h"
#include "ground/clock.h"

#define REFRESH_US (250 * US_PER_MS)
/* Other processes count for themselves: below the threshold one looks again after adding so many. */
#define LOOK_AGAIN_AFTER 25
#define KINDS_MAX 20000
/* Queued rows that are looked at to tell what waits from what is for later: a statement of some milliseconds. */
#define LOOK_AT 2000

struct number {
    int64_t value;
    int64_t read_us; /* when it was read */
    bool is_known;
    bool is_reading;     /* a thread reads it */
    int64_t added_since; /* since the last reading began, which may or may not see it: rather too many than too few */
};

enum what { QUEUED, READY, NUMBERS };

struct load {
    struct number numbers[NUMBERS];
};

struct org_load {
    pthread_mutex_t lock;
    GHashTable *loads; /* kind as text -> struct load, both owned */
    struct org_load_sources from;
};

static bool read_queued(struct db *db, const struct org_kind *kind, int64_t *ret, struct err *e)
{
    const struct job_filter queued = {
        .organization_id = kind->organization_id,
        .status = job_status_name(JOB_QUEUED),
        .job_type = kind->job_type,
        .has_priority = kind->job_type != NULL,
        .priority = kind->priority,
    };
    return job_counts_total(db, &queued, ret, e);
}

static bool read_ready(struct db *db, const struct org_kind *kind, int64_t *ret, struct err *e)
{
    return job_count_ready(db, kind->organization_id, kind->job_type, kind->priority, LOOK_AT, ret, e);
}

struct org_load *org_load_new_from(const struct org_load_sources *sources)
{
    struct org_load *load = g_new0(struct org_load, 1);
    pthread_mutex_init(&load->lock, NULL);
    load->loads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    load->from = *sources;
    return load;
}

struct org_load *org_load_new(void)
{
    return org_load_new_from(&(struct org_load_sources){read_queued, read_ready, clock_mono_us, KINDS_MAX});
}

void org_load_free(struct org_load *load)
{
    if (load == NULL) {
        return;
    }
    g_hash_table_unref(load->loads);
    pthread_mutex_destroy(&load->lock);
    g_free(load);
}

/* Called with the lock held. When there are too many, all are forgotten: each costs a reading to have again. */
static struct load *load_of(struct org_load *load, const struct org_kind *kind)
{
    char key[ORG_ID_BYTES + JOB_TYPE_BYTES + 24];
    (void)g_snprintf(key, sizeof(key), "%s\n%s\n%" PRId64, kind->organization_id,
                     kind->job_type == NULL ? "" : kind->job_type, kind->priority);
    struct load *l = g_hash_table_lookup(load->loads, key);
    if (l != NULL) {
        return l;
    }
    if (g_hash_table_size(load->loads) >= load->from.max_kinds) {
        g_hash_table_remove_all(load->loads);
    }
    l = g_new0(struct load, 1);
    g_hash_table_insert(load->loads, g_strdup(key), l);
    return l;
}

static void keep(struct org_load *load, const struct org_kind *kind, enum what what, bool ok, int64_t value)
{
    pthread_mutex_lock(&load->lock);
    struct number *n = &load_of(load, kind)->numbers[what];
    n->is_reading = false;
    if (ok) {
        n->value = value + n->added_since;
        n->read_us = load->from.now_us();
        n->is_known = true;
    }
    pthread_mutex_unlock(&load->lock);
}

/* threshold: what the number is compared with; 0 when nothing depends on when it is passed. */
static bool get(struct org_load *load, struct db *db, const struct org_kind *kind, enum what what, int64_t threshold,
                int64_t *ret, struct err *e)
{
    pthread_mutex_lock(&load->lock);
    struct number *n = &load_of(load, kind)->numbers[what];
    bool is_close = n->value > threshold || n->added_since < LOOK_AGAIN_AFTER;
    bool is_fresh = n->is_known && (n->is_reading || (is_close && load->from.now_us() - n->read_us < REFRESH_US));
    int64_t value = n->value;
    if (!is_fresh) {
        n->is_reading = true;
        n->added_since = 0;
    }
    pthread_mutex_unlock(&load->lock);
    if (!is_fresh) {
        bool ok = (what == QUEUED ? load->from.queued : load->from.ready)(db, kind, &value, e);
        keep(load, kind, what, ok, value);
        if (!ok) {
            return false;
        }
    }
    *ret = value;
    return true;
}

static void add(struct org_load *load, const struct org_kind *kind, int64_t n)
{
    pthread_mutex_lock(&load->lock);
    struct load *l = load_of(load, kind);
    for (int what = 0; what < NUMBERS; what++) {
        l->numbers[what].value += n;
        l->numbers[what].added_since += n;
    }
    pthread_mutex_unlock(&load->lock);
}

bool org_load_queued(struct org_load *load, struct db *db, const char *org, int64_t *ret, struct err *e)
{
    return get(load, db, &(struct org_kind){.organization_id = org}, QUEUED, 0, ret, e);
}

void org_load_add(struct org_load *load, const struct org_kind *kind, int64_t n)
{
    add(load, kind, n);
    add(load, &(struct org_kind){.organization_id = kind->organization_id}, n);
}

enum tier org_load_tier(struct org_load *load, struct db *db, const struct org_kind *kind, int64_t threshold)
{
    struct err e = ERR_INIT;
    int64_t waiting = 0;
    bool is_much = get(load, db, kind, QUEUED, threshold, &waiting, &e) && waiting > threshold &&
                   get(load, db, kind, READY, threshold, &waiting, &e) && waiting > threshold;
    return is_much ? TIER_BACKLOG : TIER_MAIN;
}
