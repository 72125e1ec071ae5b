/*
 * settings.c: the settings row in MariaDB.
 */
#include "domain/settings.h"

#include "domain/audit.h"
#include "domain/delivery.h"
#include "domain/provider_account.h"
#include "domain/record_patch.h"
#include "ground/ids.h"

#define ACTION "notification_settings.update"

/* --- the row ------------------------------------------------------------------------------------------------------ */

struct row {
    json_t *json; /* as stored: secrets sealed; NULL: there is none */
    int64_t version;
};

static void row_release(struct row *row)
{
    json_decref(row->json);
    *row = (struct row){0};
}

static bool select_row(struct db *db, const char *organization_id, bool lock, struct row *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT version, ");
    record_columns(sql, &settings_record, "", false);
    g_string_append(sql, " FROM notification_settings WHERE organization_id = ?");
    g_string_append(sql, lock ? " FOR UPDATE" : "");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    row_release(ret);
    if (r.rows > 0) {
        ret->json = record_row_json(&settings_record, &r, 0, 1);
        ret->version = db_cell_int(&r, 0, 0);
    }
    return true;
}

static void append_param(GArray *params, struct db_param param)
{
    g_array_append_val(params, param);
}

/* Whoever comes second finds the row and leaves it; it is then locked as an UPDATE would lock it, so that two who look
 * at a new organization at once do not deadlock. */
static bool insert_defaults(struct db *db, const char *organization_id, const char *user, struct err *e)
{
    char id[UUID_TEXT_BYTES];
    uuid7_new(id);
    g_autoptr(GStringChunk) arena = g_string_chunk_new(512);
    g_autoptr(GArray) params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    g_autoptr(GString) sql = g_string_new("INSERT INTO notification_settings (id, organization_id, created_by");
    g_autoptr(GString) values = g_string_new("?, ?, ?");
    append_param(params, db_text(id));
    append_param(params, db_text(organization_id));
    append_param(params, db_text(user));
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        if (field_is_writable(field)) {
            json_auto_t *value = field_default(field);
            g_string_append_printf(sql, ", %s", field->name);
            g_string_append(values, ", ?");
            append_param(params, field_to_param(field, value, arena));
        }
    }
    g_string_append_printf(sql,
                           ", created_at, updated_at) VALUES (%s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
                           " ON DUPLICATE KEY UPDATE version = version",
                           values->str);
    return db_run(db, NULL, e, sql->str, (const struct db_param *)(const void *)params->data, params->len);
}

static bool ensure_row(struct db *db, const char *organization_id, const char *user, bool lock, struct row *ret,
                       struct err *e)
{
    if (!select_row(db, organization_id, lock, ret, e)) {
        return false;
    }
    if (ret->json == NULL &&
        (!insert_defaults(db, organization_id, user, e) || !select_row(db, organization_id, lock, ret, e))) {
        return false;
    }
    return ret->json != NULL || err_set(e, ERR_INTERNAL, "The notification settings vanished while they were made");
}

/* Hands the row to the caller as answers show it. */
static void give(struct row *row, json_t **ret, int64_t *ret_version)
{
    settings_mask(row->json);
    *ret = row->json;
    *ret_version = row->version;
    row->json = NULL;
}

bool settings_get(struct db *db, const char *organization_id, const char *user, json_t **ret, int64_t *ret_version,
                  struct err *e)
{
    CLEANUP(row_release) struct row row = {0};
    if (!ensure_row(db, organization_id, user, false, &row, e)) {
        return false;
    }
    give(&row, ret, ret_version);
    return true;
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

static char *secret_context(const struct field *field, const json_t *row)
{
    return g_strdup_printf("%s.%s|%s|%s", settings_record.table, field->name,
                           json_string_value(json_object_get(row, "organization_id")),
                           json_string_value(json_object_get(row, "id")));
}

char *settings_slack_url(struct db *db, const struct seal *seal, const char *organization_id, struct err *e)
{
    const struct field *field = record_field(&settings_record, "slack_webhook_url");
    CLEANUP(row_release) struct row row = {0};
    if (!select_row(db, organization_id, false, &row, e)) {
        return NULL;
    }
    const char *sealed = json_string_value(json_object_get(row.json, field->name));
    if (sealed == NULL) {
        err_set(e, ERR_NOT_FOUND, "%s is not set", field->name);
        return NULL;
    }
    g_autofree char *context = secret_context(field, row.json);
    return seal_decrypt(seal, context, sealed, e);
}

/* Whether the stored secret opens to plain. One that does not open (its key is gone) is a different one, so that it can
 * be replaced. */
static bool is_same_secret(const struct seal *seal, const char *context, const json_t *stored, const char *plain)
{
    if (!json_is_string(stored)) {
        return false;
    }
    struct err ignored = ERR_INIT;
    char *opened = seal_decrypt(seal, context, json_string_value(stored), &ignored);
    bool same = opened != NULL && g_strcmp0(opened, plain) == 0;
    seal_text_free(opened);
    return same;
}

/* Puts sealed text in place of the plain secrets that changes brought into merged; the stored text stays where the
 * secret is the same. */
static bool seal_secrets(const struct seal *seal, const json_t *row, const json_t *changes, json_t *merged,
                         struct err *e)
{
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        const char *plain = json_string_value(json_object_get(changes, field->name));
        if ((field->flags & FIELD_SECRET) == 0 || plain == NULL) {
            continue;
        }
        g_autofree char *context = secret_context(field, row);
        json_t *stored = json_object_get(row, field->name);
        if (is_same_secret(seal, context, stored, plain)) {
            json_object_set(merged, field->name, stored);
            continue;
        }
        char *sealed = seal_encrypt(seal, context, plain, e);
        if (sealed == NULL) {
            return false;
        }
        json_object_set_new(merged, field->name, json_string(sealed));
        seal_text_free(sealed);
    }
    return true;
}

