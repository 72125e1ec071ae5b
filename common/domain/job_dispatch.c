#include <glib.h>
#include <stdlib.h>

#include "domain/job.h"
#include "domain/job_gate.h"
#include "domain/job_settle.h"
#include "domain/org_load.h"
#include "domain/sql_ids.h"
#include "ground/json.h"

uint32_t job_flow(const char *organization_id)
{
    return g_str_hash(organization_id);
}

static void ref_from_row(struct job_ref *ref, const struct db_result *r, size_t row)
{
    *ref = (struct job_ref){.attempt = db_cell_int(r, row, 1), .lane = lane_of_priority(db_cell_int(r, row, 2))};
    g_strlcpy(ref->id, db_cell(r, row, 0), sizeof(ref->id));
    g_strlcpy(ref->job_type, db_cell(r, row, 3), sizeof(ref->job_type));
    const char *trace = db_cell(r, row, 4);
    g_strlcpy(ref->traceparent, trace == NULL ? "" : trace, sizeof(ref->traceparent));
}

/* [{id, a}] of the first two columns of rows. The caller frees with free(). */
static char *dump_rows(const struct db_result *r, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < r->rows; i++) {
        json_array_append_new(list,
                              json_pack("{s:s, s:I}", "id", db_cell(r, i, 0), "a", (json_int_t)db_cell_int(r, i, 1)));
    }
    return job_dump_list(list, e);
}

/* --- taking what is due ------------------------------------------------------------------------------------------ */

/* One SELECT that locks rows and one UPDATE that moves their dispatch_at by delay_us, in one transaction. A repetition
 * after an unknown commit finds other rows: those taken before come back when their grace has passed. */
struct take {
    const char *select_sql;
    const char *update_sql;
    const struct db_param *params;
    size_t n_params;
    int64_t delay_us;
    struct db_result rows;
};

static bool take_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct take *take = arg;
    db_result_release(&take->rows);
    take->rows = (struct db_result){0};
    if (!db_run(db, &take->rows, e, take->select_sql, take->params, take->n_params)) {
        return false;
    }
    if (take->rows.rows == 0) {
        return true;
    }
    json_auto_text char *ids = dump_rows(&take->rows, e);
    return ids != NULL && db_run(db, NULL, e, take->update_sql, DB_PARAMS(db_text(ids), DB_INT(take->delay_us)));
}

#define IDS_TABLE "JSON_TABLE(?, '$[*]' COLUMNS(id CHAR(36) PATH '$.id', a INT PATH '$.a')) v"
#define JOIN_JOBS " STRAIGHT_JOIN background_jobs j ON j.id = CAST(v.id AS UUID)"

static const char sql_move_due[] = "UPDATE " IDS_TABLE JOIN_JOBS
                                   " SET j.dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND";

void job_ref_place(struct job_ref *ref, struct db *db, const struct job_tiers *tiers, const char *organization_id)
{
    const struct org_kind kind = {organization_id, ref->job_type, lane_priority(ref->lane)};
    ref->flow = job_flow(organization_id);
    ref->tier = tiers->load == NULL ? TIER_MAIN : org_load_tier(tiers->load, db, &kind, tiers->backlog_threshold);
}

/* Whether a row of this status is due. A plain read ends at the first row that is not; one that locks goes on over all
 * rows behind it that others have locked (SKIP LOCKED), and while jobs are claimed and finished those are thousands. */
static bool has_due(struct db *db, enum job_status status, bool *ret, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                              " WHERE status = ? AND dispatch_at <= UTC_TIMESTAMP(6) LIMIT 1";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(job_status_name(status))))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static bool take_refs(struct db *db, struct take *take, const struct job_tiers *tiers, struct job_ref *refs,
                      size_t *ret_n, struct err *e)
{
    bool done = db_transaction(db, take_body, take, e);
    for (size_t i = 0; done && i < take->rows.rows; i++) {
        ref_from_row(&refs[i], &take->rows, i);
        job_ref_place(&refs[i], db, tiers, db_cell(&take->rows, i, 5));
    }
    *ret_n = done ? take->rows.rows : 0;
    db_result_release(&take->rows);
    return done;
}

bool job_take_due(struct db *db, const struct job_tiers *tiers, struct job_ref *refs, size_t max, int64_t grace_ms,
                  size_t *ret_n, struct err *e)
{
    const struct db_param limit = DB_INT(max);
    struct take take = {
        .select_sql = "SELECT id, attempt, priority, job_type, traceparent, organization_id"
                      " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                      " WHERE status = 'queued' AND dispatch_at <= UTC_TIMESTAMP(6)"
                      " ORDER BY dispatch_at LIMIT ? FOR UPDATE SKIP LOCKED",
        .update_sql = sql_move_due,
        .params = &limit,
        .n_params = 1,
        .delay_us = grace_ms * US_PER_MS,
    };
    bool is_due = false;
    *ret_n = 0;
    return has_due(db, JOB_QUEUED, &is_due, e) && (!is_due || take_refs(db, &take, tiers, refs, ret_n, e));
}

