#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_settle.h"

/* Rows a counter is spread over, so that connections that commit at the same time seldom wait for each other. */
#define SHARDS 16

/* The order in which every transaction locks counters. */
static int compare_deltas(const void *a, const void *b)
{
    const struct job_count_delta *x = a;
    const struct job_count_delta *y = b;
    int by_org = strcmp(x->organization_id, y->organization_id);
    int by_type = by_org != 0 ? by_org : strcmp(x->job_type, y->job_type);
    if (by_type != 0) {
        return by_type;
    }
    if (x->status != y->status) {
        return x->status < y->status ? -1 : 1;
    }
    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* Adds up the sorted deltas by counter, in place, without those that cancel out. Returns how many are left. */
static size_t sum_deltas(struct job_count_delta *sorted, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        struct job_count_delta sum = sorted[i];
        for (i++; i < n && compare_deltas(&sum, &sorted[i]) == 0; i++) {
            sum.delta += sorted[i].delta;
        }
        if (sum.delta != 0) {
            sorted[kept++] = sum;
        }
    }
    return kept;
}

static bool add_summed(struct db *db, const struct job_count_delta *deltas, size_t n, int64_t shard, struct err *e)
{
    static const char sql[] = "INSERT INTO job_counts (organization_id, job_type, status, priority, shard, jobs)"
                              " VALUES (?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE jobs = jobs + VALUES(jobs)";
    enum { COLUMNS = 6 };

    g_autofree struct db_param *rows = g_new(struct db_param, n * COLUMNS);
    for (size_t i = 0; i < n; i++) {
        const struct job_count_delta *d = &deltas[i];
        const struct db_param row[COLUMNS] = {
            db_text(d->organization_id), db_text(d->job_type), db_text(job_status_name(d->status)),
            DB_INT(d->priority),         DB_INT(shard),        DB_INT(d->delta)};
        memcpy(&rows[i * COLUMNS], row, sizeof(row));
    }
    return db_run_rows(db, NULL, e, sql, rows, COLUMNS, n);
}

bool job_counts_add(struct db *db, const struct job_count_delta *deltas, size_t n, struct err *e)
{
    g_autofree struct job_count_delta *sorted = g_memdup2(deltas, n * sizeof(*deltas));
    qsort(sorted, n, sizeof(*sorted), compare_deltas);
    size_t kept = sum_deltas(sorted, n);
    return kept == 0 || add_summed(db, sorted, kept, db_shard(db) % SHARDS, e);
}

struct where {
    struct db_param params[4];
    size_t n;
};

static struct where append_where(GString *sql, const struct job_filter *filter)
{
    struct where w = {.params = {db_text(filter->organization_id)}, .n = 1};
    g_string_append(sql, " FROM job_counts WHERE organization_id = ?");
    if (filter->job_type != NULL) {
        g_string_append(sql, " AND job_type = ?");
        w.params[w.n++] = db_text(filter->job_type);
    }
    if (filter->status != NULL) {
        g_string_append(sql, " AND status = ?");
        w.params[w.n++] = db_text(filter->status);
    }
    if (filter->has_priority) {
        g_string_append(sql, " AND priority = ?");
        w.params[w.n++] = DB_INT(filter->priority);
    }
    return w;
}

bool job_counts_total(struct db *db, const struct job_filter *filter, int64_t *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT COALESCE(SUM(jobs), 0)");
    struct where w = append_where(sql, filter);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, w.params, w.n)) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

bool job_counts_by_slice(struct db *db, const struct job_filter *filter, struct db_result *ret, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT job_type, priority, SUM(jobs) AS n");
    struct where w = append_where(sql, filter);
    g_string_append(sql, " GROUP BY job_type, priority HAVING n > 0");
    return db_run(db, ret, e, sql->str, w.params, w.n);
}

/* --- folding ----------------------------------------------------------------------------------------------------- */

static void fill_key(struct db_param *params, const struct job_count_delta *c)
{
    params[0] = db_text(c->organization_id);
    params[1] = db_text(c->job_type);
    params[2] = db_text(job_status_name(c->status));
    params[3] = DB_INT(c->priority);
}

