#include "domain/job_prune.h"

#include <glib.h>
#include <string.h>

#include "domain/sql_ids.h"
#include "ground/clock.h"

#define SCAN_ROWS 400
#define JOBS_MAX 200
/* Rows of a batch: jobs, their attempts and log lines. */
#define ROWS_FIRST 100
#define ROWS_MAX 1000
#define ROWS_MIN 40
/* Rows over which a counter may be spread before they are folded. */
#define COUNTER_ROWS_MAX 4

#define TIME_FIRST "1970-01-01 00:00:00"
#define ID_FIRST "00000000-0000-0000-0000-000000000000"

/* Whether a finished job may go; one parameter: the seconds for which it is kept. */
#define SQL_DUE                                                                                               \
    "(completed_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND dispatch_at IS NULL AND (unique_key IS NULL OR" \
    " unique_for_s IS NULL OR created_at < UTC_TIMESTAMP(6) - INTERVAL unique_for_s SECOND))"

struct position {
    char created[CLOCK_TEXT_BYTES];
    char id[UUID_TEXT_BYTES];
};

struct held {
    struct position position;
    int64_t until_us; /* monotonic */
};

struct range {
    char job_type[JOB_TYPE_BYTES];
    enum job_status status;
    int64_t priority;
};

struct job_pruner {
    char organization_id[ORG_ID_BYTES]; /* empty: a round begins */
    GArray *ranges;                     /* struct range, of the organization */
    guint at;
    bool has_begun; /* the range at */
    bool has_kept;  /* jobs of it were passed over */
    int64_t held_until_us;
    struct position position; /* behind the last row that was looked at */
    int64_t batch_rows;
    GHashTable *held; /* name of a range to struct held */
    struct job_pruned round;
};

struct job_pruner *job_pruner_new(void)
{
    struct job_pruner *p = g_new0(struct job_pruner, 1);
    p->ranges = g_array_new(FALSE, TRUE, sizeof(struct range));
    p->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    p->batch_rows = ROWS_FIRST;
    return p;
}

void job_pruner_free(struct job_pruner *p)
{
    if (p != NULL) {
        g_array_unref(p->ranges);
        g_hash_table_unref(p->held);
        g_free(p);
    }
}

/* --- one batch --------------------------------------------------------------------------------------------------- */

struct batch {
    const char *organization_id;
    const struct range *range;
    int64_t keep_s;
    GPtrArray *ids;      /* in order; borrowed */
    int64_t weight;      /* rows that go with them */
    int64_t details_max; /* not 0: only so many attempts and lines of the first job are deleted; the job itself stays */
    int64_t locked;      /* out */
    int64_t deleted;     /* out: jobs */
};

/* Both statements force the index: of a small table MariaDB would read every row, and wait for locked ones that are
 * none of the batch. */

/* Locks those of the batch that may still go and that nobody else has locked. */
static bool lock_rows(struct db *db, const struct batch *b, struct db_result *ret, struct err *e)
{
    size_t slots = sql_ids_slots(b->ids->len);
    g_autoptr(GString) sql = g_string_new("SELECT id FROM background_jobs FORCE INDEX (PRIMARY) WHERE id IN ");
    g_autofree struct db_param *params = g_new(struct db_param, slots + 2);
    sql_ids_append(sql, b->ids->len);
    sql_ids_fill(params, (const char *const *)(void *)b->ids->pdata, b->ids->len);
    g_string_append(sql, " AND status = ? AND " SQL_DUE " ORDER BY id FOR UPDATE SKIP LOCKED");
    params[slots] = db_text(job_status_name(b->range->status));
    params[slots + 1] = DB_INT(b->keep_s);
    return db_run(db, ret, e, sql->str, params, slots + 2);
}

static bool delete_jobs(struct db *db, struct batch *b, const struct db_result *locked, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autoptr(GString) sql = g_string_new("DELETE j FROM background_jobs j FORCE INDEX (PRIMARY) WHERE j.id IN ");
    g_autofree struct db_param *params = g_new(struct db_param, sql_ids_slots(locked->rows));
    sql_ids_append(sql, locked->rows);
    sql_ids_fill(params, (const char *const *)locked->cells, locked->rows);
    if (!db_run(db, &r, e, sql->str, params, sql_ids_slots(locked->rows))) {
        return false;
    }
    if (r.affected != locked->rows) {
        return err_set(e, ERR_INTERNAL, "Of %zu locked jobs %llu were deleted", locked->rows,
                       (unsigned long long)r.affected);
    }
    b->deleted = (int64_t)locked->rows;
    const struct job_count_delta delta = {b->organization_id, b->range->job_type, b->range->status, b->range->priority,
                                          -b->deleted};
    return job_counts_add(db, &delta, 1, e);
}

