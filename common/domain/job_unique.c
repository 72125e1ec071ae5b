#include "domain/job_unique.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job_settle.h"
#include "ground/json.h"

size_t job_unique_twins(const struct job_new *jobs, size_t n, struct job_holder *ret)
{
    size_t twins = 0;
    g_autoptr(GHashTable) first = g_hash_table_new(g_str_hash, g_str_equal); /* key to index + 1 */
    for (size_t i = 0; i < n; i++) {
        const char *key = jobs[i].unique_key;
        size_t other = key == NULL ? 0 : GPOINTER_TO_SIZE(g_hash_table_lookup(first, key));
        if (other > 0) {
            ret[twins++] = (struct job_holder){.index = i, .other = other - 1};
        } else if (key != NULL) {
            g_hash_table_insert(first, (gpointer)(uintptr_t)key, GSIZE_TO_POINTER(i + 1));
        }
    }
    return twins;
}

/* The keys with their places, [{i, k}]. */
static char *dump_keys(const struct job_new *jobs, size_t n, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].unique_key != NULL) {
            json_array_append_new(list, json_pack("{s:I, s:s}", "i", (json_int_t)i, "k", jobs[i].unique_key));
        }
    }
    return job_dump_list(list, e);
}

/* Those of rows (id in column 0) whose last column says that their time is over, [{id}] in the order of their ids. */
static char *dump_over(const struct db_result *r, size_t *ret_n, struct err *e)
{
    json_auto_t *list = json_array();
    for (size_t row = 0; row < r->rows; row++) {
        if (db_cell_int(r, row, 2) != 0) {
            json_array_append_new(list, json_pack("{s:s}", "id", db_cell(r, row, 0)));
        }
    }
    *ret_n = json_array_size(list);
    return job_dump_list(list, e);
}

#define IS_OVER                                        \
    "j.status IN ('completed', 'failed', 'cancelled')" \
    " AND j.created_at + INTERVAL j.unique_for_s SECOND <= UTC_TIMESTAMP(6)"

/* Several may do so at the same time; the index decides who takes the key next. */
static bool give_up(struct db *db, const struct db_result *r, struct err *e)
{
    size_t n = 0;
    json_auto_text char *ids = dump_over(r, &n, e);
    if (ids == NULL || n == 0) {
        return ids != NULL;
    }
    return db_run(db, NULL, e,
                  "UPDATE JSON_TABLE(?, '$[*]' COLUMNS(id CHAR(36) PATH '$.id')) v"
                  " STRAIGHT_JOIN background_jobs j ON j.id = CAST(v.id AS UUID)"
                  " SET j.unique_for_s = NULL, j.updated_at = UTC_TIMESTAMP(6) WHERE " IS_OVER,
                  DB_PARAMS(db_text(ids)));
}

bool job_unique_holders(struct db *db, const struct job_new *jobs, size_t n, struct job_holder *ret, size_t *ret_n,
                        struct err *e)
{
    static const char sql[] =
        "SELECT j.id, v.i, " IS_OVER " FROM JSON_TABLE(?, '$[*]' COLUMNS(i INT PATH '$.i',"
        " k VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$.k')) v"
        " STRAIGHT_JOIN background_jobs j FORCE INDEX (uq_jobs_unique) ON j.organization_id = ? AND j.unique_live = v.k"
        " ORDER BY j.id";

    CLEANUP(db_result_release) struct db_result r = {0};
    json_auto_text char *keys = dump_keys(jobs, n, e);
    if (keys == NULL || !db_run(db, &r, e, sql, DB_PARAMS(db_text(keys), db_text(jobs[0].organization_id))) ||
        !give_up(db, &r, e)) {
        return false;
    }
    *ret_n = 0;
    for (size_t row = 0; row < r.rows; row++) {
        if (db_cell_int(&r, row, 2) == 0) {
            struct job_holder *holder = &ret[(*ret_n)++];
            holder->index = (size_t)db_cell_int(&r, row, 1);
            g_strlcpy(holder->id, db_cell(&r, row, 0), sizeof(holder->id));
        }
    }
    return true;
}
