/*
 * provider_account.c: accounts in MariaDB, as people make and change them.
 */
#include "domain/provider_account.h"

#include <stdlib.h>
#include <string.h>

#include "domain/audit.h"
#include "domain/record_patch.h"
#include "ground/clock.h"

#define CONFIG_BYTES_MAX 16384
#define RATE_MAX 10000
#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
#define HIDDEN (FIELD_READONLY | FIELD_INTERNAL)

/* clang-format off */
static const struct field account_fields[] = {
    {.name = "organization_id", .type = FIELD_STRING, .flags = HIDDEN, .max = 64, .sql = "varchar(64)"},
    {.name = "provider", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 16, .sql = "varchar(16)",
     .help = "With whom"},
    {.name = "position", .type = FIELD_INT, .min = 0, .max = 1000, .def = "0", .sql = "int(11)",
     .help = "Order among the accounts of a channel, lowest first, behind the one that the settings name"},
    {.name = "enabled", .type = FIELD_BOOL, .def = "true", .sql = "tinyint(1)", .help = "false: it is left out"},
    {.name = "max_per_second", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 1, .max = RATE_MAX, .sql = "int(11)",
     .help = "Messages a second that each worker process sends at most; null: [providers] max_per_second"},
    {.name = "config", .type = FIELD_OBJECT, .max = CONFIG_BYTES_MAX, .def = "{}", .sql = "longtext",
     .help = "As the provider's config_schema says; a merge patch in requests; secrets that are set are shown as "
             FIELD_MASK},
    {.name = "secrets", .type = FIELD_STRING, .flags = HIDDEN | FIELD_NULLABLE, .sql = "longtext"},
    {.name = "paused_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "Since when it is left out because the provider does not accept us, or somebody paused it; it ends with "
             "a resume, or a change of config"},
    {.name = "paused_reason", .type = FIELD_STRING, .flags = RO_NULL, .max = PROVIDER_PAUSED_REASON_CHARS,
     .sql = "varchar(500)", .help = "Why"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was made"},
    {.name = "updated_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it last changed"},
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Who made it"},
    {.name = "updated_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Who last changed it; bellman: paused by a worker"},
    {.name = "version", .type = FIELD_INT, .flags = HIDDEN, .sql = "bigint(20)"},
};
/* clang-format on */

const struct record provider_account_record = {
    .name = "ProviderAccount",
    .table = "provider_accounts",
    .fields = account_fields,
    .n = ARRAY_SIZE(account_fields),
    .help = "An account with a provider",
};

/* --- the row ------------------------------------------------------------------------------------------------------ */

struct row {
    json_t *json; /* as answers show it; NULL: there is none */
    int64_t version;
    char *sealed;
    char *organization_id;
};

static void row_release(struct row *row)
{
    json_decref(row->json);
    g_free(row->sealed);
    g_free(row->organization_id);
    *row = (struct row){0};
}

#define HIDDEN_COLUMNS 3

static GString *select_text(void)
{
    GString *sql = g_string_new("SELECT version, secrets, organization_id, ");
    record_columns(sql, &provider_account_record, "", false);
    g_string_append(sql, " FROM provider_accounts");
    return sql;
}

static void take_row(const struct db_result *r, size_t i, struct row *ret)
{
    row_release(ret);
    ret->json = record_row_json(&provider_account_record, r, i, HIDDEN_COLUMNS);
    ret->version = db_cell_int(r, i, 0);
    ret->sealed = g_strdup(db_cell(r, i, 1));
    ret->organization_id = g_strdup(db_cell(r, i, 2));
}

static bool load(struct db *db, const char *organization_id, const char *provider, bool lock, struct row *ret,
                 struct err *e)
{
    g_autoptr(GString) sql = select_text();
    g_string_append(sql, " WHERE organization_id = ? AND provider = ?");
    g_string_append(sql, lock ? " FOR UPDATE" : "");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(organization_id), db_text(provider)))) {
        return false;
    }
    row_release(ret);
    if (r.rows > 0) {
        take_row(&r, 0, ret);
    }
    return true;
}

static bool not_found(const struct provider_kind *kind, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "There is no account with %s", kind->name);
}

