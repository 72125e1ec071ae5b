#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/audit.h"
#include "domain/job.h"
#include "ground/clock.h"

static void free_text(char **text)
{
    free(*text);
}

/* --- create ------------------------------------------------------------------------------------------------------ */

struct insert {
    const struct job_new *job;
    const char *payload;
    const char *id;
    const char *sql;
    json_t *row; /* as the database answered the INSERT */
};

static void insert_release(struct insert *insert)
{
    json_decref(insert->row);
}

static bool exists(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM background_jobs WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static char *insert_sql(void)
{
    GString *sql = g_string_new(
        "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, max_retries, timeout_s,"
        " scheduled_at, dispatch_at, unique_key, idempotency_key, request_sha256, traceparent, created_by, updated_by,"
        " created_at, updated_at)"
        " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, COALESCE(?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND), ?, ?, ?, ?,"
        " ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) RETURNING ");
    record_columns(sql, &job_record, "", false);
    return g_string_free(sql, FALSE);
}

static bool insert_row(struct db *db, struct insert *insert, struct err *e)
{
    const struct job_new *job = insert->job;
    char scheduled[CLOCK_TEXT_BYTES];
    clock_format_sql(job->scheduled_wall_us, scheduled);
    struct db_param when = job->scheduled_wall_us == 0 ? DB_NULL : db_text(scheduled);
    struct db_param hash = job->idempotency_key == NULL ? DB_NULL : db_bytes(job->request_sha256, 32);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, insert->sql,
                DB_PARAMS(db_text(insert->id), db_text(job->organization_id), db_text(job->job_type),
                          DB_INT(job->priority), db_text(insert->payload), DB_INT(job->max_retries),
                          DB_INT(job->timeout_s), when, when, DB_INT(job->grace_ms * US_PER_MS),
                          db_text(job->unique_key), db_text(job->idempotency_key), hash, db_text(job->traceparent),
                          db_text(job->created_by), db_text(job->created_by)))) {
        return false;
    }
    json_decref(insert->row);
    insert->row = record_row_json(&job_record, &r, 0, 0);
    json_object_set_new(insert->row, "attempts", json_array());
    return true;
}

static bool insert_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct insert *insert = arg;
    bool there = false;
    if (repeated && (!exists(db, insert->id, &there, e) || there)) {
        g_clear_pointer(&insert->row, json_decref);
        return there;
    }
    const struct job_new *job = insert->job;
    const struct job_count_delta delta = {job->organization_id, job->job_type, JOB_QUEUED, job->priority, 1};
    return insert_row(db, insert, e) && job_counts_add(db, &delta, 1, e);
}

/* A unique index has refused the row: finds the job that was there first. ret_found=false: it is gone by now. */
static bool find_holder(struct db *db, const struct job_new *job, bool by_idempotency, enum job_insert *ret,
                        char ret_id[UUID_TEXT_BYTES], bool *ret_found, struct err *e)
{
    static const char sql_idempotency[] =
        "SELECT id, request_sha256 = ? FROM background_jobs WHERE organization_id = ? AND idempotency_key = ?";
    static const char sql_unique[] =
        "SELECT id, 1 FROM background_jobs WHERE ? IS NULL AND organization_id = ? AND unique_live = ?";

    CLEANUP(db_result_release) struct db_result r = {0};
    struct db_param hash = by_idempotency ? db_bytes(job->request_sha256, 32) : DB_NULL;
    const char *key = by_idempotency ? job->idempotency_key : job->unique_key;
    if (!db_run(db, &r, e, by_idempotency ? sql_idempotency : sql_unique,
                DB_PARAMS(hash, db_text(job->organization_id), db_text(key)))) {
        return false;
    }
    *ret_found = r.rows > 0;
    if (r.rows > 0) {
        g_strlcpy(ret_id, db_cell(&r, 0, 0), UUID_TEXT_BYTES);
        *ret = !by_idempotency ? JOB_NOT_UNIQUE : db_cell_int(&r, 0, 1) == 1 ? JOB_REPLAYED : JOB_KEY_REUSED;
    }
    return true;
}

bool job_insert(struct db *db, const struct job_new *job, enum job_insert *ret, char ret_id[UUID_TEXT_BYTES],
                json_t **ret_job, struct err *e)
{
    CLEANUP(free_text) char *payload = json_dumps(job->payload, JSON_COMPACT);
    char id[UUID_TEXT_BYTES];
    uuid7_new(id);
    g_autofree char *sql = insert_sql();
    CLEANUP(insert_release) struct insert insert = {.job = job, .payload = payload, .id = id, .sql = sql};
    for (int tries = 0; tries < 3; tries++) {
        err_clear(e);
        if (db_transaction(db, insert_body, &insert, e)) {
            *ret = JOB_INSERTED;
            if (ret_job != NULL) {
                *ret_job = g_steal_pointer(&insert.row);
            }
            g_strlcpy(ret_id, id, UUID_TEXT_BYTES);
            return true;
        }
        if (e->code != ERR_DUPLICATE) {
            return false;
        }
        bool by_idempotency = strstr(e->text, "uq_jobs_idempotency") != NULL;
        bool found = false;
        err_clear(e);
        if (!find_holder(db, job, by_idempotency, ret, ret_id, &found, e)) {
            return false;
        }
        if (found) {
            return true;
        }
    }
    return err_set(e, ERR_LOCKED, "The job that holds the key keeps changing");
}

/* --- read -------------------------------------------------------------------------------------------------------- */

static bool load_attempts(struct db *db, const char *id, json_t *job, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &job_attempt_record, "", false);
    g_string_append(sql, " FROM job_attempts WHERE job_id = ? ORDER BY number DESC LIMIT 200");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id)))) {
        return false;
    }
    json_t *attempts = json_array();
    for (size_t i = r.rows; i > 0; i--) {
        json_array_append_new(attempts, record_row_json(&job_attempt_record, &r, i - 1, 0));
    }
    json_object_set_new(job, "attempts", attempts);
    return true;
}

bool job_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &job_record, "", false);
    g_string_append(sql, " FROM background_jobs WHERE id = ? AND organization_id = ?");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such job");
    }
    json_auto_t *job = record_row_json(&job_record, &r, 0, 0);
    if (!load_attempts(db, id, job, e)) {
        return false;
    }
    *ret = json_incref(job);
    return true;
}

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
    return write_cancel(db, c, JOB_QUEUED, e) && job_counts_add(db, deltas, ARRAY_SIZE(deltas), e);
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
