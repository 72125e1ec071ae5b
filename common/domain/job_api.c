#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/audit.h"
#include "domain/delivery.h"
#include "domain/held_jobs.h"
#include "domain/job.h"
#include "domain/sql_ids.h"
#include "ground/clock.h"

/* --- cancel ------------------------------------------------------------------------------------------------------ */

struct cancel {
    const char *organization_id;
    const char *id;
    const char *user;
    const char *request_id;
    enum job_cancel outcome;
};

static bool write_cancel(struct db *db, const struct cancel *c, enum job_status from, struct err *e)
{
    static const char sql_queued[] =
        "UPDATE background_jobs SET status = 'cancelled', dispatch_at = NULL, next_retry_at = NULL,"
        " completed_at = UTC_TIMESTAMP(6), cancel_requested_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6),"
        " updated_by = ? WHERE id = ? AND status = 'queued'";
    static const char sql_processing[] =
        "UPDATE background_jobs SET cancel_requested_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6),"
        " updated_by = ? WHERE id = ? AND status = 'processing'";

    json_auto_t *changes = json_pack("{s:{s:s, s:s}}", "status", "from", job_status_name(from), "to",
                                     from == JOB_QUEUED ? "cancelled" : "cancel requested");
    const struct audit_entry entry = {
        .organization_id = c->organization_id,
        .actor = c->user,
        .action = "job.cancel",
        .subject = c->id,
        .request_id = c->request_id,
        .changes = changes,
    };
    return db_run(db, NULL, e, from == JOB_QUEUED ? sql_queued : sql_processing,
                  DB_PARAMS(db_text(c->user), db_text(c->id))) &&
           audit_write(db, &entry, e);
}

static bool cancel_queued(struct db *db, const struct cancel *c, const char *job_type, int64_t priority, struct err *e)
{
    const struct job_count_delta deltas[] = {
        {c->organization_id, job_type, JOB_QUEUED, priority, -1},
        {c->organization_id, job_type, JOB_CANCELLED, priority, 1},
    };
    g_autoptr(GPtrArray) ids = sql_ids_of(c->id);
    return write_cancel(db, c, JOB_QUEUED, e) && held_jobs_forget(db, c->id, e) &&
           (strcmp(job_type, DELIVERY_JOB_TYPE) != 0 || delivery_follow_cancel(db, ids, e)) &&
           job_counts_add(db, deltas, ARRAY_SIZE(deltas), e);
}

static bool cancel_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct cancel *c = arg;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT status, cancel_requested_at IS NOT NULL, job_type, priority FROM background_jobs"
                " WHERE id = ? AND organization_id = ? FOR UPDATE",
                DB_PARAMS(db_text(c->id), db_text(c->organization_id)))) {
        return false;
    }
    enum job_status status = JOB_STATUSES;
    if (r.rows == 0 || !job_status_parse(db_cell(&r, 0, 0), &status)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    if (status == JOB_QUEUED) {
        c->outcome = JOB_CANCEL_DONE;
        return cancel_queued(db, c, db_cell(&r, 0, 2), db_cell_int(&r, 0, 3), e);
    }
    if (status == JOB_PROCESSING) {
        c->outcome = JOB_CANCEL_TOLD;
        return db_cell_int(&r, 0, 1) != 0 || write_cancel(db, c, JOB_PROCESSING, e);
    }
    c->outcome = status == JOB_CANCELLED ? JOB_CANCEL_ALREADY : JOB_CANCEL_FINISHED;
    return true;
}

bool job_cancel(struct db *db, const char *organization_id, const char *id, const char *user, const char *request_id,
                enum job_cancel *ret, struct err *e)
{
    struct cancel c = {.organization_id = organization_id, .id = id, .user = user, .request_id = request_id};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    if (!db_transaction(db, cancel_body, &c, e)) {
        return false;
    }
    *ret = c.outcome;
    return true;
}
