/*
 * handler_db_optimize.c: ANALYZE or OPTIMIZE of our own tables, one after the other, on a connection of its own.
 *
 * A rebuild can take an hour, and nobody can interrupt a statement on the connection that waits for it. So a thread
 * runs the statement while the runner looks for a stop and then kills the statement from its own connection.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "domain/own_tables.h"
#include "ground/clock.h"
#include "handlers.h"
#include "ports/service.h"

#define POLL_MS 200

struct statement {
    struct db *db;
    const char *sql;
    struct db_result result;
    struct err e;
    bool ok;
    bool done;
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
};

static void *run_statement(void *arg)
{
    struct statement *s = arg;
    /* A table that is in use must not be waited for while everybody else queues up behind the wait. */
    bool ok = db_run_text(s->db, NULL, &s->e, "SET SESSION lock_wait_timeout = 5") &&
              db_run_text(s->db, &s->result, &s->e, s->sql);
    pthread_mutex_lock(&s->lock);
    s->ok = ok;
    s->done = true;
    pthread_cond_signal(&s->done_cond);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* True when the statement has ended. */
static bool wait_a_little(struct statement *s)
{
    struct timespec deadline;
    clock_deadline(POLL_MS, &deadline);
    pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (!s->done && rc == 0) {
        rc = pthread_cond_timedwait(&s->done_cond, &s->lock, &deadline);
    }
    bool done = s->done;
    pthread_mutex_unlock(&s->lock);
    return done;
}

static bool read_connection_id(struct db *db, int64_t *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run_text(db, &r, e, "SELECT CONNECTION_ID()")) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0);
    return true;
}

static void kill_statement(struct db *db, int64_t connection_id)
{
    char sql[48];
    (void)snprintf(sql, sizeof(sql), "KILL QUERY %lld", (long long)connection_id);
    struct err e = ERR_INIT;
    (void)!db_run_text(db, NULL, &e, sql); /* tried again at the next look */
}

/* Fills s->result; false with s->e when the statement failed or was stopped. */
static bool run_stoppable(struct job_context *ctx, struct statement *s)
{
    int64_t connection_id = 0;
    if (!read_connection_id(s->db, &connection_id, &s->e)) {
        return false;
    }
    pthread_mutex_init(&s->lock, NULL);
    service_cond_init(&s->done_cond);
    pthread_t thread = service_thread("db_optimize", run_statement, s);
    while (!wait_a_little(s)) {
        if (job_stopping(ctx)) {
            kill_statement(ctx->db, connection_id);
        }
    }
    pthread_join(thread, NULL);
    pthread_cond_destroy(&s->done_cond);
    pthread_mutex_destroy(&s->lock);
    return s->ok;
}

/* The server answers with rows of table, operation, kind of message, message; errors come as rows too. */
static json_t *describe(const struct own_table *table, const char *operation, const struct db_result *r,
                        bool *ret_failed)
{
    const char *message = r->rows == 0 ? "" : db_cell(r, r->rows - 1, 3);
    *ret_failed = false;
    for (size_t i = 0; i < r->rows && !*ret_failed; i++) {
        const char *kind = db_cell(r, i, 2);
        if (kind != NULL && g_ascii_strcasecmp(kind, "error") == 0) {
            message = db_cell(r, i, 3);
            *ret_failed = true;
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s?}", "table", table->name, "operation", operation, "status",
                     *ret_failed ? "error" : "ok", "message", message);
}

static enum job_outcome do_table(struct job_context *ctx, struct db *db, const struct own_table *table,
                                 const char *operation, json_t *done)
{
    struct statement s = {.db = db};
    s.sql = table->sql[strcmp(operation, "optimize") == 0 ? OWN_TABLE_OPTIMIZE : OWN_TABLE_ANALYZE];
    enum job_outcome outcome = JOB_DONE;
    if (!run_stoppable(ctx, &s)) {
        outcome = job_stopping(ctx) ? JOB_STOPPED : job_error(ctx, JOB_RETRY, "%s: %s", table->name, s.e.text);
    } else {
        bool failed = false;
        json_t *row = describe(table, operation, &s.result, &failed);
        json_array_append_new(done, row);
        if (failed) {
            outcome = job_error(ctx, JOB_RETRY, "%s: %s", table->name,
                                json_string_value(json_object_get(row, "message")));
        }
    }
    db_result_release(&s.result);
    return outcome;
}

static void report_progress(struct job_context *ctx, const char *table, size_t done, size_t all)
{
    char message[128];
    (void)snprintf(message, sizeof(message), "%zu of %zu tables, last %s", done, all, table);
    job_report(ctx, (int64_t)(done * 100 / all), message);
}

static const char *find_stranger(const json_t *tables)
{
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const char *name = json_string_value(json_array_get(tables, i));
        if (name == NULL || own_table_find(name) == NULL) {
            return name == NULL ? "" : name;
        }
    }
    return NULL;
}

enum job_outcome handler_db_optimize(struct job_context *ctx)
{
    const json_t *tables = json_object_get(ctx->payload, "tables");
    const char *asked = json_string_value(json_object_get(ctx->payload, "operation"));
    const char *operation = asked != NULL ? asked : "analyze";
    const char *stranger = find_stranger(tables);
    if (stranger != NULL) {
        return job_error(ctx, JOB_PERMANENT, "\"%s\" is not one of Bellman's tables", stranger);
    }
    CLEANUP(db_cleanup) struct db *db = db_new(ctx->conf);
    db_set_read_timeout(db, (unsigned)ctx->claim->timeout_s);
    json_auto_t *done = json_array();
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const struct own_table *table = own_table_find(json_string_value(json_array_get(tables, i)));
        enum job_outcome outcome = job_stopping(ctx) ? JOB_STOPPED : do_table(ctx, db, table, operation, done);
        if (outcome != JOB_DONE) {
            return outcome;
        }
        report_progress(ctx, table->name, i + 1, json_array_size(tables));
    }
    ctx->result = json_pack("{s:O}", "tables", done);
    return JOB_DONE;
}
