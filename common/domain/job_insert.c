#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_unique.h"
#include "ground/clock.h"
#include "ground/json.h"

#define TRIES 4
#define ROW_BYTES 1024

void job_inserted_release(struct job_inserted *inserted)
{
    g_free(inserted->text);
    inserted->text = NULL;
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

#define INSERT_SQL                                                                                             \
    "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, max_retries,"      \
    " timeout_s, scheduled_at, dispatch_at, unique_key, unique_for_s, retry, schedule_id, traceparent,"        \
    " created_by, updated_by, created_at, updated_at)"                                                         \
    " VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, COALESCE(?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND), ?, ?," \
    " ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"

enum { INSERT_COLUMNS = 17 };

static struct db_param positive_or_null(int64_t value)
{
    return value > 0 ? DB_INT(value) : DB_NULL;
}

/* Texts that are made here live in arena. */
static void fill_row(const struct job_new *job, const char *id, struct db_param *row, GStringChunk *arena)
{
    struct db_param scheduled = DB_NULL;
    if (job->scheduled_wall_us != 0) {
        char text[CLOCK_TEXT_BYTES];
        clock_format_sql(job->scheduled_wall_us, text);
        scheduled = db_text(g_string_chunk_insert(arena, text));
    }
    const char *payload = job->payload_text;
    if (payload == NULL) {
        json_auto_text char *text = json_dumps(job->payload, JSON_COMPACT);
        payload = g_string_chunk_insert(arena, text);
    }
    const struct db_param filled[INSERT_COLUMNS] = {
        db_text(id),
        db_text(job->organization_id),
        db_text(job->job_type),
        DB_INT(job->priority),
        db_text(payload),
        DB_INT(job->max_retries),
        DB_INT(job->timeout_s),
        scheduled,
        scheduled,
        DB_INT(job->left_to_relay ? 0 : job->grace_ms * US_PER_MS),
        db_text(job->unique_key),
        job->unique_key == NULL ? DB_NULL : positive_or_null(job->unique_for_s),
        db_text(job->retry),
        db_text(job->schedule_id),
        db_text(job->traceparent),
        db_text(job->created_by),
        db_text(job->created_by),
    };
    memcpy(row, filled, sizeof(filled));
}

/* --- one transaction --------------------------------------------------------------------------------------------- */

struct insert {
    const struct job_new *const *jobs;
    size_t n;
    const struct db_param *params; /* of the rows */
    const char *first_id;
    const struct idempotency **keys;
    size_t n_keys;
    bool waits_for_keys;
    struct job_inserted *inserted; /* NULL: nobody wants to see the rows */
    size_t *keyed;                 /* keys[i] is that of inserted[keyed[i]] */
};

/* All or none are there, so the first tells. */
static bool exists(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM background_jobs WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static void forget_rows(struct insert *insert)
{
    for (size_t i = 0; insert->inserted != NULL && i < insert->n; i++) {
        job_inserted_release(&insert->inserted[i]);
    }
}

/* The row as job_get gives it: a new job has no attempts. */
static char *row_text(const struct db_result *r, size_t row)
{
    GString *text = g_string_sized_new(ROW_BYTES);
    record_row_write(text, &job_record, r, row, 0);
    g_string_truncate(text, text->len - 1);
    g_string_append(text, ",\"attempts\":[]}");
    return g_string_free(text, FALSE);
}

static bool insert_rows(struct db *db, struct insert *insert, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autoptr(GString) sql = g_string_new(INSERT_SQL);
    if (insert->inserted != NULL) {
        g_string_append(sql, " RETURNING ");
        record_columns(sql, &job_record, NULL, false);
    }
    if (!db_run_rows(db, &r, e, sql->str, insert->params, INSERT_COLUMNS, insert->n)) {
        return false;
    }
    uint64_t made = insert->inserted != NULL ? r.rows : r.affected;
    if (made != insert->n) {
        return err_set(e, ERR_INTERNAL, "An INSERT of %zu jobs made %llu", insert->n, (unsigned long long)made);
    }
    forget_rows(insert);
    for (size_t i = 0; insert->inserted != NULL && i < insert->n; i++) {
        insert->inserted[i].text = row_text(&r, i);
    }
    return true;
}

static bool count_rows(struct db *db, const struct insert *insert, struct err *e)
{
    g_autofree struct job_count_delta *deltas = g_new0(struct job_count_delta, insert->n);
    for (size_t i = 0; i < insert->n; i++) {
        const struct job_new *job = insert->jobs[i];
        deltas[i] = (struct job_count_delta){job->organization_id, job->job_type, JOB_QUEUED, job->priority, 1};
    }
    return job_counts_add(db, deltas, insert->n, e);
}

/* The answers that were not known before the rows were. */
static bool keep_answers(struct db *db, const struct insert *insert, struct err *e)
{
    if (insert->n_keys == 0 || insert->inserted == NULL) {
        return true;
    }
    g_autofree const char **bodies = g_new(const char *, insert->n_keys);
    for (size_t i = 0; i < insert->n_keys; i++) {
        bodies[i] = insert->inserted[insert->keyed[i]].text;
    }
    return idempotency_complete(db, insert->keys, bodies, insert->n_keys, e);
}

static bool insert_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct insert *insert = arg;
    bool there = false;
    if (repeated && (!exists(db, insert->first_id, &there, e) || there)) {
        forget_rows(insert);
        return there;
    }
    if (insert->n_keys > 0 && !idempotency_take(db, insert->keys, insert->n_keys, insert->waits_for_keys, e)) {
        return false;
    }
    return insert_rows(db, insert, e) && keep_answers(db, insert, e) && count_rows(db, insert, e);
}

static void gather_keys(struct insert *insert, const struct idempotency *const *keys)
{
    for (size_t i = 0; keys != NULL && i < insert->n; i++) {
        if (keys[i] != NULL) {
            insert->keyed[insert->n_keys] = i;
            insert->keys[insert->n_keys++] = keys[i];
        }
    }
}

bool job_insert_batch(struct db *db, const struct job_new *const *jobs, const struct idempotency *const *keys, size_t n,
                      struct job_inserted *ret, struct err *e)
{
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    g_autofree struct db_param *params = g_new(struct db_param, n * INSERT_COLUMNS);
    g_autofree const struct idempotency **taken = g_new(const struct idempotency *, n);
    g_autofree size_t *keyed = g_new(size_t, n);
    for (size_t i = 0; i < n; i++) {
        ret[i].text = NULL;
        if (jobs[i]->id != NULL) {
            g_strlcpy(ret[i].id, jobs[i]->id, sizeof(ret[i].id));
        } else {
            uuid7_new(ret[i].id);
        }
        fill_row(jobs[i], ret[i].id, &params[i * INSERT_COLUMNS], arena);
    }
    struct insert insert = {
        .jobs = jobs,
        .n = n,
        .params = params,
        .first_id = ret[0].id,
        .keys = taken,
        .waits_for_keys = n == 1,
        .inserted = ret,
        .keyed = keyed,
    };
    gather_keys(&insert, keys);
    if (db_transaction(db, insert_body, &insert, e)) {
        return true;
    }
    forget_rows(&insert);
    return false;
}

bool job_insert_within(struct db *db, const struct job_new *jobs, size_t n, struct err *e)
{
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    g_autofree struct db_param *params = g_new(struct db_param, n * INSERT_COLUMNS);
    g_autofree const struct job_new **pointers = g_new(const struct job_new *, n);
    for (size_t i = 0; i < n; i++) {
        pointers[i] = &jobs[i];
        fill_row(&jobs[i], jobs[i].id, &params[i * INSERT_COLUMNS], arena);
    }
    struct insert insert = {.jobs = pointers, .n = n, .params = params};
    return insert_rows(db, &insert, e) && count_rows(db, &insert, e);
}

/* --- what stands in the way -------------------------------------------------------------------------------------- */

/* A list that is inserted by one of two ways, and what refused it. */
struct attempt {
    bool (*insert)(struct db *db, void *arg, struct err *e);
    void *arg;
    const struct job_new *jobs;
    size_t n;
    const struct idempotency *key; /* NULL: none */
    enum job_insert outcome;
    struct job_holder *holders; /* room for n */
    size_t holders_n;
};

/* A unique index has refused a row. The outcome stays JOB_INSERTED when whatever it was is gone by now. */
static bool find_obstacle(struct db *db, struct attempt *a, struct err *e)
{
    enum idempotency_state state = IDEMPOTENCY_NEW;
    CLEANUP(idempotency_answer_release) struct idempotency_answer answer = {0};
    if (a->key != NULL && !idempotency_find(db, a->key, &state, &answer, e)) {
        return false;
    }
    if (state != IDEMPOTENCY_NEW) {
        a->outcome = JOB_KEY_TAKEN;
        return true;
    }
    if (!job_unique_holders(db, a->jobs, a->n, a->holders, &a->holders_n, e)) {
        return false;
    }
    a->outcome = a->holders_n > 0 ? JOB_NOT_UNIQUE : JOB_INSERTED;
    return true;
}

/* Tries until it is done or something is found in the way. */
static bool insert_or_tell(struct db *db, struct attempt *a, struct err *e)
{
    for (int tries = 0; tries < TRIES; tries++) {
        struct err own = ERR_INIT;
        a->outcome = JOB_INSERTED;
        if (a->insert(db, a->arg, &own)) {
            return true;
        }
        if (own.code == ERR_CONFLICT) {
            a->outcome = JOB_KEY_BUSY;
            return true;
        }
        if (own.code != ERR_DUPLICATE) {
            return err_set(e, own.code, "%s", own.text);
        }
        if (!find_obstacle(db, a, e)) {
            return false;
        }
        if (a->outcome != JOB_INSERTED) {
            return true;
        }
    }
    return err_set(e, ERR_LOCKED, "The job that holds the key keeps changing");
}

/* --- one job ----------------------------------------------------------------------------------------------------- */

struct one {
    const struct job_new *job;
    const struct idempotency *key;
    struct job_inserted inserted;
};

static bool insert_one(struct db *db, void *arg, struct err *e)
{
    struct one *one = arg;
    return job_insert_batch(db, &one->job, &one->key, 1, &one->inserted, e);
}

bool job_insert(struct db *db, const struct job_new *job, const struct idempotency *key, enum job_insert *ret,
                char ret_id[UUID_TEXT_BYTES], char **ret_text, struct err *e)
{
    struct one one = {.job = job, .key = key};
    struct job_holder holder = {.index = 0};
    struct attempt a = {.insert = insert_one, .arg = &one, .jobs = job, .n = 1, .key = key, .holders = &holder};
    if (!insert_or_tell(db, &a, e)) {
        return false;
    }
    *ret = a.outcome;
    g_strlcpy(ret_id, *ret == JOB_NOT_UNIQUE ? holder.id : one.inserted.id, UUID_TEXT_BYTES);
    if (*ret == JOB_INSERTED && ret_text != NULL) {
        *ret_text = g_steal_pointer(&one.inserted.text);
    }
    job_inserted_release(&one.inserted);
    return true;
}

/* --- many at once ------------------------------------------------------------------------------------------------ */

static bool insert_all(struct db *db, void *arg, struct err *e)
{
    return db_transaction(db, insert_body, arg, e);
}

/* Rows with unique keys go in the keys' order, so that two lists do not wait for each other crosswise. */
static int compare_jobs(const void *a, const void *b)
{
    const struct job_new *const *x = a;
    const struct job_new *const *y = b;
    int by_key = g_strcmp0((*x)->unique_key, (*y)->unique_key);
    return by_key != 0 ? by_key : strcmp((*x)->id, (*y)->id);
}

static int compare_holders(const void *a, const void *b)
{
    const struct job_holder *x = a;
    const struct job_holder *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Of a list that uses a key twice nothing is tried; those that others hold are told with it. */
static bool find_twins(struct db *db, const struct job_new *jobs, size_t n, struct job_holder *ret, size_t *ret_n,
                       struct err *e)
{
    size_t held = 0;
    *ret_n = job_unique_twins(jobs, n, ret);
    if (*ret_n > 0 && !job_unique_holders(db, jobs, n, ret + *ret_n, &held, e)) {
        return false;
    }
    *ret_n += held;
    qsort(ret, *ret_n, sizeof(*ret), compare_holders);
    return true;
}

bool job_insert_bulk(struct db *db, const struct job_new *jobs, size_t n, const struct idempotency *key,
                     enum job_insert *ret, struct job_holder *ret_holders, size_t *ret_holders_n, struct err *e)
{
    g_autoptr(GStringChunk) arena = g_string_chunk_new(1024);
    g_autofree struct db_param *params = g_new(struct db_param, n * INSERT_COLUMNS);
    g_autofree const struct job_new **sorted = g_new(const struct job_new *, n);
    if (!find_twins(db, jobs, n, ret_holders, ret_holders_n, e)) {
        return false;
    }
    if (*ret_holders_n > 0) {
        *ret = JOB_NOT_UNIQUE;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &jobs[i];
    }
    qsort(sorted, n, sizeof(void *), compare_jobs);
    for (size_t i = 0; i < n; i++) {
        fill_row(sorted[i], sorted[i]->id, &params[i * INSERT_COLUMNS], arena);
    }
    struct insert insert = {
        .jobs = sorted,
        .n = n,
        .params = params,
        .first_id = jobs[0].id,
        .keys = &key,
        .n_keys = key == NULL ? 0 : 1,
        .waits_for_keys = true,
    };
    struct attempt a = {.insert = insert_all, .arg = &insert, .jobs = jobs, .n = n, .key = key, .holders = ret_holders};
    if (!insert_or_tell(db, &a, e)) {
        return false;
    }
    *ret = a.outcome;
    *ret_holders_n = a.holders_n;
    qsort(ret_holders, *ret_holders_n, sizeof(*ret_holders), compare_holders);
    return true;
}
