#include <inttypes.h>
#include <string.h>

#include "domain/job_list_sql.h"

#define RANGE_COUNT_MAX 10000
/* Keys that a page with skip may read: about a second of work. */
#define SKIP_KEYS_MAX 2000000

struct list {
    struct db *db;
    const struct job_filter *filter;
    struct job_span span;
    GArray *slices; /* struct job_slice; NULL: the filter has no ranges */
    GArray *ranges; /* struct job_range; empty when the filter has none, or when there is nothing to show */
    struct db_result page;
    int64_t total;
    bool capped;
};

static void list_release(struct list *list)
{
    g_clear_pointer(&list->slices, g_array_unref);
    g_clear_pointer(&list->ranges, g_array_unref);
    db_result_release(&list->page);
}

/* --- what there is ----------------------------------------------------------------------------------------------- */

static bool load_slices(struct list *list, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!job_filter_has_ranges(list->filter)) {
        return true;
    }
    if (!job_counts_by_slice(list->db, list->filter, &r, e)) {
        return false;
    }
    list->slices = g_array_new(FALSE, TRUE, sizeof(struct job_slice));
    for (size_t i = 0; i < r.rows; i++) {
        struct job_slice slice = {.priority = db_cell_int(&r, i, 1), .jobs = db_cell_int(&r, i, 2)};
        g_strlcpy(slice.job_type, db_cell(&r, i, 0), sizeof(slice.job_type));
        g_array_append_val(list->slices, slice);
        list->total += slice.jobs;
    }
    return true;
}

static bool plan(struct list *list, struct err *e)
{
    const struct job_filter *f = list->filter;
    if (!job_span_init(&list->span, f)) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
    }
    if (!load_slices(list, e)) {
        return false;
    }
    list->ranges = job_ranges_new(f, list->slices == NULL ? NULL : (const struct job_slice *)(void *)list->slices->data,
                                  list->slices == NULL ? 0 : list->slices->len);
    if (f->skip > 0 && (f->skip + f->limit) * (int64_t)list->ranges->len > SKIP_KEYS_MAX) {
        return err_set(e, ERR_INVALID, "That is too much to pass over with this filter; use the cursor");
    }
    return true;
}

/* --- page -------------------------------------------------------------------------------------------------------- */

static bool run(struct db *db, struct db_result *r, const char *sql, GArray *params, struct err *e)
{
    return db_run(db, r, e, sql, (const struct db_param *)(void *)params->data, params->len);
}

static bool load_page(struct list *list, struct err *e)
{
    bool skips = list->filter->skip > 0;
    if (list->slices != NULL && list->ranges->len == 0) {
        return true;
    }
    g_autofree char *sql = job_list_page_sql(job_list_branches(list->ranges->len), skips);
    g_autoptr(GArray) params = job_list_page_params(list->filter, list->ranges, &list->span, skips);
    return run(list->db, &list->page, sql, params, e);
}

/* --- total ------------------------------------------------------------------------------------------------------- */

static bool count_range(struct list *list, const struct job_range *range, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autofree char *sql = job_list_count_sql(range != NULL);
    g_autoptr(GArray) params = job_list_count_params(list->filter, range, &list->span, RANGE_COUNT_MAX - list->total);
    if (!run(list->db, &r, sql, params, e)) {
        return false;
    }
    list->total += db_cell_int(&r, 0, 0);
    list->capped = list->total >= RANGE_COUNT_MAX;
    return true;
}

/* Between times, rows are counted, one range after the other until there are too many. */
static bool count_between_times(struct list *list, struct err *e)
{
    struct job_filter without_cursor = *list->filter;
    without_cursor.cursor = NULL;
    list->total = 0;
    if (!job_span_init(&list->span, &without_cursor)) {
        return err_set(e, ERR_INTERNAL, "A list without a cursor has a wrong one");
    }
    if (list->slices == NULL) {
        return count_range(list, NULL, e);
    }
    for (guint i = 0; i < list->ranges->len && !list->capped; i++) {
        if (!count_range(list, &g_array_index(list->ranges, struct job_range, i), e)) {
            return false;
        }
    }
    return true;
}

/* Without times the counters know: load_slices has added them up, or the page brings their sum with it. */
static bool find_total(struct list *list, struct err *e)
{
    const struct job_filter *f = list->filter;
    if (f->created_after_us != 0 || f->created_before_us != 0) {
        return count_between_times(list, e);
    }
    if (list->slices != NULL) {
        return true;
    }
    if (list->page.rows == 0) {
        return job_counts_total(list->db, f, &list->total, e);
    }
    list->total = db_cell_int(&list->page, 0, list->page.columns - 1);
    return true;
}

/* --- answer ------------------------------------------------------------------------------------------------------ */

static void append_cursor(GString *out, const struct db_result *page, size_t row)
{
    g_autofree char *cursor = job_cursor_new(db_cell(page, row, record_column(&job_record, "created_at")),
                                             db_cell(page, row, record_column(&job_record, "id")));
    g_string_append_printf(out, "\"%s\"", cursor);
}

static void append_answer(GString *out, const struct list *list)
{
    const struct job_filter *f = list->filter;
    size_t shown = MIN(list->page.rows, (size_t)f->limit);
    g_string_append(out, "{\"jobs\":[");
    for (size_t i = 0; i < shown; i++) {
        g_string_append(out, i == 0 ? "" : ",");
        record_row_write(out, &job_record, &list->page, i, 0);
    }
    g_string_append_printf(
        out, "],\"total\":%" PRId64 ",\"total_capped\":%s,\"skip\":%" PRId64 ",\"limit\":%" PRId64 ",\"next_cursor\":",
        list->total, list->capped ? "true" : "false", f->skip, f->limit);
    if (list->page.rows > shown && shown > 0) {
        append_cursor(out, &list->page, shown - 1);
    } else {
        g_string_append(out, "null");
    }
    g_string_append(out, "}");
}

bool job_list_text(struct db *db, const struct job_filter *filter, GString *out, struct err *e)
{
    CLEANUP(list_release) struct list list = {.db = db, .filter = filter};
    if (!plan(&list, e) || !load_page(&list, e) || !find_total(&list, e)) {
        return false;
    }
    append_answer(out, &list);
    return true;
}

bool job_list(struct db *db, const struct job_filter *filter, json_t **ret, struct err *e)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (!job_list_text(db, filter, text, e)) {
        return false;
    }
    json_t *page = json_loadb(text->str, text->len, 0, NULL);
    if (page == NULL) {
        return err_set(e, ERR_INTERNAL, "A list of jobs is not JSON");
    }
    *ret = page;
    return true;
}
