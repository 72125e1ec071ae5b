#include "domain/limits.h"

#include <glib.h>

#include "domain/audit.h"

#define HELD_COUNT_MAX 10000

/* --- set and clear ----------------------------------------------------------------------------------------------- */

struct limit_change {
    const struct gate_change *change;
    int64_t max_running;
    int64_t max_per_minute;
    struct db_result before; /* (max_running, max_per_minute), or no row */
};

static void limit_change_release(struct limit_change *c)
{
    db_result_release(&c->before);
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static json_t *json_number(const struct limit_change *c, size_t column, int64_t to)
{
    const char *from = c->before.rows == 0 ? NULL : db_cell(&c->before, 0, column);
    return json_pack("{s:o, s:o}", "from",
                     from == NULL ? json_null() : json_integer(db_cell_int(&c->before, 0, column)), "to",
                     to < 0 ? json_null() : json_integer(to));
}

static bool write_audit(struct db *db, const struct limit_change *c, const char *action, struct err *e)
{
    json_auto_t *changes = json_object();
    if (c->max_running >= 0 || c->max_per_minute < 0) {
        json_object_set_new(changes, "max_running", json_number(c, 0, c->max_running));
    }
    if (c->max_per_minute >= 0 || c->max_running < 0) {
        json_object_set_new(changes, "max_per_minute", json_number(c, 1, c->max_per_minute));
    }
    const struct audit_entry entry = {
        .organization_id = text_or_null(c->change->key.organization_id),
        .actor = c->change->actor,
        .action = action,
        .subject = text_or_null(c->change->key.job_type),
        .request_id = c->change->request_id,
        .changes = changes,
    };
    return audit_write(db, &entry, e);
}

static bool lock_limit(struct db *db, struct limit_change *c, struct err *e)
{
    db_result_release(&c->before);
    c->before = (struct db_result){0};
    return db_run(
        db, &c->before, e,
        "SELECT max_running, max_per_minute FROM job_limits WHERE organization_id = ? AND job_type = ? FOR UPDATE",
        DB_PARAMS(db_text(c->change->key.organization_id), db_text(c->change->key.job_type)));
}

static struct db_param number_or_null(int64_t value)
{
    return value < 0 ? DB_NULL : DB_INT(value);
}

/* Another pace counts from now on. Doing it once more changes nothing but the audit log. */
static bool set_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    static const char sql[] =
        "INSERT INTO job_limits (organization_id, job_type, max_running, max_per_minute, updated_by, updated_at)"
        " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE"
        " max_running = COALESCE(VALUES(max_running), max_running),"
        " tat_us = IF(COALESCE(VALUES(max_per_minute), max_per_minute) <=> max_per_minute, tat_us, 0),"
        " max_per_minute = COALESCE(VALUES(max_per_minute), max_per_minute),"
        " updated_by = VALUES(updated_by), updated_at = VALUES(updated_at)";
    struct limit_change *c = arg;
    return lock_limit(db, c, e) &&
           db_run(db, NULL, e, sql,
                  DB_PARAMS(db_text(c->change->key.organization_id), db_text(c->change->key.job_type),
                            number_or_null(c->max_running), number_or_null(c->max_per_minute),
                            db_text(c->change->actor))) &&
           write_audit(db, c, "job_limits.set", e);
}

bool limit_set(struct db *db, const struct gate_change *change, int64_t max_running, int64_t max_per_minute,
               struct err *e)
{
    CLEANUP(limit_change_release)
    struct limit_change c = {.change = change, .max_running = max_running, .max_per_minute = max_per_minute};
    return db_transaction(db, set_body, &c, e);
}

static bool clear_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct limit_change *c = arg;
    if (!lock_limit(db, c, e)) {
        return false;
    }
    bool is_set = c->before.rows > 0 && (db_cell(&c->before, 0, 0) != NULL || db_cell(&c->before, 0, 1) != NULL);
    if (!is_set) {
        return repeated || err_set(e, ERR_NOT_FOUND, "There is no such limit");
    }
    return db_run(db, NULL, e, "DELETE FROM job_limits WHERE organization_id = ? AND job_type = ?",
                  DB_PARAMS(db_text(c->change->key.organization_id), db_text(c->change->key.job_type))) &&
           write_audit(db, c, "job_limits.clear", e);
}

