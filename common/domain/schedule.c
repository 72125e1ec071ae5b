/*
 * schedule.c: schedules in MariaDB, as people make and change them.
 */
#include "domain/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "domain/audit.h"
#include "domain/record_patch.h"
#include "ground/clock.h"

/* --- the row ------------------------------------------------------------------------------------------------------ */

struct row {
    json_t *json; /* NULL: there is none */
    int64_t version;
    int64_t now_us; /* the database's clock */
};

static void row_release(struct row *row)
{
    json_decref(row->json);
    *row = (struct row){0};
}

static const char *text_of(const struct row *row, const char *name)
{
    return json_string_value(json_object_get(row->json, name));
}

static bool not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "There is no such schedule");
}

static bool load(struct db *db, const char *organization_id, const char *id, bool lock, struct row *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT version, UTC_TIMESTAMP(6), ");
    record_columns(sql, &schedule_record, "", false);
    g_string_append(sql, " FROM schedules WHERE id = ? AND organization_id = ?");
    g_string_append(sql, lock ? " FOR UPDATE" : "");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!uuid_is_valid(id)) {
        return not_found(e);
    }
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id), db_text(organization_id)))) {
        return false;
    }
    row_release(ret);
    if (r.rows == 0) {
        return not_found(e);
    }
    ret->json = record_row_json(&schedule_record, &r, 0, 2);
    ret->version = db_cell_int(&r, 0, 0);
    return clock_parse_sql(db_cell(&r, 0, 1), &ret->now_us) ||
           err_set(e, ERR_INTERNAL, "The database's time cannot be read");
}

/* Hands the row to the caller as answers show it. */
static void give(struct row *row, json_t **ret, int64_t *ret_version)
{
    bool paused = text_of(row, "paused_at") != NULL;
    json_object_set_new(row->json, "next_firings",
                        paused ? json_array()
                               : schedule_next_firings(text_of(row, "cron"), text_of(row, "timezone"), row->now_us,
                                                       SCHEDULE_FIRINGS_SHOWN));
    *ret = g_steal_pointer(&row->json);
    *ret_version = row->version;
}

bool schedule_get(struct db *db, const char *organization_id, const char *id, json_t **ret, int64_t *ret_version,
                  struct err *e)
{
    CLEANUP(row_release) struct row row = {0};
    if (!load(db, organization_id, id, false, &row, e)) {
        return false;
    }
    give(&row, ret, ret_version);
    return true;
}

/* --- what the changes share --------------------------------------------------------------------------------------- */

struct change {
    const struct schedule_call *call;
    const char *id;
    const char *action;
    const json_t *body; /* of schedule_create and schedule_update */
    struct problems *problems;
    bool paused;             /* wanted by schedule_pause */
    int64_t written_version; /* of the try whose COMMIT had no answer; 0: it wrote nothing */
    struct row row;          /* the outcome */
};

static struct audit_entry audit_of(const struct change *c, const json_t *changes)
{
    return (struct audit_entry){
        .organization_id = c->call->organization_id,
        .actor = c->call->user,
        .action = c->action,
        .subject = c->id,
        .request_id = c->call->request_id,
        .changes = changes,
    };
}

static bool write_audit(struct db *db, const struct change *c, const json_t *changes, struct err *e)
{
    struct audit_entry entry = audit_of(c, changes);
    return audit_write(db, &entry, e);
}

/* Locks the row. ret_done: an earlier try has done it all. */
static bool begin(struct db *db, struct change *c, bool repeated, bool *ret_done, struct err *e)
{
    struct audit_entry entry = audit_of(c, NULL);
    *ret_done = false;
    if (!load(db, c->call->organization_id, c->id, true, &c->row, e)) {
        return false;
    }
    if (repeated && c->written_version != 0 && !audit_find_version(db, &entry, c->written_version, ret_done, e)) {
        return false;
    }
    if (!*ret_done && c->call->if_version >= 0 && c->call->if_version != c->row.version) {
        return err_set(e, ERR_CONFLICT, "The schedule was changed by somebody else");
    }
    return true;
}