/* A job with very many attempts or log lines loses them first, a part at a time. */
static bool delete_details(struct db *db, const char *id, int64_t max, struct err *e)
{
    return db_run(db, NULL, e, "DELETE FROM job_logs WHERE job_id = ? ORDER BY attempt, number LIMIT ?",
                  DB_PARAMS(db_text(id), DB_INT(max))) &&
           db_run(db, NULL, e, "DELETE FROM job_attempts WHERE job_id = ? ORDER BY number LIMIT ?",
                  DB_PARAMS(db_text(id), DB_INT(max)));
}

/* Also after a commit whose outcome is unknown: what is deleted is not found again, nor counted again. */
static bool batch_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct batch *b = arg;
    CLEANUP(db_result_release) struct db_result locked = {0};
    b->deleted = 0;
    if (!lock_rows(db, b, &locked, e)) {
        return false;
    }
    b->locked = (int64_t)locked.rows;
    if (locked.rows == 0) {
        return true;
    }
    return b->details_max > 0 ? delete_details(db, db_cell(&locked, 0, 0), b->details_max, e)
                              : delete_jobs(db, b, &locked, e);
}

/* Twice as careful after a batch that took too long; a little bolder after a quick one. */
static void adapt(struct job_pruner *p, const struct batch *b, int64_t took_us)
{
    if (took_us > JOB_PRUNE_TARGET_MS * US_PER_MS) {
        p->batch_rows = MAX(p->batch_rows / 2, ROWS_MIN);
    } else if (took_us < JOB_PRUNE_TARGET_MS * US_PER_MS / 2 && b->weight >= p->batch_rows / 2) {
        p->batch_rows = MIN(p->batch_rows + p->batch_rows / 4, ROWS_MAX);
    }
    p->round.longest_us = MAX(p->round.longest_us, took_us);
}

static bool run_batch(struct job_pruner *p, struct db *db, struct batch *b, struct err *e)
{
    if (b->ids->len == 0) {
        return true;
    }
    int64_t began_us = clock_mono_us();
    if (!db_transaction(db, batch_body, b, e)) {
        p->batch_rows = MAX(p->batch_rows / 2, ROWS_MIN);
        return false;
    }
    adapt(p, b, clock_mono_us() - began_us);
    p->round.jobs += b->deleted;
    return true;
}

/* --- one range --------------------------------------------------------------------------------------------------- */

static char *name_of(const struct job_pruner *p, const struct range *range)
{
    return g_strdup_printf("%s/%s/%d/%d", p->organization_id, range->job_type, (int)range->status,
                           (int)range->priority);
}

static void begin_range(struct job_pruner *p, const struct range *range)
{
    g_autofree char *name = name_of(p, range);
    const struct held *held = g_hash_table_lookup(p->held, name);
    g_strlcpy(p->position.created, TIME_FIRST, sizeof(p->position.created));
    g_strlcpy(p->position.id, ID_FIRST, sizeof(p->position.id));
    p->has_begun = true;
    p->has_kept = held != NULL && clock_mono_us() < held->until_us;
    p->held_until_us = clock_mono_us() + JOB_PRUNE_HELD_S * US_PER_S;
    if (p->has_kept) {
        p->position = held->position;
        p->held_until_us = held->until_us;
    }
}

static void end_range(struct job_pruner *p, const struct range *range)
{
    char *name = name_of(p, range);
    if (p->has_kept) {
        struct held *held = g_new(struct held, 1);
        *held = (struct held){p->position, p->held_until_us};
        g_hash_table_replace(p->held, name, held);
    } else {
        g_hash_table_remove(p->held, name);
        g_free(name);
    }
    p->at++;
    p->has_begun = false;
}

/* The next rows of the range that are old enough to be looked at: id, created_at, what goes with it, whether due. */
static bool load_rows(const struct job_pruner *p, struct db *db, const struct range *range, int64_t keep_s,
                      struct db_result *ret, struct err *e)
{
    static const char sql[] =
        "SELECT id, created_at, 1 + (SELECT COUNT(*) FROM job_attempts WHERE job_id = background_jobs.id)"
        " + (SELECT COUNT(*) FROM job_logs WHERE job_id = background_jobs.id), " SQL_DUE
        " FROM background_jobs FORCE INDEX (ix_jobs_filter)"
        " WHERE organization_id = ? AND status = ? AND job_type = ? AND priority = ?"
        " AND created_at >= ? AND (created_at > ?) + (id > ?) > 0"
        " AND created_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND ORDER BY created_at, id LIMIT ?";

