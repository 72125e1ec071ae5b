/*
 * org_stats.c: the parts put together; what waits, and how much stands in the outbox and among the dead letters.
 */
#include "domain/org_stats.h"

#include <glib.h>
#include <string.h>

#include "domain/job.h"
#include "ground/clock.h"

json_t *org_stats_time(const char *sql_time)
{
    int64_t at_us = 0;
    char text[CLOCK_TEXT_BYTES];
    if (sql_time == NULL || !clock_parse_sql(sql_time, &at_us)) {
        return json_null();
    }
    clock_format_rfc3339(at_us, text);
    return json_string(text);
}

/* --- what waits --------------------------------------------------------------------------------------------------- */

static int compare_due(const void *a, const void *b)
{
    json_t *const *x = a;
    json_t *const *y = b;
    return strcmp(json_string_value(json_object_get(*x, "due_at")), json_string_value(json_object_get(*y, "due_at")));
}

/* A job is due when it was created, at its scheduled time or at that of its retry, whichever came last. */
static bool load_waiting(struct db *db, const char *org, const char *job_type, int64_t priority, struct db_result *ret,
                         struct err *e)
{
    static const char sql[] =
        "SELECT CAST(id AS CHAR), created_at, due_at FROM (SELECT id, created_at, GREATEST(created_at,"
        " COALESCE(scheduled_at, created_at), COALESCE(next_retry_at, created_at)) AS due_at"
        " FROM background_jobs FORCE INDEX (ix_jobs_filter) WHERE organization_id = ? AND status = 'queued'"
        " AND job_type = ? AND priority = ? ORDER BY created_at, id LIMIT ?) oldest"
        " WHERE due_at <= UTC_TIMESTAMP(6) ORDER BY due_at, id LIMIT ?";
    return db_run(db, ret, e, sql,
                  DB_PARAMS(db_text(org), db_text(job_type), DB_INT(priority), DB_INT(ORG_STATS_WAITING_READ),
                            DB_INT(ORG_STATS_WAITING_SHOWN)));
}

static bool add_slice(struct db *db, const char *org, const char *job_type, int64_t priority, GPtrArray *found,
                      struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!load_waiting(db, org, job_type, priority, &r, e)) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        g_ptr_array_add(found,
                        json_pack("{s:s, s:s, s:I, s:o, s:o}", "job_id", db_cell(&r, i, 0), "job_type", job_type,
                                  "priority", (json_int_t)priority, "created_at", org_stats_time(db_cell(&r, i, 1)),
                                  "due_at", org_stats_time(db_cell(&r, i, 2))));
    }
    return true;
}

static void release_json(gpointer json)
{
    json_decref(json);
}

static bool add_waiting(struct db *db, const char *org, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result slices = {0};
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(release_json);
    const struct job_filter queued = {.organization_id = org, .status = "queued"};
    if (!job_counts_by_slice(db, &queued, &slices, e)) {
        return false;
    }
    for (size_t i = 0; i < MIN(slices.rows, ORG_STATS_SLICES); i++) {
        if (!add_slice(db, org, db_cell(&slices, i, 0), db_cell_int(&slices, i, 1), found, e)) {
            return false;
        }
    }
    g_ptr_array_sort(found, compare_due);
    json_t *waiting = json_array();
    for (guint i = 0; i < MIN(found->len, ORG_STATS_WAITING_SHOWN); i++) {
        json_array_append(waiting, g_ptr_array_index(found, i));
    }
    json_object_set_new(stats, "waiting", waiting);
    return true;
}

/* --- depths ------------------------------------------------------------------------------------------------------- */

/* r: how many there are, and how many rows were looked at for that. */
static void add_depth(json_t *stats, const char *name, const struct db_result *r)
{
    int64_t n = db_cell_int(r, 0, 0);
    g_autofree char *capped = g_strconcat(name, "_capped", NULL);
    json_object_set_new(stats, name, json_integer(MIN(n, ORG_STATS_COUNT_MAX)));
    json_object_set_new(stats, capped, json_boolean(db_cell_int(r, 0, 1) > ORG_STATS_COUNT_MAX));
}

static bool add_depths(struct db *db, const char *org, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result due = {0};
    CLEANUP(db_result_release) struct db_result dead = {0};
    if (!db_run(db, &due, e,
                "SELECT COUNT(*), COUNT(*) FROM (SELECT 1 FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                " WHERE status = 'queued' AND dispatch_at <= UTC_TIMESTAMP(6) LIMIT ?) due",
                DB_PARAMS(DB_INT(ORG_STATS_COUNT_MAX + 1))) ||
        !db_run(db, &dead, e,
                "SELECT COUNT(live_id), COUNT(*) FROM (SELECT live_id FROM dead_letters FORCE INDEX (ix_dead_created)"
                " WHERE organization_id = ? LIMIT ?) dead",
                DB_PARAMS(db_text(org), DB_INT(ORG_STATS_COUNT_MAX + 1)))) {
        return false;
    }
    add_depth(stats, "outbox", &due);
    add_depth(stats, "dead_letters", &dead);
    return true;
}

bool org_stats(struct db *db, const char *organization_id, int64_t now_us, json_t **ret, struct err *e)
{
    json_auto_t *stats = json_object();
    if (!org_stats_add_minutes(db, organization_id, now_us, stats, e) ||
        !org_stats_add_speed(db, organization_id, stats, e) || !add_waiting(db, organization_id, stats, e) ||
        !org_stats_add_workers(db, organization_id, stats, e) || !add_depths(db, organization_id, stats, e)) {
        return false;
    }
    *ret = json_incref(stats);
    return true;
}
