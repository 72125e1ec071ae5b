#include "domain/held_jobs.h"

#include "domain/job_gate.h"
#include "domain/sql_ids.h"

/* --- groups ------------------------------------------------------------------------------------------------------ */

bool held_jobs_groups(struct db *db, GArray *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT released, organization_id, job_type FROM held_jobs FORCE INDEX (ix_held_group)"
                " GROUP BY released, organization_id, job_type",
                DB_NO_PARAMS)) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        struct held_group group = {.released = db_cell_int(&r, i, 0) != 0};
        g_strlcpy(group.key.organization_id, db_cell(&r, i, 1), sizeof(group.key.organization_id));
        g_strlcpy(group.key.job_type, db_cell(&r, i, 2), sizeof(group.key.job_type));
        g_array_append_val(ret, group);
    }
    return true;
}

static bool is_paused(const struct gate_rules *rules, const struct held_group *group)
{
    return gate_is_paused(rules, group->key.organization_id, group->key.job_type);
}

static size_t keys_of(const struct gate_rules *rules, const struct held_group *group,
                      struct gate_key ret[GATE_KEYS_MAX])
{
    return gate_limit_keys(rules, group->key.organization_id, group->key.job_type, ret);
}

/* The limits of all groups, sorted, each once. */
static GArray *limits_of(const struct gate_rules *rules, const GArray *groups)
{
    GArray *limits = g_array_new(FALSE, FALSE, sizeof(struct job_limit_row));
    for (guint i = 0; i < groups->len; i++) {
        struct gate_key keys[GATE_KEYS_MAX];
        size_t n = keys_of(rules, &g_array_index(groups, struct held_group, i), keys);
        job_limits_add(limits, keys, n);
    }
    job_limits_sort(limits);
    return limits;
}

static int64_t room_of(const struct gate_rules *rules, const struct held_group *group, const GArray *limits,
                       int64_t now_us)
{
    struct gate_key keys[GATE_KEYS_MAX];
    struct gate_limit *found[GATE_KEYS_MAX];
    size_t n = keys_of(rules, group, keys);
    job_limits_find(limits, keys, n, found);
    return gate_room(found, n, now_us);
}

bool held_jobs_open(struct db *db, const struct gate_rules *rules, GArray *groups, struct err *e)
{
    for (guint i = groups->len; i > 0; i--) {
        const struct held_group *group = &g_array_index(groups, struct held_group, i - 1);
        if (group->released || is_paused(rules, group)) {
            g_array_remove_index(groups, i - 1);
        }
    }
    g_autoptr(GArray) limits = limits_of(rules, groups);
    int64_t now_us = 0;
    if (limits->len == 0) {
        return true;
    }
    struct job_limit_row *rows = (struct job_limit_row *)(void *)limits->data;
    if (!job_limits_read(db, rules, rows, limits->len, false, &now_us, e)) {
        return false;
    }
    for (guint i = groups->len; i > 0; i--) {
        if (room_of(rules, &g_array_index(groups, struct held_group, i - 1), limits, now_us) == 0) {
            g_array_remove_index(groups, i - 1);
        }
    }
    return true;
}

/* --- release ----------------------------------------------------------------------------------------------------- */

struct release {
    const struct gate_rules *rules;
    const struct held_group *group;
    int64_t grace_ms;
    struct job_ref *refs;
    size_t max;
    size_t n;        /* refs filled */
    GPtrArray *gone; /* ids of rows whose jobs are not queued */
};

/* With its limits locked: how many may go. */
static bool find_room(struct db *db, const struct release *release, size_t *ret, bool *ret_limited, struct err *e)
{
    struct gate_key keys[GATE_KEYS_MAX];
    struct job_limit_row rows[GATE_KEYS_MAX];
    struct gate_limit *limits[GATE_KEYS_MAX];
    int64_t now_us = 0;
    size_t n = keys_of(release->rules, release->group, keys);
    *ret_limited = n > 0;
    *ret = release->max;
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct job_limit_row){.key = keys[i]};
        limits[i] = &rows[i].limit;
    }
    if (n > 0 && !job_limits_read(db, release->rules, rows, n, true, &now_us, e)) {
        return false;
    }
    *ret = (size_t)MIN(gate_room(limits, n, now_us), (int64_t)release->max);
    return true;
}

static void take_row(struct release *release, const struct db_result *r, size_t row)
{
    if (g_strcmp0(db_cell(r, row, 1), job_status_name(JOB_QUEUED)) != 0) {
        g_ptr_array_add(release->gone, g_strdup(db_cell(r, row, 0)));
        return;
    }
    struct job_ref *ref = &release->refs[release->n++];
    *ref = (struct job_ref){.attempt = db_cell_int(r, row, 2), .lane = lane_of_priority(db_cell_int(r, row, 3))};
    g_strlcpy(ref->id, db_cell(r, row, 0), sizeof(ref->id));
    g_strlcpy(ref->job_type, release->group->key.job_type, sizeof(ref->job_type));
    const char *trace = db_cell(r, row, 4);
    g_strlcpy(ref->traceparent, trace == NULL ? "" : trace, sizeof(ref->traceparent));
}