bool provider_account_get(struct db *db, const char *organization_id, const struct provider_kind *kind, json_t **ret,
                          int64_t *ret_version, struct err *e)
{
    CLEANUP(row_release) struct row row = {0};
    if (!load(db, organization_id, kind->name, false, &row, e)) {
        return false;
    }
    if (row.json == NULL) {
        return not_found(kind, e);
    }
    *ret = g_steal_pointer(&row.json);
    *ret_version = row.version;
    return true;
}

/* organization_id is shown only where there may be several. */
bool provider_account_list(struct db *db, const char *organization_id, json_t **ret, struct err *e)
{
    g_autoptr(GString) sql = select_text();
    g_string_append(sql, organization_id == NULL ? " WHERE ? IS NULL" : " WHERE organization_id = ?");
    g_string_append(sql, " ORDER BY organization_id, position, provider");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    *ret = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        CLEANUP(row_release) struct row row = {0};
        take_row(&r, i, &row);
        if (organization_id == NULL) {
            json_object_set_new(row.json, "organization_id", json_string(row.organization_id));
        }
        json_array_append(*ret, row.json);
    }
    return true;
}

/* --- what the changes share --------------------------------------------------------------------------------------- */

struct change {
    const struct provider_account_call *call;
    const char *action;
    const json_t *body; /* of provider_account_put */
    struct problems *problems;
    const char *reason; /* of provider_account_pause */
    bool made;
    int64_t written_version; /* of the try whose COMMIT had no answer; 0: it wrote nothing */
    struct row row;          /* the outcome */
};

static struct audit_entry audit_of(const struct change *c, const json_t *changes)
{
    bool is_deployment = c->call->organization_id[0] == '\0';
    return (struct audit_entry){
        .organization_id = is_deployment ? NULL : c->call->organization_id,
        .actor = c->call->user,
        .action = c->action,
        .subject = c->call->kind->name,
        .request_id = c->call->request_id,
        .changes = changes,
    };
}

static bool reload(struct db *db, struct change *c, bool lock, struct err *e)
{
    return load(db, c->call->organization_id, c->call->kind->name, lock, &c->row, e);
}

/* Locks the row, if there is one. ret_done: an earlier try has done it all. */
static bool begin(struct db *db, struct change *c, bool repeated, bool *ret_done, struct err *e)
{
    struct audit_entry entry = audit_of(c, NULL);
    *ret_done = false;
    if (!reload(db, c, true, e)) {
        return false;
    }
    if (repeated && c->written_version != 0 && !audit_find_version(db, &entry, c->written_version, ret_done, e)) {
        return false;
    }
    if (!*ret_done && c->call->if_version >= 0 && c->call->if_version != c->row.version) {
        return err_set(e, ERR_CONFLICT, "The account was changed by somebody else");
    }
    return true;
}

static bool finish(struct db *db, struct change *c, json_t *changes, struct err *e)
{
    audit_add_version(changes, c->row.version);
    struct audit_entry entry = audit_of(c, changes);
    if (!audit_write(db, &entry, e)) {
        return false;
    }
    c->written_version = c->row.version + 1;
    return reload(db, c, false, e);
}

static bool run_change(struct db *db, db_body_fn *body, struct change *c, json_t **ret, int64_t *ret_version,
                       struct err *e)
{
    bool ok = db_transaction(db, body, c, e);
    if (ok && ret != NULL) {
        *ret = g_steal_pointer(&c->row.json);
        *ret_version = c->row.version;
    }
    row_release(&c->row);
    return ok;
}

/* --- put ---------------------------------------------------------------------------------------------------------- */

static json_t *default_row(void)
{
    json_t *row = json_object();
    for (size_t i = 0; i < provider_account_record.n; i++) {
        const struct field *field = &provider_account_record.fields[i];
        if (field_is_writable(field)) {
            json_object_set_new(row, field->name, field_default(field));
        }
    }
    return row;
}

/* What the account has now; one whose secrets do not open any more (their key is gone) can be given new ones. */
static json_t *open_config(const struct change *c)
{
    struct err ignored = ERR_INIT;
    const struct provider_account_call *call = c->call;
    const json_t *masked = json_object_get(c->row.json, "config");
    json_t *config = provider_config_open(call->kind, c->call->seal, call->organization_id, masked, c->row.sealed,
                                          &ignored);
    return config != NULL
               ? config
               : provider_config_open(call->kind, c->call->seal, call->organization_id, masked, NULL, &ignored);
}

