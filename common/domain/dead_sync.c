/*
 * dead_sync.c: what the keeper of the queue bellman.dead asks of the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/dead_letters.h"
#include "domain/sql_ids.h"

#define ID_FIRST "00000000-0000-0000-0000-000000000000"

/* --- ids --------------------------------------------------------------------------------------------------------- */

bool dead_id_parse(const char *text, struct dead_id *ret)
{
    if (!uuid_is_valid(text)) {
        return false;
    }
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '-') {
            ret->bytes[n++] = (unsigned char)(g_ascii_xdigit_value(c[0]) << 4 | g_ascii_xdigit_value(c[1]));
            c++;
        }
    }
    return true;
}

void dead_id_print(const struct dead_id *id, char ret[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *to = ret;
    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *to++ = '-';
        }
        *to++ = digits[id->bytes[i] >> 4];
        *to++ = digits[id->bytes[i] & 0xf];
    }
    *to = '\0';
}

bool dead_slice_has(const struct dead_slice *slice, const char *id)
{
    size_t id_bytes = strlen(id);
    size_t suffix_bytes = strlen(slice->suffix);
    return id_bytes >= suffix_bytes && g_ascii_strcasecmp(id + id_bytes - suffix_bytes, slice->suffix) == 0;
}

unsigned dead_slice_digits(int64_t n)
{
    unsigned digits = 0;
    for (int64_t room = DEAD_SLICE_ROWS; room < n && digits < 2; room *= 16) {
        digits++;
    }
    return digits;
}

bool dead_slice_suffix(unsigned digits, unsigned i, char ret[4])
{
    if (i >= 1U << (4 * digits)) {
        return false;
    }
    if (digits == 0) {
        ret[0] = '\0';
    } else {
        (void)snprintf(ret, 4, "%0*x", (int)digits, i);
    }
    return true;
}

static GPtrArray *texts_of(const struct dead_id *ids, size_t n)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++) {
        char text[UUID_TEXT_BYTES];
        dead_id_print(&ids[i], text);
        g_ptr_array_add(texts, g_strdup(text));
    }
    return texts;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

bool dead_letters_any_ended(struct db *db, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM dead_letters WHERE live_id IS NULL LIMIT 1", DB_NO_PARAMS)) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

bool dead_letters_count(struct db *db, int64_t limit, int64_t *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters LIMIT ?) found",
                DB_PARAMS(DB_INT(limit)))) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

/* A dead letter whose dispatch_at is set is the relay's to publish. */
bool dead_letters_page(struct db *db, const struct dead_slice *slice, char after[UUID_TEXT_BYTES], int64_t ripe_ms,
                       struct dead_row *rows, size_t max, size_t *ret_n, struct err *e)
{
    static const char sql[] = "SELECT d.job_id, d.live_id IS NOT NULL,"
                              " d.died_at <= UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND AND j.dispatch_at IS NULL"
                              " FROM dead_letters d LEFT JOIN background_jobs j ON j.id = d.live_id"
                              " WHERE d.job_id > ? AND (? = '' OR RIGHT(d.job_id, ?) = ?) ORDER BY d.job_id LIMIT ?";

    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(DB_INT(ripe_ms * US_PER_MS), db_text(after[0] == '\0' ? ID_FIRST : after),
                          db_text(slice->suffix), DB_INT(strlen(slice->suffix)), db_text(slice->suffix),
                          DB_INT(max)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        (void)dead_id_parse(db_cell(&r, i, 0), &rows[i].id);
        rows[i].is_live = db_cell_int(&r, i, 1) != 0;
        rows[i].is_ripe = rows[i].is_live && db_cell_int(&r, i, 2) != 0;
    }
    if (r.rows > 0) {
        g_strlcpy(after, db_cell(&r, r.rows - 1, 0), UUID_TEXT_BYTES);
    }
    *ret_n = r.rows;
    return true;
}

static void mark(const struct db_result *r, const struct dead_id *ids, size_t n, enum dead_state state,
                 enum dead_state *ret)
{
    for (size_t row = 0; row < r->rows; row++) {
        struct dead_id id;
        (void)dead_id_parse(db_cell(r, row, 0), &id);
        for (size_t i = 0; i < n; i++) {
            if (memcmp(&ids[i], &id, sizeof(id)) == 0) {
                ret[i] = r->columns > 1 && db_cell_int(r, row, 1) != 0 ? DEAD_LIVE : state;
            }
        }
    }
}

bool dead_letters_look(struct db *db, const struct dead_id *ids, size_t n, enum dead_state *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result jobs = {0};
    CLEANUP(db_result_release) struct db_result dead = {0};
    g_autoptr(GPtrArray) texts = texts_of(ids, n);
    if (!sql_ids_run(db, &jobs, e, "SELECT id FROM background_jobs WHERE id IN ", DB_NO_PARAMS, texts, "") ||
        !sql_ids_run(db, &dead, e, "SELECT job_id, live_id IS NOT NULL FROM dead_letters WHERE job_id IN ",
                     DB_NO_PARAMS, texts, "")) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        ret[i] = DEAD_UNKNOWN;
    }
    mark(&jobs, ids, n, DEAD_ENDED, ret);
    mark(&dead, ids, n, DEAD_ENDED, ret);
    return true;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static bool change(struct db *db, const char *sql, const struct dead_id *ids, size_t n, size_t *ret_n, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autoptr(GPtrArray) texts = texts_of(ids, n);
    if (!sql_ids_run(db, &r, e, sql, DB_NO_PARAMS, texts, "")) {
        return false;
    }
    *ret_n = (size_t)r.affected;
    return true;
}

bool dead_letters_republish(struct db *db, const struct dead_id *ids, size_t n, size_t *ret_n, struct err *e)
{
    return change(db,
                  "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) WHERE status = 'failed'"
                  " AND cause IS NOT NULL AND discarded_at IS NULL AND dispatch_at IS NULL AND id IN ",
                  ids, n, ret_n, e);
}

bool dead_letters_forget(struct db *db, const struct dead_id *ids, size_t n, size_t *ret_n, struct err *e)
{
    return change(db, "DELETE FROM dead_letters WHERE live_id IS NULL AND job_id IN ", ids, n, ret_n, e);
}