/* SKIP LOCKED: a claim that has locked a job's row waits for the limit that is locked here. */
static bool take_lane(struct db *db, struct release *release, enum lane lane, size_t room, struct err *e)
{
    static const char sql[] =
        "SELECT j.id, j.status, j.attempt, j.priority, j.traceparent"
        " FROM held_jobs h FORCE INDEX (ix_held_group) STRAIGHT_JOIN background_jobs j ON j.id = h.job_id"
        " WHERE h.released = 0 AND h.organization_id = ? AND h.job_type = ? AND h.priority = ?"
        " ORDER BY h.job_id LIMIT ? FOR UPDATE SKIP LOCKED";

    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(release->group->key.organization_id), db_text(release->group->key.job_type),
                          DB_INT(lane_priority(lane)), DB_INT(room)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        take_row(release, &r, i);
    }
    return true;
}

static bool delete_rows(struct db *db, const GPtrArray *ids, struct err *e)
{
    return ids->len == 0 || sql_ids_run(db, NULL, e, "DELETE FROM held_jobs WHERE job_id IN ", DB_NO_PARAMS, ids, "");
}

static bool write_released(struct db *db, const struct release *release, bool is_limited, struct err *e)
{
    static const char promise[] = "UPDATE held_jobs SET released = 1 WHERE job_id IN ";
    static const char due[] = "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"
                              " WHERE id IN ";
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (size_t i = 0; i < release->n; i++) {
        g_ptr_array_add(ids, release->refs[i].id);
    }
    if (ids->len == 0) {
        return true;
    }
    return (is_limited ? sql_ids_run(db, NULL, e, promise, DB_NO_PARAMS, ids, "") : delete_rows(db, ids, e)) &&
           sql_ids_run(db, NULL, e, due, DB_PARAMS(DB_INT(release->grace_ms * US_PER_MS)), ids, "");
}

/* After an unknown commit some may have been let go unseen: they are due when their grace has passed. */
static bool release_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct release *release = arg;
    size_t room = 0;
    bool is_limited = false;
    release->n = 0;
    g_ptr_array_set_size(release->gone, 0);
    if (!find_room(db, release, &room, &is_limited, e)) {
        return false;
    }
    for (enum lane lane = LANE_HIGH; lane < LANES && release->n < room; lane++) {
        if (!take_lane(db, release, lane, room - release->n, e)) {
            return false;
        }
    }
    return delete_rows(db, release->gone, e) && write_released(db, release, is_limited, e);
}

bool held_jobs_release(struct db *db, const struct gate_rules *rules, const struct gate_key *group, int64_t grace_ms,
                       struct job_ref *refs, size_t max, size_t *ret_n, struct err *e)
{
    const struct held_group held = {.key = *group};
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
    struct release release = {
        .rules = rules, .group = &held, .grace_ms = grace_ms, .refs = refs, .max = max, .gone = gone};
    if (!db_transaction(db, release_body, &release, e)) {
        return false;
    }
    *ret_n = release.n;
    return true;
}

/* --- what is over ------------------------------------------------------------------------------------------------ */

bool held_jobs_sweep(struct db *db, const struct gate_rules *rules, const struct gate_key *group, struct err *e)
{
    static const char sql[] =
        "SELECT h.job_id FROM held_jobs h FORCE INDEX (ix_held_group)"
        " STRAIGHT_JOIN background_jobs j ON j.id = h.job_id"
        " WHERE h.released = 1 AND h.organization_id = ? AND h.job_type = ? AND (? = 0 OR j.status <> 'queued')"
        " ORDER BY h.job_id LIMIT 1000";

    struct gate_key keys[GATE_KEYS_MAX];
    size_t n = gate_limit_keys(rules, group->organization_id, group->job_type, keys);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(group->organization_id), db_text(group->job_type), DB_INT(n)))) {
        return false;
    }
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < r.rows; i++) {
        g_ptr_array_add(ids, g_strdup(db_cell(&r, i, 0)));
    }
    return delete_rows(db, ids, e);
}

bool held_jobs_forget(struct db *db, const char *job_id, struct err *e)
{
    return db_run(db, NULL, e, "DELETE FROM held_jobs WHERE job_id = ?", DB_PARAMS(db_text(job_id)));
}

bool held_jobs_forget_all(struct db *db, const GPtrArray *ids, struct err *e)
{
    return sql_ids_run(db, NULL, e, "DELETE FROM held_jobs WHERE job_id IN ", DB_NO_PARAMS, ids, "");
}
