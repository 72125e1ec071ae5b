#include "domain/gates.h"

#include <glib.h>
#include <pthread.h>

#include "ground/clock.h"

#define MAX_AGE_US US_PER_S

struct gates {
    pthread_mutex_t lock;
    struct gate_rules *rules; /* NULL: never read */
    int64_t read_us;          /* when the reading of rules began */
    bool is_expired;
};

struct gates *gates_new(void)
{
    struct gates *gates = g_new0(struct gates, 1);
    pthread_mutex_init(&gates->lock, NULL);
    return gates;
}

void gates_free(struct gates *gates)
{
    if (gates == NULL) {
        return;
    }
    gate_rules_unref(gates->rules);
    pthread_mutex_destroy(&gates->lock);
    g_free(gates);
}

/* A limit's row that sets nothing is what organizations under org_max_running are locked by. */
static struct gate_rules *read_rules(struct db *db, int64_t org_max_running, struct err *e)
{
    static const char sql[] = "SELECT 1, organization_id, job_type FROM pauses"
                              " UNION ALL SELECT 0, organization_id, job_type FROM job_limits"
                              " WHERE max_running IS NOT NULL OR max_per_minute IS NOT NULL OR ? > 0";

    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(DB_INT(org_max_running)))) {
        return NULL;
    }
    struct gate_rules *rules = gate_rules_new(org_max_running);
    for (size_t i = 0; i < r.rows; i++) {
        void (*add)(struct gate_rules *, const char *,
                    const char *) = db_cell_int(&r, i, 0) == 1 ? gate_rules_add_pause : gate_rules_add_limit;
        add(rules, db_cell(&r, i, 1), db_cell(&r, i, 2));
    }
    return rules;
}

/* The rules when they may still be used, else NULL; ret_now_us is the time of the look. */
static struct gate_rules *take_fresh(struct gates *gates, int64_t org_max_running, int64_t *ret_now_us)
{
    pthread_mutex_lock(&gates->lock);
    *ret_now_us = clock_mono_us();
    bool is_fresh = gates->rules != NULL && !gates->is_expired && *ret_now_us - gates->read_us < MAX_AGE_US &&
                    gate_rules_org_max_running(gates->rules) == org_max_running;
    struct gate_rules *rules = is_fresh ? gate_rules_ref(gates->rules) : NULL;
    gates->is_expired = gates->is_expired && is_fresh;
    pthread_mutex_unlock(&gates->lock);
    return rules;
}

static void mark_expired(struct gates *gates)
{
    pthread_mutex_lock(&gates->lock);
    gates->is_expired = true;
    pthread_mutex_unlock(&gates->lock);
}

struct gate_rules *gates_get(struct gates *gates, struct db *db, int64_t org_max_running, struct err *e)
{
    int64_t began_us = 0;
    struct gate_rules *rules = take_fresh(gates, org_max_running, &began_us);
    if (rules != NULL) {
        return rules;
    }
    rules = read_rules(db, org_max_running, e);
    if (rules == NULL) {
        mark_expired(gates);
        return NULL;
    }
    pthread_mutex_lock(&gates->lock);
    if (gates->rules == NULL || began_us >= gates->read_us) {
        gate_rules_unref(gates->rules);
        gates->rules = gate_rules_ref(rules);
        gates->read_us = began_us;
    }
    pthread_mutex_unlock(&gates->lock);
    return rules;
}

struct gate_rules *gates_peek(struct gates *gates)
{
    pthread_mutex_lock(&gates->lock);
    struct gate_rules *rules = gates->rules == NULL ? NULL : gate_rules_ref(gates->rules);
    pthread_mutex_unlock(&gates->lock);
    return rules;
}

void gates_expire(struct gates *gates)
{
    mark_expired(gates);
}