static bool write_row(struct db *db, const struct change *c, const json_t *row, const char *sealed, bool resume,
                      struct err *e)
{
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    struct db_param p[4];
    static const char *const names[] = {"position", "enabled", "max_per_second", "config"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        p[i] = field_to_param(record_field(&provider_account_record, names[i]), json_object_get(row, names[i]), arena);
    }
    return db_run(db, NULL, e,
                  "INSERT INTO provider_accounts (organization_id, provider, position, enabled, max_per_second, config,"
                  " secrets, created_at, updated_at, created_by, updated_by)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), ?, ?)"
                  " ON DUPLICATE KEY UPDATE position = VALUES(position), enabled = VALUES(enabled),"
                  " max_per_second = VALUES(max_per_second), config = VALUES(config), secrets = VALUES(secrets),"
                  " paused_at = IF(?, NULL, paused_at), paused_reason = IF(?, NULL, paused_reason),"
                  " updated_at = VALUES(updated_at), updated_by = VALUES(updated_by), version = version + 1",
                  DB_PARAMS(db_text(c->call->organization_id), db_text(c->call->kind->name), p[0], p[1], p[2], p[3],
                            db_text(sealed), db_text(c->call->user), db_text(c->call->user), DB_INT(resume),
                            DB_INT(resume)));
}

static bool write_changes(struct db *db, struct change *c, json_t *row, const json_t *config, const json_t *config_diff,
                          json_t *diff, struct err *e)
{
    char *sealed = NULL;
    bool config_differs = json_object_size(config_diff) > 0 || c->made;
    json_object_set_new(row, "config", provider_config_mask(c->call->kind, config));
    if (config_differs &&
        !provider_config_seal(c->call->kind, c->call->seal, c->call->organization_id, config, &sealed, e)) {
        return false;
    }
    bool ok = write_row(db, c, row, config_differs ? sealed : c->row.sealed, config_differs, e) &&
              finish(db, c, diff, e);
    seal_text_free(sealed);
    return ok;
}

/* Everything but config, which has a comparison of its own. */
static json_t *compare(const struct change *c, const json_t *row, const json_t *config_diff)
{
    json_auto_t *before = json_copy(c->row.json);
    json_auto_t *after = json_copy((json_t *)(uintptr_t)row);
    json_object_del(before, "config");
    json_object_del(after, "config");
    json_t *diff = record_diff(&provider_account_record, before, after);
    json_object_update(diff, (json_t *)(uintptr_t)config_diff);
    return diff;
}

static bool merge_and_write(struct db *db, struct change *c, struct err *e)
{
    const struct provider_kind *kind = c->call->kind;
    json_auto_t *changes = json_copy((json_t *)(uintptr_t)c->body);
    json_auto_t *base = c->made ? default_row() : json_copy(c->row.json);
    json_auto_t *before = c->made ? json_object() : open_config(c);
    const json_t *wanted = json_object_get(c->body, "config");
    json_auto_t *config = provider_config_merge(kind, c->made || json_is_null(wanted) ? NULL : before, wanted);
    provider_config_check(kind, config, c->call->allow_private, "/config", c->problems);
    if (problems_any(c->problems)) {
        return err_set(e, ERR_INVALID, "The configuration of the account does not fit");
    }
    json_object_del(changes, "config");
    json_auto_t *row = record_merge(&provider_account_record, base, changes);
    json_auto_t *config_diff = provider_config_diff(kind, before, config);
    json_auto_t *diff = compare(c, row, config_diff);
    bool same = json_object_size(diff) == 0 && !c->made;
    return same || write_changes(db, c, row, config, config_diff, diff, e);
}

static bool put_body(struct db *db, void *arg, bool repeated, struct err *e)
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
    c->made = c->row.json == NULL;
    return merge_and_write(db, c, e);
}