static bool finish(struct db *db, struct change *c, json_t *changes, struct err *e)
{
    audit_add_version(changes, c->row.version);
    if (!write_audit(db, c, changes, e)) {
        return false;
    }
    c->written_version = c->row.version + 1;
    return load(db, c->call->organization_id, c->id, false, &c->row, e);
}

static bool run_change(struct db *db, db_body_fn *body, struct change *c, json_t **ret, int64_t *ret_version,
                       struct err *e)
{
    bool ok = db_transaction(db, body, c, e);
    if (ok) {
        give(&c->row, ret, ret_version);
    }
    row_release(&c->row);
    return ok;
}

static void append_param(GArray *params, struct db_param param)
{
    g_array_append_val(params, param);
}

static const struct db_param *params_of(const GArray *params)
{
    return (const struct db_param *)(const void *)params->data;
}

/* DATETIME text in out, or SQL NULL for 0. */
static struct db_param time_param(int64_t at_us, char out[CLOCK_TEXT_BYTES])
{
    clock_format_sql(at_us, out);
    return db_text(at_us == 0 ? NULL : out);
}

/* --- create ------------------------------------------------------------------------------------------------------- */

static bool read_now(struct db *db, int64_t *ret_us, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT UTC_TIMESTAMP(6)", DB_NO_PARAMS)) {
        return false;
    }
    return (r.rows == 1 && clock_parse_sql(db_cell(&r, 0, 0), ret_us)) ||
           err_set(e, ERR_INTERNAL, "The database's time cannot be read");
}

static bool insert_row(struct db *db, const struct change *c, const json_t *row, struct err *e)
{
    int64_t now_us = 0;
    char next[CLOCK_TEXT_BYTES];
    g_autoptr(GStringChunk) arena = g_string_chunk_new(512);
    g_autoptr(GArray) params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    g_autoptr(GString) sql = g_string_new("INSERT INTO schedules (");
    g_autoptr(GString) marks = g_string_new(NULL);
    if (!read_now(db, &now_us, e)) {
        return false;
    }
    for (size_t i = 0; i < schedule_create_body.n; i++) {
        const struct field *field = &schedule_create_body.fields[i];
        g_string_append_printf(sql, "%s, ", field->name);
        g_string_append(marks, "?, ");
        append_param(params, field_to_param(field, json_object_get(row, field->name), arena));
    }
    g_string_append_printf(sql,
                           "id, organization_id, created_by, updated_by, next_fire_at, created_at, updated_at)"
                           " VALUES (%s?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                           marks->str);
    append_param(params, db_text(c->id));
    append_param(params, db_text(c->call->organization_id));
    append_param(params, db_text(c->call->user));
    append_param(params, db_text(c->call->user));
    append_param(params, time_param(schedule_next(json_string_value(json_object_get(row, "cron")),
                                                  json_string_value(json_object_get(row, "timezone")), now_us),
                                    next));
    return db_run(db, NULL, e, sql->str, params_of(params), params->len);
}

static json_t *with_defaults(const json_t *body)
{
    json_auto_t *row = json_object();
    for (size_t i = 0; i < schedule_create_body.n; i++) {
        const struct field *field = &schedule_create_body.fields[i];
        json_object_set_new(row, field->name, field_default(field));
    }
    return record_merge(&schedule_create_body, row, body);
}

static bool create_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    struct err none = ERR_INIT;
    if (repeated && load(db, c->call->organization_id, c->id, false, &c->row, &none)) {
        return true;
    }
    if (repeated && none.code != ERR_NOT_FOUND) {
        return err_set(e, none.code, "%s", none.text);
    }
    json_auto_t *row = with_defaults(c->body);
    json_auto_t *nothing = json_object();
    json_auto_t *changes = record_diff(&schedule_create_body, nothing, row);
    return insert_row(db, c, row, e) && write_audit(db, c, changes, e) &&
           load(db, c->call->organization_id, c->id, false, &c->row, e);
}

