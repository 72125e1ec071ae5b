#include "domain/dead_letters.h"

#include <string.h>

#include "domain/audit.h"
#include "domain/job_list_sql.h"
#include "domain/sql_ids.h"

#define COUNT_MAX 10000
#define PARAMS_MAX 12

/* --- within other transactions ----------------------------------------------------------------------------------- */

bool dead_letters_add(struct db *db, const GPtrArray *ids, struct err *e)
{
    return sql_ids_run(
        db, NULL, e,
        "INSERT INTO dead_letters (job_id, live_id, organization_id, job_type, cause, created_at, died_at)"
        " SELECT id, id, organization_id, job_type, cause, created_at, completed_at FROM background_jobs"
        " WHERE status = 'failed' AND cause IS NOT NULL AND id IN ",
        DB_NO_PARAMS, ids,
        " ON DUPLICATE KEY UPDATE live_id = VALUES(live_id), cause = VALUES(cause), died_at = VALUES(died_at)");
}

bool dead_letters_end(struct db *db, const GPtrArray *ids, struct err *e)
{
    return sql_ids_run(db, NULL, e, "UPDATE dead_letters SET live_id = NULL WHERE job_id IN ", DB_NO_PARAMS, ids, "");
}

/* --- list -------------------------------------------------------------------------------------------------------- */

struct list {
    const struct dead_filter *filter;
    struct job_span span;
    struct db_param params[PARAMS_MAX];
    size_t n;
};

static void add(struct list *list, struct db_param param)
{
    g_assert(list->n < PARAMS_MAX);
    list->params[list->n++] = param;
}

/* In each of these indexes the rows of its filter lie in the order of the list. */
static const char *index_of(const struct dead_filter *f)
{
    static const char *const names[2][2] = {{"ix_dead_created", "ix_dead_cause"},
                                            {"ix_dead_type", "ix_dead_type_cause"}};
    return names[f->job_type != NULL ? 1 : 0][f->cause != NULL ? 1 : 0];
}

/* The second comparison is a sum so that the optimizer does not make ranges of it (job_list_sql.c). */
static void append_where(GString *sql, struct list *list)
{
    const struct dead_filter *f = list->filter;
    g_string_append(sql, " WHERE d.organization_id = ?");
    add(list, db_text(f->organization_id));
    if (f->job_type != NULL) {
        g_string_append(sql, " AND d.job_type = ?");
        add(list, db_text(f->job_type));
    }
    if (f->cause != NULL) {
        g_string_append(sql, " AND d.cause = ?");
        add(list, db_text(f->cause));
    }
    g_string_append(sql, " AND d.created_at > ? AND d.created_at <= ? AND (d.created_at < ?) + (d.job_id < ?) > 0");
    add(list, db_text(list->span.after));
    add(list, db_text(list->span.before));
    add(list, db_text(list->span.before));
    add(list, db_text(list->span.before_id));
}

static bool find_span(struct list *list, const char *cursor, struct err *e)
{
    const struct job_filter filter = {
        .created_after_us = list->filter->created_after_us,
        .created_before_us = list->filter->created_before_us,
        .cursor = cursor,
    };
    list->n = 0;
    return job_span_init(&list->span, &filter) ||
           err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
}

static bool load_page(struct db *db, struct list *list, struct db_result *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    if (!find_span(list, list->filter->cursor, e)) {
        return false;
    }
    job_list_columns(sql);
    g_string_append_printf(sql,
                           " FROM dead_letters d FORCE INDEX (%s) STRAIGHT_JOIN background_jobs j ON j.id = d.live_id",
                           index_of(list->filter));
    append_where(sql, list);
    g_string_append(sql, " ORDER BY d.created_at DESC, d.job_id DESC LIMIT ?");
    add(list, DB_INT(list->filter->limit + 1));
    return db_run(db, ret, e, sql->str, list->params, list->n);
}

