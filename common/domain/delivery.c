/*
 * delivery.c: what becomes of a delivery, in MariaDB.
 */
#include "domain/delivery.h"

#include <string.h>

#include "domain/event.h"
#include "domain/job_types.h"
#include "ground/clock.h"
#include "ground/json.h"

#define JOB_TIMEOUT_S 120
/* What a delivery's own job may start from: a failed one is open to it, for somebody has retried it. */
#define OPEN_STATES "('queued', 'held', 'failed')"

struct job_new delivery_job(const char *organization_id, const char *job_id, const char *payload,
                            const char *created_by)
{
    const struct job_type *type = job_type_find(DELIVERY_JOB_TYPE);
    return (struct job_new){
        .id = job_id,
        .organization_id = organization_id,
        .job_type = DELIVERY_JOB_TYPE,
        .created_by = created_by,
        .payload_text = payload,
        .max_retries = DELIVERY_MAX_RETRIES,
        .timeout_s = type == NULL ? JOB_TIMEOUT_S : type->timeout_s,
        .left_to_relay = true,
    };
}

/* --- load --------------------------------------------------------------------------------------------------------- */

static bool load_row(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &delivery_record, "d.", false);
    g_string_append(sql, ", COALESCE(v.data, '{}'), IF(d.channel = 'webhook', v.recipients, NULL) FROM deliveries d"
                         " LEFT JOIN notification_events v ON v.id = d.event_id WHERE d.id = ? AND"
                         " d.organization_id = ?");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    *ret = record_row_json(&delivery_record, &r, 0, 0);
    json_object_set_new(*ret, "data", json_loads(db_cell(&r, 0, r.columns - 2), 0, NULL));
    if (db_cell(&r, 0, r.columns - 1) != NULL) {
        json_object_set_new(*ret, "recipients", json_loads(db_cell(&r, 0, r.columns - 1), 0, NULL));
    }
    return true;
}

/* The held members of a digest, the oldest first, with what their templates may name; and how many there are. */
static bool load_members(struct db *db, json_t *digest, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT d.id, d.event, d.severity, d.created_at, v.data, COUNT(*) OVER () FROM deliveries d"
                " JOIN notification_events v ON v.id = d.event_id WHERE d.digest_id = ? AND d.state = 'held'"
                " ORDER BY d.id LIMIT ?",
                DB_PARAMS(db_text(json_text(digest, "id")), DB_INT(DELIVERY_DIGEST_SHOWN)))) {
        return false;
    }
    json_t *members = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(members, json_pack("{s:s, s:s, s:s, s:s, s:o?}", "id", db_cell(&r, i, 0), "event",
                                                 db_cell(&r, i, 1), "severity", db_cell(&r, i, 2), "created_at",
                                                 db_cell(&r, i, 3), "data", json_loads(db_cell(&r, i, 4), 0, NULL)));
    }
    json_object_set_new(digest, "members", members);
    json_object_set_new(digest, "members_n", json_integer(r.rows == 0 ? 0 : db_cell_int(&r, 0, 5)));
    return true;
}

bool delivery_is_digest(const json_t *delivery)
{
    return g_strcmp0(json_text(delivery, "event"), DELIVERY_DIGEST) == 0;
}

bool delivery_load(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    json_auto_t *found = NULL;
    if (!load_row(db, organization_id, id, &found, e) || (delivery_is_digest(found) && !load_members(db, found, e))) {
        return false;
    }
    *ret = json_incref(found);
    return true;
}

bool delivery_is_open(const json_t *delivery, const char *job_id)
{
    const char *state = json_text(delivery, "state");
    bool is_held_by_digest = json_text(delivery, "digest_id") != NULL;
    bool is_ours = g_strcmp0(json_text(delivery, "job_id"), job_id) == 0;
    return is_ours && !is_held_by_digest && (g_str_equal(state, "queued") || g_str_equal(state, "held"));
}

/* --- held --------------------------------------------------------------------------------------------------------- */

static struct db_param time_param(int64_t wall_us, char out[CLOCK_TEXT_BYTES])
{
    if (wall_us == 0) {
        return DB_NULL;
    }
    clock_format_sql(wall_us, out);
    return db_text(out);
}

bool delivery_hold(struct db *db, const char *id, enum notify_hold reason, int64_t until_us, struct err *e)
{
    char until[CLOCK_TEXT_BYTES];
    return db_run(db, NULL, e,
                  "UPDATE deliveries SET state = 'held', hold_reason = ?, held_until = ?, updated_at ="
                  " UTC_TIMESTAMP(6) WHERE id = ? AND state IN " OPEN_STATES,
                  DB_PARAMS(db_text(notify_hold_names[reason]), time_param(until_us, until), db_text(id)));
}

struct joining {
    const json_t *delivery;
    char slot[CLOCK_TEXT_BYTES];
    int64_t slot_us;
    bool is_late; /* it has begun to be sent */
    char digest_id[UUID_TEXT_BYTES];
};

