#include "domain/job_minutes.h"

#include <stdlib.h>
#include <string.h>

#include "domain/job_settle.h"
#include "ground/json.h"

const char *const job_ending_names[JOB_ENDINGS] = {"completed", "failed", "retried", "cancelled"};

int64_t job_minute_of(int64_t wall_us)
{
    return wall_us - wall_us % JOB_MINUTE_US;
}

int job_minute_compare(const void *a, const void *b)
{
    const struct job_minute *x = a;
    const struct job_minute *y = b;
    int by_org = strcmp(x->organization_id, y->organization_id);
    if (by_org != 0) {
        return by_org;
    }
    if (x->minute_us != y->minute_us) {
        return x->minute_us < y->minute_us ? -1 : 1;
    }
    return strcmp(x->job_type, y->job_type);
}

static json_t *json_minute(const struct job_minute *m)
{
    char at[CLOCK_TEXT_BYTES];
    clock_format_sql(m->minute_us, at);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "g", m->organization_id, "m", at, "t", m->job_type, "c",
                     (json_int_t)m->n[JOB_ENDED_COMPLETED], "f", (json_int_t)m->n[JOB_ENDED_FAILED], "r",
                     (json_int_t)m->n[JOB_ENDED_RETRIED], "x", (json_int_t)m->n[JOB_ENDED_CANCELLED]);
}

bool job_minutes_add(struct db *db, const struct job_minute *minutes, size_t n, struct err *e)
{
    static const char sql[] =
        "INSERT INTO job_minutes (organization_id, minute_at, job_type, completed, failed, retried, cancelled)"
        " SELECT v.g, v.m, v.t, v.c, v.f, v.r, v.x FROM JSON_TABLE(?, '$[*]' COLUMNS("
        " g VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.g', m DATETIME(6) PATH '$.m',"
        " t VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.t',"
        " c INT PATH '$.c', f INT PATH '$.f', r INT PATH '$.r', x INT PATH '$.x')) v"
        " ON DUPLICATE KEY UPDATE completed = completed + VALUES(completed), failed = failed + VALUES(failed),"
        " retried = retried + VALUES(retried), cancelled = cancelled + VALUES(cancelled)";
    json_auto_t *list = json_array();
    g_assert(n <= JOB_MINUTES_ADD_MAX);
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_minute(&minutes[i]));
    }
    json_auto_text char *text = job_dump_list(list, e);
    return text != NULL && db_run(db, NULL, e, sql, DB_PARAMS(db_text(text)));
}

bool job_minutes_load(struct db *db, const char *organization_id, int64_t from_us, struct db_result *ret, struct err *e)
{
    char from[CLOCK_TEXT_BYTES];
    clock_format_sql(from_us, from);
    return db_run(db, ret, e,
                  "SELECT minute_at, job_type, completed, failed, retried, cancelled FROM job_minutes"
                  " WHERE organization_id = ? AND minute_at >= ?",
                  DB_PARAMS(db_text(organization_id), db_text(from)));
}

bool job_minutes_prune(struct db *db, int64_t keep_s, size_t max, size_t *ret_n, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(
            db, &r, e,
            "DELETE FROM job_minutes WHERE minute_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND ORDER BY minute_at LIMIT ?",
            DB_PARAMS(DB_INT(keep_s), DB_INT(max)))) {
        return false;
    }
    *ret_n = (size_t)r.affected;
    return true;
}
