#include "domain/idempotency.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ground/clock.h"

#define KEPT_HOURS "24"
#define CLEANUP_BATCH 200
#define CLEANUP_US US_PER_S

void idempotency_answer_release(struct idempotency_answer *answer)
{
    g_free(answer->location);
    g_free(answer->body);
    *answer = (struct idempotency_answer){.status = 0};
}

static struct db_param scope_of(const struct idempotency *key)
{
    return db_bytes(key->scope, sizeof(key->scope));
}

/* --- looking up -------------------------------------------------------------------------------------------------- */

static bool delete_expired(struct db *db, const struct idempotency *key, struct err *e)
{
    return db_run(db, NULL, e,
                  "DELETE FROM idempotency_keys WHERE organization_id = ? AND scope = ?"
                  " AND expires_at <= UTC_TIMESTAMP(6)",
                  DB_PARAMS(db_text(key->organization_id), scope_of(key)));
}

bool idempotency_find(struct db *db, const struct idempotency *key, enum idempotency_state *ret,
                      struct idempotency_answer *ret_answer, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(
            db, &r, e,
            "SELECT request_sha256 = ?, status, location, body, expires_at <= UTC_TIMESTAMP(6)"
            " FROM idempotency_keys WHERE organization_id = ? AND scope = ?",
            DB_PARAMS(db_bytes(key->request, sizeof(key->request)), db_text(key->organization_id), scope_of(key)))) {
        return false;
    }
    *ret = IDEMPOTENCY_NEW;
    if (r.rows == 0) {
        return true;
    }
    if (db_cell_int(&r, 0, 4) != 0) {
        return delete_expired(db, key, e);
    }
    *ret = db_cell_int(&r, 0, 0) != 0 ? IDEMPOTENCY_ANSWERED : IDEMPOTENCY_OTHER;
    if (*ret == IDEMPOTENCY_ANSWERED) {
        ret_answer->status = db_cell_int(&r, 0, 1);
        ret_answer->location = g_strdup(db_cell(&r, 0, 2));
        ret_answer->body = g_strdup(db_cell(&r, 0, 3));
    }
    return true;
}

/* --- with the work ----------------------------------------------------------------------------------------------- */

/* The order in which every transaction locks keys. */
static int compare_keys(const void *a, const void *b)
{
    const struct idempotency *const *x = a;
    const struct idempotency *const *y = b;
    int by_org = strcmp((*x)->organization_id, (*y)->organization_id);
    return by_org != 0 ? by_org : memcmp((*x)->scope, (*y)->scope, IDEMPOTENCY_HASH_BYTES);
}

bool idempotency_take(struct db *db, const struct idempotency *const *keys, size_t n, bool waits, struct err *e)
{
#define INSERT_KEYS                                                                                 \
    "INSERT INTO idempotency_keys (organization_id, scope, request_sha256, status, location, body," \
    " expires_at) VALUES (?, ?, ?, ?, ?, COALESCE(?, ''), UTC_TIMESTAMP(6) + INTERVAL " KEPT_HOURS " HOUR)"
    static const char sql_now[] = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR " INSERT_KEYS;
    static const char sql_wait[] = "SET STATEMENT innodb_lock_wait_timeout = 1 FOR " INSERT_KEYS;
    enum { COLUMNS = 6 };

    g_autofree const struct idempotency **sorted = g_memdup2(keys, n * sizeof(void *));
    g_autofree struct db_param *params = g_new(struct db_param, n * COLUMNS);
    qsort(sorted, n, sizeof(void *), compare_keys);
    for (size_t i = 0; i < n; i++) {
        const struct idempotency *key = sorted[i];
        struct db_param *row = &params[i * COLUMNS];
        row[0] = db_text(key->organization_id);
        row[1] = scope_of(key);
        row[2] = db_bytes(key->request, sizeof(key->request));
        row[3] = DB_INT(key->status);
        row[4] = db_text(key->location);
        row[5] = db_text(key->body);
    }
    struct err own = ERR_INIT;
    if (db_run_rows(db, NULL, &own, waits ? sql_wait : sql_now, params, COLUMNS, n)) {
        return true;
    }
    return err_set(e, own.code == ERR_LOCKED ? ERR_CONFLICT : own.code, "%s", own.text);
}

bool idempotency_complete(struct db *db, const struct idempotency *const *keys, const char *const *bodies, size_t n,
                          struct err *e)
{
    enum { COLUMNS = 3 };
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autofree struct db_param *params = g_new(struct db_param, n * COLUMNS);
    for (size_t i = 0; i < n; i++) {
        struct db_param *row = &params[i * COLUMNS];
        row[0] = db_text(bodies[i]);
        row[1] = db_text(keys[i]->organization_id);
        row[2] = scope_of(keys[i]);
    }
    if (!db_run_rows(db, &r, e, "UPDATE idempotency_keys SET body = ? WHERE organization_id = ? AND scope = ?", params,
                     COLUMNS, n)) {
        return false;
    }
    return r.affected == n ||
           err_set(e, ERR_INTERNAL, "%zu answers were kept as %llu", n, (unsigned long long)r.affected);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

bool idempotency_cleanup(struct db *db, struct err *e)
{
    const int64_t end_us = clock_mono_us() + CLEANUP_US;
    uint64_t deleted = CLEANUP_BATCH;
    while (deleted == CLEANUP_BATCH && clock_mono_us() < end_us) {
        CLEANUP(db_result_release) struct db_result r = {0};
        if (!db_run(db, &r, e,
                    "DELETE FROM idempotency_keys WHERE expires_at <= UTC_TIMESTAMP(6) ORDER BY expires_at LIMIT ?",
                    DB_PARAMS(DB_INT(CLEANUP_BATCH)))) {
            return false;
        }
        deleted = r.affected;
    }
    return true;
}