/* The digest of the slot, locked so that it is not sent before this one has joined. */
static bool find_digest(struct db *db, struct joining *j, bool *ret_found, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    const json_t *d = j->delivery;
    if (!db_run(db, &r, e,
                "SELECT id, state FROM deliveries WHERE organization_id = ? AND channel = ? AND recipient = ? AND"
                " address = ? AND digest_slot = ? FOR UPDATE",
                DB_PARAMS(db_text(json_text(d, "organization_id")), db_text(json_text(d, "channel")),
                          db_text(json_text(d, "recipient")), db_text(json_text(d, "address")), db_text(j->slot)))) {
        return false;
    }
    *ret_found = r.rows > 0;
    if (*ret_found) {
        g_strlcpy(j->digest_id, db_cell(&r, 0, 0), sizeof(j->digest_id));
        j->is_late = strcmp(db_cell(&r, 0, 1), "held") != 0;
    }
    return true;
}

static bool make_digest(struct db *db, struct joining *j, struct err *e)
{
    static const char sql[] =
        "INSERT INTO deliveries (id, organization_id, event, severity, channel, recipient, address, locale, timezone,"
        " state, hold_reason, held_until, job_id, digest_slot, copy, created_at, updated_at) SELECT ?, organization_id,"
        " ?, 'info', channel, recipient, address, locale, timezone, 'held', 'digest', ?, ?, ?, 0, UTC_TIMESTAMP(6),"
        " UTC_TIMESTAMP(6) FROM deliveries WHERE id = ?";
    char job_id[UUID_TEXT_BYTES];
    uuid7_new(j->digest_id);
    uuid7_new(job_id);
    g_autofree char *payload = g_strdup_printf("{\"delivery_id\":\"%s\"}", j->digest_id);
    struct job_new job = delivery_job(json_text(j->delivery, "organization_id"), job_id, payload, NULL);
    job.scheduled_wall_us = j->slot_us;
    return db_run(db, NULL, e, sql,
                  DB_PARAMS(db_text(j->digest_id), db_text(DELIVERY_DIGEST), db_text(j->slot), db_text(job_id),
                            db_text(j->slot), db_text(json_text(j->delivery, "id")))) &&
           job_insert_within(db, &job, 1, e);
}

static bool join(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct joining *j = arg;
    bool found = false;
    j->is_late = false;
    if (!find_digest(db, j, &found, e) || (!found && !make_digest(db, j, e))) {
        return false;
    }
    return j->is_late ||
           db_run(db, NULL, e,
                  "UPDATE deliveries SET state = 'held', hold_reason = 'digest', held_until = ?, digest_id = ?,"
                  " updated_at = UTC_TIMESTAMP(6) WHERE id = ? AND state IN " OPEN_STATES,
                  DB_PARAMS(db_text(j->slot), db_text(j->digest_id), db_text(json_text(j->delivery, "id"))));
}

bool delivery_join_digest(struct db *db, const json_t *delivery, int64_t slot_us, bool *ret_is_late, struct err *e)
{
    struct joining j = {.delivery = delivery, .slot_us = slot_us};
    struct err cause = ERR_INIT;
    clock_format_sql(slot_us, j.slot);
    bool ok = db_transaction(db, join, &j, &cause);
    if (!ok && cause.code == ERR_DUPLICATE) {
        cause = (struct err)ERR_INIT;
        ok = db_transaction(db, join, &j, &cause); /* somebody else has just made it */
    }
    *ret_is_late = j.is_late;
    if (!ok) {
        *e = cause;
    }
    return ok;
}

/* Another digest may have the new slot by now; then both go at that time. */
static bool move_digest(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    const struct joining *j = arg;
    return db_run(db, NULL, e,
                  "UPDATE IGNORE deliveries SET digest_slot = ? WHERE id = ? AND state = 'held' AND hold_reason ="
                  " 'digest'",
                  DB_PARAMS(db_text(j->slot), db_text(j->digest_id))) &&
           db_run(db, NULL, e,
                  "UPDATE deliveries SET held_until = ?, updated_at = UTC_TIMESTAMP(6) WHERE (id = ? OR digest_id = ?)"
                  " AND state = 'held' AND hold_reason = 'digest'",
                  DB_PARAMS(db_text(j->slot), db_text(j->digest_id), db_text(j->digest_id)));
}

bool delivery_move_digest(struct db *db, const char *id, int64_t slot_us, struct err *e)
{
    struct joining j = {.slot_us = slot_us};
    clock_format_sql(slot_us, j.slot);
    g_strlcpy(j.digest_id, id, sizeof(j.digest_id));
    return db_transaction(db, move_digest, &j, e);
}

/* Whoever is joining has the row locked until that is committed; whoever comes later finds it queued. */
bool delivery_close_digest(struct db *db, json_t *digest, struct err *e)
{
    return db_run(db, NULL, e,
                  "UPDATE deliveries SET state = 'queued', hold_reason = NULL, held_until = NULL, updated_at ="
                  " UTC_TIMESTAMP(6) WHERE id = ? AND state = 'held'",
                  DB_PARAMS(db_text(json_text(digest, "id")))) &&
           load_members(db, digest, e);
}

