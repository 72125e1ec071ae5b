#include "domain/job_sweep.h"

#include <stdlib.h>
#include <string.h>

#include "domain/audit.h"
#include "domain/job_sweep_change.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/text.h"

#define BATCH 500
#define BATCH_LEAST 8
#define PASSES_MAX 50
#define COUNT_MAX 1000000
#define TIME_FIRST "1970-01-01 00:00:00"
#define ID_FIRST "00000000-0000-0000-0000-000000000000"

/* A range of an index that the sweep walks through. */
struct range {
    const char *status; /* NULL: dead letters */
    char job_type[JOB_TYPE_BYTES];
    int64_t priority;
};

struct job_sweep {
    struct job_sweep_terms terms;
    const struct sweep_kind *kind;
    struct sweep_scope scope;
    const char *job_type;
    const char *cause;
    bool has_priority;
    int64_t priority;
    char after[CLOCK_TEXT_BYTES];
    char before[CLOCK_TEXT_BYTES];

    bool is_planned;
    bool is_recount; /* what the audit log has must be added up again */
    int passes;
    GArray *ranges; /* struct range */
    guint at;
    char at_time[CLOCK_TEXT_BYTES];
    char at_id[UUID_TEXT_BYTES];
    size_t batch;
    int64_t total; /* an estimate, for the progress */
    int64_t changed;
    int64_t matched_only;
    int64_t changed_in_pass;
};

/* --- the filter -------------------------------------------------------------------------------------------------- */

static int64_t time_of(const json_t *payload, const char *name)
{
    int64_t at_us = 0;
    const char *text = json_text(payload, name);
    return text != NULL && clock_parse_rfc3339(text, &at_us) ? at_us : 0;
}

static void fill_times(struct job_sweep *s)
{
    int64_t after_us = time_of(s->terms.payload, "created_after");
    int64_t before_us = time_of(s->terms.payload, "created_before");
    int64_t end_us = s->terms.created_wall_us + 1;
    g_strlcpy(s->after, TIME_FIRST, sizeof(s->after));
    if (after_us != 0) {
        clock_format_sql(after_us, s->after);
    }
    clock_format_sql(before_us != 0 ? MIN(before_us, end_us) : end_us, s->before);
    clock_format_sql(s->terms.created_wall_us, s->scope.cutoff);
}

struct job_sweep *job_sweep_new(const struct job_sweep_terms *terms)
{
    struct job_sweep *s = g_new0(struct job_sweep, 1);
    const json_t *priority = json_object_get(terms->payload, "priority");
    s->terms = *terms;
    s->kind = &sweep_kinds[terms->kind];
    s->scope.organization_id = terms->organization_id;
    s->scope.operation_id = terms->operation_id;
    s->scope.user = terms->user;
    s->scope.status = json_text(terms->payload, "status");
    s->job_type = json_text(terms->payload, "job_type");
    s->cause = json_text(terms->payload, "cause");
    s->has_priority = json_is_integer(priority);
    s->priority = json_integer_value(priority);
    fill_times(s);
    s->ranges = g_array_new(FALSE, TRUE, sizeof(struct range));
    s->batch = BATCH;
    s->is_recount = true;
    return s;
}

void job_sweep_free(struct job_sweep *s)
{
    if (s != NULL) {
        g_array_unref(s->ranges);
        g_free(s);
    }
}

void job_sweep_cleanup(struct job_sweep **s)
{
    job_sweep_free(*s);
}

json_t *job_sweep_result(const struct job_sweep *s)
{
    return json_pack("{s:I, s:I}", "matched", (json_int_t)(s->changed + s->matched_only), "changed",
                     (json_int_t)s->changed);
}

/* --- the plan ---------------------------------------------------------------------------------------------------- */

static void begin_range(struct job_sweep *s)
{
    g_strlcpy(s->at_time, TIME_FIRST, sizeof(s->at_time));
    g_strlcpy(s->at_id, ID_FIRST, sizeof(s->at_id));
}

/* The types and priorities of jobs that have the status now. */
static bool plan_status(struct job_sweep *s, struct db *db, const char *status, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    const struct job_filter filter = {
        .organization_id = s->terms.organization_id,
        .status = status,
        .job_type = s->job_type,
        .has_priority = s->has_priority,
        .priority = s->priority,
    };
    if (s->scope.status != NULL && strcmp(s->scope.status, status) != 0) {
        return true;
    }
    if (!job_counts_by_slice(db, &filter, &r, e)) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        struct range range = {.status = status, .priority = db_cell_int(&r, i, 1)};
        g_strlcpy(range.job_type, db_cell(&r, i, 0), sizeof(range.job_type));
        g_array_append_val(s->ranges, range);
    }
    return true;
}

