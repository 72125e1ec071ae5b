#include "domain/job_log.h"

#include <stdlib.h>
#include <string.h>

#include "domain/job_settle.h"
#include "ground/ids.h"
#include "ground/json.h"

static const char *const levels[] = {[LOG_LEVEL_DEBUG] = "debug",
                                     [LOG_LEVEL_INFO] = "info",
                                     [LOG_LEVEL_WARN] = "warn",
                                     [LOG_LEVEL_ERROR] = "error",
                                     NULL};

/* clang-format off */
#define RO FIELD_READONLY
static const struct field log_fields[] = {
    {.name = "job_id", .type = FIELD_UUID, .flags = RO | FIELD_INTERNAL, .sql = "uuid"},
    {.name = "attempt", .type = FIELD_INT, .flags = RO, .min = 1, .max = INT32_MAX, .sql = "int(11)",
     .help = "The attempt that wrote it"},
    {.name = "number", .type = FIELD_INT, .flags = RO, .min = 1, .max = INT32_MAX, .sql = "int(11)",
     .help = "Counts the attempt's lines, from 1"},
    {.name = "logged_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was written"},
    {.name = "level", .type = FIELD_ENUM, .flags = RO, .choices = levels, .sql = "varchar(8)",
     .help = "What a program writes to its standard error is warn"},
    {.name = "message", .type = FIELD_STRING, .flags = RO, .max = 1024, .sql = "varchar(1024)", .help = "The line"},
};
/* clang-format on */

const struct record job_log_record = {
    .name = "JobLogLine",
    .table = "job_logs",
    .fields = log_fields,
    .n = ARRAY_SIZE(log_fields),
    .help = "A line that a job's handler wrote",
};

const char *job_log_level_name(enum log_level level)
{
    return levels[level];
}

bool job_log_level_parse(const char *text, enum log_level *ret)
{
    for (size_t i = 0; text != NULL && levels[i] != NULL; i++) {
        if (strcmp(levels[i], text) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* --- write ------------------------------------------------------------------------------------------------------ */

static char *dump_lines(const struct job_log_line *lines, size_t n, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_pack("{s:I, s:I, s:s, s:s}", "n", (json_int_t)lines[i].number, "a",
                                              (json_int_t)lines[i].age_us, "l", levels[lines[i].level], "m",
                                              lines[i].message));
    }
    return job_dump_list(list, e);
}

/* So that a job which runs again and again does not fill the table. */
static bool drop_old(struct db *db, const char *job_id, int64_t attempt, struct err *e)
{
    return attempt <= JOB_LOG_ATTEMPTS_MAX ||
           db_run(db, NULL, e, "DELETE FROM job_logs WHERE job_id = ? AND attempt <= ?",
                  DB_PARAMS(db_text(job_id), DB_INT(attempt - JOB_LOG_ATTEMPTS_MAX)));
}

bool job_log_write(struct db *db, const char *job_id, int64_t attempt, const struct job_log_line *lines, size_t n,
                   struct err *e)
{
    static const char sql[] =
        "INSERT IGNORE INTO job_logs (job_id, attempt, number, logged_at, level, message)"
        " SELECT j.id, j.attempt, v.n, UTC_TIMESTAMP(6) - INTERVAL v.a MICROSECOND, v.l, v.m FROM background_jobs j"
        " JOIN JSON_TABLE(?, '$[*]' COLUMNS(n INT PATH '$.n', a BIGINT PATH '$.a', l VARCHAR(8) PATH '$.l',"
        " m VARCHAR(1024) PATH '$.m')) v WHERE j.id = ? AND j.status = 'processing' AND j.attempt = ?";

    json_auto_text char *text = dump_lines(lines, n, e);
    CLEANUP(db_result_release) struct db_result r = {0};
    CLEANUP(db_result_release) struct db_result holds = {0};
    if (text == NULL || !db_run(db, &r, e, sql, DB_PARAMS(db_text(text), db_text(job_id), DB_INT(attempt)))) {
        return false;
    }
    if (r.affected > 0) {
        return lines[0].number > 1 || drop_old(db, job_id, attempt, e);
    }
    if (!db_run(db, &holds, e, "SELECT 1 FROM background_jobs WHERE id = ? AND status = 'processing' AND attempt = ?",
                DB_PARAMS(db_text(job_id), DB_INT(attempt)))) {
        return false;
    }
    return holds.rows > 0 || err_set(e, ERR_CONFLICT, "Job %s is not held by this attempt any more", job_id);
}

/* --- read ------------------------------------------------------------------------------------------------------- */

/* A cursor is "<attempt>.<number>" of the last line shown. */
static bool read_cursor(const char *cursor, int64_t *ret_attempt, int64_t *ret_number)
{
    g_auto(GStrv) parts = g_strsplit(cursor, ".", 3);
    gint64 attempt = 0;
    gint64 number = 0;
    if (g_strv_length(parts) != 2 || !g_ascii_string_to_signed(parts[0], 10, 0, INT32_MAX, &attempt, NULL) ||
        !g_ascii_string_to_signed(parts[1], 10, 0, INT32_MAX, &number, NULL)) {
        return false;
    }
    *ret_attempt = attempt;
    *ret_number = number;
    return true;
}

static bool job_exists(struct db *db, const struct job_log_page *page, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (uuid_is_valid(page->job_id) &&
        !db_run(db, &r, e, "SELECT 1 FROM background_jobs WHERE id = ? AND organization_id = ?",
                DB_PARAMS(db_text(page->job_id), db_text(page->organization_id)))) {
        return false;
    }
    return r.rows > 0 || err_set(e, ERR_NOT_FOUND, "There is no such job");
}

static json_t *make_page(const struct db_result *r, int64_t limit)
{
    json_t *logs = json_array();
    size_t shown = MIN(r->rows, (size_t)limit);
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(logs, record_row_json(&job_log_record, r, i, 0));
    }
    json_t *next = json_null();
    if (r->rows > shown) {
        next = json_sprintf("%s.%s", db_cell(r, shown - 1, 0), db_cell(r, shown - 1, 1));
    }
    return json_pack("{s:o, s:o}", "logs", logs, "next_cursor", next);
}

bool job_log_list(struct db *db, const struct job_log_page *page, json_t **ret, struct err *e)
{
    int64_t attempt = 0;
    int64_t number = 0;
    if (page->cursor != NULL && !read_cursor(page->cursor, &attempt, &number)) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a log has given");
    }
    if (!job_exists(db, page, e)) {
        return false;
    }
    int64_t first = page->attempt > 0 ? page->attempt : 0;
    int64_t last = page->attempt > 0 ? page->attempt : INT32_MAX;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &job_log_record, "", false);
    g_string_append(sql, " FROM job_logs WHERE job_id = ? AND attempt BETWEEN GREATEST(?, ?) AND ?"
                         " AND (attempt > ? OR number > ?) ORDER BY attempt, number LIMIT ?");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str,
                DB_PARAMS(db_text(page->job_id), DB_INT(first), DB_INT(attempt), DB_INT(last), DB_INT(attempt),
                          DB_INT(number), DB_INT(page->limit + 1)))) {
        return false;
    }
    *ret = make_page(&r, page->limit);
    return true;
}