/* One by one: for a list of shards MariaDB may read all rows of the counter, and wait for those that others have
 * locked.
 */
static bool delete_shards(struct db *db, const struct job_count_delta *c, const struct db_result *rows, struct err *e)
{
    static const char sql[] = "DELETE FROM job_counts WHERE organization_id = ? AND job_type = ? AND status = ?"
                              " AND priority = ? AND shard = ?";
    struct db_param params[5];
    bool ok = true;
    fill_key(params, c);
    for (size_t i = 0; ok && i < rows->rows; i++) {
        params[4] = DB_INT(db_cell_int(rows, i, 0));
        ok = db_run(db, NULL, e, sql, params, ARRAY_SIZE(params));
    }
    return ok;
}

/* Run again after a commit whose outcome is unknown it does no harm: the sum stays what it is. It goes to a shard of
 * those that are locked here already: that of this connection may be locked by another. */
static bool fold_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    static const char sql[] = "SELECT shard, jobs FROM job_counts WHERE organization_id = ? AND job_type = ?"
                              " AND status = ? AND priority = ? ORDER BY shard LIMIT ? FOR UPDATE SKIP LOCKED";
    struct job_count_delta sum = *(const struct job_count_delta *)arg;
    struct db_param params[5];
    CLEANUP(db_result_release) struct db_result r = {0};
    fill_key(params, &sum);
    params[4] = DB_INT(SHARDS);
    if (!db_run(db, &r, e, sql, params, ARRAY_SIZE(params))) {
        return false;
    }
    if (r.rows < 2) {
        return true;
    }
    sum.delta = 0;
    for (size_t i = 0; i < r.rows; i++) {
        sum.delta += db_cell_int(&r, i, 1);
    }
    return delete_shards(db, &sum, &r, e) && (sum.delta == 0 || add_summed(db, &sum, 1, db_cell_int(&r, 0, 0), e));
}

bool job_counts_fold(struct db *db, const struct job_count_delta *counter, struct err *e)
{
    struct job_count_delta copy = *counter;
    return db_transaction(db, fold_body, &copy, e);
}

/* --- report ------------------------------------------------------------------------------------------------------ */

static void append_counts(GString *out, const int64_t counts[JOB_STATUSES])
{
    for (enum job_status s = JOB_QUEUED; s < JOB_STATUSES; s++) {
        g_string_append_printf(out, "%s\"%s\":%" PRId64, s == JOB_QUEUED ? "" : ",", job_status_name(s), counts[s]);
    }
}

/* The rows of one type, of which there is at least one; returns the first row of the next. */
static size_t append_type(GString *out, const struct db_result *r, size_t row, int64_t sums[JOB_STATUSES])
{
    const char *type = db_cell(r, row, 0);
    int64_t counts[JOB_STATUSES] = {0};
    for (; row < r->rows && strcmp(db_cell(r, row, 0), type) == 0; row++) {
        enum job_status status = JOB_QUEUED;
        if (job_status_parse(db_cell(r, row, 1), &status)) {
            counts[status] += db_cell_int(r, row, 2);
            sums[status] += db_cell_int(r, row, 2);
        }
    }
    g_string_append_printf(out, "%s{\"job_type\":\"%s\",", out->len > 0 ? "," : "", type);
    append_counts(out, counts);
    g_string_append_c(out, '}');
    return row;
}

bool job_counts_text(struct db *db, const char *organization_id, GString *out, struct err *e)
{
    static const char sql[] = "SELECT job_type, status, SUM(jobs) AS n FROM job_counts WHERE organization_id = ?"
                              " GROUP BY job_type, status HAVING n <> 0 ORDER BY job_type, status";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    int64_t sums[JOB_STATUSES] = {0};
    int64_t total = 0;
    g_autoptr(GString) types = g_string_new(NULL);
    for (size_t row = 0; row < r.rows;) {
        row = append_type(types, &r, row, sums);
    }
    for (size_t s = 0; s < JOB_STATUSES; s++) {
        total += sums[s];
    }
    g_string_append_printf(out, "{\"total\":%" PRId64 ",\"by_status\":{", total);
    append_counts(out, sums);
    g_string_append_printf(out, "},\"by_type\":[%s]}", types->str);
    return true;
}
