#include "domain/template_store.h"

#include <string.h>

#include "domain/audit.h"
#include "domain/record_patch.h"
#include "domain/template_defaults.h"
#include "ground/clock.h"

/* --- the product's ------------------------------------------------------------------------------------------------ */

static const struct template_default *default_of(const struct template_key *key)
{
    return template_default_find(key->event, key->channel, key->locale);
}

static json_t *default_texts(const struct template_default *d)
{
    return d == NULL ? json_null()
                     : json_pack("{s:s?, s:s, s:s?}", "subject", d->texts.subject, "text", d->texts.text, "html",
                                 d->texts.html);
}

/* As the record has it; what only rows have is null. */
static json_t *default_row(const struct record *record, const struct template_default *d)
{
    char name[TEMPLATE_KEY_BYTES];
    struct template_key key = {.event = d->event, .channel = d->channel};
    g_strlcpy(key.locale, d->locale, sizeof(key.locale));
    template_key_format(&key, name);
    json_auto_t *known = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:s?}", "template", name, "source", "default",
                                   "event", template_event_names[d->event], "channel",
                                   template_channel_names[d->channel], "locale", d->locale, "subject", d->texts.subject,
                                   "text", d->texts.text, "html", d->texts.html);
    json_t *row = json_object();
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        if ((field->flags & FIELD_INTERNAL) == 0) {
            json_t *value = json_object_get(known, field->name);
            json_object_set_new(row, field->name, value == NULL ? json_null() : json_incref(value));
        }
    }
    return row;
}

/* --- list --------------------------------------------------------------------------------------------------------- */

static gint by_template(gconstpointer a, gconstpointer b)
{
    const json_t *const *one = a;
    const json_t *const *other = b;
    return strcmp(json_string_value(json_object_get(*one, "template")),
                  json_string_value(json_object_get(*other, "template")));
}

static json_t *sorted(json_t *templates)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(templates); i++) {
        g_ptr_array_add(list, json_array_get(templates, i));
    }
    g_ptr_array_sort(list, by_template);
    json_t *ordered = json_array();
    for (guint i = 0; i < list->len; i++) {
        json_array_append(ordered, g_ptr_array_index(list, i));
    }
    return ordered;
}

bool template_list(struct db *db, const char *organization_id, json_t **ret, struct err *e)
{
    const struct record *record = &template_summary_record;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, record, "", false);
    g_string_append_printf(sql, " FROM notification_templates WHERE organization_id = ? LIMIT %d", 2 * TEMPLATES_MAX);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    json_auto_t *templates = json_array();
    g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < r.rows; i++) {
        json_t *row = record_row_json(record, &r, i, 0);
        json_array_append_new(templates, row);
        g_hash_table_add(own, (gpointer)(uintptr_t)json_string_value(json_object_get(row, "template")));
    }
    for (size_t i = 0; i < template_defaults_n; i++) {
        json_auto_t *row = default_row(record, &template_defaults[i]);
        if (!g_hash_table_contains(own, json_string_value(json_object_get(row, "template")))) {
            json_array_append(templates, row);
        }
    }
    *ret = json_pack("{s:o}", "templates", sorted(templates));
    return true;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

struct row {
    json_t *json; /* NULL: the organization has none */
    int64_t version;
};

static void row_release(struct row *row)
{
    json_decref(row->json);
    *row = (struct row){0};
}

#define OF_KEY " organization_id = ? AND event = ? AND channel = ? AND locale = ?"
#define KEY_PARAMS(org, key)                                                                                    \
    db_text(org), db_text(template_event_names[(key)->event]), db_text(template_channel_names[(key)->channel]), \
        db_text((key)->locale)