static bool count(struct db *db, struct list *list, int64_t *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!find_span(list, NULL, e)) {
        return false;
    }
    g_string_printf(sql, "SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters d FORCE INDEX (%s)", index_of(list->filter));
    append_where(sql, list);
    g_string_append(sql, " AND d.live_id IS NOT NULL LIMIT ?) found");
    add(list, DB_INT(COUNT_MAX));
    if (!db_run(db, &r, e, sql->str, list->params, list->n)) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

bool dead_letters_list(struct db *db, const struct dead_filter *filter, json_t **ret, struct err *e)
{
    struct list list = {.filter = filter};
    CLEANUP(db_result_release) struct db_result r = {0};
    int64_t total = 0;
    if (!load_page(db, &list, &r, e) || !count(db, &list, &total, e)) {
        return false;
    }
    size_t shown = MIN(r.rows, (size_t)filter->limit);
    json_t *rows = json_array();
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(rows, record_row_json(&job_record, &r, i, 0));
    }
    g_autofree char *next = NULL;
    if (r.rows > shown && shown > 0) {
        next = job_cursor_new(db_cell(&r, shown - 1, record_column(&job_record, "created_at")),
                              db_cell(&r, shown - 1, record_column(&job_record, "id")));
    }
    *ret = json_pack("{s:o, s:I, s:b, s:I, s:s?}", "dead_letters", rows, "total", (json_int_t)total, "total_capped",
                     total == COUNT_MAX, "limit", (json_int_t)filter->limit, "next_cursor", next);
    return true;
}

bool dead_letter_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such dead letter");
    }
    if (!db_run(db, &r, e,
                "SELECT 1 FROM dead_letters WHERE job_id = ? AND organization_id = ? AND live_id IS NOT NULL",
                DB_PARAMS(db_text(id), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such dead letter");
    }
    return job_get(db, organization_id, id, ret, e);
}

/* --- discard ----------------------------------------------------------------------------------------------------- */

struct discard {
    const char *organization_id;
    const char *id;
    const char *user;
    const char *request_id;
    enum dead_discard result;
};

static bool write_discard(struct db *db, const struct discard *d, const char *cause, struct err *e)
{
    json_auto_t *changes = json_pack("{s:{s:s?, s:s}}", "dead_letter", "from", cause, "to", "discarded");
    const struct audit_entry entry = {
        .organization_id = d->organization_id,
        .actor = d->user,
        .action = "dead_letter.discard",
        .subject = d->id,
        .request_id = d->request_id,
        .changes = changes,
    };
    g_autoptr(GPtrArray) ids = sql_ids_of(d->id);
    /* A message of it that is still to be published must not be any more. */
    return db_run(db, NULL, e,
                  "UPDATE background_jobs SET discarded_at = UTC_TIMESTAMP(6), dispatch_at = NULL,"
                  " updated_at = UTC_TIMESTAMP(6), updated_by = ? WHERE id = ? AND status = 'failed'",
                  DB_PARAMS(db_text(d->user), db_text(d->id))) &&
           dead_letters_end(db, ids, e) && audit_write(db, &entry, e);
}

static bool discard_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct discard *d = arg;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT status = 'failed', discarded_at IS NOT NULL, cause FROM background_jobs"
                " WHERE id = ? AND organization_id = ? FOR UPDATE",
                DB_PARAMS(db_text(d->id), db_text(d->organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such dead letter");
    }
    if (db_cell_int(&r, 0, 0) == 0) {
        d->result = DEAD_DISCARD_NOT_DEAD;
        return true;
    }
    d->result = db_cell_int(&r, 0, 1) != 0 ? DEAD_DISCARD_ALREADY : DEAD_DISCARD_DONE;
    return d->result == DEAD_DISCARD_ALREADY || write_discard(db, d, db_cell(&r, 0, 2), e);
}

bool dead_letter_discard(struct db *db, const char *organization_id, const char *id, const char *user,
                         const char *request_id, enum dead_discard *ret, struct err *e)
{
    struct discard d = {.organization_id = organization_id, .id = id, .user = user, .request_id = request_id};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such dead letter");
    }
    if (!db_transaction(db, discard_body, &d, e)) {
        return false;
    }
    *ret = d.result;
    return true;
}
