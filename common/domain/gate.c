#include "domain/gate.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

#include "domain/job_sweep.h"

#define WINDOW_US (60 * US_PER_S)
#define KEY_TEXT_BYTES (ORG_ID_BYTES + JOB_TYPE_BYTES)

struct gate_rules {
    atomic_int refs;
    int64_t org_max_running;
    GHashTable *pauses; /* texts of key_text */
    GHashTable *limits;
};

int gate_key_compare(const void *a, const void *b)
{
    const struct gate_key *x = a;
    const struct gate_key *y = b;
    int by_org = strcmp(x->organization_id, y->organization_id);
    return by_org != 0 ? by_org : strcmp(x->job_type, y->job_type);
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

struct gate_rules *gate_rules_new(int64_t org_max_running)
{
    struct gate_rules *rules = g_new0(struct gate_rules, 1);
    atomic_init(&rules->refs, 1);
    rules->org_max_running = org_max_running;
    rules->pauses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rules->limits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return rules;
}

struct gate_rules *gate_rules_ref(struct gate_rules *rules)
{
    atomic_fetch_add(&rules->refs, 1);
    return rules;
}

void gate_rules_unref(struct gate_rules *rules)
{
    if (rules != NULL && atomic_fetch_sub(&rules->refs, 1) == 1) {
        g_hash_table_unref(rules->pauses);
        g_hash_table_unref(rules->limits);
        g_free(rules);
    }
}

void gate_rules_cleanup(struct gate_rules **rules)
{
    gate_rules_unref(*rules);
}

/* Neither half can hold a line's end. */
static char *key_text(char out[KEY_TEXT_BYTES], const char *organization_id, const char *job_type)
{
    (void)g_snprintf(out, KEY_TEXT_BYTES, "%s\n%s", organization_id, job_type);
    return out;
}

static void add(GHashTable *set, const char *organization_id, const char *job_type)
{
    char text[KEY_TEXT_BYTES];
    g_hash_table_add(set, g_strdup(key_text(text, organization_id, job_type)));
}

static bool has(GHashTable *set, const char *organization_id, const char *job_type)
{
    char text[KEY_TEXT_BYTES];
    return g_hash_table_contains(set, key_text(text, organization_id, job_type));
}

void gate_rules_add_pause(struct gate_rules *rules, const char *organization_id, const char *job_type)
{
    add(rules->pauses, organization_id, job_type);
}

void gate_rules_add_limit(struct gate_rules *rules, const char *organization_id, const char *job_type)
{
    add(rules->limits, organization_id, job_type);
}

bool gate_rules_is_empty(const struct gate_rules *rules)
{
    return rules->org_max_running == 0 && g_hash_table_size(rules->pauses) == 0 &&
           g_hash_table_size(rules->limits) == 0;
}

int64_t gate_rules_org_max_running(const struct gate_rules *rules)
{
    return rules->org_max_running;
}

bool gate_is_paused(const struct gate_rules *rules, const char *organization_id, const char *job_type)
{
    if (g_hash_table_size(rules->pauses) == 0) {
        return false;
    }
    bool is_by_type = has(rules->pauses, "", job_type) || has(rules->pauses, organization_id, job_type);
    bool is_by_others = has(rules->pauses, "", "") || has(rules->pauses, organization_id, "");
    return is_by_type || (is_by_others && !job_sweep_is_operation(job_type));
}

bool gate_has_limit(const struct gate_rules *rules, const struct gate_key *key)
{
    return has(rules->limits, key->organization_id, key->job_type);
}

size_t gate_limit_keys(const struct gate_rules *rules, const char *organization_id, const char *job_type,
                       struct gate_key ret[GATE_KEYS_MAX])
{
    const char *const pairs[GATE_KEYS_MAX][2] = {
        {"", ""}, {"", job_type}, {organization_id, ""}, {organization_id, job_type}};
    size_t n = 0;
    if ((rules->org_max_running == 0 && g_hash_table_size(rules->limits) == 0) || job_sweep_is_operation(job_type)) {
        return 0;
    }
    for (size_t i = 0; i < GATE_KEYS_MAX; i++) {
        bool has_default = i == 2 && rules->org_max_running > 0;
        if (has_default || has(rules->limits, pairs[i][0], pairs[i][1])) {
            g_strlcpy(ret[n].organization_id, pairs[i][0], sizeof(ret[n].organization_id));
            g_strlcpy(ret[n].job_type, pairs[i][1], sizeof(ret[n].job_type));
            n++;
        }
    }
    return n;
}

/* --- one limit --------------------------------------------------------------------------------------------------- */

static int64_t step_us(const struct gate_limit *limit)
{
    return (WINDOW_US + GATE_TOLERANCE_US) / limit->max_per_minute;
}

/* Further ahead than any limit's longest step: the clock was set back. */
static int64_t base_us(const struct gate_limit *limit, int64_t now_us)
{
    bool is_possible = limit->tat_us <= now_us + WINDOW_US + 2 * GATE_TOLERANCE_US;
    return is_possible ? MAX(limit->tat_us, now_us) : now_us;
}

/* Starts that the limit lets through now, whoever makes them. */
static int64_t open_starts(const struct gate_limit *limit, int64_t now_us)
{
    int64_t running_room = limit->max_running == 0 ? INT64_MAX : limit->max_running - limit->running;
    int64_t pace_room = INT64_MAX;
    if (limit->max_per_minute > 0) {
        int64_t slack_us = now_us + GATE_TOLERANCE_US - base_us(limit, now_us);
        pace_room = slack_us < 0 ? 0 : slack_us / step_us(limit) + 1;
    }
    return MAX(MIN(running_room, pace_room), 0);
}

static void take(struct gate_limit *limit, int64_t now_us)
{
    limit->running++;
    if (limit->max_per_minute > 0) {
        limit->tat_us = base_us(limit, now_us) + step_us(limit);
    }
}

bool gate_admit(struct gate_limit *const *limits, size_t n, bool is_promised, int64_t now_us)
{
    bool is_open = true;
    for (size_t i = 0; i < n; i++) {
        int64_t kept = is_promised ? 0 : limits[i]->promised;
        is_open = is_open && open_starts(limits[i], now_us) > kept;
        limits[i]->promised -= is_promised && limits[i]->promised > 0 ? 1 : 0;
    }
    for (size_t i = 0; is_open && i < n; i++) {
        take(limits[i], now_us);
    }
    return is_open;
}

int64_t gate_room(struct gate_limit *const *limits, size_t n, int64_t now_us)
{
    int64_t room = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        room = MIN(room, open_starts(limits[i], now_us) - limits[i]->promised);
    }
    return MAX(room, 0);
}
