#include "domain/job_retry.h"

#include <glib.h>

#include "domain/audit.h"
#include "domain/dead_letters.h"
#include "domain/delivery.h"
#include "domain/job_unique.h"
#include "domain/sql_ids.h"

#define HOLDER_TRIES 3

bool job_retry_rows(struct db *db, const GPtrArray *ids, const char *user, int64_t grace_ms, struct err *e)
{
    const struct db_param params[] = {DB_INT(grace_ms * US_PER_MS), db_text(user)};
    return sql_ids_run(db, NULL, e,
                       "UPDATE background_jobs SET status = 'queued',"
                       " dispatch_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND, retry_count = 0, crash_count = 0,"
                       " cause = NULL, error_message = NULL, result = NULL, completed_at = NULL, next_retry_at = NULL,"
                       " cancel_requested_at = NULL, discarded_at = NULL, progress = NULL, progress_message = NULL,"
                       " updated_at = UTC_TIMESTAMP(6), updated_by = ?"
                       " WHERE status IN ('failed', 'cancelled') AND id IN ",
                       params, ARRAY_SIZE(params), ids, "") &&
           dead_letters_end(db, ids, e) && delivery_follow_retry(db, ids, e);
}

/* --- one --------------------------------------------------------------------------------------------------------- */

struct retry {
    const struct job_retry *asked;
    enum job_retry_result result;
    enum job_status found;
    struct job_ref ref;
    char *unique_key;
};

enum column { COLUMN_STATUS, COLUMN_ATTEMPT, COLUMN_PRIORITY, COLUMN_TYPE, COLUMN_TRACE, COLUMN_DEAD, COLUMN_KEY };

static bool write_retry(struct db *db, const struct retry *r, int64_t priority, struct err *e)
{
    const struct job_retry *asked = r->asked;
    const struct job_count_delta deltas[] = {
        {asked->organization_id, r->ref.job_type, r->found, priority, -1},
        {asked->organization_id, r->ref.job_type, JOB_QUEUED, priority, 1},
    };
    json_auto_t *changes = json_pack("{s:{s:s, s:s}}", "status", "from", job_status_name(r->found), "to", "queued");
    const struct audit_entry entry = {
        .organization_id = asked->organization_id,
        .actor = asked->user,
        .action = asked->action,
        .subject = asked->id,
        .request_id = asked->request_id,
        .changes = changes,
    };
    g_autoptr(GPtrArray) ids = sql_ids_of(asked->id);
    return job_retry_rows(db, ids, asked->user, asked->grace_ms, e) && audit_write(db, &entry, e) &&
           job_counts_add(db, deltas, ARRAY_SIZE(deltas), e);
}

static void fill_ref(struct job_ref *ref, const char *id, const struct db_result *r)
{
    const char *trace = db_cell(r, 0, COLUMN_TRACE);
    *ref = (struct job_ref){
        .attempt = db_cell_int(r, 0, COLUMN_ATTEMPT),
        .lane = lane_of_priority(db_cell_int(r, 0, COLUMN_PRIORITY)),
    };
    g_strlcpy(ref->id, id, sizeof(ref->id));
    g_strlcpy(ref->job_type, db_cell(r, 0, COLUMN_TYPE), sizeof(ref->job_type));
    g_strlcpy(ref->traceparent, trace == NULL ? "" : trace, sizeof(ref->traceparent));
}

/* A repetition whose former run did commit finds the job queued, by this user and this moment: that is its own work. */
static bool retry_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    static const char sql[] =
        "SELECT j.status, j.attempt, j.priority, j.job_type, j.traceparent, d.live_id IS NOT NULL, j.unique_key"
        " FROM background_jobs j LEFT JOIN dead_letters d ON d.job_id = j.id"
        " WHERE j.id = ? AND j.organization_id = ? FOR UPDATE";

    struct retry *retry = arg;
    const struct job_retry *asked = retry->asked;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(asked->id), db_text(asked->organization_id)))) {
        return false;
    }
    if (r.rows == 0 || !job_status_parse(db_cell(&r, 0, COLUMN_STATUS), &retry->found)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    fill_ref(&retry->ref, asked->id, &r);
    g_free(retry->unique_key);
    retry->unique_key = g_strdup(db_cell(&r, 0, COLUMN_KEY));
    if (retry->found != JOB_FAILED && retry->found != JOB_CANCELLED) {
        retry->result = repeated && retry->found == JOB_QUEUED ? JOB_RETRY_DONE : JOB_RETRY_NOT_ENDED;
        return true;
    }
    retry->result = asked->only_dead && db_cell_int(&r, 0, COLUMN_DEAD) == 0 ? JOB_RETRY_NOT_DEAD : JOB_RETRY_DONE;
    return retry->result != JOB_RETRY_DONE || write_retry(db, retry, db_cell_int(&r, 0, COLUMN_PRIORITY), e);
}

/* The unique index has refused the row: finds who holds the key. Nobody, when its time is over by now. */
static bool find_holder(struct db *db, const struct retry *retry, struct job_ref *ret, bool *ret_found, struct err *e)
{
    struct job_holder holders[2];
    size_t n = 0;
    const struct job_new wanted = {
        .organization_id = retry->asked->organization_id,
        .unique_key = retry->unique_key,
    };
    if (!job_unique_holders(db, &wanted, 1, holders, &n, e)) {
        return false;
    }
    *ret_found = n > 0;
    if (n > 0) {
        g_strlcpy(ret->id, holders[0].id, sizeof(ret->id));
    }
    return true;
}

static bool run(struct db *db, struct retry *retry, struct err *e)
{
    for (int tries = 0; tries < HOLDER_TRIES; tries++) {
        bool is_held = false;
        err_clear(e);
        if (db_transaction(db, retry_body, retry, e)) {
            return true;
        }
        if (e->code != ERR_DUPLICATE) {
            return false;
        }
        err_clear(e);
        retry->result = JOB_RETRY_NOT_UNIQUE;
        if (!find_holder(db, retry, &retry->ref, &is_held, e)) {
            return false;
        }
        if (is_held) {
            return true;
        }
    }
    return err_set(e, ERR_LOCKED, "The job that holds the key keeps changing");
}

bool job_retry(struct db *db, const struct job_retry *asked, enum job_retry_result *ret, struct job_ref *ret_ref,
               enum job_status *ret_status, struct err *e)
{
    struct retry retry = {.asked = asked};
    if (!uuid_is_valid(asked->id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    bool done = run(db, &retry, e);
    g_free(retry.unique_key);
    if (done) {
        *ret = retry.result;
        *ret_ref = retry.ref;
        *ret_status = retry.found;
    }
    return done;
}
