/*
 * event.c: events in MariaDB.
 */
#include "domain/event.h"
#include "ground/json.h"

#include <string.h>

/* --- read --------------------------------------------------------------------------------------------------------- */

static bool not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "There is no such event");
}

static bool load(struct db *db, const char *organization_id, const char *column, const char *value, json_t **ret,
                 struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &event_record, "", false);
    g_string_append_printf(sql, " FROM notification_events WHERE %s = ? AND organization_id = ?", column);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(value), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return not_found(e);
    }
    *ret = record_row_json(&event_record, &r, 0, 0);
    return true;
}

/* Adds how many of its deliveries are in which state. */
static bool add_counts(struct db *db, json_t *event, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    const char *id = json_string_value(json_object_get(event, "id"));
    if (!db_run(db, &r, e, "SELECT state, COUNT(*) FROM deliveries WHERE event_id = ? GROUP BY state",
                DB_PARAMS(db_text(id)))) {
        return false;
    }
    json_t *counts = json_object();
    for (size_t i = 0; i < r.rows; i++) {
        json_object_set_new(counts, db_cell(&r, i, 0), json_integer(db_cell_int(&r, i, 1)));
    }
    json_object_set_new(event, "deliveries", counts);
    return true;
}

static bool find(struct db *db, const char *organization_id, const char *column, const char *value, json_t **ret,
                 struct err *e)
{
    json_auto_t *event = NULL;
    if (!load(db, organization_id, column, value, &event, e) || !add_counts(db, event, e)) {
        return false;
    }
    *ret = json_incref(event);
    return true;
}

bool event_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    return uuid_is_valid(id) ? find(db, organization_id, "id", id, ret, e) : not_found(e);
}

/* --- create ------------------------------------------------------------------------------------------------------- */

struct create {
    const struct event_new *event;
    char *recipients;
    char *data;
};

static bool insert_event(struct db *db, const struct create *c, struct err *e)
{
    static const char sql[] = "INSERT INTO notification_events (id, organization_id, event, severity, dedupe_key,"
                              " recipients, data, job_id, created_at, created_by)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)";
    const struct event_new *n = c->event;
    const json_t *body = n->body;
    const char *severity = json_string_value(json_object_get(body, "severity"));
    return db_run(db, NULL, e, sql,
                  DB_PARAMS(db_text(n->id), db_text(n->organization_id),
                            db_text(json_string_value(json_object_get(body, "event"))),
                            db_text(severity == NULL ? notify_severity_names[NOTIFY_INFO] : severity),
                            db_text(json_string_value(json_object_get(body, "dedupe_key"))), db_text(c->recipients),
                            db_text(c->data), db_text(n->job.id), db_text(n->created_by)));
}

static bool insert_both(struct db *db, void *arg, bool repeated, struct err *e)
{
    const struct create *c = arg;
    const struct event_new *n = c->event;
    json_auto_t *found = NULL;
    struct err none = ERR_INIT;
    if (repeated && load(db, n->organization_id, "id", n->id, &found, &none)) {
        return true;
    }
    json_auto_t *payload = json_pack("{s:s}", "event_id", n->id);
    struct job_new job = n->job;
    job.payload = payload;
    return insert_event(db, c, e) && job_insert_within(db, &job, 1, e);
}

bool event_create(struct db *db, const struct event_new *event, enum event_insert *ret_outcome, json_t **ret,
                  struct err *e)
{
    json_auto_text char *recipients = json_dumps(json_object_get(event->body, "recipients"), JSON_COMPACT);
    json_t *data = json_object_get(event->body, "data");
    json_auto_text char *data_text = json_is_object(data) ? json_dumps(data, JSON_COMPACT) : strdup("{}");
    struct create c = {.event = event, .recipients = recipients, .data = data_text};
    struct err cause = ERR_INIT;
    const char *key = json_string_value(json_object_get(event->body, "dedupe_key"));
    if (db_transaction(db, insert_both, &c, &cause)) {
        *ret_outcome = EVENT_INSERTED;
        return find(db, event->organization_id, "id", event->id, ret, e);
    }
    if (cause.code == ERR_DUPLICATE && key != NULL) {
        *ret_outcome = EVENT_KNOWN;
        return find(db, event->organization_id, "dedupe_key", key, ret, e);
    }
    *e = cause;
    return false;
}