bool limit_clear(struct db *db, const struct gate_change *change, struct err *e)
{
    CLEANUP(limit_change_release)
    struct limit_change c = {.change = change, .max_running = -1, .max_per_minute = -1};
    return db_transaction(db, clear_body, &c, e);
}

/* --- list -------------------------------------------------------------------------------------------------------- */

/* Jobs of an organization, or of all, and of a type, or of all. */
static const struct {
    const char *name;
    const char *sql; /* with %s for the condition */
} usages[] = {
    {"running", "SELECT COUNT(*) FROM background_jobs WHERE status = 'processing'%s"},
    {"queued", "SELECT COALESCE(SUM(jobs), 0) FROM job_counts WHERE status = 'queued'%s"},
    {"held", "SELECT COUNT(*) FROM (SELECT 1 FROM held_jobs WHERE released = 0%s LIMIT 10001) found"},
};

static bool add_usage(struct db *db, const char *org, const char *type, json_t *limit, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
        struct db_param params[2];
        size_t n = 0;
        g_autoptr(GString) where = g_string_new(NULL);
        if (org != NULL) {
            g_string_append(where, " AND organization_id = ?");
            params[n++] = db_text(org);
        }
        if (type != NULL) {
            g_string_append(where, " AND job_type = ?");
            params[n++] = db_text(type);
        }
        GString *sql = g_string_new(usages[i].sql);
        g_string_replace(sql, "%s", where->str, 1);
        g_autofree char *text = g_string_free(sql, FALSE);
        CLEANUP(db_result_release) struct db_result r = {0};
        if (!db_run(db, &r, e, text, params, n)) {
            return false;
        }
        json_object_set_new(limit, usages[i].name, json_integer(db_cell_int(&r, 0, 0)));
    }
    int64_t held = json_integer_value(json_object_get(limit, "held"));
    json_object_set_new(limit, "held", json_integer(MIN(held, HELD_COUNT_MAX)));
    json_object_set_new(limit, "held_capped", json_boolean(held > HELD_COUNT_MAX));
    return true;
}

static json_t *number_of(int64_t value)
{
    return value == 0 ? json_null() : json_integer(value);
}

static bool add_limit(struct db *db, json_t *list, const char *viewer, const char *org, const char *type,
                      int64_t max_running, int64_t max_per_minute, struct err *e)
{
    json_t *limit = json_pack("{s:s, s:s?, s:s?, s:o, s:o}", "scope", org == NULL ? "deployment" : "organization",
                              "organization_id", org, "job_type", type, "max_running", number_of(max_running),
                              "max_per_minute", number_of(max_per_minute));
    json_array_append_new(list, limit);
    return add_usage(db, viewer != NULL ? viewer : org, type, limit, e);
}

static bool list_rows(struct db *db, const struct db_result *r, const char *viewer, int64_t org_max_running,
                      json_t *list, struct err *e)
{
    bool has_own = false;
    for (size_t i = 0; i < r->rows; i++) {
        const char *org = text_or_null(db_cell(r, i, 0));
        const char *type = text_or_null(db_cell(r, i, 1));
        bool is_whole = org != NULL && type == NULL;
        int64_t running = db_cell(r, i, 2) == NULL && is_whole ? org_max_running : db_cell_int(r, i, 2);
        has_own = has_own || is_whole;
        if (!add_limit(db, list, viewer, org, type, running, db_cell_int(r, i, 3), e)) {
            return false;
        }
    }
    return viewer == NULL || has_own || org_max_running == 0 ||
           add_limit(db, list, viewer, viewer, NULL, org_max_running, 0, e);
}

bool limits_list(struct db *db, const char *organization_id, int64_t org_max_running, json_t **ret, struct err *e)
{
    static const char sql[] =
        "SELECT organization_id, job_type, max_running, max_per_minute FROM job_limits"
        " WHERE (? IS NULL OR organization_id IN ('', ?)) AND (max_running IS NOT NULL OR max_per_minute IS NOT NULL)"
        " ORDER BY organization_id, job_type";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(organization_id), db_text(organization_id)))) {
        return false;
    }
    json_auto_t *list = json_array();
    if (!list_rows(db, &r, organization_id, org_max_running, list, e)) {
        return false;
    }
    *ret = json_incref(list);
    return true;
}
