/*
 * org_stats_speed.c: how long jobs that started lately have waited and run. No index knows when a job started; but
 * within a type, priority and status those that were created last are by and large those that started last, so the
 * newest rows of each such range of an index are looked at.
 */
#include <glib.h>
#include <stdlib.h>

#include "domain/job.h"
#include "domain/org_stats.h"
#include "ground/clock.h"

#define LATELY_US (3600 * US_PER_S)

struct timing {
    int64_t age_us;  /* since the start */
    int64_t wait_us; /* -1: not known */
    int64_t run_us;  /* -1: it still runs */
};

static gint compare_ages(gconstpointer a, gconstpointer b)
{
    const struct timing *x = a;
    const struct timing *y = b;
    return x->age_us < y->age_us ? -1 : x->age_us > y->age_us;
}

/* The wait is that for the first attempt: a row knows the start of the last one only. */
static bool load_slice(struct db *db, const struct job_filter *slice, struct db_result *ret, struct err *e)
{
    static const char sql[] =
        "SELECT TIMESTAMPDIFF(MICROSECOND, started_at, UTC_TIMESTAMP(6)), IF(attempt = 1, TIMESTAMPDIFF(MICROSECOND,"
        " GREATEST(created_at, COALESCE(scheduled_at, created_at)), started_at), NULL),"
        " TIMESTAMPDIFF(MICROSECOND, started_at, completed_at) FROM background_jobs FORCE INDEX (ix_jobs_filter)"
        " WHERE organization_id = ? AND status = ? AND job_type = ? AND priority = ?"
        " ORDER BY created_at DESC, id DESC LIMIT ?";
    return db_run(db, ret, e, sql,
                  DB_PARAMS(db_text(slice->organization_id), db_text(slice->status), db_text(slice->job_type),
                            DB_INT(slice->priority), DB_INT(slice->limit)));
}

static int64_t length_of(const struct db_result *r, size_t row, size_t column)
{
    return db_cell(r, row, column) == NULL ? -1 : MAX(db_cell_int(r, row, column), 0);
}

static bool add_slice(struct db *db, const struct job_filter *slice, GArray *timings, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!load_slice(db, slice, &r, e)) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        const struct timing t = {db_cell_int(&r, i, 0), length_of(&r, i, 1), length_of(&r, i, 2)};
        if (db_cell(&r, i, 0) != NULL && t.age_us <= LATELY_US) {
            g_array_append_val(timings, t);
        }
    }
    return true;
}

static bool add_status(struct db *db, const char *org, enum job_status status, GArray *timings, struct err *e)
{
    struct job_filter slice = {.organization_id = org, .status = job_status_name(status)};
    CLEANUP(db_result_release) struct db_result slices = {0};
    if (!job_counts_by_slice(db, &slice, &slices, e)) {
        return false;
    }
    size_t n = MIN(slices.rows, ORG_STATS_SLICES);
    for (size_t i = 0; i < n; i++) {
        slice.job_type = db_cell(&slices, i, 0);
        slice.priority = db_cell_int(&slices, i, 1);
        slice.limit = MAX(ORG_STATS_SAMPLE / (int64_t)n, ORG_STATS_SAMPLE_LEAST);
        if (!add_slice(db, &slice, timings, e)) {
            return false;
        }
    }
    return true;
}

static int compare_lengths(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

int64_t org_stats_percentile(int64_t *values, size_t n, unsigned percent)
{
    size_t rank = (n * percent + 99) / 100;
    qsort(values, n, sizeof(*values), compare_lengths);
    return values[MAX(rank, 1) - 1];
}

static void add_percentiles(json_t *speed, const char *p50, const char *p95, int64_t *values, size_t n)
{
    json_object_set_new(speed, p50,
                        n == 0 ? json_null() : json_integer(org_stats_percentile(values, n, 50) / US_PER_MS));
    json_object_set_new(speed, p95,
                        n == 0 ? json_null() : json_integer(org_stats_percentile(values, n, 95) / US_PER_MS));
}

static json_t *json_speed(GArray *timings)
{
    int64_t waits[ORG_STATS_SAMPLE];
    int64_t runs[ORG_STATS_SAMPLE];
    size_t waits_n = 0;
    size_t runs_n = 0;
    guint n = MIN(timings->len, ORG_STATS_SAMPLE);
    g_array_sort(timings, compare_ages);
    for (guint i = 0; i < n; i++) {
        const struct timing *t = &g_array_index(timings, struct timing, i);
        if (t->wait_us >= 0) {
            waits[waits_n++] = t->wait_us;
        }
        if (t->run_us >= 0) {
            runs[runs_n++] = t->run_us;
        }
    }
    json_t *speed = json_pack("{s:I}", "jobs", (json_int_t)n);
    add_percentiles(speed, "wait_p50_ms", "wait_p95_ms", waits, waits_n);
    add_percentiles(speed, "run_p50_ms", "run_p95_ms", runs, runs_n);
    return speed;
}

bool org_stats_add_speed(struct db *db, const char *org, json_t *stats, struct err *e)
{
    static const enum job_status started[] = {JOB_PROCESSING, JOB_COMPLETED, JOB_FAILED};
    g_autoptr(GArray) timings = g_array_new(FALSE, FALSE, sizeof(struct timing));
    for (size_t i = 0; i < ARRAY_SIZE(started); i++) {
        if (!add_status(db, org, started[i], timings, e)) {
            return false;
        }
    }
    json_object_set_new(stats, "speed", json_speed(timings));
    return true;
}