static bool load(struct db *db, const char *organization_id, const struct template_key *key, bool lock, struct row *ret,
                 struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT version, ");
    record_columns(sql, &template_record, "", false);
    g_string_append_printf(sql, " FROM notification_templates WHERE" OF_KEY "%s", lock ? " FOR UPDATE" : "");
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(KEY_PARAMS(organization_id, key)))) {
        return false;
    }
    row_release(ret);
    if (r.rows > 0) {
        ret->json = record_row_json(&template_record, &r, 0, 1);
        ret->version = db_cell_int(&r, 0, 0);
    }
    return true;
}

static bool not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "There is no such template");
}

bool template_get(struct db *db, const char *organization_id, const struct template_key *key, json_t **ret,
                  int64_t *ret_version, struct err *e)
{
    CLEANUP(row_release) struct row row = {0};
    const struct template_default *d = default_of(key);
    if (!load(db, organization_id, key, false, &row, e)) {
        return false;
    }
    if (row.json == NULL && d == NULL) {
        return not_found(e);
    }
    *ret_version = row.json == NULL ? TEMPLATE_DEFAULT_VERSION : row.version;
    *ret = row.json == NULL ? default_row(&template_record, d) : g_steal_pointer(&row.json);
    json_object_set_new(*ret, "default", default_texts(d));
    return true;
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

struct change {
    const struct template_call *call;
    const json_t *texts; /* all of template_texts_record; NULL: to be deleted */
    char name[TEMPLATE_KEY_BYTES];
    const char *action;
    int64_t first_version;   /* of a row that is made */
    int64_t written_version; /* of the try whose COMMIT had no answer; 0: it wrote nothing */
    enum template_put outcome;
    struct row row;
};

static struct audit_entry audit_of(const struct change *c, const json_t *changes)
{
    return (struct audit_entry){
        .organization_id = c->call->organization_id,
        .actor = c->call->user,
        .action = c->action,
        .subject = c->name,
        .request_id = c->call->request_id,
        .changes = changes,
    };
}

static int64_t version_of(const struct change *c)
{
    bool has_default = default_of(c->call->key) != NULL;
    return c->row.json != NULL ? c->row.version : has_default ? TEMPLATE_DEFAULT_VERSION : 0;
}

/* Locks the row. ret_done: an earlier try has done it all. */
static bool begin(struct db *db, struct change *c, bool repeated, bool *ret_done, struct err *e)
{
    const struct audit_entry entry = audit_of(c, NULL);
    *ret_done = false;
    if (!load(db, c->call->organization_id, c->call->key, true, &c->row, e)) {
        return false;
    }
    if (repeated && c->written_version != 0 && !audit_find_version(db, &entry, c->written_version, ret_done, e)) {
        return false;
    }
    if (!*ret_done && c->call->if_version >= 0 && c->call->if_version != version_of(c)) {
        return err_set(e, ERR_CONFLICT, "The template was changed by somebody else");
    }
    return true;
}

static bool write_audit(struct db *db, struct change *c, json_t *changes, int64_t version, struct err *e)
{
    const struct audit_entry entry = audit_of(c, changes);
    audit_add_version(changes, version - 1);
    c->written_version = version;
    return audit_write(db, &entry, e);
}

static const char *text_of(const struct change *c, const char *name)
{
    return json_string_value(json_object_get(c->texts, name));
}

/* --- put ---------------------------------------------------------------------------------------------------------- */

/* Two that are made at the same moment may both pass. */
static bool is_full(struct db *db, const struct change *c, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT COUNT(*) FROM notification_templates WHERE organization_id = ?",
                DB_PARAMS(db_text(c->call->organization_id)))) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0) >= TEMPLATES_MAX;
    return true;
}

static bool insert_row(struct db *db, const struct change *c, struct err *e)
{
    return db_run(db, NULL, e,
                  "INSERT INTO notification_templates (organization_id, event, channel, locale, subject, text, html,"
                  " created_at, updated_at, created_by, updated_by, version)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), ?, ?, ?)",
                  DB_PARAMS(KEY_PARAMS(c->call->organization_id, c->call->key), db_text(text_of(c, "subject")),
                            db_text(text_of(c, "text")), db_text(text_of(c, "html")), db_text(c->call->user),
                            db_text(c->call->user), DB_INT(c->first_version)));
}

