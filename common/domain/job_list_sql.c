#include "domain/job_list_sql.h"
#include "ground/text.h"

#include <inttypes.h>
#include <string.h>

/* Larger payloads and results are left out of lists: a page of 200 jobs could be 200 MB of them. */
#define SHOWN_BYTES_MAX "4096"
#define EXACT_BRANCHES_MAX 8

#define TIME_FIRST "1970-01-01 00:00:00"
#define TIME_LAST "9999-12-31 23:59:59.999999"
/* The least and the greatest id in the order in which MariaDB sorts UUIDs. */
#define ID_FIRST "00000000-0000-0000-0000-000000000000"
#define ID_LAST "ffffffff-ffff-ffff-ffff-ffffffffffff"

/* The first comparison with before bounds the index range; one of rows, (created_at, id) < (?, ?), would not. The
 * second is written as a sum so that the optimizer does not make ranges of it too: that costs more than it saves. */
#define IN_SPAN " AND created_at > ? AND created_at <= ? AND (created_at < ?) + (id < ?) > 0"
#define NEWEST_FIRST " ORDER BY created_at DESC, id DESC"
#define FROM_CREATED " FROM background_jobs FORCE INDEX (ix_jobs_created) WHERE organization_id = ?"
#define FROM_RANGE                                                                                                 \
    " FROM background_jobs FORCE INDEX (ix_jobs_filter) WHERE organization_id = ? AND status = ? AND job_type = ?" \
    " AND priority = ?"

/* --- ranges ------------------------------------------------------------------------------------------------------ */

bool job_filter_has_ranges(const struct job_filter *filter)
{
    return filter->status != NULL || filter->job_type != NULL || filter->has_priority;
}

GArray *job_ranges_new(const struct job_filter *filter, const struct job_slice *slices, size_t n)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct job_range));
    for (size_t i = 0; i < n; i++) {
        for (enum job_status s = JOB_QUEUED; s < JOB_STATUSES && slices[i].jobs > 0; s++) {
            if (filter->status == NULL || strcmp(filter->status, job_status_name(s)) == 0) {
                struct job_range range = {job_status_name(s), slices[i].job_type, slices[i].priority};
                g_array_append_val(ranges, range);
            }
        }
    }
    return ranges;
}

size_t job_list_branches(size_t n)
{
    size_t power = 1;
    if (n <= EXACT_BRANCHES_MAX) {
        return n;
    }
    while (power * 2 <= n) {
        power *= 2;
    }
    size_t step = power / 4;
    return (n + step - 1) / step * step;
}

/* --- span -------------------------------------------------------------------------------------------------------- */

/* A cursor is base64url of "<created_at in microseconds>.<id>" of the last job shown. */
char *job_cursor_new(const char *created_sql, const char *id)
{
    int64_t created_us = 0;
    (void)clock_parse_sql(created_sql, &created_us);
    g_autofree char *plain = g_strdup_printf("%" PRId64 ".%s", created_us, id);
    return text_base64url(plain, strlen(plain));
}

static bool cursor_read(const char *cursor, int64_t *ret_us, char ret_id[UUID_TEXT_BYTES])
{
    size_t length = 0;
    g_autofree char *plain = (char *)text_base64url_decode(cursor, &length);
    char *end = NULL;
    if (plain == NULL || strlen(plain) != length) {
        return false;
    }
    *ret_us = g_ascii_strtoll(plain, &end, 10);
    if (end == plain || *end != '.' || *ret_us <= 0 || !uuid_is_valid(end + 1)) {
        return false;
    }
    char created[CLOCK_TEXT_BYTES];
    int64_t again_us = 0;
    clock_format_sql(*ret_us, created);
    g_strlcpy(ret_id, end + 1, UUID_TEXT_BYTES);
    return clock_parse_sql(created, &again_us) && again_us == *ret_us;
}

bool job_span_init(struct job_span *span, const struct job_filter *filter)
{
    int64_t cursor_us = 0;
    g_strlcpy(span->after, TIME_FIRST, sizeof(span->after));
    g_strlcpy(span->before, TIME_LAST, sizeof(span->before));
    g_strlcpy(span->before_id, ID_LAST, sizeof(span->before_id));
    if (filter->created_after_us != 0) {
        clock_format_sql(filter->created_after_us, span->after);
    }
    if (filter->cursor != NULL) {
        if (!cursor_read(filter->cursor, &cursor_us, span->before_id)) {
            return false;
        }
        clock_format_sql(cursor_us, span->before);
    }
    if (filter->created_before_us != 0 && (filter->cursor == NULL || filter->created_before_us <= cursor_us)) {
        clock_format_sql(filter->created_before_us, span->before);
        g_strlcpy(span->before_id, ID_FIRST, sizeof(span->before_id));
    }
    return true;
}

/* --- parameters -------------------------------------------------------------------------------------------------- */

static void add(GArray *params, struct db_param param)
{
    g_array_append_val(params, param);
}

static void add_span(GArray *params, const struct job_span *span)
{
    add(params, db_text(span->after));
    add(params, db_text(span->before));
    add(params, db_text(span->before));
    add(params, db_text(span->before_id));
}