bool job_wake(struct db *db, const GPtrArray *ids, int64_t delay_ms, struct err *e)
{
    const struct db_param delay = DB_INT(delay_ms * US_PER_MS);
    return sql_ids_run(
        db, NULL, e,
        "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, updated_at ="
        " UTC_TIMESTAMP(6) WHERE status = 'queued' AND dispatch_at > UTC_TIMESTAMP(6) + INTERVAL ?"
        " MICROSECOND AND id IN ",
        (const struct db_param[]){delay, delay}, 2, ids, "");
}

bool job_take_waiting(struct db *db, const struct job_tiers *tiers, enum lane lane, struct job_ref *refs, size_t max,
                      int64_t grace_ms, size_t *ret_n, struct err *e)
{
    const struct db_param params[] = {DB_INT(lane_priority(lane)), DB_INT(max)};
    struct take take = {
        .select_sql = "SELECT id, attempt, priority, job_type, traceparent, organization_id"
                      " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                      " WHERE status = 'queued' AND dispatch_at IS NULL AND priority = ?"
                      " ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED",
        .update_sql = sql_move_due,
        .params = params,
        .n_params = ARRAY_SIZE(params),
        .delay_us = grace_ms * US_PER_MS,
    };
    return take_refs(db, &take, tiers, refs, ret_n, e);
}

bool job_take_dead(struct db *db, struct job_dead_ref *refs, size_t max, int64_t grace_ms, size_t *ret_n, struct err *e)
{
    const struct db_param limit = DB_INT(max);
    CLEANUP(db_result_release) struct db_result rows = {0};
    struct take take = {
        .select_sql = "SELECT id, attempt, priority, job_type, traceparent, cause"
                      " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
                      " WHERE status = 'failed' AND dispatch_at <= UTC_TIMESTAMP(6)"
                      " ORDER BY dispatch_at LIMIT ? FOR UPDATE SKIP LOCKED",
        .update_sql = sql_move_due,
        .params = &limit,
        .n_params = 1,
        .delay_us = grace_ms * US_PER_MS,
    };
    bool is_due = false;
    *ret_n = 0;
    if (!has_due(db, JOB_FAILED, &is_due, e)) {
        return false;
    }
    bool done = !is_due || db_transaction(db, take_body, &take, e);
    rows = take.rows;
    if (!done) {
        return false;
    }
    for (size_t i = 0; i < rows.rows; i++) {
        ref_from_row(&refs[i].ref, &rows, i);
        const char *cause = db_cell(&rows, i, 5);
        g_strlcpy(refs[i].cause, cause == NULL ? "" : cause, sizeof(refs[i].cause));
    }
    *ret_n = rows.rows;
    return true;
}

/* --- confirmed --------------------------------------------------------------------------------------------------- */

/* The ids of refs with this attempt, borrowed. */
static GPtrArray *ids_with_attempt(struct job_ref *refs, size_t n, int64_t attempt)
{
    GPtrArray *ids = g_ptr_array_new();
    for (size_t i = 0; i < n; i++) {
        if (refs[i].attempt == attempt) {
            g_ptr_array_add(ids, refs[i].id);
        }
    }
    return ids;
}

static int compare_attempts(const void *a, const void *b)
{
    const struct job_ref *x = a;
    const struct job_ref *y = b;
    return x->attempt < y->attempt ? -1 : x->attempt > y->attempt;
}

/* One statement for each attempt number that occurs, and hardly more than one does. */
static bool clear_dispatch(struct db *db, const char *head, const char *status, const struct job_ref *refs, size_t n,
                           struct err *e)
{
    g_autofree struct job_ref *sorted = g_memdup2(refs, n * sizeof(*refs));
    g_autofree char *tail = g_strconcat(" AND status = '", status, "'", NULL);
    qsort(sorted, n, sizeof(*sorted), compare_attempts);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && sorted[i].attempt == sorted[i - 1].attempt) {
            continue;
        }
        g_autoptr(GPtrArray) ids = ids_with_attempt(sorted, n, sorted[i].attempt);
        if (!sql_ids_run(db, NULL, e, head, DB_PARAMS(DB_INT(sorted[i].attempt)), ids, tail)) {
            return false;
        }
    }
    return true;
}

bool job_mark_dispatched(struct db *db, const struct job_ref *refs, size_t n, struct err *e)
{
    /* updated_at starts the clock by which job_redispatch_lost calls a message lost. A job that was parked before its
     * message was confirmed stays parked. */
    return clear_dispatch(
        db,
        "UPDATE background_jobs FORCE INDEX (PRIMARY) SET dispatch_at = NULL, updated_at = UTC_TIMESTAMP(6)"
        " WHERE attempt = ? AND dispatch_at < " JOB_NOT_PARKED_SQL " AND id IN ",
        "queued", refs, n, e);
}

bool job_mark_dead_published(struct db *db, const struct job_ref *refs, size_t n, struct err *e)
{
    return clear_dispatch(
        db, "UPDATE background_jobs FORCE INDEX (PRIMARY) SET dispatch_at = NULL WHERE attempt = ? AND id IN ",
        "failed", refs, n, e);
}

