#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "domain/job.h"
#include "ground/clock.h"

/* Larger payloads and results are left out of lists: a page of 200 jobs could be 200 MB of them. */
#define SHOWN_BYTES_MAX "4096"
#define RANGE_COUNT_MAX 10000
#define PARAMS_MAX 12

struct query {
    GString *sql;
    struct db_param params[PARAMS_MAX];
    size_t n;
    char after[CLOCK_TEXT_BYTES];
    char before[CLOCK_TEXT_BYTES];
    char cursor_time[CLOCK_TEXT_BYTES];
    char cursor_id[UUID_TEXT_BYTES];
};

static void query_release(struct query *q)
{
    if (q->sql != NULL) {
        g_string_free(q->sql, TRUE);
    }
}

static void add_param(struct query *q, struct db_param param)
{
    g_assert(q->n < PARAMS_MAX);
    q->params[q->n++] = param;
}

static void where_text(struct query *q, const char *condition, const char *value)
{
    if (value != NULL) {
        g_string_append(q->sql, condition);
        add_param(q, db_text(value));
    }
}

static void where_filter(struct query *q, const struct job_filter *f)
{
    g_string_append(q->sql, " WHERE organization_id = ?");
    add_param(q, db_text(f->organization_id));
    where_text(q, " AND status = ?", f->status);
    where_text(q, " AND job_type = ?", f->job_type);
    if (f->has_priority) {
        g_string_append(q->sql, " AND priority = ?");
        add_param(q, DB_INT(f->priority));
    }
    if (f->created_after_us != 0) {
        clock_format_sql(f->created_after_us, q->after);
        where_text(q, " AND created_at > ?", q->after);
    }
    if (f->created_before_us != 0) {
        clock_format_sql(f->created_before_us, q->before);
        where_text(q, " AND created_at < ?", q->before);
    }
}

/* --- cursor: base64url of "<created_at in microseconds>.<id>" of the last job shown ------------------------------- */

static char *cursor_make(const json_t *last)
{
    int64_t created_us = 0;
    (void)clock_parse_rfc3339(json_string_value(json_object_get(last, "created_at")), &created_us);
    g_autofree char *plain = g_strdup_printf("%" PRId64 ".%s", created_us,
                                             json_string_value(json_object_get(last, "id")));
    char *text = g_base64_encode((const guchar *)plain, strlen(plain));
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    g_strdelimit(text, "=", '\0');
    return text;
}

static bool cursor_read(const char *cursor, struct query *q)
{
    g_autofree char *text = g_strdup_printf("%s%.*s", cursor, (int)(3 - (strlen(cursor) + 3) % 4), "===");
    g_strdelimit(text, "-", '+');
    g_strdelimit(text, "_", '/');
    gsize length = 0;
    g_autofree guchar *raw = g_base64_decode(text, &length);
    g_autofree char *plain = g_strndup((const char *)raw, length);
    char *end = NULL;
    int64_t created_us = g_ascii_strtoll(plain, &end, 10);
    if (end == plain || *end != '.' || created_us <= 0 || !uuid_is_valid(end + 1)) {
        return false;
    }
    clock_format_sql(created_us, q->cursor_time);
    int64_t again_us = 0;
    g_strlcpy(q->cursor_id, end + 1, sizeof(q->cursor_id));
    return clock_parse_sql(q->cursor_time, &again_us) && again_us == created_us;
}

static bool where_cursor(struct query *q, const struct job_filter *f, struct err *e)
{
    if (f->cursor == NULL) {
        return true;
    }
    if (!cursor_read(f->cursor, q)) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
    }
    /* The first condition bounds the index range; a row comparison alone would not. */
    g_string_append(q->sql, " AND created_at <= ? AND (created_at < ? OR id < ?)");
    add_param(q, db_text(q->cursor_time));
    add_param(q, db_text(q->cursor_time));
    add_param(q, db_text(q->cursor_id));
    return true;
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

/* The columns of a job with large values left out. */
static void append_columns(GString *sql)
{
    for (size_t i = 0, n = 0; i < job_record.n; i++) {
        const struct field *f = &job_record.fields[i];
        if ((f->flags & (FIELD_INTERNAL | FIELD_INPUT_ONLY)) != 0) {
            continue;
        }
        g_string_append(sql, n++ == 0 ? "" : ", ");
        bool may_be_large = f->type == FIELD_OBJECT || f->type == FIELD_ANY;
        g_string_append_printf(sql, may_be_large ? "IF(LENGTH(%s) <= " SHOWN_BYTES_MAX ", %s, NULL)" : "%s", f->name,
                               f->name);
    }
}

static bool count_range(struct db *db, const struct job_filter *f, int64_t *ret, struct err *e)
{
    CLEANUP(query_release)
    struct query q = {.sql = g_string_new("SELECT COUNT(*) FROM (SELECT 1 FROM background_jobs")};
    where_filter(&q, f);
    g_string_append(q.sql, " LIMIT ?) found");
    add_param(&q, DB_INT(RANGE_COUNT_MAX));
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, q.sql->str, q.params, q.n)) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

/* Without a range the counters know; with one, rows are counted up to a limit. */
static bool find_total(struct db *db, const struct job_filter *f, int64_t *ret, bool *ret_capped, struct err *e)
{
    *ret_capped = false;
    if (f->created_after_us == 0 && f->created_before_us == 0) {
        return job_counts_total(db, f, ret, e);
    }
    if (!count_range(db, f, ret, e)) {
        return false;
    }
    *ret_capped = *ret == RANGE_COUNT_MAX;
    return true;
}

static json_t *list_answer(const struct job_filter *f, const struct db_result *r, int64_t total, bool capped)
{
    json_t *jobs = json_array();
    size_t shown = MIN(r->rows, (size_t)f->limit);
    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(jobs, record_row_json(&job_record, r, i, 0));
    }
    g_autofree char *next = r->rows > shown && shown > 0 ? cursor_make(json_array_get(jobs, shown - 1)) : NULL;
    return json_pack("{s:o, s:I, s:b, s:I, s:I, s:s?}", "jobs", jobs, "total", (json_int_t)total, "total_capped",
                     capped, "skip", (json_int_t)f->skip, "limit", (json_int_t)f->limit, "next_cursor", next);
}

bool job_list(struct db *db, const struct job_filter *filter, json_t **ret, struct err *e)
{
    CLEANUP(query_release) struct query q = {.sql = g_string_new("SELECT ")};
    append_columns(q.sql);
    g_string_append(q.sql, " FROM background_jobs");
    where_filter(&q, filter);
    if (!where_cursor(&q, filter, e)) {
        return false;
    }
    g_string_append(q.sql, " ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?");
    add_param(&q, DB_INT(filter->limit + 1));
    add_param(&q, DB_INT(filter->skip));

    CLEANUP(db_result_release) struct db_result r = {0};
    int64_t total = 0;
    bool capped = false;
    if (!db_run(db, &r, e, q.sql->str, q.params, q.n) || !find_total(db, filter, &total, &capped, e)) {
        return false;
    }
    *ret = list_answer(filter, &r, total, capped);
    return true;
}