bool provider_account_put(struct db *db, const struct provider_account_call *call, const json_t *changes,
                          struct problems *problems, json_t **ret, int64_t *ret_version, bool *ret_made, struct err *e)
{
    struct change c = {.call = call, .action = "provider.update", .body = changes, .problems = problems};
    const json_t *config = json_object_get(changes, "config");
    if (json_is_object(config)) {
        record_check(call->kind->config, config, "/config", problems);
    }
    if (problems_any(problems)) {
        return err_set(e, ERR_INVALID, "The configuration of the account does not fit");
    }
    bool ok = run_change(db, put_body, &c, ret, ret_version, e);
    *ret_made = c.made;
    return ok;
}

/* --- delete ------------------------------------------------------------------------------------------------------- */

static bool delete_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    if (c->row.json == NULL) {
        /* Gone at the second try: the first one's COMMIT took effect, or somebody else's did. */
        return repeated || not_found(c->call->kind, e);
    }
    json_auto_t *nothing = json_object();
    json_auto_t *changes = compare(c, nothing, nothing);
    struct audit_entry entry = audit_of(c, changes);
    return db_run(db, NULL, e, "DELETE FROM provider_accounts WHERE organization_id = ? AND provider = ?",
                  DB_PARAMS(db_text(c->call->organization_id), db_text(c->call->kind->name))) &&
           audit_write(db, &entry, e);
}

bool provider_account_delete(struct db *db, const struct provider_account_call *call, struct err *e)
{
    struct change c = {.call = call, .action = "provider.delete"};
    return run_change(db, delete_body, &c, NULL, NULL, e);
}

/* --- pause and resume --------------------------------------------------------------------------------------------- */

static bool pause_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    if (c->row.json == NULL) {
        return not_found(c->call->kind, e);
    }
    bool is_paused = json_is_string(json_object_get(c->row.json, "paused_at"));
    if (done || is_paused == (c->reason != NULL)) {
        return true;
    }
    if (!db_run(db, NULL, e,
                "UPDATE provider_accounts SET paused_at = IF(?, UTC_TIMESTAMP(6), NULL), paused_reason = LEFT(?, 500),"
                " updated_by = ?, updated_at = UTC_TIMESTAMP(6), version = version + 1"
                " WHERE organization_id = ? AND provider = ?",
                DB_PARAMS(DB_INT(c->reason != NULL), db_text(c->reason), db_text(c->call->user),
                          db_text(c->call->organization_id), db_text(c->call->kind->name)))) {
        return false;
    }
    json_t *before = json_object_get(c->row.json, "paused_reason");
    json_auto_t *changes = json_pack("{s:{s:O?, s:s?}}", "paused_reason", "from", before, "to", c->reason);
    c->made = true;
    return finish(db, c, changes, e);
}

bool provider_account_pause(struct db *db, const struct provider_account_call *call, const char *reason, json_t **ret,
                            int64_t *ret_version, bool *ret_changed, struct err *e)
{
    struct change c = {
        .call = call,
        .action = reason != NULL ? "provider.pause" : "provider.resume",
        .reason = reason,
    };
    bool ok = run_change(db, pause_body, &c, ret, ret_version, e);
    *ret_changed = c.made;
    return ok;
}

static json_t *resumption(const struct change *c)
{
    return json_pack("{s:{s:O?, s:n}}", "paused_reason", "from", json_object_get(c->row.json, "paused_reason"), "to");
}

static bool renew(struct db *db, struct change *c, struct err *e)
{
    bool done = false;
    if (!begin(db, c, false, &done, e)) {
        return false;
    }
    if (c->row.json == NULL) {
        return true;
    }
    bool is_paused = json_is_string(json_object_get(c->row.json, "paused_at"));
    json_auto_t *changes = resumption(c);
    return db_run(db, NULL, e,
                  "UPDATE provider_accounts SET paused_at = NULL, paused_reason = NULL, updated_by = ?, updated_at ="
                  " UTC_TIMESTAMP(6), version = version + 1 WHERE organization_id = ? AND provider = ?",
                  DB_PARAMS(db_text(c->call->user), db_text(c->call->organization_id), db_text(c->call->kind->name))) &&
           (!is_paused || finish(db, c, changes, e));
}

bool provider_account_renew_within(struct db *db, const struct provider_account_call *call, struct err *e)
{
    struct change c = {.call = call, .action = "provider.resume"};
    bool ok = renew(db, &c, e);
    row_release(&c.row);
    return ok;
}