static bool plan(struct job_sweep *s, struct db *db, struct err *e)
{
    g_array_set_size(s->ranges, 0);
    s->at = 0;
    s->changed_in_pass = 0;
    begin_range(s);
    if (s->kind->statuses[0] == NULL) {
        const struct range all = {.status = NULL};
        g_array_append_val(s->ranges, all);
    }
    for (const char *const *status = s->kind->statuses; *status != NULL; status++) {
        if (!plan_status(s, db, *status, e)) {
            return false;
        }
    }
    s->passes++;
    return true;
}

/* --- walking ----------------------------------------------------------------------------------------------------- */

#define PARAMS_MAX 16

struct walk {
    GString *sql;
    struct db_param params[PARAMS_MAX];
    size_t n;
};

static void walk_release(struct walk *w)
{
    g_string_free(w->sql, TRUE);
}

static void add(struct walk *w, const char *condition, struct db_param param)
{
    g_assert(w->n < PARAMS_MAX);
    g_string_append(w->sql, condition);
    w->params[w->n++] = param;
}

static void from_jobs(const struct job_sweep *s, struct walk *w, const struct range *range)
{
    g_string_append(w->sql, " FROM background_jobs FORCE INDEX (ix_jobs_filter)");
    add(w, " WHERE organization_id = ?", db_text(s->terms.organization_id));
    add(w, " AND status = ?", db_text(range->status));
    add(w, " AND job_type = ?", db_text(range->job_type));
    add(w, " AND priority = ?", DB_INT(range->priority));
    add(w, " AND id <> ?", db_text(s->terms.operation_id));
}

static void from_dead(const struct job_sweep *s, struct walk *w)
{
    static const char *const indexes[2][2] = {{"ix_dead_created", "ix_dead_cause"},
                                              {"ix_dead_type", "ix_dead_type_cause"}};
    g_string_append_printf(w->sql, " FROM dead_letters FORCE INDEX (%s)",
                           indexes[s->job_type != NULL ? 1 : 0][s->cause != NULL ? 1 : 0]);
    add(w, " WHERE organization_id = ?", db_text(s->terms.organization_id));
    if (s->job_type != NULL) {
        add(w, " AND job_type = ?", db_text(s->job_type));
    }
    if (s->cause != NULL) {
        add(w, " AND cause = ?", db_text(s->cause));
    }
}

static void append_source(const struct job_sweep *s, struct walk *w, const struct range *range)
{
    if (range->status != NULL) {
        from_jobs(s, w, range);
    } else {
        from_dead(s, w);
    }
    add(w, " AND created_at > ?", db_text(s->after));
    add(w, " AND created_at < ?", db_text(s->before));
}

static bool next_ids(struct job_sweep *s, struct db *db, struct db_result *ret, struct err *e)
{
    const struct range *range = &g_array_index(s->ranges, struct range, s->at);
    const char *id = range->status == NULL ? "job_id" : "id";
    CLEANUP(walk_release) struct walk w = {.sql = g_string_new(NULL)};
    g_string_printf(w.sql, "SELECT %s, created_at", id);
    append_source(s, &w, range);
    add(&w, " AND created_at >= ?", db_text(s->at_time));
    add(&w, " AND (created_at > ?)", db_text(s->at_time));
    g_string_append_printf(w.sql, " + (%s", id);
    add(&w, " > ?) > 0", db_text(s->at_id));
    g_string_append_printf(w.sql, " ORDER BY created_at, %s", id);
    add(&w, " LIMIT ?", DB_INT(s->batch));
    return db_run(db, ret, e, w.sql->str, w.params, w.n);
}

/* How many there are, for the progress: what the counters say would include others when times are given. */
static bool count(struct job_sweep *s, struct db *db, struct err *e)
{
    s->total = s->changed;
    for (guint i = 0; i < s->ranges->len; i++) {
        CLEANUP(walk_release) struct walk w = {.sql = g_string_new("SELECT COUNT(*) FROM (SELECT 1")};
        CLEANUP(db_result_release) struct db_result r = {0};
        append_source(s, &w, &g_array_index(s->ranges, struct range, i));
        add(&w, " LIMIT ?) found", DB_INT(COUNT_MAX));
        if (!db_run(db, &r, e, w.sql->str, w.params, w.n)) {
            return false;
        }
        s->total += db_cell_int(&r, 0, 0);
    }
    return true;
}

/* --- one batch --------------------------------------------------------------------------------------------------- */

static char *progress_text(const struct job_sweep *s, int64_t changed, int64_t total)
{
    char done[TEXT_COUNT_BYTES];
    char all[TEXT_COUNT_BYTES];
    text_count(changed, done);
    text_count(total, all);
    return g_strdup_printf("%s %s of %s", s->kind->verb, done, all);
}

