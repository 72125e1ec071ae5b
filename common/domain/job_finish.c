#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_settle.h"
#include "ground/clock.h"
#include "ground/json.h"

/* --- finish ------------------------------------------------------------------------------------------------------ */

struct finish_batch {
    const char *worker_id;
    struct job_finish **sorted; /* by id: every transaction locks rows in this order */
    bool *held;                 /* by the same index: this run has to write it */
    size_t n;
    bool careful; /* look at the rows first: not every fence holds, a cancel would matter, or some may be written */
};

struct finish_kind {
    enum job_status to;
    bool spends_retry;
    bool snoozes;
    bool yields_to_cancel;
};

static const struct finish_kind finish_kinds[] = {
    [JOB_FINISH_COMPLETED] = {.to = JOB_COMPLETED},
    [JOB_FINISH_RETRY] = {.to = JOB_QUEUED, .spends_retry = true, .yields_to_cancel = true},
    [JOB_FINISH_FAILED] = {.to = JOB_FAILED},
    [JOB_FINISH_CANCELLED] = {.to = JOB_CANCELLED},
    [JOB_FINISH_RELEASED] = {.to = JOB_QUEUED, .yields_to_cancel = true},
    [JOB_FINISH_SNOOZED] = {.to = JOB_QUEUED, .snoozes = true, .yields_to_cancel = true},
};

static int compare_finishes(const void *a, const void *b)
{
    const struct job_finish *const *x = a;
    const struct job_finish *const *y = b;
    return strcmp((*x)->claim->id, (*y)->claim->id);
}

/* [{id, a}] of the batch. The caller frees with free(). */
static char *dump_fences(const struct finish_batch *batch, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < batch->n; i++) {
        const struct job_claim *claim = batch->sorted[i]->claim;
        json_array_append_new(list, json_pack("{s:s, s:I}", "id", claim->id, "a", (json_int_t)claim->attempt));
    }
    return job_dump_list(list, e);
}

#define FENCES "JSON_TABLE(?, '$[*]' COLUMNS(o FOR ORDINALITY, id CHAR(36) PATH '$.id', a INT PATH '$.a')) v"
#define JOIN_JOBS " STRAIGHT_JOIN background_jobs j ON j.id = CAST(v.id AS UUID)"

/* What an earlier run or call, whose COMMIT had no answer, has written: its attempt rows tell. The row that a rescue
 * wrote for a lost attempt is not this worker's. */
static bool find_written(struct db *db, const struct finish_batch *batch, const char *fences, struct err *e)
{
    static const char sql[] = "SELECT v.o FROM " FENCES
                              " STRAIGHT_JOIN job_attempts t ON t.job_id = CAST(v.id AS UUID) AND t.number = v.a"
                              " WHERE t.worker_id = ? AND t.outcome <> 'lost'";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(fences), db_text(batch->worker_id)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        batch->sorted[db_cell_int(&r, i, 0) - 1]->written = true;
    }
    return true;
}

/* Locks the rows whose fence holds, marks them as held, and lets a cancel that was asked for win over a retry. */
static bool look_first(struct db *db, const struct finish_batch *batch, struct err *e)
{
    static const char sql[] = "SELECT v.o, j.cancel_requested_at IS NOT NULL FROM " FENCES JOIN_JOBS
                              " WHERE j.status = 'processing' AND j.attempt = v.a AND j.worker_id = ? FOR UPDATE";
    json_auto_text char *fences = dump_fences(batch, e);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (fences == NULL || !db_run(db, &r, e, sql, DB_PARAMS(db_text(fences), db_text(batch->worker_id)))) {
        return false;
    }
    for (size_t i = 0; i < batch->n; i++) {
        batch->held[i] = false;
        batch->sorted[i]->written = false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        size_t which = (size_t)db_cell_int(&r, i, 0) - 1;
        struct job_finish *f = batch->sorted[which];
        batch->held[which] = true;
        f->written = true;
        if (finish_kinds[f->kind].yields_to_cancel && db_cell_int(&r, i, 1) != 0) {
            f->kind = JOB_FINISH_CANCELLED;
        }
    }
    return r.rows == batch->n || find_written(db, batch, fences, e);
}

/* When somebody must act on the job next; negative: nobody must. */
static int64_t due_ms_of(const struct job_finish *f)
{
    if (f->kind == JOB_FINISH_RELEASED || (f->kind == JOB_FINISH_FAILED && f->is_acked)) {
        return 0;
    }
    return finish_kinds[f->kind].to == JOB_QUEUED ? f->delay_ms : -1;
}

