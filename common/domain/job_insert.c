#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_settle.h"
#include "ground/clock.h"

static void free_text(char **text)
{
    free(*text);
}

void job_inserted_release(struct job_inserted *inserted)
{
    json_decref(inserted->row);
    inserted->row = NULL;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

static json_t *json_hash(const struct job_new *job)
{
    char hex[65] = "";
    if (job->idempotency_key == NULL) {
        return json_null();
    }
    for (size_t i = 0; i < 32; i++) {
        (void)g_snprintf(hex + 2 * i, 3, "%02x", job->request_sha256[i]);
    }
    return json_string(hex);
}

static json_t *json_row(const struct job_new *job, const char *id)
{
    CLEANUP(free_text) char *payload = json_dumps(job->payload, JSON_COMPACT);
    char scheduled[CLOCK_TEXT_BYTES];
    clock_format_sql(job->scheduled_wall_us, scheduled);
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s?, s:I, s:s?, s:s?, s:o, s:s?, s:s?}", "id", id, "g",
                     job->organization_id, "t", job->job_type, "p", (json_int_t)job->priority, "pl", payload, "mr",
                     (json_int_t)job->max_retries, "ts", (json_int_t)job->timeout_s, "at",
                     job->scheduled_wall_us == 0 ? NULL : scheduled, "gr", (json_int_t)(job->grace_ms * US_PER_MS),
                     "uk", job->unique_key, "ik", job->idempotency_key, "h", json_hash(job), "tp", job->traceparent,
                     "by", job->created_by);
}

static char *insert_sql(void)
{
    GString *sql = g_string_new(
        "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, max_retries, timeout_s,"
        " scheduled_at, dispatch_at, unique_key, idempotency_key, request_sha256, traceparent, created_by, updated_by,"
        " created_at, updated_at)"
        " SELECT CAST(v.id AS UUID), v.g, v.t, 'queued', v.p, v.pl, v.mr, v.ts, v.at,"
        " COALESCE(v.at, UTC_TIMESTAMP(6) + INTERVAL v.gr MICROSECOND), v.uk, v.ik, UNHEX(v.h), v.tp, v.who, v.who,"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)"
        " FROM JSON_TABLE(?, '$[*]' COLUMNS("
        " id CHAR(36) PATH '$.id', g VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.g',"
        " t VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.t', p INT PATH '$.p', pl LONGTEXT PATH '$.pl',"
        " mr INT PATH '$.mr', ts INT PATH '$.ts', at DATETIME(6) PATH '$.at', gr BIGINT PATH '$.gr',"
        " uk VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$.uk',"
        " ik VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$.ik', h CHAR(64) PATH '$.h',"
        " tp VARCHAR(55) CHARACTER SET ascii COLLATE ascii_bin PATH '$.tp', who VARCHAR(128) PATH '$.by')) v"
        " RETURNING ");
    record_columns(sql, &job_record, "", false);
    return g_string_free(sql, FALSE);
}

/* --- one transaction --------------------------------------------------------------------------------------------- */

struct insert {
    const struct job_new *const *jobs;
    size_t n;
    struct job_inserted *inserted;
    const char *sql;
    const char *rows; /* JSON */
};

/* All or none are there, so the first tells. */
static bool exists(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM background_jobs WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static void forget_rows(struct insert *insert)
{
    for (size_t i = 0; i < insert->n; i++) {
        job_inserted_release(&insert->inserted[i]);
    }
}

static bool insert_rows(struct db *db, struct insert *insert, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, insert->sql, DB_PARAMS(db_text(insert->rows)))) {
        return false;
    }
    if (r.rows != insert->n) {
        return err_set(e, ERR_INTERNAL, "An INSERT of %zu jobs made %zu", insert->n, r.rows);
    }
    forget_rows(insert);
    for (size_t i = 0; i < insert->n; i++) {
        insert->inserted[i].row = record_row_json(&job_record, &r, i, 0);
        json_object_set_new(insert->inserted[i].row, "attempts", json_array());
    }
    return true;
}

static bool count_rows(struct db *db, const struct insert *insert, struct err *e)
{
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, insert->n);
    for (size_t i = 0; i < insert->n; i++) {
        const struct job_new *job = insert->jobs[i];
        deltas[i] = (struct job_count_delta){job->organization_id, job->job_type, JOB_QUEUED, job->priority, 1};
    }
    return job_counts_add(db, deltas, insert->n, e);
}

static bool insert_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct insert *insert = arg;
    bool there = false;
    if (repeated && (!exists(db, insert->inserted[0].id, &there, e) || there)) {
        forget_rows(insert);
        return there;
    }
    return insert_rows(db, insert, e) && count_rows(db, insert, e);
}

bool job_insert_batch(struct db *db, const struct job_new *const *jobs, size_t n, struct job_inserted *ret,
                      struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        ret[i].row = NULL;
        uuid7_new(ret[i].id);
        json_array_append_new(list, json_row(jobs[i], ret[i].id));
    }
    CLEANUP(free_text) char *rows = job_dump_list(list, e);
    if (rows == NULL) {
        return false;
    }
    g_autofree char *sql = insert_sql();
    struct insert insert = {.jobs = jobs, .n = n, .inserted = ret, .sql = sql, .rows = rows};
    if (db_transaction(db, insert_body, &insert, e)) {
        return true;
    }
    forget_rows(&insert);
    return false;
}

/* --- one job ----------------------------------------------------------------------------------------------------- */

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

static void give(struct job_inserted *inserted, enum job_insert *ret, char ret_id[UUID_TEXT_BYTES], json_t **ret_job)
{
    *ret = JOB_INSERTED;
    g_strlcpy(ret_id, inserted->id, UUID_TEXT_BYTES);
    if (ret_job != NULL) {
        *ret_job = g_steal_pointer(&inserted->row);
    }
    job_inserted_release(inserted);
}

bool job_insert(struct db *db, const struct job_new *job, enum job_insert *ret, char ret_id[UUID_TEXT_BYTES],
                json_t **ret_job, struct err *e)
{
    for (int tries = 0; tries < 3; tries++) {
        struct job_inserted inserted = {.row = NULL};
        err_clear(e);
        if (job_insert_batch(db, &job, 1, &inserted, e)) {
            give(&inserted, ret, ret_id, ret_job);
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