/* range NULL: the parameters of a branch without rows, since nothing is equal to NULL. */
static void add_range(GArray *params, const char *organization_id, const struct job_range *range)
{
    add(params, db_text(range == NULL ? NULL : organization_id));
    add(params, db_text(range == NULL ? NULL : range->status));
    add(params, db_text(range == NULL ? NULL : range->job_type));
    add(params, DB_INT(range == NULL ? 0 : range->priority));
}

static void add_limit(GArray *params, const struct job_filter *filter, bool skips)
{
    add(params, DB_INT(filter->limit + 1));
    if (skips) {
        add(params, DB_INT(filter->skip));
    }
}

GArray *job_list_page_params(const struct job_filter *filter, const GArray *ranges, const struct job_span *span,
                             bool skips)
{
    GArray *params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    size_t branches = job_list_branches(ranges->len);
    if (branches == 0) {
        add(params, db_text(filter->organization_id));
        add(params, db_text(filter->organization_id));
        add_span(params, span);
        add_limit(params, filter, skips);
        return params;
    }
    for (guint i = 0; i < branches; i++) {
        add_range(params, filter->organization_id,
                  i < ranges->len ? &g_array_index(ranges, struct job_range, i) : NULL);
        add_span(params, span);
        if (branches > 1) {
            add(params, DB_INT(filter->skip + filter->limit + 1));
        }
    }
    add_limit(params, filter, skips);
    return params;
}

GArray *job_list_count_params(const struct job_filter *filter, const struct job_range *range,
                              const struct job_span *span, int64_t limit)
{
    GArray *params = g_array_new(FALSE, FALSE, sizeof(struct db_param));
    if (range == NULL) {
        add(params, db_text(filter->organization_id));
    } else {
        add_range(params, filter->organization_id, range);
    }
    add(params, db_text(span->after));
    add(params, db_text(span->before));
    add(params, DB_INT(limit));
    return params;
}

/* --- statements -------------------------------------------------------------------------------------------------- */

void job_list_columns(GString *sql)
{
    for (size_t i = 0, n = 0; i < job_record.n; i++) {
        const struct field *f = &job_record.fields[i];
        if ((f->flags & (FIELD_INTERNAL | FIELD_INPUT_ONLY)) != 0) {
            continue;
        }
        g_string_append(sql, n++ == 0 ? "" : ", ");
        bool may_be_large = f->max > g_ascii_strtoll(SHOWN_BYTES_MAX, NULL, 10) &&
                            (f->type == FIELD_OBJECT || f->type == FIELD_ANY);
        if (may_be_large) {
            g_string_append_printf(sql, "IF(LENGTH(j.%s) <= " SHOWN_BYTES_MAX ", j.%s, NULL)", f->name, f->name);
        } else {
            field_column(sql, f, "j.");
        }
    }
}

static void append_columns(GString *sql, size_t branches)
{
    job_list_columns(sql);
    if (branches == 0) {
        g_string_append(sql, ", (SELECT COALESCE(SUM(jobs), 0) FROM job_counts WHERE organization_id = ?)");
    }
}

/* The keys of the page: a merge of the branches, each of which is in the order of its index. */
static void append_keys(GString *sql, size_t branches, const char *limit)
{
    for (size_t i = 0; i < branches; i++) {
        g_string_append_printf(sql, "%s(SELECT id, created_at" FROM_RANGE IN_SPAN NEWEST_FIRST " LIMIT ?)",
                               i == 0 ? "" : " UNION ALL ");
    }
    g_string_append_printf(sql, NEWEST_FIRST "%s", limit);
}

/* One range needs no merge. Without rows to pass over its rows are read as they come; with some, only their keys. */
static void append_one_range(GString *sql, size_t branches, bool skips, const char *limit)
{
    const char *from = branches == 0 ? FROM_CREATED IN_SPAN : FROM_RANGE IN_SPAN;
    if (skips) {
        g_string_append_printf(sql,
                               " FROM (SELECT id, created_at%s" NEWEST_FIRST "%s) page"
                               " STRAIGHT_JOIN background_jobs j ON j.id = page.id"
                               " ORDER BY page.created_at DESC, page.id DESC",
                               from, limit);
    } else {
        g_autoptr(GString) aliased = g_string_new(from);
        g_string_replace(aliased, "background_jobs", "background_jobs j", 1);
        g_string_append_printf(sql, "%s" NEWEST_FIRST "%s", aliased->str, limit);
    }
}

char *job_list_page_sql(size_t branches, bool skips)
{
    GString *sql = g_string_new("SELECT ");
    const char *limit = skips ? " LIMIT ? OFFSET ?" : " LIMIT ?";
    append_columns(sql, branches);
    if (branches <= 1) {
        append_one_range(sql, branches, skips, limit);
        return g_string_free(sql, FALSE);
    }
    g_string_append(sql, " FROM (");
    append_keys(sql, branches, limit);
    g_string_append(sql, ") page STRAIGHT_JOIN background_jobs j ON j.id = page.id"
                         " ORDER BY page.created_at DESC, page.id DESC");
    return g_string_free(sql, FALSE);
}

char *job_list_count_sql(bool has_range)
{
    return g_strdup_printf("SELECT COUNT(*) FROM (SELECT 1%s AND created_at > ? AND created_at < ? LIMIT ?) found",
                           has_range ? FROM_RANGE : FROM_CREATED);
}