static struct job_move move_of(const struct job_finish *f, const char *worker_id, char started[CLOCK_TEXT_BYTES])
{
    const struct finish_kind *kind = &finish_kinds[f->kind];
    clock_format_sql(f->started_wall_us, started);
    return (struct job_move){
        .id = f->claim->id,
        .attempt = f->claim->attempt,
        .worker_id = worker_id,
        .organization_id = f->claim->organization_id,
        .job_type = f->claim->job_type,
        .priority = f->claim->priority,
        .to = kind->to,
        .spends_retry = kind->spends_retry,
        .snoozes = kind->snoozes,
        .due_ms = due_ms_of(f),
        .result = f->result,
        .error = f->error,
        .cause = f->kind == JOB_FINISH_FAILED ? f->cause : NULL,
        .outcome = f->outcome,
        .started_sql = f->started_wall_us == 0 ? NULL : started,
    };
}

static bool finish_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct finish_batch *batch = arg;
    batch->careful = batch->careful || repeated;
    if (batch->careful && !look_first(db, batch, e)) {
        return false;
    }
    g_autofree struct job_move *moves = g_new0(struct job_move, batch->n);
    g_autofree char *started = g_malloc0(batch->n * CLOCK_TEXT_BYTES);
    size_t n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        if (batch->held[i]) {
            moves[n] = move_of(batch->sorted[i], batch->worker_id, &started[n * CLOCK_TEXT_BYTES]);
            n++;
        }
    }
    uint64_t moved = 0;
    if (n == 0) {
        return true;
    }
    if (!job_settle_rows(db, moves, n, &moved, e)) {
        return false;
    }
    if (moved != n) {
        /* Somebody else owns one of them by now: this run is rolled back and done again after a look. */
        batch->careful = true;
        return err_set(e, ERR_LOCKED, "A fence did not hold for %llu of %zu jobs", (unsigned long long)(n - moved), n);
    }
    return job_settle_record(db, moves, n, e);
}

bool job_finish_batch(struct db *db, const char *worker_id, struct job_finish *finishes, size_t n, struct err *e)
{
    g_autofree struct job_finish **sorted = g_new0(struct job_finish *, n);
    g_autofree bool *held = g_new0(bool, n);
    struct finish_batch batch = {.worker_id = worker_id, .sorted = sorted, .held = held, .n = n};
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &finishes[i];
        held[i] = true;
        finishes[i].written = true;
        batch.careful = batch.careful || finish_kinds[finishes[i].kind].yields_to_cancel;
    }
    qsort(sorted, n, sizeof(struct job_finish *), compare_finishes);
    if (db_transaction(db, finish_body, &batch, e)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        finishes[i].written = false;
    }
    return false;
}

/* --- while it runs ----------------------------------------------------------------------------------------------- */

bool job_renew_leases(struct db *db, const char *worker_id, int64_t lease_ms, const struct job_ref *refs, size_t n,
                      bool *told, bool *lost, struct err *e)
{
    static const char sql_renew[] = "UPDATE " FENCES JOIN_JOBS
                                    " SET j.dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"
                                    " WHERE j.status = 'processing' AND j.attempt = v.a AND j.worker_id = ?";
    static const char sql_look[] = "SELECT v.o, j.cancel_requested_at IS NOT NULL FROM " FENCES JOIN_JOBS
                                   " WHERE j.status = 'processing' AND j.attempt = v.a AND j.worker_id = ?";

    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_pack("{s:s, s:I}", "id", refs[i].id, "a", (json_int_t)refs[i].attempt));
    }
    json_auto_text char *fences = job_dump_list(list, e);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (fences == NULL ||
        !db_run(db, NULL, e, sql_renew, DB_PARAMS(db_text(fences), DB_INT(lease_ms * US_PER_MS), db_text(worker_id))) ||
        !db_run(db, &r, e, sql_look, DB_PARAMS(db_text(fences), db_text(worker_id)))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        told[i] = false;
        lost[i] = true;
    }
    for (size_t i = 0; i < r.rows; i++) {
        size_t which = (size_t)db_cell_int(&r, i, 0) - 1;
        lost[which] = false;
        told[which] = db_cell_int(&r, i, 1) != 0;
    }
    return true;
}

bool job_progress(struct db *db, const char *id, int64_t attempt, int64_t percent, const char *message, struct err *e)
{
    static const char sql[] =
        "UPDATE background_jobs SET progress = ?, progress_message = LEFT(?, 200), updated_at = UTC_TIMESTAMP(6)"
        " WHERE id = ? AND status = 'processing' AND attempt = ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(DB_INT(CLAMP(percent, 0, 100)), db_text(message), db_text(id), DB_INT(attempt)))) {
        return false;
    }
    return r.affected == 1 || err_set(e, ERR_CONFLICT, "Job %s is not held by this attempt any more", id);
}