static bool update_row(struct db *db, const struct change *c, struct err *e)
{
    return db_run(db, NULL, e,
                  "UPDATE notification_templates SET subject = ?, text = ?, html = ?, updated_by = ?,"
                  " updated_at = UTC_TIMESTAMP(6), version = version + 1 WHERE" OF_KEY,
                  DB_PARAMS(db_text(text_of(c, "subject")), db_text(text_of(c, "text")), db_text(text_of(c, "html")),
                            db_text(c->call->user), KEY_PARAMS(c->call->organization_id, c->call->key)));
}

static bool make(struct db *db, struct change *c, json_t *changes, struct err *e)
{
    bool full = false;
    if (!is_full(db, c, &full, e)) {
        return false;
    }
    c->outcome = full ? TEMPLATE_FULL : TEMPLATE_MADE;
    return full || (insert_row(db, c, e) && write_audit(db, c, changes, c->first_version, e));
}

static bool put_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    if (done) {
        return true;
    }
    json_auto_t *nothing = json_object();
    bool is_new = c->row.json == NULL;
    json_auto_t *changes = record_diff(&template_texts_record, is_new ? nothing : c->row.json, c->texts);
    c->outcome = TEMPLATE_CHANGED;
    if (is_new) {
        return make(db, c, changes, e);
    }
    return json_object_size(changes) == 0 ||
           (update_row(db, c, e) && write_audit(db, c, changes, c->row.version + 1, e));
}

static json_t *all_texts(const json_t *body)
{
    json_t *texts = json_object();
    for (size_t i = 0; i < template_texts_record.n; i++) {
        const char *name = template_texts_record.fields[i].name;
        json_t *value = json_object_get(body, name);
        json_object_set_new(texts, name, value == NULL ? json_null() : json_incref(value));
    }
    return texts;
}

bool template_put(struct db *db, const struct template_call *call, const json_t *body, enum template_put *ret_outcome,
                  json_t **ret, int64_t *ret_version, struct err *e)
{
    json_auto_t *texts = all_texts(body);
    struct err cause = ERR_INIT;
    struct change c = {.call = call, .texts = texts, .action = "template.put", .first_version = clock_wall_us()};
    template_key_format(call->key, c.name);
    bool ok = db_transaction(db, put_body, &c, &cause);
    if (!ok && cause.code == ERR_DUPLICATE) { /* somebody else has made it meanwhile: now it is there to be changed */
        err_clear(&cause);
        ok = db_transaction(db, put_body, &c, &cause);
    }
    row_release(&c.row);
    if (!ok) {
        return err_set(e, cause.code, "%s", cause.text);
    }
    *ret_outcome = c.outcome;
    return c.outcome == TEMPLATE_FULL || template_get(db, call->organization_id, call->key, ret, ret_version, e);
}

/* --- delete ------------------------------------------------------------------------------------------------------- */

static bool delete_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct change *c = arg;
    bool done = false;
    if (!begin(db, c, repeated, &done, e)) {
        return false;
    }
    if (done) {
        return true;
    }
    if (c->row.json == NULL) {
        return not_found(e);
    }
    json_auto_t *nothing = json_object();
    json_auto_t *changes = record_diff(&template_texts_record, c->row.json, nothing);
    return db_run(db, NULL, e, "DELETE FROM notification_templates WHERE" OF_KEY,
                  DB_PARAMS(KEY_PARAMS(c->call->organization_id, c->call->key))) &&
           write_audit(db, c, changes, c->row.version + 1, e);
}

bool template_delete(struct db *db, const struct template_call *call, struct err *e)
{
    struct change c = {.call = call, .action = "template.delete"};
    template_key_format(call->key, c.name);
    bool ok = db_transaction(db, delete_body, &c, e);
    row_release(&c.row);
    return ok;
}