bool schedule_create(struct db *db, const struct schedule_call *call, const json_t *body, json_t **ret,
                     int64_t *ret_version, struct err *e)
{
    char id[UUID_TEXT_BYTES];
    uuid7_new(id);
    struct change c = {.call = call, .id = id, .action = "schedule.create", .body = body};
    return run_change(db, create_body, &c, ret, ret_version, e);
}

/* --- update ------------------------------------------------------------------------------------------------------- */

static bool differs(const json_t *a, const json_t *b, const char *name)
{
    return json_equal(json_object_get(a, name), json_object_get(b, name)) == 0;
}

/* A payload is its type's: another type does not inherit it. */
static json_t *merge(const json_t *row, const json_t *changes)
{
    json_auto_t *base = json_copy((json_t *)(uintptr_t)row);
    if (json_object_get(changes, "job_type") != NULL && differs(row, changes, "job_type")) {
        json_object_set_new(base, "payload", json_object());
    }
    return record_merge(&schedule_record, base, changes);
}

static bool write_row(struct db *db, const struct change *c, const json_t *merged, struct err *e)
{
    char next[CLOCK_TEXT_BYTES] = "";
    bool restart = (differs(c->row.json, merged, "cron") || differs(c->row.json, merged, "timezone")) &&
                   text_of(&c->row, "paused_at") == NULL;
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    g_autoptr(GArray) params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    g_autoptr(GString) sql = g_string_new("UPDATE schedules SET ");
    for (size_t i = 0; i < schedule_record.n; i++) {
        const struct field *field = &schedule_record.fields[i];
        if (field_is_writable(field)) {
            g_string_append_printf(sql, "%s = ?, ", field->name);
            append_param(params, field_to_param(field, json_object_get(merged, field->name), arena));
        }
    }
    g_string_append(sql, "next_fire_at = IF(?, ?, next_fire_at), updated_by = ?, updated_at = UTC_TIMESTAMP(6),"
                         " version = version + 1 WHERE id = ?");
    append_param(params, DB_INT(restart));
    append_param(params,
                 time_param(schedule_next(json_string_value(json_object_get(merged, "cron")),
                                          json_string_value(json_object_get(merged, "timezone")), c->row.now_us),
                            next));
    append_param(params, db_text(c->call->user));
    append_param(params, db_text(c->id));
    return db_run(db, NULL, e, sql->str, params_of(params), params->len);
}

static bool update_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    problems_release(c->problems);
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    if (done) {
        return true;
    }
    json_auto_t *merged = merge(c->row.json, c->body);
    json_auto_t *changes = record_diff(&schedule_record, c->row.json, merged);
    schedule_check(merged, c->row.now_us, c->call->diagnostics, c->problems);
    if (problems_any(c->problems)) {
        return err_set(e, ERR_INVALID, "The schedule does not fit together");
    }
    return json_object_size(changes) == 0 || (write_row(db, c, merged, e) && finish(db, c, changes, e));
}

bool schedule_update(struct db *db, const struct schedule_call *call, const json_t *changes, struct problems *problems,
                     json_t **ret, int64_t *ret_version, struct err *e)
{
    struct change c = {
        .call = call,
        .id = call->id,
        .action = "schedule.update",
        .body = changes,
        .problems = problems,
    };
    return run_change(db, update_body, &c, ret, ret_version, e);
}

/* --- pause and resume --------------------------------------------------------------------------------------------- */

static bool pause_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    char next[CLOCK_TEXT_BYTES];
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    bool is_paused = text_of(&c->row, "paused_at") != NULL;
    if (done || is_paused == c->paused) {
        return true;
    }
    int64_t next_us = c->paused ? 0
                                : schedule_next(text_of(&c->row, "cron"), text_of(&c->row, "timezone"), c->row.now_us);
    if (!db_run(db, NULL, e,
                "UPDATE schedules SET paused_at = IF(?, UTC_TIMESTAMP(6), NULL), next_fire_at = ?, updated_by = ?,"
                " updated_at = UTC_TIMESTAMP(6), version = version + 1 WHERE id = ?",
                DB_PARAMS(DB_INT(c->paused), time_param(next_us, next), db_text(c->call->user), db_text(c->id)))) {
        return false;
    }
    json_auto_t *changes = json_pack("{s:{s:b, s:b}}", "paused", "from", is_paused, "to", c->paused);
    return finish(db, c, changes, e);
}

