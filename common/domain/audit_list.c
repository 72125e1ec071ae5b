/*
 * audit_list.c: each filter has an index whose rows lie in the order of the list. Of several filters the most telling
 * one's index is read and the others are compared row by row, so that a page has to end somewhere: at the floor.
 */
#include "domain/audit_list.h"

#include <inttypes.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/text.h"

#define PARAMS_MAX 16
#define TIME_FIRST "1970-01-01 00:00:00"
#define TIME_LAST "9999-12-31 23:59:59.999999"

#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
/* clang-format off */
static const struct field audit_fields[] = {
    {.name = "id", .type = FIELD_INT, .flags = RO, .sql = "bigint(20)", .help = "Later entries have greater ones"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO_NULL | FIELD_INTERNAL, .sql = "varchar(64)"},
    {.name = "actor", .type = FIELD_STRING, .flags = RO, .max = 128, .sql = "varchar(128)",
     .help = "Who did it: the subject of the token, or what did it of itself"},
    {.name = "action", .type = FIELD_STRING, .flags = RO, .max = 64, .sql = "varchar(64)",
     .help = "What was done: notification_settings.update, job.cancel, provider.pause and the like"},
    {.name = "subject", .type = FIELD_STRING, .flags = RO_NULL, .max = 64, .sql = "varchar(64)",
     .help = "What it was done to: an id or a name"},
    {.name = "request_id", .type = FIELD_STRING, .flags = RO_NULL, .max = 64, .sql = "varchar(64)",
     .help = "X-Request-Id of the call"},
    {.name = "changes", .type = FIELD_OBJECT, .flags = RO_NULL, .sql = "longtext",
     .help = "What has changed, mostly as {field: {from, to}}; secrets are shown as " FIELD_MASK
             ", long values as the beginning of their text"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was done"},
};
/* clang-format on */

const struct record audit_record = {
    .name = "AuditEntry",
    .table = "audit_log",
    .fields = audit_fields,
    .n = ARRAY_SIZE(audit_fields),
    .help = "Who changed what, and when",
};

/* --- a place in the list ------------------------------------------------------------------------------------------ */

struct place {
    char at[CLOCK_TEXT_BYTES];
    int64_t id;
};

/* A cursor is base64url of "<created_at in microseconds>.<id>" of the last entry that was looked at. */
static char *cursor_new(const struct place *place)
{
    int64_t at_us = 0;
    (void)clock_parse_sql(place->at, &at_us);
    g_autofree char *plain = g_strdup_printf("%" PRId64 ".%" PRId64, at_us, place->id);
    return text_base64url(plain, strlen(plain));
}

static bool cursor_read(const char *cursor, struct place *ret)
{
    size_t length = 0;
    char *end = NULL;
    g_autofree char *plain = (char *)text_base64url_decode(cursor, &length);
    if (plain == NULL || strlen(plain) != length) {
        return false;
    }
    int64_t at_us = g_ascii_strtoll(plain, &end, 10);
    if (end == plain || *end != '.' || at_us <= 0 || !g_ascii_isdigit(end[1])) {
        return false;
    }
    ret->id = g_ascii_strtoll(end + 1, &end, 10);
    clock_format_sql(at_us, ret->at);
    int64_t again_us = 0;
    return *end == '\0' && clock_parse_sql(ret->at, &again_us) && again_us == at_us;
}

static void place_of_row(const struct db_result *r, size_t row, size_t id, size_t at, struct place *ret)
{
    ret->id = db_cell_int(r, row, id);
    g_strlcpy(ret->at, db_cell(r, row, at), sizeof(ret->at));
}

/* --- what is read ------------------------------------------------------------------------------------------------- */

struct list {
    const struct audit_filter *filter;
    char after[CLOCK_TEXT_BYTES];
    struct place before; /* exclusive */
    struct place floor;  /* inclusive */
    struct db_param params[PARAMS_MAX];
    size_t n;
};

static void add(struct list *list, struct db_param param)
{
    g_assert(list->n < PARAMS_MAX);
    list->params[list->n++] = param;
}

static void place_set(struct place *place, const char *at, int64_t id)
{
    g_strlcpy(place->at, at, sizeof(place->at));
    place->id = id;
}

static bool list_init(struct list *list, const struct audit_filter *f)
{
    *list = (struct list){.filter = f};
    g_strlcpy(list->after, TIME_FIRST, sizeof(list->after));
    place_set(&list->before, TIME_LAST, INT64_MAX);
    place_set(&list->floor, TIME_FIRST, 0);
    if (f->created_after_us != 0) {
        clock_format_sql(f->created_after_us, list->after);
    }
    if (f->cursor != NULL && !cursor_read(f->cursor, &list->before)) {
        return false;
    }
    char before[CLOCK_TEXT_BYTES];
    clock_format_sql(f->created_before_us, before);
    if (f->created_before_us != 0 && strcmp(before, list->before.at) <= 0) {
        place_set(&list->before, before, 0);
    }
    return true;
}

struct condition {
    const char *column;
    const char *value;
    const char *index;
};

enum { CONDITIONS = 3 };

/* The most telling first. */
static size_t conditions_of(const struct audit_filter *f, struct condition ret[CONDITIONS])
{
    const struct condition all[CONDITIONS] = {{"subject", f->subject, "ix_audit_subject"},
                                              {"actor", f->actor, "ix_audit_actor"},
                                              {"action", f->action, "ix_audit_action"}};
    size_t n = 0;
    for (size_t i = 0; i < CONDITIONS; i++) {
        if (all[i].value != NULL) {
            ret[n++] = all[i];
        }
    }
    return n;
}

/* The sums are no comparisons of rows so that the optimizer does not make ranges of them (job_list_sql.c). */
static void append_from(GString *sql, struct list *list, const struct condition *conditions, size_t n)
{
    g_string_append_printf(sql, " FROM audit_log FORCE INDEX (%s) WHERE organization_id = ?",
                           n == 0 ? "ix_audit_created" : conditions[0].index);
    list->n = 0;
    add(list, db_text(list->filter->organization_id));
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(sql, " AND %s = ?", conditions[i].column);
        add(list, db_text(conditions[i].value));
    }
    g_string_append(sql, " AND created_at > ? AND created_at <= ? AND (created_at < ?) + (id < ?) > 0"
                         " AND created_at >= ? AND (created_at > ?) + (id >= ?) > 0");
    add(list, db_text(list->after));
    add(list, db_text(list->before.at));
    add(list, db_text(list->before.at));
    add(list, DB_INT(list->before.id));
    add(list, db_text(list->floor.at));
    add(list, db_text(list->floor.at));
    add(list, DB_INT(list->floor.id));
}