struct batch {
    struct job_sweep *sweep;
    const struct db_result *ids;
    struct sweep_changed changed;
};

static bool note(struct db *db, const struct batch *b, struct err *e)
{
    const struct job_sweep *s = b->sweep;
    int64_t changed = s->changed + b->changed.n;
    int64_t total = MAX(s->total, changed);
    g_autofree char *text = progress_text(s, changed, total);
    int64_t percent = total == 0 ? 0 : MIN(changed * 100 / total, 99); /* 100 comes with the outcome */
    json_auto_t *changes = json_pack("{s:I}", "changed", (json_int_t)b->changed.n);
    const struct audit_entry entry = {
        .organization_id = s->terms.organization_id,
        .actor = s->terms.user,
        .action = job_sweep_type(s->terms.kind),
        .subject = s->terms.operation_id,
        .changes = changes,
    };
    return (b->changed.n == 0 || audit_write(db, &entry, e)) &&
           job_progress(db, s->terms.operation_id, s->terms.attempt, percent, text, e);
}

static bool batch_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct batch *b = arg;
    b->sweep->is_recount = b->sweep->is_recount || repeated;
    b->changed.n = 0;
    b->changed.matched = 0;
    g_ptr_array_set_size(b->changed.told, 0);
    return sweep_change(db, b->sweep->kind, &b->sweep->scope, b->ids, &b->changed, e) && note(db, b, e);
}

static void move_on(struct job_sweep *s, const struct db_result *ids)
{
    if (ids->rows < s->batch) {
        s->at++;
        begin_range(s);
        return;
    }
    g_strlcpy(s->at_id, db_cell(ids, ids->rows - 1, 0), sizeof(s->at_id));
    g_strlcpy(s->at_time, db_cell(ids, ids->rows - 1, 1), sizeof(s->at_time));
}

static void take_told(GPtrArray *told, GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++) {
        g_ptr_array_add(told, g_strdup(g_ptr_array_index(from, i)));
    }
}

/* Large rows take long to change: what a statement cannot do in its time is done in smaller batches. */
static bool run_batch(struct job_sweep *s, struct db *db, const struct db_result *ids, GPtrArray *told, struct err *e)
{
    g_autoptr(GPtrArray) heard = g_ptr_array_new_with_free_func(g_free);
    struct batch b = {.sweep = s, .ids = ids, .changed = {.told = heard}};
    if (!db_transaction(db, batch_body, &b, e)) {
        if (e->code == ERR_TIMEOUT && s->batch > BATCH_LEAST) {
            s->batch = MAX(s->batch / 4, BATCH_LEAST);
            err_clear(e);
            return true;
        }
        return false;
    }
    s->changed += b.changed.n;
    s->changed_in_pass += b.changed.n;
    s->matched_only += b.changed.matched - b.changed.n;
    take_told(told, heard);
    move_on(s, ids);
    return true;
}

/* What all attempts have changed so far: the audit log has it, from the same transactions. */
static bool recount(struct job_sweep *s, struct db *db, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT COALESCE(SUM(JSON_VALUE(changes, '$.changed')), 0) FROM audit_log"
                " WHERE organization_id = ? AND created_at >= ? AND subject = ? AND action = ?",
                DB_PARAMS(db_text(s->terms.organization_id), db_text(s->scope.cutoff), db_text(s->terms.operation_id),
                          db_text(job_sweep_type(s->terms.kind))))) {
        return false;
    }
    s->changed = db_cell_int(&r, 0, 0);
    s->is_recount = false;
    return true;
}

static bool prepare(struct job_sweep *s, struct db *db, struct err *e)
{
    if (s->is_recount && !recount(s, db, e)) {
        return false;
    }
    if (s->is_planned) {
        return true;
    }
    s->is_planned = plan(s, db, e) && count(s, db, e);
    return s->is_planned;
}

/* A job may have moved from a status that comes later into one that was done already. */
static bool plan_again(struct job_sweep *s, struct db *db, bool *ret_more, struct err *e)
{
    *ret_more = s->kind->is_repeated && s->changed_in_pass > 0 && s->passes < PASSES_MAX;
    return !*ret_more || plan(s, db, e);
}

bool job_sweep_step(struct job_sweep *s, struct db *db, GPtrArray *told, bool *ret_more, struct err *e)
{
    CLEANUP(db_result_release) struct db_result ids = {0};
    if (!prepare(s, db, e)) {
        return false;
    }
    if (s->at == s->ranges->len) {
        return plan_again(s, db, ret_more, e);
    }
    if (!next_ids(s, db, &ids, e)) {
        return false;
    }
    *ret_more = true;
    if (ids.rows == 0) {
        move_on(s, &ids);
        return true;
    }
    return run_batch(s, db, &ids, told, e);
}
