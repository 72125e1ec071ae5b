#include "domain/job_stats.h"

#include <glib.h>
#include <string.h>

#include "domain/control.h"
#include "domain/job.h"
#include "ground/clock.h"

#define OUTBOX_MAX 1000000

/* --- counts ------------------------------------------------------------------------------------------------------ */

static json_t *no_counts(void)
{
    json_t *counts = json_object();
    for (enum job_status s = JOB_QUEUED; s < JOB_STATUSES; s++) {
        json_object_set_new(counts, job_status_name(s), json_integer(0));
    }
    return counts;
}

static void add_count(json_t *counts, const char *status, int64_t n)
{
    int64_t before = json_integer_value(json_object_get(counts, status));
    json_object_set_new(counts, status, json_integer(before + n));
}

static bool add_counts(struct db *db, const char *org, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT job_type, status, SUM(jobs) AS n FROM job_counts WHERE ? IS NULL OR organization_id = ?"
                " GROUP BY job_type, status HAVING n <> 0 ORDER BY job_type, status",
                DB_PARAMS(db_text(org), db_text(org)))) {
        return false;
    }
    json_t *by_status = no_counts();
    json_t *by_type = json_array();
    json_object_set_new(stats, "by_status", by_status);
    json_object_set_new(stats, "by_type", by_type);
    json_t *type = NULL;
    for (size_t i = 0; i < r.rows; i++) {
        const char *name = db_cell(&r, i, 0);
        if (type == NULL || strcmp(json_string_value(json_object_get(type, "job_type")), name) != 0) {
            type = no_counts();
            json_object_set_new(type, "job_type", json_string(name));
            json_array_append_new(by_type, type);
        }
        add_count(type, db_cell(&r, i, 1), db_cell_int(&r, i, 2));
        add_count(by_status, db_cell(&r, i, 1), db_cell_int(&r, i, 2));
    }
    return true;
}

/* --- who waits --------------------------------------------------------------------------------------------------- */

#define WAITING_COLUMNS                                      \
    "CAST(id AS CHAR), organization_id, job_type, priority," \
    " TIMESTAMPDIFF(MICROSECOND, GREATEST(created_at, COALESCE(scheduled_at, created_at)), UTC_TIMESTAMP(6))"

/* Keeps the row that has waited longest. */
static void take_waiting(json_t **oldest, const struct db_result *r)
{
    for (size_t i = 0; i < r->rows; i++) {
        double waiting_s = (double)MAX(db_cell_int(r, i, 4), 0) / (double)US_PER_S;
        if (*oldest != NULL && json_real_value(json_object_get(*oldest, "waiting_s")) >= waiting_s) {
            continue;
        }
        json_decref(*oldest);
        *oldest = json_pack("{s:s, s:s, s:s, s:I, s:f}", "job_id", db_cell(r, i, 0), "organization_id",
                            db_cell(r, i, 1), "job_type", db_cell(r, i, 2), "priority",
                            (json_int_t)db_cell_int(r, i, 3), "waiting_s", waiting_s);
    }
}

/* Ids rise with time, so the first of each range of the index has waited longest. */
static bool find_waiting_of_all(struct db *db, json_t **oldest, struct err *e)
{
    CLEANUP(db_result_release) struct db_result due = {0};
    for (int64_t priority = -1; priority <= 1; priority++) {
        CLEANUP(db_result_release) struct db_result r = {0};
        if (!db_run(db, &r, e,
                    "SELECT " WAITING_COLUMNS " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                    " WHERE status = 'queued' AND dispatch_at IS NULL AND priority = ? ORDER BY id LIMIT 1",
                    DB_PARAMS(DB_INT(priority)))) {
            return false;
        }
        take_waiting(oldest, &r);
    }
    if (!db_run(db, &due, e,
                "SELECT " WAITING_COLUMNS " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                " WHERE status = 'queued' AND dispatch_at <= UTC_TIMESTAMP(6) ORDER BY dispatch_at LIMIT 1",
                DB_NO_PARAMS)) {
        return false;
    }
    take_waiting(oldest, &due);
    return true;
}

