/*
 * suppression.c: the list of addresses that get nothing, in MariaDB.
 */
#include "domain/suppression.h"

#include <string.h>

#include "domain/audit.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/text.h"

#define NOTE_CHARS_MAX 500

const char *const suppression_reasons[] = {SUPPRESSION_BOUNCE, SUPPRESSION_COMPLAINT, SUPPRESSION_UNSUBSCRIBE,
                                           SUPPRESSION_MANUAL, NULL};
static const char *const channels[] = {"email", "sms", NULL};

#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
/* clang-format off */
static const struct field row_fields[] = {
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO | FIELD_INTERNAL, .sql = "varchar(64)"},
    {.name = "channel", .type = FIELD_ENUM, .flags = RO, .choices = channels, .sql = "varchar(16)",
     .help = "What it is an address of"},
    {.name = "address", .type = FIELD_STRING, .flags = RO, .max = 254, .sql = "varchar(254)",
     .help = "Mail address in lower case, or number"},
    {.name = "reason", .type = FIELD_ENUM, .flags = RO, .choices = suppression_reasons, .sql = "varchar(16)",
     .help = "bounce: no such address; complaint: called spam; unsubscribe: by the recipient; manual: by an "
             "administrator"},
    {.name = "note", .type = FIELD_STRING, .flags = RO_NULL, .max = NOTE_CHARS_MAX, .sql = "varchar(500)",
     .help = "What the provider said, or somebody noted"},
    {.name = "delivery_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid", .help = "The delivery that led to it"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "Since when"},
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Who put it there; null: a callback or the recipient"},
};
#define KEY_FIELDS \
    {.name = "channel", .type = FIELD_ENUM, .flags = FIELD_INPUT_ONLY | FIELD_REQUIRED, .choices = channels, \
     .help = "What it is an address of"}, \
    {.name = "address", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, \
     .max = 254, .help = "Mail address or E.164 number"}
static const struct field create_fields[] = {
    KEY_FIELDS,
    {.name = "reason", .type = FIELD_ENUM, .flags = FIELD_INPUT_ONLY, .choices = suppression_reasons,
     .def = "\"manual\"",
     .help = "Why"},
    {.name = "note", .type = FIELD_STRING, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,
     .max = NOTE_CHARS_MAX, .help = "For whoever reads the list"},
};
static const struct field remove_fields[] = {KEY_FIELDS};
/* clang-format on */

const struct record suppression_record = {
    .name = "Suppression",
    .table = "suppressions",
    .fields = row_fields,
    .n = ARRAY_SIZE(row_fields),
    .help = "An address that gets nothing",
};
const struct record suppression_create_body = {
    .name = "SuppressionCreate",
    .fields = create_fields,
    .n = ARRAY_SIZE(create_fields),
    .help = "An address to put on the list",
};
const struct record suppression_remove_body = {
    .name = "SuppressionRemove",
    .fields = remove_fields,
    .n = ARRAY_SIZE(remove_fields),
    .help = "An address to take off the list",
};

/* --- pure --------------------------------------------------------------------------------------------------------- */

/* Texts are new. */
static char *key_of(const char *channel, const char *address)
{
    return strcmp(channel, "email") == 0 ? g_ascii_strdown(address, -1) : g_strdup(address);
}

void suppression_check(const json_t *body, struct problems *problems)
{
    const char *channel = json_text(body, "channel");
    const char *address = json_text(body, "address");
    if (channel == NULL || address == NULL) {
        return;
    }
    if (strcmp(channel, "email") == 0 && !format_is_email(address)) {
        problems_add(problems, "/address", "format", "is not a mail address");
    } else if (strcmp(channel, "sms") == 0 && !format_is_phone(address)) {
        problems_add(problems, "/address", "format", "is not an E.164 number");
    }
}

bool suppression_holds(const char *reason, const char *severity)
{
    if (reason[0] == '\0') {
        return false;
    }
    bool is_firm = strcmp(reason, SUPPRESSION_BOUNCE) == 0 || strcmp(reason, SUPPRESSION_MANUAL) == 0;
    return is_firm || g_strcmp0(severity, notify_severity_names[NOTIFY_CRITICAL]) != 0;
}

/* --- change ------------------------------------------------------------------------------------------------------- */