/* --- update ------------------------------------------------------------------------------------------------------- */

struct update {
    const struct seal *seal;
    const char *organization_id;
    const char *user;
    const char *request_id;
    const json_t *changes;
    int64_t if_version;
    struct problems *problems;
    struct row row;          /* the outcome */
    int64_t written_version; /* of the try whose COMMIT had no answer; 0: it wrote nothing */
};

/* One text for every set of changes; the columns that did not change get what they have. */
static bool write_row(struct db *db, const struct update *u, const json_t *merged, struct err *e)
{
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    g_autoptr(GArray) params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    g_autoptr(GString) sql = g_string_new("UPDATE notification_settings SET ");
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        if (field_is_writable(field)) {
            g_string_append_printf(sql, "%s = ?, ", field->name);
            append_param(params, field_to_param(field, json_object_get(merged, field->name), arena));
        }
    }
    g_string_append(sql, "updated_by = ?, updated_at = UTC_TIMESTAMP(6), version = version + 1"
                         " WHERE organization_id = ? AND version = ?");
    append_param(params, db_text(u->user));
    append_param(params, db_text(u->organization_id));
    append_param(params, DB_INT(u->row.version));
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, (const struct db_param *)(const void *)params->data, params->len)) {
        return false;
    }
    return r.affected == 1 || err_set(e, ERR_INTERNAL, "The locked notification settings changed");
}

static const char *row_id(const struct update *u)
{
    return json_string_value(json_object_get(u->row.json, "id"));
}

static struct audit_entry audit_of(const struct update *u, const json_t *changes)
{
    return (struct audit_entry){
        .organization_id = u->organization_id,
        .actor = u->user,
        .action = ACTION,
        .subject = row_id(u),
        .request_id = u->request_id,
        .changes = changes,
    };
}

static bool write_audit(struct db *db, const struct update *u, json_t *diff, struct err *e)
{
    audit_add_version(diff, u->row.version);
    struct audit_entry entry = audit_of(u, diff);
    return audit_write(db, &entry, e);
}

static bool find_audit(struct db *db, const struct update *u, bool *ret_found, struct err *e)
{
    struct audit_entry entry = audit_of(u, NULL);
    return audit_find_version(db, &entry, u->written_version, ret_found, e);
}

/* What decides when a message goes. */
static const char *const hours[] = {"dnd_enabled",      "quiet_hours_start", "quiet_hours_end", "digest_enabled",
                                    "digest_frequency", "digest_time",       "timezone"};

static bool wake_held(struct db *db, const struct update *u, const json_t *diff, struct err *e)
{
    bool is_changed = false;
    for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
        is_changed = is_changed || json_object_get(diff, hours[i]) != NULL;
    }
    return !is_changed || delivery_wake(db, u->organization_id, e);
}

/* What the account with Slack was paused for was said of the old address. */
static bool renew_slack(struct db *db, const struct update *u, const json_t *diff, struct err *e)
{
    const struct provider_account_call call = {
        .organization_id = u->organization_id,
        .kind = provider_kind_find("slack"),
        .user = u->user,
        .request_id = u->request_id,
        .if_version = -1,
    };
    return json_object_get(diff, "slack_webhook_url") == NULL || provider_account_renew_within(db, &call, e);
}

static bool merge_and_write(struct db *db, struct update *u, struct err *e)
{
    json_auto_t *merged = settings_merge(u->row.json, u->changes);
    settings_check_rules(merged, u->problems);
    if (problems_any(u->problems)) {
        return err_set(e, ERR_INVALID, "The notification settings do not fit together");
    }
    if (!seal_secrets(u->seal, u->row.json, u->changes, merged, e)) {
        return false;
    }
    json_auto_t *diff = settings_diff(u->row.json, merged);
    if (json_object_size(diff) == 0) {
        return true;
    }
    if (!write_row(db, u, merged, e) || !write_audit(db, u, diff, e) || !wake_held(db, u, diff, e) ||
        !renew_slack(db, u, diff, e)) {
        return false;
    }
    u->written_version = u->row.version + 1;
    return select_row(db, u->organization_id, false, &u->row, e);
}

static bool update_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct update *u = arg;
    problems_release(u->problems);
    if (!ensure_row(db, u->organization_id, u->user, true, &u->row, e)) {
        return false;
    }
    bool done = false;
    if (repeated && u->written_version != 0 && !find_audit(db, u, &done, e)) {
        return false;
    }
    if (done) {
        return true;
    }
    if (u->if_version >= 0 && u->if_version != u->row.version) {
        return err_set(e, ERR_CONFLICT, "The notification settings were changed by somebody else");
    }
    return merge_and_write(db, u, e);
}

bool settings_update(struct db *db, const struct seal *seal, const struct settings_change *change,
                     struct problems *problems, json_t **ret, int64_t *ret_version, struct err *e)
{
    struct update u = {
        .seal = seal,
        .organization_id = change->organization_id,
        .user = change->user,
        .request_id = change->request_id,
        .changes = change->changes,
        .if_version = change->if_version,
        .problems = problems,
    };
    bool ok = db_transaction(db, update_body, &u, e);
    if (ok) {
        give(&u.row, ret, ret_version);
    }
    row_release(&u.row);
    return ok;
}