static bool find_waiting_of(struct db *db, const char *org, json_t **oldest, struct err *e)
{
    CLEANUP(db_result_release) struct db_result slices = {0};
    const struct job_filter queued = {.organization_id = org, .status = "queued"};
    if (!job_counts_by_slice(db, &queued, &slices, e)) {
        return false;
    }
    for (size_t i = 0; i < slices.rows; i++) {
        CLEANUP(db_result_release) struct db_result r = {0};
        if (!db_run(db, &r, e,
                    "SELECT " WAITING_COLUMNS " FROM background_jobs FORCE INDEX (ix_jobs_filter)"
                    " WHERE organization_id = ? AND status = 'queued' AND job_type = ? AND priority = ?"
                    " AND (dispatch_at IS NULL OR dispatch_at <= UTC_TIMESTAMP(6)) ORDER BY created_at, id LIMIT 1",
                    DB_PARAMS(db_text(org), db_text(db_cell(&slices, i, 0)), DB_INT(db_cell_int(&slices, i, 1))))) {
            return false;
        }
        take_waiting(oldest, &r);
    }
    return true;
}

static bool add_waiting(struct db *db, const char *org, json_t *stats, struct err *e)
{
    json_auto_t *oldest = NULL;
    if (!(org == NULL ? find_waiting_of_all(db, &oldest, e) : find_waiting_of(db, org, &oldest, e))) {
        return false;
    }
    json_object_set_new(stats, "oldest_waiting", oldest == NULL ? json_null() : json_incref(oldest));
    return true;
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static bool add_dead(struct db *db, const char *org, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    const char *sql = org == NULL ? "SELECT COUNT(*) FROM dead_letters WHERE ? IS NULL AND live_id IS NOT NULL"
                                  : "SELECT COUNT(*) FROM dead_letters WHERE organization_id = ?"
                                    " AND live_id IS NOT NULL";
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(org)))) {
        return false;
    }
    json_object_set_new(stats, "dead_letters", json_integer(db_cell_int(&r, 0, 0)));
    return true;
}

static bool add_outbox(struct db *db, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT COUNT(*) FROM (SELECT 1 FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                " WHERE status = 'queued' AND dispatch_at <= UTC_TIMESTAMP(6) LIMIT ?) due",
                DB_PARAMS(DB_INT(OUTBOX_MAX)))) {
        return false;
    }
    json_object_set_new(stats, "outbox", json_integer(db_cell_int(&r, 0, 0)));
    return true;
}

static json_t *time_of(const char *sql_time)
{
    int64_t at_us = 0;
    char text[CLOCK_TEXT_BYTES];
    (void)clock_parse_sql(sql_time, &at_us);
    clock_format_rfc3339(at_us, text);
    return json_string(text);
}

static bool add_workers(struct db *db, json_t *stats, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT host, pid, version, started_at, running, capacity, last_minute FROM processes"
                " WHERE kind = 'consumer' AND " CONTROL_LIVE_SQL " ORDER BY host, pid",
                DB_NO_PARAMS)) {
        return false;
    }
    json_t *workers = json_array();
    int64_t last_minute = 0;
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(
            workers, json_pack("{s:s, s:I, s:s, s:o, s:I, s:I, s:I}", "host", db_cell(&r, i, 0), "pid",
                               (json_int_t)db_cell_int(&r, i, 1), "version", db_cell(&r, i, 2), "started_at",
                               time_of(db_cell(&r, i, 3)), "running", (json_int_t)db_cell_int(&r, i, 4), "capacity",
                               (json_int_t)db_cell_int(&r, i, 5), "last_minute", (json_int_t)db_cell_int(&r, i, 6)));
        last_minute += db_cell_int(&r, i, 6);
    }
    json_object_set_new(stats, "workers", workers);
    json_object_set_new(stats, "last_minute", json_integer(last_minute));
    return true;
}

bool job_stats(struct db *db, const char *organization_id, json_t **ret, struct err *e)
{
    json_auto_t *stats = json_pack("{s:s?}", "organization_id", organization_id);
    if (!add_counts(db, organization_id, stats, e) || !add_waiting(db, organization_id, stats, e) ||
        !add_dead(db, organization_id, stats, e) || !add_outbox(db, stats, e) || !add_workers(db, stats, e)) {
        return false;
    }
    *ret = json_incref(stats);
    return true;
}

bool job_stats_organization(struct db *db, const char *id, char ret[JOB_STATS_ORG_BYTES], struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job: %.40s", id);
    }
    if (!db_run(db, &r, e, "SELECT organization_id FROM background_jobs WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job: %s", id);
    }
    g_strlcpy(ret, db_cell(&r, 0, 0), JOB_STATS_ORG_BYTES);
    return true;
}
