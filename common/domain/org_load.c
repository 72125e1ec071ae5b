#include "domain/org_load.h"

#include <glib.h>
#include <pthread.h>

#include "domain/job.h"
#include "ground/clock.h"

#define REFRESH_US (250 * US_PER_MS)
#define ORGANIZATIONS_MAX 10000

struct load {
    int64_t queued;
    int64_t read_us; /* when queued was read */
    bool is_known;
    bool is_reading;     /* a thread reads it */
    int64_t added_since; /* since that thread began, which may or may not see it: rather too many than too few */
};

struct org_load {
    pthread_mutex_t lock;
    GHashTable *loads; /* organization -> struct load, both owned */
    size_t max_organizations;
    org_load_read_fn *read;
    int64_t (*now_us)(void);
};

static bool read_counts(struct db *db, const char *org, int64_t *ret, struct err *e)
{
    const struct job_filter queued = {.organization_id = org, .status = job_status_name(JOB_QUEUED)};
    return job_counts_total(db, &queued, ret, e);
}

struct org_load *org_load_new_from(org_load_read_fn *read, int64_t (*now_us)(void), size_t max_organizations)
{
    struct org_load *load = g_new0(struct org_load, 1);
    pthread_mutex_init(&load->lock, NULL);
    load->loads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    load->max_organizations = max_organizations;
    load->read = read;
    load->now_us = now_us;
    return load;
}

struct org_load *org_load_new(void)
{
    return org_load_new_from(read_counts, clock_mono_us, ORGANIZATIONS_MAX);
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

/* Called with the lock held. When there are too many, all are forgotten: each costs one reading to have again. */
static struct load *load_of(struct org_load *load, const char *org)
{
    struct load *l = g_hash_table_lookup(load->loads, org);
    if (l != NULL) {
        return l;
    }
    if (g_hash_table_size(load->loads) >= load->max_organizations) {
        g_hash_table_remove_all(load->loads);
    }
    l = g_new0(struct load, 1);
    g_hash_table_insert(load->loads, g_strdup(org), l);
    return l;
}

static bool is_fresh(const struct org_load *load, const struct load *l)
{
    return l->is_known && (l->is_reading || load->now_us() - l->read_us < REFRESH_US);
}

static void keep_reading(struct org_load *load, const char *org, bool ok, int64_t queued)
{
    pthread_mutex_lock(&load->lock);
    struct load *l = load_of(load, org);
    l->is_reading = false;
    if (ok) {
        l->queued = queued + l->added_since;
        l->read_us = load->now_us();
        l->is_known = true;
    }
    pthread_mutex_unlock(&load->lock);
}

bool org_load_queued(struct org_load *load, struct db *db, const char *org, int64_t *ret, struct err *e)
{
    pthread_mutex_lock(&load->lock);
    struct load *l = load_of(load, org);
    bool fresh = is_fresh(load, l);
    int64_t queued = l->queued;
    if (!fresh) {
        l->is_reading = true;
        l->added_since = 0;
    }
    pthread_mutex_unlock(&load->lock);
    if (!fresh) {
        bool ok = load->read(db, org, &queued, e);
        keep_reading(load, org, ok, queued);
        if (!ok) {
            return false;
        }
    }
    *ret = queued;
    return true;
}

void org_load_add(struct org_load *load, const char *org, int64_t n)
{
    pthread_mutex_lock(&load->lock);
    struct load *l = load_of(load, org);
    l->queued += n;
    l->added_since += n;
    pthread_mutex_unlock(&load->lock);
}

enum tier org_load_tier(struct org_load *load, struct db *db, const char *org, int64_t threshold)
{
    struct err e = ERR_INIT;
    int64_t queued = 0;
    return org_load_queued(load, db, org, &queued, &e) && queued > threshold ? TIER_BACKLOG : TIER_MAIN;
}
