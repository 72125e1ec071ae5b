#include "release.h"

#include "domain/gates.h"
#include "domain/held_jobs.h"
#include "ground/clock.h"
#include "ground/log.h"

#define IDLE_US US_PER_S

struct release {
    struct pipeline *p;
    int64_t next_us;
    guint turn; /* the group that goes first moves on, so that those under one limit take turns */
};

struct release *release_new(struct pipeline *p)
{
    struct release *r = g_new0(struct release, 1);
    r->p = p;
    return r;
}

void release_free(struct release *r)
{
    g_free(r);
}

/* --- waking ------------------------------------------------------------------------------------------------------ */

void release_wake(struct pipeline *p)
{
    if (!atomic_exchange(&p->release_due, true)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->phase_cond);
        pthread_mutex_unlock(&p->lock);
    }
}

void release_note(struct pipeline *p, const struct job_claim *claim)
{
    struct gate_key keys[GATE_KEYS_MAX];
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gates_peek(p->gates);
    if (rules != NULL && gate_limit_keys(rules, claim->organization_id, claim->job_type, keys) > 0) {
        release_wake(p);
    }
}

/* --- one look ---------------------------------------------------------------------------------------------------- */

static bool sweep(struct db *db, const struct gate_rules *rules, const GArray *groups, bool *ret_held, struct err *e)
{
    for (guint i = 0; i < groups->len; i++) {
        const struct held_group *group = &g_array_index(groups, struct held_group, i);
        if (group->released && !held_jobs_sweep(db, rules, &group->key, e)) {
            return false;
        }
        *ret_held = *ret_held ||
                    (!group->released && !gate_is_paused(rules, group->key.organization_id, group->key.job_type));
    }
    return true;
}

static bool release_group(struct release *r, struct db *db, const struct gate_rules *rules,
                          const struct gate_key *group, struct job_ref *refs, size_t max, size_t *ret_n, struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    if (!held_jobs_release(db, rules, group, conf->consumer.dispatch_grace_ms, refs, max, ret_n, e)) {
        return false;
    }
    const struct job_tiers tiers = {r->p->load, conf->limits.backlog_threshold};
    /* Those under a limit are few and have waited for their turn. */
    struct gate_key keys[GATE_KEYS_MAX];
    bool is_limited = gate_limit_keys(rules, group->organization_id, group->job_type, keys) > 0;
    for (size_t i = 0; i < *ret_n; i++) {
        job_ref_place(&refs[i], db, &tiers, group->organization_id);
        refs[i].tier = is_limited ? TIER_MAIN : refs[i].tier;
        (void)dispatcher_publish(r->p->dispatcher, &refs[i]); /* not taken: due after the grace */
    }
    if (*ret_n > 0) {
        log_debug("jobs.released", LSTR("org", group->organization_id), LSTR("job_type", group->job_type),
                  LINT("jobs", *ret_n));
    }
    return true;
}

static bool release_groups(struct release *r, struct db *db, const struct gate_rules *rules, const GArray *groups,
                           struct job_ref *refs, size_t max, bool *ret_more, struct err *e)
{
    r->turn++;
    for (guint i = 0; i < groups->len; i++) {
        const struct held_group *group = &g_array_index(groups, struct held_group, (r->turn + i) % groups->len);
        size_t n = 0;
        if (!release_group(r, db, rules, &group->key, refs, max, &n, e)) {
            return false;
        }
        *ret_more = *ret_more || n == max;
    }
    return true;
}

bool release_run(struct release *r, struct db *db, bool is_told, struct job_ref *refs, size_t max, bool *ret_more,
                 struct err *e)
{
    const struct conf *conf = atomic_load(&r->p->conf);
    if (!is_told && clock_mono_us() < r->next_us) {
        return true;
    }
    r->next_us = clock_mono_us() + IDLE_US;
    CLEANUP(gate_rules_cleanup)
    struct gate_rules *rules = gates_get(r->p->gates, db, conf->limits.org_max_running, e);
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(struct held_group));
    bool waits = false; /* for room, which comes without a word when others make it or time does */
    if (rules == NULL || !held_jobs_groups(db, groups, e) || !sweep(db, rules, groups, &waits, e) ||
        !held_jobs_open(db, rules, groups, e) || !release_groups(r, db, rules, groups, refs, max, ret_more, e)) {
        return false;
    }
    if (waits) {
        r->next_us = 0;
    }
    return true;
}
