#include "domain/job_sweep_change.h"

#include <stdlib.h>
#include <string.h>

#include "domain/delivery.h"
#include "domain/held_jobs.h"
#include "domain/job_retry.h"
#include "domain/sql_ids.h"

/* --- cancel ------------------------------------------------------------------------------------------------------ */

/* As job_cancel does it to one. */
static bool change_cancel(struct db *db, const struct sweep_scope *scope, const struct sweep_rows *rows,
                          struct sweep_changed *ret, struct err *e)
{
    static const char sql_queued[] =
        "UPDATE background_jobs SET status = 'cancelled', dispatch_at = NULL, next_retry_at = NULL,"
        " completed_at = UTC_TIMESTAMP(6), cancel_requested_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6),"
        " updated_by = ? WHERE status = 'queued' AND id IN ";
    static const char sql_processing[] =
        "UPDATE background_jobs SET cancel_requested_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6),"
        " updated_by = ? WHERE status = 'processing' AND cancel_requested_at IS NULL AND id IN ";

    const struct db_result *r = rows->r;
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, 2 * r->rows);
    g_autoptr(GPtrArray) of_deliveries = g_ptr_array_new();
    size_t n = 0;
    for (size_t i = 0; i < r->rows; i++) {
        const char *type = db_cell(r, i, SWEEP_TYPE);
        int64_t priority = db_cell_int(r, i, SWEEP_PRIORITY);
        if (strcmp(db_cell(r, i, SWEEP_STATUS), "queued") == 0) {
            if (strcmp(type, DELIVERY_JOB_TYPE) == 0) {
                g_ptr_array_add(of_deliveries, r->cells[i * r->columns + SWEEP_ID]);
            }
            deltas[n++] = (struct job_count_delta){scope->organization_id, type, JOB_QUEUED, priority, -1};
            deltas[n++] = (struct job_count_delta){scope->organization_id, type, JOB_CANCELLED, priority, 1};
        } else if (db_cell_int(r, i, SWEEP_TOLD) == 0) {
            g_ptr_array_add(ret->told, g_strdup(db_cell(r, i, SWEEP_ID)));
        }
    }
    ret->n = (int64_t)(n / 2 + ret->told->len);
    const struct db_param user = db_text(scope->user);
    return (ret->told->len == 0 || sql_ids_run(db, NULL, e, sql_processing, &user, 1, rows->ids, "")) &&
           (n == 0 || (sql_ids_run(db, NULL, e, sql_queued, &user, 1, rows->ids, "") &&
                       held_jobs_forget_all(db, rows->ids, e) && job_counts_add(db, deltas, n, e) &&
                       (of_deliveries->len == 0 || delivery_follow_cancel(db, of_deliveries, e))));
}

/* --- retry and replay -------------------------------------------------------------------------------------------- */

static bool count_retried(struct db *db, const struct sweep_scope *scope, const struct db_result *r, const bool *left,
                          struct err *e)
{
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, 2 * r->rows);
    size_t n = 0;
    for (size_t i = 0; i < r->rows; i++) {
        enum job_status from = JOB_STATUSES;
        const char *type = db_cell(r, i, SWEEP_TYPE);
        int64_t priority = db_cell_int(r, i, SWEEP_PRIORITY);
        if (!left[i] && job_status_parse(db_cell(r, i, SWEEP_STATUS), &from)) {
            deltas[n++] = (struct job_count_delta){scope->organization_id, type, from, priority, -1};
            deltas[n++] = (struct job_count_delta){scope->organization_id, type, JOB_QUEUED, priority, 1};
        }
    }
    return n == 0 || job_counts_add(db, deltas, n, e);
}

/* A unique_key is held by another job by now: that one's holder stays, the rest is retried. A statement that a unique
 * index refuses leaves the transaction as it was. */
static bool retry_one_by_one(struct db *db, const struct sweep_scope *scope, const struct db_result *r, bool *left,
                             struct err *e)
{
    for (size_t i = 0; i < r->rows; i++) {
        struct err now = ERR_INIT;
        g_autoptr(GPtrArray) ids = sql_ids_of(db_cell(r, i, SWEEP_ID));
        left[i] = !job_retry_rows(db, ids, scope->user, 0, &now);
        if (left[i] && now.code != ERR_DUPLICATE) {
            return err_set(e, now.code, "%s", now.text);
        }
    }
    return true;
}

