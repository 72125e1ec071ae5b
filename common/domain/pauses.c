#include "domain/pauses.h"

#include <glib.h>

#include "domain/audit.h"
#include "ground/clock.h"

struct pause_change {
    const struct gate_change *change;
    const char *reason;
    bool was_there; /* before the change */
};

struct gate_change gate_change_of(const char *organization_id, const char *job_type, const char *actor,
                                  const char *request_id)
{
    struct gate_change change = {.actor = actor, .request_id = request_id};
    g_strlcpy(change.key.organization_id, organization_id, sizeof(change.key.organization_id));
    g_strlcpy(change.key.job_type, job_type, sizeof(change.key.job_type));
    return change;
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static bool write_audit(struct db *db, const struct pause_change *p, const char *action, struct err *e)
{
    const struct gate_change *c = p->change;
    json_auto_t *changes = json_pack("{s:{s:s?}}", "reason", "to", p->reason);
    const struct audit_entry entry = {
        .organization_id = text_or_null(c->key.organization_id),
        .actor = c->actor,
        .action = action,
        .subject = text_or_null(c->key.job_type),
        .request_id = c->request_id,
        .changes = p->reason == NULL ? NULL : changes,
    };
    return audit_write(db, &entry, e);
}

static bool lock_pause(struct db *db, struct pause_change *p, bool *ret_same, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(
            db, &r, e, "SELECT reason <=> ? FROM pauses WHERE organization_id = ? AND job_type = ? FOR UPDATE",
            DB_PARAMS(db_text(p->reason), db_text(p->change->key.organization_id), db_text(p->change->key.job_type)))) {
        return false;
    }
    p->was_there = r.rows > 0;
    *ret_same = r.rows > 0 && db_cell_int(&r, 0, 0) != 0;
    return true;
}

static bool set_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    static const char sql[] = "INSERT INTO pauses (organization_id, job_type, reason, created_by, created_at)"
                              " VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE reason = VALUES(reason)";
    struct pause_change *p = arg;
    bool is_same = false;
    bool was_there = p->was_there;
    if (!lock_pause(db, p, &is_same, e)) {
        return false;
    }
    if (repeated) {
        p->was_there = was_there; /* what was found before the commit whose outcome is unknown */
    }
    if (is_same) {
        return true;
    }
    return db_run(db, NULL, e, sql,
                  DB_PARAMS(db_text(p->change->key.organization_id), db_text(p->change->key.job_type),
                            db_text(p->reason), db_text(p->change->actor))) &&
           write_audit(db, p, "jobs.pause", e);
}

bool pause_set(struct db *db, const struct gate_change *change, const char *reason, bool *ret_new, struct err *e)
{
    struct pause_change p = {.change = change, .reason = reason};
    if (!db_transaction(db, set_body, &p, e)) {
        return false;
    }
    *ret_new = !p.was_there;
    return true;
}

static bool clear_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct pause_change *p = arg;
    bool is_same = false;
    if (!lock_pause(db, p, &is_same, e)) {
        return false;
    }
    if (!p->was_there) {
        return repeated || err_set(e, ERR_NOT_FOUND, "There is no such pause");
    }
    return db_run(db, NULL, e, "DELETE FROM pauses WHERE organization_id = ? AND job_type = ?",
                  DB_PARAMS(db_text(p->change->key.organization_id), db_text(p->change->key.job_type))) &&
           write_audit(db, p, "jobs.resume", e);
}

bool pause_clear(struct db *db, const struct gate_change *change, struct err *e)
{
    struct pause_change p = {.change = change};
    return db_transaction(db, clear_body, &p, e);
}

/* --- list -------------------------------------------------------------------------------------------------------- */

static json_t *json_pause(const struct db_result *r, size_t row)
{
    char created[CLOCK_TEXT_BYTES] = "";
    int64_t created_us = 0;
    if (clock_parse_sql(db_cell(r, row, 4), &created_us)) {
        clock_format_rfc3339(created_us, created);
    }
    const char *org = text_or_null(db_cell(r, row, 0));
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:s}", "scope", org == NULL ? "deployment" : "organization",
                     "organization_id", org, "job_type", text_or_null(db_cell(r, row, 1)), "reason", db_cell(r, row, 2),
                     "created_by", db_cell(r, row, 3), "created_at", created);
}

bool pauses_list(struct db *db, const char *organization_id, json_t **ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT organization_id, job_type, reason, created_by, created_at FROM pauses"
                " WHERE ? IS NULL OR organization_id IN ('', ?) ORDER BY organization_id, job_type",
                DB_PARAMS(db_text(organization_id), db_text(organization_id)))) {
        return false;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(list, json_pause(&r, i));
    }
    *ret = list;
    return true;
}