/* The address may be longer than an entry's subject. */
static bool write_audit(struct db *db, const struct suppression *s, const char *address, bool added, struct err *e)
{
    json_auto_t *changes = added ? json_pack("{s:{s:n, s:s}, s:{s:n, s:s}}", "address", "from", "to", address, "reason",
                                             "from", "to", s->reason)
                                 : json_pack("{s:{s:s, s:n}}", "address", "from", address, "to");
    const struct audit_entry entry = {
        .organization_id = s->organization_id,
        .actor = s->actor,
        .action = added ? "suppression.add" : "suppression.remove",
        .subject = s->channel,
        .request_id = s->request_id,
        .changes = changes,
    };
    return audit_write(db, &entry, e);
}

static bool strengthen(struct db *db, const struct suppression *s, const char *address, struct err *e)
{
    return strcmp(s->reason, SUPPRESSION_BOUNCE) != 0 ||
           db_run(
               db, NULL, e,
               "UPDATE suppressions SET reason = ?, note = COALESCE(LEFT(?, 500), note) WHERE organization_id = ? AND"
               " channel = ? AND address = ? AND reason IN ('complaint', 'unsubscribe')",
               DB_PARAMS(db_text(s->reason), db_text(s->note), db_text(s->organization_id), db_text(s->channel),
                         db_text(address)));
}

bool suppression_add_within(struct db *db, const struct suppression *s, bool *ret_made, struct err *e)
{
    static const char sql[] = "INSERT IGNORE INTO suppressions (organization_id, channel, address, reason, note,"
                              " delivery_id, created_at, created_by) VALUES (?, ?, ?, ?, LEFT(?, 500), ?,"
                              " UTC_TIMESTAMP(6), ?)";
    g_autofree char *address = key_of(s->channel, s->address);
    CLEANUP(db_result_release) struct db_result r = {0};
    bool is_manual = strcmp(s->reason, SUPPRESSION_MANUAL) == 0;
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(s->organization_id), db_text(s->channel), db_text(address), db_text(s->reason),
                          db_text(s->note), db_text(s->delivery_id),
                          is_manual || s->delivery_id == NULL ? db_text(s->actor) : DB_NULL))) {
        return false;
    }
    *ret_made = r.affected > 0;
    return *ret_made ? write_audit(db, s, address, true, e) : strengthen(db, s, address, e);
}

struct change {
    const struct suppression *suppression;
    bool made;
};

static bool add_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct change *c = arg;
    return suppression_add_within(db, c->suppression, &c->made, e);
}

static bool load_one(struct db *db, const struct suppression *s, json_t **ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    g_autofree char *address = key_of(s->channel, s->address);
    CLEANUP(db_result_release) struct db_result r = {0};
    record_columns(sql, &suppression_record, "", false);
    g_string_append(sql, " FROM suppressions WHERE organization_id = ? AND channel = ? AND address = ?");
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(s->organization_id), db_text(s->channel), db_text(address)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "The address is not on the list");
    }
    *ret = record_row_json(&suppression_record, &r, 0, 0);
    return true;
}

bool suppression_add(struct db *db, const struct suppression *s, bool *ret_made, json_t **ret, struct err *e)
{
    struct change c = {.suppression = s};
    if (!db_transaction(db, add_body, &c, e) || !load_one(db, s, ret, e)) {
        return false;
    }
    *ret_made = c.made;
    return true;
}