static bool change_retry(struct db *db, const struct sweep_scope *scope, const struct sweep_rows *rows,
                         struct sweep_changed *ret, struct err *e)
{
    struct err now = ERR_INIT;
    g_autofree bool *left = g_new0(bool, rows->r->rows);
    if (!job_retry_rows(db, rows->ids, scope->user, 0, &now)) {
        if (now.code != ERR_DUPLICATE) {
            return err_set(e, now.code, "%s", now.text);
        }
        if (!retry_one_by_one(db, scope, rows->r, left, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < rows->r->rows; i++) {
        ret->n += left[i] ? 0 : 1;
    }
    return count_retried(db, scope, rows->r, left, e);
}

/* --- the kinds --------------------------------------------------------------------------------------------------- */

static const char *const cancel_statuses[] = {"queued", "processing", NULL};
static const char *const retry_statuses[] = {"failed", "cancelled", NULL};
static const char *const no_statuses[] = {NULL};

const struct sweep_kind sweep_kinds[JOB_SWEEP_KINDS] = {
    [JOB_SWEEP_CANCEL] = {.job_type = "jobs.cancel",
                          .verb = "cancelled",
                          .condition = "j.status IN ('queued', 'processing') AND j.created_at <= ?",
                          .statuses = cancel_statuses,
                          .is_repeated = true,
                          .change = change_cancel},
    [JOB_SWEEP_RETRY] = {.job_type = "jobs.retry",
                         .verb = "retried",
                         .condition = "j.status IN ('failed', 'cancelled') AND j.completed_at <= ?",
                         .statuses = retry_statuses,
                         .change = change_retry},
    [JOB_SWEEP_REPLAY] = {.job_type = "deadletters.replay",
                          .verb = "replayed",
                          .condition = "j.status = 'failed' AND j.cause IS NOT NULL AND j.discarded_at IS NULL"
                                       " AND j.completed_at <= ?",
                          .statuses = no_statuses,
                          .change = change_retry},
};

const char *job_sweep_type(enum job_sweep_kind kind)
{
    return sweep_kinds[kind].job_type;
}

bool job_sweep_is_operation(const char *job_type)
{
    for (size_t i = 0; i < JOB_SWEEP_KINDS; i++) {
        if (strcmp(sweep_kinds[i].job_type, job_type) == 0) {
            return true;
        }
    }
    return false;
}

/* --- one batch --------------------------------------------------------------------------------------------------- */

static GPtrArray *ids_of(const struct db_result *r)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < r->rows; i++) {
        g_ptr_array_add(ids, g_strdup(db_cell(r, i, 0)));
    }
    return ids;
}

bool sweep_change(struct db *db, const struct sweep_kind *kind, const struct sweep_scope *scope,
                  const struct db_result *ids, struct sweep_changed *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autoptr(GPtrArray) wanted = ids_of(ids);
    g_autofree char *head = g_strdup_printf(
        "SELECT j.id, j.status, j.job_type, j.priority, j.cancel_requested_at IS NOT NULL FROM background_jobs j"
        " WHERE j.organization_id = ? AND j.id <> ? AND (? IS NULL OR j.status = ?) AND %s AND j.id IN ",
        kind->condition);
    const struct db_param params[] = {db_text(scope->organization_id), db_text(scope->operation_id),
                                      db_text(scope->status), db_text(scope->status), db_text(scope->cutoff)};
    if (!sql_ids_run(db, &r, e, head, params, ARRAY_SIZE(params), wanted, " ORDER BY j.id FOR UPDATE")) {
        return false;
    }
    ret->matched = (int64_t)r.rows;
    if (r.rows == 0) {
        return true;
    }
    g_autoptr(GPtrArray) found = ids_of(&r);
    const struct sweep_rows rows = {.r = &r, .ids = found};
    return kind->change(db, scope, &rows, ret, e);
}
