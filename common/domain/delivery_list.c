/*
 * delivery_list.c: deliveries page by page, and one with all that is known of it.
 *
 * Each filter has an index whose rows lie in the order of the list; of several the most telling is used.
 */
#include <string.h>

#include "domain/delivery.h"
#include "domain/job_list_sql.h"

#define PARAMS_MAX 16

struct list {
    const struct delivery_filter *filter;
    struct job_span span;
    struct db_param params[PARAMS_MAX];
    size_t n;
};

static void add(struct list *list, struct db_param param)
{
    g_assert(list->n < PARAMS_MAX);
    list->params[list->n++] = param;
}

struct condition {
    const char *column;
    const char *value;
    const char *index;
};

enum { CONDITIONS = 7 };

/* The most telling first. */
static void conditions_of(const struct delivery_filter *f, struct condition out[CONDITIONS])
{
    const struct condition all[CONDITIONS] = {
        {"event_id", f->event_id, "uq_deliveries_target"},  {"recipient", f->recipient, "ix_deliveries_recipient"},
        {"address", f->address, "ix_deliveries_address"},   {"state", f->state, "ix_deliveries_state"},
        {"event", f->event, "ix_deliveries_event"},         {"channel", f->channel, "ix_deliveries_channel"},
        {"provider", f->provider, "ix_deliveries_created"},
    };
    memcpy(out, all, sizeof(all));
}

static const char *index_of(const struct condition *conditions)
{
    for (size_t i = 0; i < CONDITIONS; i++) {
        if (conditions[i].value != NULL) {
            return conditions[i].index;
        }
    }
    return "ix_deliveries_created";
}

/* The second comparison is a sum so that the optimizer does not make ranges of it (job_list_sql.c). */
static void append_where(GString *sql, struct list *list, const struct condition *conditions)
{
    g_string_append(sql, " WHERE organization_id = ?");
    add(list, db_text(list->filter->organization_id));
    for (size_t i = 0; i < CONDITIONS; i++) {
        if (conditions[i].value != NULL) {
            g_string_append_printf(sql, " AND %s = ?", conditions[i].column);
            add(list, db_text(conditions[i].value));
        }
    }
    g_string_append(sql, " AND created_at > ? AND created_at <= ? AND (created_at < ?) + (id < ?) > 0");
    add(list, db_text(list->span.after));
    add(list, db_text(list->span.before));
    add(list, db_text(list->span.before));
    add(list, db_text(list->span.before_id));
}

static bool find_span(struct list *list, struct err *e)
{
    const struct job_filter filter = {
        .created_after_us = list->filter->created_after_us,
        .created_before_us = list->filter->created_before_us,
        .cursor = list->filter->cursor,
    };
    return job_span_init(&list->span, &filter) ||
           err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
}

static bool load_page(struct db *db, struct list *list, struct db_result *ret, struct err *e)
{
    struct condition conditions[CONDITIONS];
    g_autoptr(GString) sql = g_string_new("SELECT ");
    if (!find_span(list, e)) {
        return false;
    }
    conditions_of(list->filter, conditions);
    record_columns(sql, &delivery_record, "", false);
    g_string_append_printf(sql, " FROM deliveries FORCE INDEX (%s)", index_of(conditions));
    append_where(sql, list, conditions);
    g_string_append(sql, " ORDER BY created_at DESC, id DESC LIMIT ?");
    add(list, DB_INT(list->filter->limit + 1));
    return db_run(db, ret, e, sql->str, list->params, list->n);
}

bool delivery_list(struct db *db, const struct delivery_filter *filter, json_t **ret, struct err *e)
{
    struct list list = {.filter = filter};
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!load_page(db, &list, &r, e)) {
        return false;
    }
    size_t shown = MIN(r.rows, (size_t)filter->limit);
    json_t *rows = json_array();
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(rows, record_row_json(&delivery_record, &r, i, 0));
    }
    g_autofree char *next = NULL;
    if (r.rows > shown) {
        next = job_cursor_new(db_cell(&r, shown - 1, record_column(&delivery_record, "created_at")),
                              db_cell(&r, shown - 1, record_column(&delivery_record, "id")));
    }
    *ret = json_pack("{s:o, s:I, s:s?}", "deliveries", rows, "limit", (json_int_t)filter->limit, "next_cursor", next);
    return true;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static bool add_attempts(struct db *db, json_t *delivery, const char *id, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    CLEANUP(db_result_release) struct db_result r = {0};
    record_columns(sql, &delivery_attempt_record, "", false);
    g_string_append(sql, " FROM delivery_attempts WHERE delivery_id = ? ORDER BY number");
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id)))) {
        return false;
    }
    json_t *attempts = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(attempts, record_row_json(&delivery_attempt_record, &r, i, 0));
    }
    json_object_set_new(delivery, "attempts", attempts);
    return true;
}

static bool add_members(struct db *db, json_t *delivery, const char *id, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT id, event, state FROM deliveries WHERE digest_id = ? ORDER BY id LIMIT ?",
                DB_PARAMS(db_text(id), DB_INT(DELIVERY_DIGEST_SHOWN)))) {
        return false;
    }
    json_t *members = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(members, json_pack("{s:s, s:s, s:s}", "id", db_cell(&r, i, 0), "event", db_cell(&r, i, 1),
                                                 "state", db_cell(&r, i, 2)));
    }
    json_object_set_new(delivery, "members", members);
    return true;
}

bool delivery_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    CLEANUP(db_result_release) struct db_result r = {0};
    record_columns(sql, &delivery_record, "", false);
    g_string_append(sql, " FROM deliveries WHERE id = ? AND organization_id = ?");
    if (uuid_is_valid(id) && !db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    json_auto_t *found = record_row_json(&delivery_record, &r, 0, 0);
    if (!add_attempts(db, found, id, e) || (delivery_is_digest(found) && !add_members(db, found, id, e))) {
        return false;
    }
    *ret = json_incref(found);
    return true;
}