bool suppression_unsubscribe(struct db *db, const char *delivery_id, const char *request_id, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    json_auto_t *row = NULL;
    bool made = false;
    if (!db_run(db, &r, e, "SELECT organization_id, channel, address FROM deliveries WHERE id = ?",
                DB_PARAMS(db_text(delivery_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    const struct suppression s = {
        .organization_id = db_cell(&r, 0, 0),
        .channel = db_cell(&r, 0, 1),
        .address = db_cell(&r, 0, 2),
        .reason = SUPPRESSION_UNSUBSCRIBE,
        .delivery_id = delivery_id,
        .actor = "recipient",
        .request_id = request_id,
    };
    return suppression_add(db, &s, &made, &row, e);
}

static bool remove_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    const struct suppression *s = arg;
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autofree char *address = key_of(s->channel, s->address);
    if (!db_run(db, &r, e, "DELETE FROM suppressions WHERE organization_id = ? AND channel = ? AND address = ?",
                DB_PARAMS(db_text(s->organization_id), db_text(s->channel), db_text(address)))) {
        return false;
    }
    if (r.affected == 0) {
        return repeated || err_set(e, ERR_NOT_FOUND, "The address is not on the list");
    }
    return write_audit(db, s, address, false, e);
}

bool suppression_remove(struct db *db, const struct suppression *s, struct err *e)
{
    struct suppression copy = *s;
    return db_transaction(db, remove_body, &copy, e);
}

/* --- read --------------------------------------------------------------------------------------------------------- */

bool suppression_find(struct db *db, const char *organization_id, const char *channel, const char *address,
                      char ret_reason[SUPPRESSION_REASON_BYTES], struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autofree char *key = key_of(channel, address);
    if (!db_run(db, &r, e, "SELECT reason FROM suppressions WHERE organization_id = ? AND channel = ? AND address = ?",
                DB_PARAMS(db_text(organization_id), db_text(channel), db_text(key)))) {
        return false;
    }
    g_strlcpy(ret_reason, r.rows == 0 ? "" : db_cell(&r, 0, 0), SUPPRESSION_REASON_BYTES);
    return true;
}

/* A cursor is base64url of the last row's created_at, channel and address as a JSON array. */
static char *cursor_new(const char *created, const char *channel, const char *address)
{
    json_auto_t *place = json_pack("[s, s, s]", created, channel, address);
    json_auto_text char *plain = json_dumps(place, JSON_COMPACT);
    return text_base64url(plain, strlen(plain));
}

static json_t *cursor_read(const char *cursor)
{
    size_t n = 0;
    int64_t at_us = 0;
    g_autofree unsigned char *plain = text_base64url_decode(cursor, &n);
    json_t *place = plain == NULL ? NULL : json_loadb((const char *)plain, n, 0, NULL);
    const char *created = json_string_value(json_array_get(place, 0));
    if (json_array_size(place) == 3 && created != NULL && clock_parse_sql(created, &at_us) &&
        json_is_string(json_array_get(place, 1)) && json_is_string(json_array_get(place, 2))) {
        return place;
    }
    json_decref(place);
    return NULL;
}

static bool load_page(struct db *db, const struct suppression_filter *f, const json_t *place, struct db_result *ret,
                      struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    g_autofree char *address = f->address == NULL ? NULL : g_ascii_strdown(f->address, -1);
    const char *created = json_string_value(json_array_get(place, 0));
    const char *channel = json_string_value(json_array_get(place, 1));
    created = created == NULL ? "9999-12-31 23:59:59" : created;
    record_columns(sql, &suppression_record, "", false);
    g_string_append(sql, " FROM suppressions WHERE organization_id = ? AND (? IS NULL OR channel = ?) AND (? IS NULL OR"
                         " address = ?) AND (? IS NULL OR reason = ?) AND created_at <= ? AND (created_at < ? OR"
                         " channel < ? OR (channel = ? AND address < ?)) ORDER BY created_at DESC, channel DESC,"
                         " address DESC LIMIT ?");
    return db_run(db, ret, e, sql->str,
                  DB_PARAMS(db_text(f->organization_id), db_text(f->channel), db_text(f->channel), db_text(address),
                            db_text(address), db_text(f->reason), db_text(f->reason), db_text(created),
                            db_text(created), db_text(channel), db_text(channel),
                            db_text(json_string_value(json_array_get(place, 2))), DB_INT(f->limit + 1)));
}

bool suppression_list(struct db *db, const struct suppression_filter *filter, json_t **ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    json_auto_t *place = filter->cursor == NULL ? NULL : cursor_read(filter->cursor);
    if (filter->cursor != NULL && place == NULL) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
    }
    if (!load_page(db, filter, place, &r, e)) {
        return false;
    }
    size_t shown = MIN(r.rows, (size_t)filter->limit);
    json_t *rows = json_array();
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(rows, record_row_json(&suppression_record, &r, i, 0));
    }
    g_autofree char *next = NULL;
    if (r.rows > shown) {
        next = cursor_new(db_cell(&r, shown - 1, record_column(&suppression_record, "created_at")),
                          db_cell(&r, shown - 1, record_column(&suppression_record, "channel")),
                          db_cell(&r, shown - 1, record_column(&suppression_record, "address")));
    }
    *ret = json_pack("{s:o, s:I, s:s?}", "suppressions", rows, "limit", (json_int_t)filter->limit, "next_cursor", next);
    return true;
}