#define NEWEST_FIRST " ORDER BY created_at DESC, id DESC LIMIT ?"

/* Sets the floor to the last entry that the page may look at. It is found first, since new entries would move it. */
static bool find_floor(struct db *db, struct list *list, const struct condition *first, bool *ret_found, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT id, created_at");
    CLEANUP(db_result_release) struct db_result r = {0};
    append_from(sql, list, first, 1);
    g_string_append(sql, NEWEST_FIRST " OFFSET ?");
    add(list, DB_INT(1));
    add(list, DB_INT(AUDIT_READ_MAX - 1));
    if (!db_run(db, &r, e, sql->str, list->params, list->n)) {
        return false;
    }
    *ret_found = r.rows > 0;
    if (r.rows > 0) {
        place_of_row(&r, 0, 0, 1, &list->floor);
    }
    return true;
}

static bool load_page(struct db *db, struct list *list, struct db_result *ret, bool *ret_cut, struct err *e)
{
    struct condition conditions[CONDITIONS];
    size_t n = conditions_of(list->filter, conditions);
    g_autoptr(GString) sql = g_string_new("SELECT ");
    *ret_cut = false;
    if (n > 1 && !find_floor(db, list, conditions, ret_cut, e)) {
        return false;
    }
    record_columns(sql, &audit_record, "", false);
    append_from(sql, list, conditions, n);
    g_string_append(sql, NEWEST_FIRST);
    add(list, DB_INT(list->filter->limit + 1));
    return db_run(db, ret, e, sql->str, list->params, list->n);
}

bool audit_list(struct db *db, const struct audit_filter *filter, json_t **ret, struct err *e)
{
    struct list list;
    bool is_cut = false;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!list_init(&list, filter)) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
    }
    if (!load_page(db, &list, &r, &is_cut, e)) {
        return false;
    }
    size_t shown = MIN(r.rows, (size_t)filter->limit);
    json_t *entries = json_array();
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(entries, record_row_json(&audit_record, &r, i, 0));
    }
    struct place last = list.floor;
    if (r.rows > shown) {
        place_of_row(&r, shown - 1, record_column(&audit_record, "id"), record_column(&audit_record, "created_at"),
                     &last);
    }
    g_autofree char *next = r.rows > shown || is_cut ? cursor_new(&last) : NULL;
    *ret = json_pack("{s:o, s:I, s:s?}", "entries", entries, "limit", (json_int_t)filter->limit, "next_cursor", next);
    return true;
}