/* --- tries -------------------------------------------------------------------------------------------------------- */

/* Whether the transaction whose COMMIT had no answer has come through after all. */
static bool has_begun(struct db *db, const struct delivery_try *t, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT 1 FROM delivery_attempts WHERE delivery_id = ? AND number = ? AND provider = ? AND outcome ="
                " 'unknown'",
                DB_PARAMS(db_text(t->delivery_id), DB_INT(t->number), db_text(t->provider)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static bool insert_try(struct db *db, struct delivery_try *t, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "INSERT INTO delivery_attempts (delivery_id, number, provider, outcome, started_at)"
                " SELECT ?, COALESCE(MAX(number), 0) + 1, ?, 'unknown', UTC_TIMESTAMP(6) FROM delivery_attempts"
                " WHERE delivery_id = ? RETURNING number",
                DB_PARAMS(db_text(t->delivery_id), db_text(t->provider), db_text(t->delivery_id)))) {
        return false;
    }
    t->number = db_cell_int(&r, 0, 0);
    return true;
}

static bool begin_try(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct delivery_try *t = arg;
    bool has_come_through = false;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (repeated && t->number > 0 && !has_begun(db, t, &has_come_through, e)) {
        return false;
    }
    if (has_come_through) {
        return true;
    }
    if (!db_run(db, &r, e,
                "UPDATE deliveries SET state = 'queued', hold_reason = NULL, held_until = NULL, provider = ?,"
                " updated_at = UTC_TIMESTAMP(6) WHERE id = ? AND state IN " OPEN_STATES,
                DB_PARAMS(db_text(t->provider), db_text(t->delivery_id)))) {
        return false;
    }
    t->is_over = r.affected == 0;
    return t->is_over || insert_try(db, t, e);
}

bool delivery_try_begin(struct db *db, struct delivery_try *try, struct err *e)
{
    return db_transaction(db, begin_try, try, e);
}

struct ending {
    const struct delivery_try *try;
    const char *message_id;
};

/* With a digest, all that are held for it: since it was closed nobody can join it any more. What a callback has moved
 * on before the answer came stays there, and learns what the provider calls it. */
static bool mark_sent(struct db *db, const struct ending *end, struct err *e)
{
    const char *id = end->try->delivery_id;
    struct db_param message_id = end->message_id[0] == '\0' ? DB_NULL : db_text(end->message_id);
    return db_run(db, NULL, e,
                  "UPDATE deliveries SET hold_reason = NULL, held_until = NULL, provider ="
                  " IF(provider_message_id IS NULL OR state IN " OPEN_STATES ", ?, provider), provider_message_id ="
                  " IF(state IN " OPEN_STATES
                  ", ?, COALESCE(provider_message_id, ?)), error_message = IF(state IN " OPEN_STATES
                  ", NULL, error_message), sent_at = IF(state IN " OPEN_STATES ", UTC_TIMESTAMP(6),"
                  " sent_at), updated_at = UTC_TIMESTAMP(6), state = IF(state IN " OPEN_STATES ", 'sent', state)"
                  " WHERE (id = ? AND state <> 'sent') OR (digest_id = ? AND state = 'held')",
                  DB_PARAMS(db_text(end->try->provider), message_id, message_id, db_text(id), db_text(id)));
}

static bool end_try(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    const struct ending *end = arg;
    const struct delivery_try *t = end->try;
    return db_run(db, NULL, e,
                  "UPDATE delivery_attempts SET outcome = ?, code = ?, reply = LEFT(?, 500), latency_ms = ?"
                  " WHERE delivery_id = ? AND number = ?",
                  DB_PARAMS(db_text(t->outcome), t->code == 0 ? DB_NULL : DB_INT(t->code), db_text(t->reply),
                            DB_INT(t->latency_ms), db_text(t->delivery_id), DB_INT(t->number))) &&
           (end->message_id == NULL || mark_sent(db, end, e));
}

bool delivery_try_end(struct db *db, const struct delivery_try *try, const char *message_id, struct err *e)
{
    struct ending end = {.try = try, .message_id = message_id};
    return db_transaction(db, end_try, &end, e);
}

bool delivery_note(struct db *db, const char *id, const char *error, struct err *e)
{
    return db_run(db, NULL, e,
                  "UPDATE deliveries SET error_message = LEFT(?, 2000), updated_at = UTC_TIMESTAMP(6) WHERE id = ?"
                  " AND state IN " OPEN_STATES,
                  DB_PARAMS(db_text(error), db_text(id)));
}

bool delivery_fail(struct db *db, const char *id, const char *error, struct err *e)
{
    return db_run(
        db, NULL, e,
        "UPDATE deliveries SET state = 'failed', hold_reason = NULL, held_until = NULL, error_message ="
        " LEFT(?, 2000), updated_at = UTC_TIMESTAMP(6) WHERE (id = ? OR digest_id = ?) AND state IN " OPEN_STATES,
        DB_PARAMS(db_text(error), db_text(id), db_text(id)));
}