bool schedule_pause(struct db *db, const struct schedule_call *call, bool paused, json_t **ret, int64_t *ret_version,
                    struct err *e)
{
    struct change c = {
        .call = call,
        .id = call->id,
        .action = paused ? "schedule.pause" : "schedule.resume",
        .paused = paused,
    };
    return run_change(db, pause_body, &c, ret, ret_version, e);
}

/* --- delete ------------------------------------------------------------------------------------------------------- */

static bool delete_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    struct err own = ERR_INIT;
    if (!begin(db, c, repeated, &done, &own)) {
        /* Gone at the second try: the first one's COMMIT took effect, or somebody else's did. */
        return (repeated && own.code == ERR_NOT_FOUND) || err_set(e, own.code, "%s", own.text);
    }
    json_auto_t *nothing = json_object();
    json_auto_t *changes = record_diff(&schedule_create_body, c->row.json, nothing);
    return db_run(db, NULL, e, "DELETE FROM schedules WHERE id = ?", DB_PARAMS(db_text(c->id))) &&
           write_audit(db, c, changes, e);
}

bool schedule_delete(struct db *db, const struct schedule_call *call, struct err *e)
{
    struct change c = {.call = call, .id = call->id, .action = "schedule.delete"};
    bool ok = db_transaction(db, delete_body, &c, e);
    row_release(&c.row);
    return ok;
}

/* --- run now ------------------------------------------------------------------------------------------------------ */

struct run {
    struct change change;
    int64_t grace_ms;
    const struct idempotency *key;
    struct schedule_ran *ran;
};

static bool job_exists(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM background_jobs WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

/* The job as the answer has it, kept with the key. */
static bool keep_answer(struct db *db, struct run *run, struct err *e)
{
    json_auto_t *job = NULL;
    if (run->key == NULL) {
        return true;
    }
    if (!job_get(db, run->change.call->organization_id, run->ran->job_id, &job, e)) {
        return false;
    }
    free(run->ran->text);
    run->ran->text = json_dumps(job, JSON_COMPACT);
    const char *text = run->ran->text;
    return idempotency_complete(db, &run->key, &text, 1, e);
}

void schedule_ran_release(struct schedule_ran *ran)
{
    free(ran->text);
}

static bool run_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct run *run = arg;
    struct change *c = &run->change;
    struct job_new job;
    bool done = false;
    if (repeated && !job_exists(db, run->ran->job_id, &done, e)) {
        return false;
    }
    if (run->key != NULL && !done && !idempotency_take(db, &run->key, 1, true, e)) {
        return false;
    }
    if (!load(db, c->call->organization_id, c->id, false, &c->row, e) ||
        !schedule_make_job(c->row.json, run->ran->job_id, c->call->diagnostics, run->grace_ms, &job, e)) {
        return false;
    }
    job.created_by = c->call->user;
    run->ran->priority = job.priority;
    g_strlcpy(run->ran->job_type, job.job_type, sizeof(run->ran->job_type));
    json_auto_t *changes = json_pack("{s:{s:n, s:s}}", "job_id", "from", "to", run->ran->job_id);
    return done || (job_insert_within(db, &job, 1, e) && write_audit(db, c, changes, e) && keep_answer(db, run, e));
}

bool schedule_run(struct db *db, const struct schedule_call *call, int64_t grace_ms, const struct idempotency *key,
                  struct schedule_ran *ret, struct err *e)
{
    struct run run = {
        .change = {.call = call, .id = call->id, .action = "schedule.run"},
        .grace_ms = grace_ms,
        .key = key,
        .ran = ret,
    };
    ret->text = NULL;
    bool ok = db_transaction(db, run_body, &run, e);
    row_release(&run.change.row);
    return ok;
}