/* --- lost messages ----------------------------------------------------------------------------------------------- */

#define WAITING_ROWS                                                    \
    " FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"              \
    " WHERE status = 'queued' AND dispatch_at IS NULL AND priority = ?" \
    " AND updated_at <= UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND"

bool job_redispatch_lost(struct db *db, enum lane lane, int64_t min_age_ms, size_t max, size_t *ret_n, struct err *e)
{
    const struct db_param params[] = {DB_INT(lane_priority(lane)), DB_INT(min_age_ms * US_PER_MS), DB_INT(max)};
    struct take take = {
        .select_sql = "SELECT id, attempt" WAITING_ROWS " LIMIT ? FOR UPDATE SKIP LOCKED",
        .update_sql = sql_move_due,
        .params = params,
        .n_params = ARRAY_SIZE(params),
        .delay_us = 0,
    };
    bool done = db_transaction(db, take_body, &take, e);
    if (done) {
        *ret_n = take.rows.rows;
    }
    db_result_release(&take.rows);
    return done;
}

bool job_count_dispatched(struct db *db, enum lane lane, int64_t min_age_ms, int64_t limit, int64_t *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT COUNT(*) FROM (SELECT id" WAITING_ROWS " LIMIT ?) waiting",
                DB_PARAMS(DB_INT(lane_priority(lane)), DB_INT(min_age_ms * US_PER_MS), DB_INT(limit)))) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

bool job_count_ready(struct db *db, const char *organization_id, const char *job_type, int64_t priority,
                     int64_t look_at, int64_t *ret, struct err *e)
{
    /* A fresh row is due after its grace. */
    static const char sql[] = "SELECT COUNT(*) FROM (SELECT dispatch_at FROM background_jobs FORCE INDEX"
                              " (ix_jobs_filter) WHERE organization_id = ? AND status = 'queued' AND job_type = ?"
                              " AND priority = ? LIMIT ?) waiting"
                              " WHERE dispatch_at IS NULL OR dispatch_at <= UTC_TIMESTAMP(6) + INTERVAL 10 SECOND";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(organization_id), db_text(job_type), DB_INT(priority), DB_INT(look_at)))) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

/* --- rescue ------------------------------------------------------------------------------------------------------ */

struct rescue {
    int64_t crash_limit;
    size_t max;
    size_t rescued;
};

static void move_from_lost(struct job_move *m, const struct db_result *r, size_t row, int64_t crash_limit)
{
    *m = (struct job_move){
        .id = db_cell(r, row, 0),
        .attempt = db_cell_int(r, row, 1),
        .priority = db_cell_int(r, row, 2),
        .job_type = db_cell(r, row, 3),
        .organization_id = db_cell(r, row, 4),
        .worker_id = db_cell(r, row, 5),
        .started_sql = db_cell(r, row, 6),
        .to = JOB_QUEUED,
        .crashed = true,
        .outcome = "lost",
        .error = "The worker was lost: its lease ended without an outcome",
    };
    if (db_cell_int(r, row, 8) + 1 >= crash_limit) {
        m->to = JOB_FAILED;
        m->cause = "crashed_worker";
    }
    if (db_cell_int(r, row, 7) != 0) {
        m->to = JOB_CANCELLED;
        m->cause = NULL;
        m->due_ms = -1;
    }
}

static bool rescue_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    static const char sql[] =
        "SELECT id, attempt, priority, job_type, organization_id, worker_id, started_at,"
        " cancel_requested_at IS NOT NULL, crash_count FROM background_jobs FORCE INDEX (ix_jobs_dispatch)"
        " WHERE status = 'processing' AND dispatch_at <= UTC_TIMESTAMP(6)"
        " ORDER BY dispatch_at LIMIT ? FOR UPDATE SKIP LOCKED";

    struct rescue *rescue = arg;
    rescue->rescued = 0;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(DB_INT(rescue->max)))) {
        return false;
    }
    if (r.rows == 0) {
        return true;
    }
    g_autofree struct job_move *moves = g_new0(struct job_move, r.rows);
    for (size_t i = 0; i < r.rows; i++) {
        move_from_lost(&moves[i], &r, i, rescue->crash_limit);
    }
    uint64_t moved = 0;
    if (!job_settle_rows(db, moves, r.rows, &moved, e)) {
        return false;
    }
    if (moved != r.rows) {
        return err_set(e, ERR_INTERNAL, "Rescue changed %llu of %zu rows that it had locked", (unsigned long long)moved,
                       r.rows);
    }
    rescue->rescued = r.rows;
    return job_settle_record(db, moves, r.rows, e);
}

bool job_rescue(struct db *db, int64_t crash_limit, size_t max, size_t *ret_n, struct err *e)
{
    struct rescue rescue = {.crash_limit = crash_limit, .max = max};
    bool is_due = false;
    if (!has_due(db, JOB_PROCESSING, &is_due, e) || (is_due && !db_transaction(db, rescue_body, &rescue, e))) {
        return false;
    }
    *ret_n = rescue.rescued;
    return true;
}
