/*
 * db.h: MariaDB, the only includer of mysql.h.
 *
 * One struct db is one connection and belongs to one thread. It connects lazily, prepares each SQL
 * text once and keeps the handle, and drops everything on a lost connection; the next call connects
 * again. Sessions are READ COMMITTED, strict, UTC, utf8mb4, CLIENT_FOUND_ROWS (affected means matched),
 * lock waits of at most 3 s. Values go in as bound parameters only; results come back whole, as text.
 *
 * Lists of any length go in as one JSON parameter read by JSON_TABLE(?, '$[*]' COLUMNS(...)), so that a
 * statement has one text and one plan whatever the batch; rows to insert as db_run_rows takes them, which
 * costs the server a third less.
 */
#ifndef BELLMAN_DB_H
#define BELLMAN_DB_H

#include "ground/base.h"
#include "ground/conf.h"
#include "ground/err.h"

struct db;

enum db_param_type { DB_PARAM_NULL, DB_PARAM_INT, DB_PARAM_TEXT };

struct db_param {
    enum db_param_type type;
    int64_t num;
    const char *text; /* borrowed for the call */
    size_t length_bytes;
};

#define DB_NULL ((struct db_param){.type = DB_PARAM_NULL})
#define DB_INT(v) ((struct db_param){.type = DB_PARAM_INT, .num = (int64_t)(v)})
/* A NUL-terminated string, or SQL NULL when s is NULL. */
struct db_param db_text(const char *s);
struct db_param db_bytes(const void *bytes, size_t length_bytes);

/* The rows of one query; released by db_result_release, which also accepts a zeroed one. */
struct db_result {
    size_t rows;
    size_t columns;
    uint64_t affected; /* rows matched by an UPDATE, inserted or deleted */
    char **cells;      /* rows * columns; NULL is SQL NULL; each NUL-terminated */
    size_t *lengths_bytes;
    void *memory;
};

void db_result_release(struct db_result *r);
/* NULL for SQL NULL; asserts on an index outside the result. Borrowed from r. */
const char *db_cell(const struct db_result *r, size_t row, size_t column);
int64_t db_cell_int(const struct db_result *r, size_t row, size_t column); /* 0 for NULL */

/* Does not connect yet. Borrows conf for its whole life. Never NULL. */
struct db *db_new(const struct conf *conf);
void db_free(struct db *db);
void db_cleanup(struct db **db);

/* After this, statements may take up to seconds instead of conf's read timeout (for OPTIMIZE TABLE). Takes
 * effect at the next connect, which it forces. */
void db_set_read_timeout(struct db *db, unsigned seconds);

/* Runs one prepared statement. result may be NULL when no rows are wanted; affected is then lost too.
 * Errors: ERR_UNAVAILABLE (cannot connect, connection lost), ERR_TIMEOUT (the server gave this one statement up),
 * ERR_LOCKED (1213, 1205, 1020), ERR_DUPLICATE (1062; the text names the index), ERR_INTERNAL (anything else).
 * Outside a transaction a statement that found its idle connection closed is run once more on a new one. */
bool db_run(struct db *db, struct db_result *result, struct err *e, const char *sql, const struct db_param *params,
            size_t n_params) MUST_CHECK;

#define DB_PARAMS(...) \
    (const struct db_param[]){__VA_ARGS__}, sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param)
#define DB_NO_PARAMS NULL, 0

/* Runs one prepared INSERT ... VALUES (?, ...) for n_rows rows (at least one) of n_params values each, row after row in
 * params, as one statement on the wire: all rows are inserted or none. A column has integers or texts, or NULL, in
 * every row. RETURNING gives all rows in their order. Errors as for db_run. An UPDATE is run for each row instead:
 * only inside a transaction, to be rolled back after an error. */
bool db_run_rows(struct db *db, struct db_result *result, struct err *e, const char *sql, const struct db_param *params,
                 size_t n_params, size_t n_rows) MUST_CHECK;

/* Runs one statement of constant text by the text protocol (DDL, SET, GET_LOCK and others that gain nothing from
 * being prepared). */
bool db_run_text(struct db *db, struct db_result *result, struct err *e, const char *sql) MUST_CHECK;

/*
 * Runs body inside a transaction and commits. body returns false (with e) to roll back.
 * On ERR_LOCKED the whole body runs again, up to 8 times within 7 s, with a short random pause. When the connection
 * dies during COMMIT the outcome is unknown: body runs again on a new connection with repeated=true and
 * must first look whether its effect is already there (if so, return true without changing anything).
 * body must reset what it built when it starts.
 * Several of them without a statement between leave the session's autocommit off, and begin by themselves; the next
 * statement outside of one turns it on again before it runs.
 */
typedef bool db_body_fn(struct db *db, void *arg, bool repeated, struct err *e);
bool db_transaction(struct db *db, db_body_fn *body, void *arg, struct err *e) MUST_CHECK;

/* True while a connection is open (as far as this side knows). */
bool db_is_connected(const struct db *db);
/* A number that differs between the connections of one process; picks a counter shard. */
unsigned db_shard(const struct db *db);

#endif