    return db_run(db, ret, e, sql,
                  DB_PARAMS(DB_INT(keep_s), db_text(p->organization_id), db_text(job_status_name(range->status)),
                            db_text(range->job_type), DB_INT(range->priority), db_text(p->position.created),
                            db_text(p->position.created), db_text(p->position.id), DB_INT(keep_s), DB_INT(SCAN_ROWS)));
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fills the batch from the rows; returns how many rows it deals with for good, kept ones included. */
static size_t choose(struct job_pruner *p, const struct db_result *rows, struct batch *b)
{
    size_t i = 0;
    for (; i < rows->rows && b->ids->len < JOBS_MAX; i++) {
        if (db_cell_int(rows, i, 3) != 1) {
            p->has_kept = true;
            continue;
        }
        int64_t weight = db_cell_int(rows, i, 2);
        if (b->weight + weight > p->batch_rows && b->ids->len > 0) {
            break;
        }
        b->weight += weight;
        g_ptr_array_add(b->ids, rows->cells[i * rows->columns]);
        if (weight > p->batch_rows) {
            b->details_max = p->batch_rows;
            break;
        }
    }
    g_ptr_array_sort(b->ids, compare_ids);
    return i;
}

static void move_to(struct job_pruner *p, const struct db_result *rows, size_t passed)
{
    if (passed > 0) {
        g_strlcpy(p->position.id, db_cell(rows, passed - 1, 0), sizeof(p->position.id));
        g_strlcpy(p->position.created, db_cell(rows, passed - 1, 1), sizeof(p->position.created));
    }
}

static bool step_range(struct job_pruner *p, struct db *db, const struct range *range, int64_t keep_s, struct err *e)
{
    CLEANUP(db_result_release) struct db_result rows = {0};
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    struct batch b = {.organization_id = p->organization_id, .range = range, .keep_s = keep_s, .ids = ids};
    if (!p->has_begun) {
        begin_range(p, range);
    }
    if (!load_rows(p, db, range, keep_s, &rows, e)) {
        return false;
    }
    size_t passed = choose(p, &rows, &b);
    if (!run_batch(p, db, &b, e)) {
        return false;
    }
    bool is_left = b.locked < (int64_t)ids->len; /* what is locked elsewhere is passed over */
    p->has_kept = p->has_kept || is_left;
    passed += b.details_max > 0 && is_left;
    move_to(p, &rows, passed);
    if (passed == rows.rows && rows.rows < SCAN_ROWS) {
        end_range(p, range);
    }
    return true;
}

/* --- the round --------------------------------------------------------------------------------------------------- */

/* A counter is a range when it counts finished jobs. Counters of many rows are folded by the way. */
static bool take_counter(struct job_pruner *p, struct db *db, const struct db_result *r, size_t row, struct err *e)
{
    struct range range = {.priority = db_cell_int(r, row, 2)};
    g_strlcpy(range.job_type, db_cell(r, row, 0), sizeof(range.job_type));
    if (!job_status_parse(db_cell(r, row, 1), &range.status)) {
        return true;
    }
    if (job_status_is_final(range.status) && db_cell_int(r, row, 3) > 0) {
        g_array_append_val(p->ranges, range);
    }
    const struct job_count_delta counter = {p->organization_id, range.job_type, range.status, range.priority, 0};
    return db_cell_int(r, row, 4) <= COUNTER_ROWS_MAX || job_counts_fold(db, &counter, e);
}

static bool load_ranges(struct job_pruner *p, struct db *db, struct err *e)
{
    static const char sql[] = "SELECT job_type, status, priority, SUM(jobs), COUNT(*) FROM job_counts"
                              " WHERE organization_id = ? GROUP BY job_type, status, priority";
    CLEANUP(db_result_release) struct db_result r = {0};
    bool ok = db_run(db, &r, e, sql, DB_PARAMS(db_text(p->organization_id)));
    for (size_t i = 0; ok && i < r.rows; i++) {
        ok = take_counter(p, db, &r, i, e);
    }
    return ok;
}

static bool next_organization(struct job_pruner *p, struct db *db, struct err *e)
{
    static const char sql[] = "SELECT MIN(organization_id) FROM job_counts WHERE organization_id > ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql, DB_PARAMS(db_text(p->organization_id)))) {
        return false;
    }
    const char *id = db_cell(&r, 0, 0);
    g_array_set_size(p->ranges, 0);
    p->at = 0;
    p->round.is_over = id == NULL;
    g_strlcpy(p->organization_id, id == NULL ? "" : id, sizeof(p->organization_id));
    return id == NULL || load_ranges(p, db, e);
}

static bool step(struct job_pruner *p, struct db *db, job_keep_fn *keep, const void *arg, struct err *e)
{
    if (p->at == p->ranges->len) {
        return next_organization(p, db, e);
    }
    const struct range *range = &g_array_index(p->ranges, struct range, p->at);
    int64_t keep_s = keep(arg, range->job_type, range->status);
    if (keep_s <= 0) {
        p->at++;
        p->has_begun = false;
        return true;
    }
    return step_range(p, db, range, keep_s, e);
}

bool job_prune(struct job_pruner *p, struct db *db, job_keep_fn *keep, const void *arg, int64_t budget_ms,
               struct job_pruned *ret, struct err *e)
{
    const int64_t began_us = clock_mono_us();
    bool ok = true;
    if (p->round.is_over) {
        p->round = (struct job_pruned){.jobs = 0};
    }
    while (ok && !p->round.is_over && clock_mono_us() < began_us + budget_ms * US_PER_MS) {
        ok = step(p, db, keep, arg, e);
    }
    p->round.busy_us += clock_mono_us() - began_us;
    *ret = p->round;
    return ok;
}
