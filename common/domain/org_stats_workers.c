/*
 * org_stats_workers.c: the workers, and what each is doing.
 *
 * A worker that lives has a row in processes; one that is lost may still hold jobs, until its leases end. Both are
 * known by host and process: the first two parts of a worker's id.
 */
#include <glib.h>
#include <string.h>

#include "domain/control.h"
#include "domain/org_stats.h"

#define WORKER_SQL "SUBSTRING_INDEX(worker_id, ':', 2)"

/* The worker of that name, made when it is not there: it is not among those that live then. */
static json_t *worker_of(json_t *workers, const char *name)
{
    size_t i;
    json_t *worker;
    json_array_foreach(workers, i, worker)
    {
        if (strcmp(json_string_value(json_object_get(worker, "worker")), name) == 0) {
            return worker;
        }
    }
    worker = json_pack("{s:s, s:b, s:n, s:n, s:n, s:i, s:i, s:[]}", "worker", name, "live", 0, "version", "started_at",
                       "capacity", "running", 0, "others", 0, "jobs");
    json_array_append_new(workers, worker);
    return worker;
}

static bool add_live(struct db *db, json_t *workers, struct err *e)
{
    static const char sql[] =
        "SELECT CONCAT(LEFT(host, 63), ':', pid), version, started_at, capacity FROM processes WHERE kind = 'consumer'"
        " AND " CONTROL_LIVE_SQL " ORDER BY host, pid LIMIT ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(DB_INT(ORG_STATS_WORKERS)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        json_t *worker = worker_of(workers, db_cell(&r, i, 0));
        json_object_set_new(worker, "live", json_true());
        json_object_set_new(worker, "version", json_string(db_cell(&r, i, 1)));
        json_object_set_new(worker, "started_at", org_stats_time(db_cell(&r, i, 2)));
        json_object_set_new(worker, "capacity", json_integer(db_cell_int(&r, i, 3)));
    }
    return true;
}

/* Of other organizations' jobs the number and nothing else. */
static bool add_running(struct db *db, const char *org, json_t *workers, struct err *e)
{
    static const char sql[] =
        "SELECT " WORKER_SQL " AS worker, COUNT(*), COALESCE(SUM(organization_id <> ?), 0) FROM"
        " (SELECT worker_id, organization_id FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
        " WHERE status = 'processing' AND worker_id IS NOT NULL LIMIT ?) running GROUP BY worker ORDER BY worker";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(org), DB_INT(ORG_STATS_RUNNING_READ)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        json_t *worker = worker_of(workers, db_cell(&r, i, 0));
        json_object_set_new(worker, "running", json_integer(db_cell_int(&r, i, 1)));
        json_object_set_new(worker, "others", json_integer(db_cell_int(&r, i, 2)));
    }
    return true;
}

static bool add_jobs(struct db *db, const char *org, json_t *workers, struct err *e)
{
    static const char sql[] =
        "SELECT " WORKER_SQL ", CAST(id AS CHAR), job_type, started_at, progress FROM (SELECT id, job_type, worker_id,"
        " started_at, progress FROM background_jobs FORCE INDEX (ix_jobs_filter) WHERE organization_id = ?"
        " AND status = 'processing' AND worker_id IS NOT NULL LIMIT ?) running ORDER BY started_at, id";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(org), DB_INT(ORG_STATS_RUNNING_SHOWN)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        json_t *progress = db_cell(&r, i, 4) == NULL ? json_null() : json_integer(db_cell_int(&r, i, 4));
        json_array_append_new(json_object_get(worker_of(workers, db_cell(&r, i, 0)), "jobs"),
                              json_pack("{s:s, s:s, s:o, s:o}", "job_id", db_cell(&r, i, 1), "job_type",
                                        db_cell(&r, i, 2), "started_at", org_stats_time(db_cell(&r, i, 3)), "progress",
                                        progress));
    }
    return true;
}

bool org_stats_add_workers(struct db *db, const char *org, json_t *stats, struct err *e)
{
    json_auto_t *workers = json_array();
    if (!add_live(db, workers, e) || !add_running(db, org, workers, e) || !add_jobs(db, org, workers, e)) {
        return false;
    }
    json_object_set(stats, "workers", workers);
    return true;
}
