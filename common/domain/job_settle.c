#include "domain/job_settle.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/dead_letters.h"
#include "domain/sql_ids.h"
#include "ground/json.h"

#define ERROR_BYTES_MAX 2000

char *job_dump_list(const json_t *list, struct err *e)
{
    char *text = json_dumps(list, JSON_COMPACT);
    if (text == NULL) {
        err_set(e, ERR_INTERNAL, "A list of jobs cannot be written as JSON");
    }
    return text;
}

/* The column refuses broken UTF-8 and longer text, and a handler's message may be either. New, or NULL for none. */
static char *error_text(const char *error)
{
    if (error == NULL) {
        return NULL;
    }
    char *valid = g_utf8_make_valid(error, -1);
    if (strlen(valid) > ERROR_BYTES_MAX) {
        char *end = g_utf8_find_prev_char(valid, valid + ERROR_BYTES_MAX + 1);
        *(end == NULL ? valid : end) = '\0';
    }
    return valid;
}

static json_t *json_move(const struct job_move *m)
{
    json_t *due = m->due_ms < 0 ? json_null() : json_integer(m->due_ms * US_PER_MS);
    g_autofree char *error = error_text(m->error);
    return json_pack("{s:s, s:I, s:s?, s:s, s:i, s:i, s:i, s:o, s:s?, s:s?, s:s?}", "id", m->id, "a",
                     (json_int_t)m->attempt, "w", m->worker_id, "s", job_status_name(m->to), "r",
                     m->spends_retry ? 1 : 0, "c", m->crashed ? 1 : 0, "z", m->snoozes ? 1 : 0, "d", due, "result",
                     m->result, "e", error, "cause", m->cause);
}

/* A completion that leaves nothing behind but the fact. */
static bool is_plain(const struct job_move *m)
{
    return m->to == JOB_COMPLETED && m->result == NULL && m->error == NULL && m->worker_id != NULL;
}

/* All of them plain and with one fence, as most batches are: they can be named by a list of keys. A batch is never
 * split, for its rows must be locked in one sweep by id. */
static bool is_uniform(const struct job_move *moves, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_plain(&moves[i]) || moves[i].attempt != moves[0].attempt ||
            strcmp(moves[i].worker_id, moves[0].worker_id) != 0) {
            return false;
        }
    }
    return true;
}

static bool complete_rows(struct db *db, const struct job_move *moves, size_t n, struct db_result *ret, struct err *e)
{
    static const char head[] =
        "UPDATE background_jobs FORCE INDEX (PRIMARY) SET status = 'completed', dispatch_at = NULL,"
        " next_retry_at = NULL, completed_at = UTC_TIMESTAMP(6), result = NULL, error_message = NULL, cause = NULL,"
        " progress = 100, updated_at = UTC_TIMESTAMP(6) WHERE attempt = ? AND worker_id = ? AND id IN ";

    g_autoptr(GPtrArray) ids = g_ptr_array_sized_new((guint)n);
    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(ids, (gpointer)(uintptr_t)moves[i].id);
    }
    return sql_ids_run(db, ret, e, head, DB_PARAMS(DB_INT(moves[0].attempt), db_text(moves[0].worker_id)), ids,
                       " AND status = 'processing'");
}

static bool move_rows(struct db *db, const struct job_move *moves, size_t n, struct db_result *ret, struct err *e)
{
    static const char sql[] =
        "UPDATE JSON_TABLE(?, '$[*]' COLUMNS("
        " id CHAR(36) PATH '$.id', a INT PATH '$.a',"
        " w VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin PATH '$.w',"
        " s VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin PATH '$.s',"
        " r INT PATH '$.r', c INT PATH '$.c', z INT PATH '$.z', d BIGINT PATH '$.d',"
        " result LONGTEXT PATH '$.result', e VARCHAR(2000) PATH '$.e',"
        " cause VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.cause')) v"
        " STRAIGHT_JOIN background_jobs j ON j.id = CAST(v.id AS UUID)"
        " SET j.status = v.s, j.retry_count = j.retry_count + v.r, j.crash_count = j.crash_count + v.c,"
        " j.snooze_count = j.snooze_count + v.z,"
        " j.dispatch_at = UTC_TIMESTAMP(6) + INTERVAL v.d MICROSECOND,"
        " j.next_retry_at = IF(v.r = 1, UTC_TIMESTAMP(6) + INTERVAL v.d MICROSECOND, NULL),"
        " j.completed_at = IF(v.s = 'queued', NULL, UTC_TIMESTAMP(6)),"
        " j.result = v.result, j.error_message = v.e, j.cause = v.cause,"
        " j.progress = IF(v.s = 'completed', 100, j.progress), j.updated_at = UTC_TIMESTAMP(6)"
        " WHERE j.status = 'processing' AND j.attempt = v.a AND j.worker_id <=> v.w";

    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_move(&moves[i]));
    }
    json_auto_text char *text = job_dump_list(list, e);
    return text != NULL && db_run(db, ret, e, sql, DB_PARAMS(db_text(text)));
}

bool job_settle_rows(struct db *db, const struct job_move *moves, size_t n, uint64_t *ret_moved, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    bool done = is_uniform(moves, n) ? complete_rows(db, moves, n, &r, e) : move_rows(db, moves, n, &r, e);
    *ret_moved = r.affected;
    return done;
}

static bool write_attempts(struct db *db, const struct job_move *moves, size_t n, struct err *e)
{
    static const char sql[] =
        "INSERT INTO job_attempts (job_id, number, worker_id, started_at, ended_at, outcome, error)"
        " VALUES (?, ?, ?, LEAST(COALESCE(?, UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6), ?, ?)";
    enum { COLUMNS = 6 };

    g_autofree struct db_param *rows = g_new(struct db_param, n * COLUMNS);
    g_autoptr(GPtrArray) errors = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        const struct job_move *m = &moves[i];
        char *error = error_text(m->error);
        g_ptr_array_add(errors, error);
        const struct db_param row[COLUMNS] = {db_text(m->id),          DB_INT(m->attempt),  db_text(m->worker_id),
                                              db_text(m->started_sql), db_text(m->outcome), db_text(error)};
        memcpy(&rows[i * COLUMNS], row, sizeof(row));
    }
    return db_run_rows(db, NULL, e, sql, rows, COLUMNS, n);
}

/* Who fails for good becomes a dead letter. */
static bool write_dead(struct db *db, const struct job_move *moves, size_t n, struct err *e)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        if (moves[i].to == JOB_FAILED) {
            g_ptr_array_add(ids, g_strdup(moves[i].id));
        }
    }
    return ids->len == 0 || dead_letters_add(db, ids, e);
}

bool job_settle_record(struct db *db, const struct job_move *moves, size_t n, struct err *e)
{
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, 2 * n);
    for (size_t i = 0; i < n; i++) {
        const struct job_move *m = &moves[i];
        deltas[2 * i] = (struct job_count_delta){m->organization_id, m->job_type, JOB_PROCESSING, m->priority, -1};
        deltas[2 * i + 1] = (struct job_count_delta){m->organization_id, m->job_type, m->to, m->priority, 1};
    }
    return write_attempts(db, moves, n, e) && write_dead(db, moves, n, e) && job_counts_add(db, deltas, 2 * n, e);
}
