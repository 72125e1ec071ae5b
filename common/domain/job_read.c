/*
 * job_read.c: jobs as their answers show them. Several are read by one statement, each with its last attempt; only
 * those that were tried more than once need a second one.
 */
#include "domain/job_read.h"

#include <glib.h>
#include <string.h>

#include "ground/together.h"

#define NO_JOB "There is no such job"
#define TEXT_BYTES 2048 /* most jobs fit */
#define ATTEMPTS_SHOWN_MAX "200"
/* Of one statement. A job may have 2 MB. */
#define JOBS_MAX 16
/* Statements at the same time; more would only be smaller. */
#define READERS_MAX 1

/* One job that is wanted. */
struct job_read {
    struct together_member member;
    const char *organization_id;
    const char *id;
    GString *out;
    struct err e;
    bool ok;
};

/* How many ids the statements have; a few numbers, since each is prepared by itself. Places left over repeat an id. */
static const size_t places[] = {1, 4, JOBS_MAX};

/* Their texts, which are long: made once for all reads that share them. */
struct statements {
    char *sql[ARRAY_SIZE(places)];
};

/* attempt rises by one with each claim and never falls, so that a job with attempt <= 1 has no other attempt than the
 * one that is joined. */
static char *read_sql(size_t n)
{
    GString *sql = g_string_new("SELECT ");
    record_columns(sql, &job_record, "j.", false);
    g_string_append(sql, ", ");
    record_columns(sql, &job_attempt_record, "a.", false);
    g_string_append(sql, " FROM background_jobs j FORCE INDEX (PRIMARY)");
    g_string_append(sql, " LEFT JOIN job_attempts a ON a.job_id = j.id AND a.number = j.attempt WHERE j.id IN (?");
    for (size_t i = 1; i < n; i++) {
        g_string_append(sql, ", ?");
    }
    g_string_append(sql, ")");
    return g_string_free(sql, FALSE);
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

static bool write_all_attempts(struct db *db, const char *id, GString *out, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &job_attempt_record, "", false);
    g_string_append(sql, " FROM job_attempts WHERE job_id = ? ORDER BY number DESC LIMIT " ATTEMPTS_SHOWN_MAX);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql->str, DB_PARAMS(db_text(id)))) {
        return false;
    }
    for (size_t i = r.rows; i > 0; i--) {
        record_row_write(out, &job_attempt_record, &r, i - 1, 0);
        g_string_append(out, i > 1 ? "," : "");
    }
    return true;
}

/* The last attempt is in columns `first` and on of its job's row; NULLs when it has not ended. */
static bool write_attempts(struct db *db, const struct job_read *job, const struct db_result *r, size_t row,
                           size_t first, struct err *e)
{
    if (db_cell_int(r, row, record_column(&job_record, "attempt")) > 1) {
        return write_all_attempts(db, job->id, job->out, e);
    }
    if (db_cell(r, row, first) != NULL) {
        record_row_write(job->out, &job_attempt_record, r, row, first);
    }
    return true;
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

static bool row_is(const struct db_result *r, size_t row, const struct job_read *job)
{
    return g_ascii_strcasecmp(db_cell(r, row, record_column(&job_record, "id")), job->id) == 0 &&
           strcmp(db_cell(r, row, record_column(&job_record, "organization_id")), job->organization_id) == 0;
}

static bool write_job(struct db *db, const struct db_result *r, struct job_read *job)
{
    size_t row = 0;
    while (row < r->rows && !row_is(r, row, job)) {
        row++;
    }
    if (row == r->rows) {
        return err_set(&job->e, ERR_NOT_FOUND, NO_JOB);
    }
    size_t first = record_row_write(job->out, &job_record, r, row, 0);
    g_string_truncate(job->out, job->out->len - 1);
    g_string_append(job->out, ",\"attempts\":[");
    bool ok = write_attempts(db, job, r, row, first, &job->e);
    g_string_append(job->out, "]}");
    return ok;
}

static bool read_rows(struct db *db, const struct statements *statements, struct job_read *const *jobs, size_t n,
                      struct db_result *ret, struct err *e)
{
    struct db_param ids[JOBS_MAX];
    size_t s = 0;
    g_assert(n > 0);
    while (places[s] < n) {
        s++;
    }
    for (size_t i = 0; i < places[s]; i++) {
        ids[i] = db_text(jobs[MIN(i, n - 1)]->id);
    }
    return db_run(db, ret, e, statements->sql[s], ids, places[s]);
}

static void read_batch(struct db *db, const struct statements *statements, struct job_read *const *jobs, size_t n)
{
    struct err e = ERR_INIT;
    CLEANUP(db_result_release) struct db_result r = {0};
    bool has_rows = read_rows(db, statements, jobs, n, &r, &e);
    for (size_t i = 0; i < n; i++) {
        if (has_rows) {
            jobs[i]->ok = write_job(db, &r, jobs[i]);
        } else {
            jobs[i]->e = e;
        }
    }
}

/* out had before_bytes when job was made for it. */
static bool take(const struct job_read *job, size_t before_bytes, struct err *e)
{
    if (!job->ok) {
        g_string_truncate(job->out, before_bytes);
        return err_set(e, job->e.code, "%s", job->e.text);
    }
    return true;
}

/* --- alone, and with others --------------------------------------------------------------------------------------- */

bool job_get_text(struct db *db, const char *organization_id, const char *id, GString *out, struct err *e)
{
    const size_t before_bytes = out->len;
    struct job_read job = {.organization_id = organization_id, .id = id, .out = out, .e = ERR_INIT};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, NO_JOB);
    }
    g_autofree char *sql = read_sql(1);
    read_batch(db, &(struct statements){{sql}}, &(struct job_read *){&job}, 1);
    return take(&job, before_bytes, e);
}

bool job_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
{
    g_autoptr(GString) text = g_string_sized_new(TEXT_BYTES);
    if (!job_get_text(db, organization_id, id, text, e)) {
        return false;
    }
    json_t *job = json_loadb(text->str, text->len, 0, NULL);
    if (job == NULL) {
        return err_set(e, ERR_INTERNAL, "A job is not JSON");
    }
    *ret = job;
    return true;
}

struct job_reads {
    struct together *readers;
    struct statements statements;
};

struct job_reads *job_reads_new(void)
{
    struct job_reads *reads = g_new0(struct job_reads, 1);
    reads->readers = together_new(READERS_MAX, JOBS_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        reads->statements.sql[i] = read_sql(places[i]);
    }
    return reads;
}

void job_reads_free(struct job_reads *reads)
{
    if (reads == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        g_free(reads->statements.sql[i]);
    }
    together_free(reads->readers);
    g_free(reads);
}

/* What the leader reads with. */
struct reader {
    struct db *db;
    const struct statements *statements;
};

static void read_members(void *arg, struct together_member **members, size_t n)
{
    const struct reader *reader = arg;
    struct job_read *jobs[JOBS_MAX];
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job_read *)members[i];
    }
    read_batch(reader->db, reader->statements, jobs, n);
}

bool job_reads_get(struct job_reads *reads, struct db *db, const char *organization_id, const char *id, GString *out,
                   struct err *e)
{
    const size_t before_bytes = out->len;
    struct job_read job = {.organization_id = organization_id, .id = id, .out = out, .e = ERR_INIT};
    if (!uuid_is_valid(id)) {
        return err_set(e, ERR_NOT_FOUND, NO_JOB);
    }
    struct reader reader = {.db = db, .statements = &reads->statements};
    together_do(reads->readers, &job.member, read_members, &reader);
    return take(&job, before_bytes, e);
}
