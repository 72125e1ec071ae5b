/*
 * job_limits.c: what limits allow and what counts against them.
 */
#include <glib.h>
#include <stdlib.h>

#include "domain/job_gate.h"
#include "domain/job_settle.h"
#include "ground/json.h"

#define KEYS_TABLE                                                     \
    "JSON_TABLE(?, '$[*]' COLUMNS(o FOR ORDINALITY,"                   \
    " g VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.g'," \
    " t VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.t')) v"

static json_t *json_key(const struct gate_key *key)
{
    return json_pack("{s:s, s:s}", "g", key->organization_id, "t", key->job_type);
}

/* [{g, t}] of all rows. The caller frees with free(). */
static char *dump_keys(const struct job_limit_row *rows, size_t n, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_key(&rows[i].key));
    }
    return job_dump_list(list, e);
}

/* An organization that is only under the configuration's limit needs a row to be locked by. */
static bool add_missing(struct db *db, const struct gate_rules *rules, const struct job_limit_row *rows, size_t n,
                        struct err *e)
{
    static const char sql[] = "INSERT IGNORE INTO job_limits (organization_id, job_type, updated_at)"
                              " SELECT v.g, v.t, UTC_TIMESTAMP(6) FROM " KEYS_TABLE;
    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!gate_has_limit(rules, &rows[i].key)) {
            json_array_append_new(list, json_key(&rows[i].key));
        }
    }
    if (json_array_size(list) == 0) {
        return true;
    }
    json_auto_text char *keys = job_dump_list(list, e);
    return keys != NULL && db_run(db, NULL, e, sql, DB_PARAMS(db_text(keys)));
}

#define LIMITS_SQL                                                                                \
    "SELECT v.o, COALESCE(l.max_running, IF(l.organization_id <> '' AND l.job_type = '', ?, 0))," \
    " COALESCE(l.max_per_minute, 0), l.tat_us FROM " KEYS_TABLE                                   \
    " STRAIGHT_JOIN job_limits l ON l.organization_id = v.g AND l.job_type = v.t"

static bool read_limits(struct db *db, const struct gate_rules *rules, const char *keys, struct job_limit_row *rows,
                        bool lock, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, lock ? LIMITS_SQL " FOR UPDATE" : LIMITS_SQL,
                DB_PARAMS(DB_INT(gate_rules_org_max_running(rules)), db_text(keys)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        struct job_limit_row *row = &rows[db_cell_int(&r, i, 0) - 1];
        row->limit.max_running = db_cell_int(&r, i, 1);
        row->limit.max_per_minute = db_cell_int(&r, i, 2);
        row->limit.tat_us = db_cell_int(&r, i, 3);
        row->tat_read_us = row->limit.tat_us;
    }
    return true;
}

/* Counted by indexes in which only what runs, or was let go, is read: few rows, for a limit keeps them few. */
static bool count_usage(struct db *db, const char *keys, struct job_limit_row *rows, int64_t *ret_now_us, struct err *e)
{
    static const char sql[] =
        "SELECT v.o, CASE"
        " WHEN v.g <> '' AND v.t <> '' THEN (SELECT COUNT(*) FROM background_jobs j FORCE INDEX (ix_jobs_filter)"
        " WHERE j.organization_id = v.g AND j.status = 'processing' AND j.job_type = v.t)"
        " WHEN v.g <> '' THEN (SELECT COUNT(*) FROM background_jobs j FORCE INDEX (ix_jobs_filter)"
        " WHERE j.organization_id = v.g AND j.status = 'processing')"
        " ELSE (SELECT COUNT(*) FROM background_jobs j FORCE INDEX (ix_jobs_dispatch)"
        " WHERE j.status = 'processing' AND (v.t = '' OR j.job_type = v.t)) END,"
        " CASE WHEN v.g <> '' THEN (SELECT COUNT(*) FROM held_jobs h FORCE INDEX (ix_held_group)"
        " WHERE h.released = 1 AND h.organization_id = v.g AND (v.t = '' OR h.job_type = v.t))"
        " ELSE (SELECT COUNT(*) FROM held_jobs h FORCE INDEX (ix_held_group)"
        " WHERE h.released = 1 AND (v.t = '' OR h.job_type = v.t)) END,"
        " TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) FROM " KEYS_TABLE;

    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(keys)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        struct gate_limit *limit = &rows[db_cell_int(&r, i, 0) - 1].limit;
        limit->running = db_cell_int(&r, i, 1);
        limit->promised = db_cell_int(&r, i, 2);
        *ret_now_us = db_cell_int(&r, i, 3);
    }
    return true;
}

bool job_limits_read(struct db *db, const struct gate_rules *rules, struct job_limit_row *rows, size_t n, bool lock,
                     int64_t *ret_now_us, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        rows[i].limit = (struct gate_limit){0};
        rows[i].tat_read_us = 0;
    }
    json_auto_text char *keys = dump_keys(rows, n, e);
    return keys != NULL && (!lock || add_missing(db, rules, rows, n, e)) &&
           read_limits(db, rules, keys, rows, lock, e) && count_usage(db, keys, rows, ret_now_us, e);
}

/* --- arrays ------------------------------------------------------------------------------------------------------ */

static int compare_limits(const void *a, const void *b)
{
    const struct job_limit_row *x = a;
    const struct job_limit_row *y = b;
    return gate_key_compare(&x->key, &y->key);
}

void job_limits_add(GArray *limits, const struct gate_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct job_limit_row row = {.key = keys[i]};
        g_array_append_val(limits, row);
    }
}

void job_limits_sort(GArray *limits)
{
    guint n = 0;
    g_array_sort(limits, compare_limits);
    for (guint i = 0; i < limits->len; i++) {
        const struct job_limit_row row = g_array_index(limits, struct job_limit_row, i);
        if (n == 0 || compare_limits(&g_array_index(limits, struct job_limit_row, n - 1), &row) != 0) {
            g_array_index(limits, struct job_limit_row, n++) = row;
        }
    }
    g_array_set_size(limits, n);
}

void job_limits_find(const GArray *limits, const struct gate_key *keys, size_t n, struct gate_limit *ret[GATE_KEYS_MAX])
{
    for (size_t i = 0; i < n; i++) {
        const struct job_limit_row wanted = {.key = keys[i]};
        struct job_limit_row *row = bsearch(&wanted, limits->data, limits->len, sizeof(wanted), compare_limits);
        g_assert(row != NULL);
        ret[i] = &row->limit;
    }
}
