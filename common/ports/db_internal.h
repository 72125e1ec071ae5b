/*
 * db_internal.h: what the files of db share. mysql.h itself stays in the .c files.
 */
#ifndef BELLMAN_DB_INTERNAL_H
#define BELLMAN_DB_INTERNAL_H

#include <glib.h>

#include "ports/db.h"

struct st_mysql;
struct st_mysql_stmt;

struct db {
    const struct conf *conf;
    struct st_mysql *mysql; /* NULL: not connected */
    GHashTable *statements; /* SQL text to struct statement, all of this connection */
    unsigned read_timeout_s;
    unsigned shard;
    bool in_transaction;
    bool is_manual;        /* the session's autocommit is off: whatever comes next begins a transaction */
    unsigned in_turn;      /* transactions since the last statement outside of one */
    bool transaction_lost; /* the server has rolled it back, or the connection went with it */
};

/* What a client or server call answered; number 0 means that all went well. */
struct db_failure {
    unsigned number;
    char message[256];
};

/* Connects unless there is a connection that looks alive. Inside a transaction it never makes a new one. */
bool db_connect(struct db *db, struct err *e) MUST_CHECK;
void db_disconnect(struct db *db);

/* Turns a failure into e, drops the connection when the failure means that it is gone, and marks a transaction that the
 * failure has ended. Always returns false. */
bool db_fail(struct db *db, const struct db_failure *failure, const char *sql, struct err *e);
/* True when the connection cannot be used after error number. */
bool db_error_ends_connection(unsigned number);
/* True when the server has forgotten or outdated a prepared statement: it must be prepared again. */
bool db_error_asks_prepare(unsigned number);

/* Collects the cells of a result, row by row. */
struct db_cells {
    size_t columns;
    GPtrArray *cells;
    GArray *lengths_bytes;
    GStringChunk *chunk;
};
void db_cells_init(struct db_cells *cells, size_t columns);
void db_cells_add(struct db_cells *cells, const char *bytes, size_t length_bytes); /* NULL: SQL NULL */
void db_cells_release(struct db_cells *cells);
/* Moves what was collected into result. */
void db_cells_finish(struct db_cells *cells, struct db_result *result, uint64_t affected);

/* Runs sql as a cached prepared statement of the open connection, for n_rows rows of n_params parameters each. */
struct db_failure db_statement_run(struct db *db, struct db_result *result, const char *sql,
                                   const struct db_param *params, size_t n_params, size_t n_rows);
/* Binds and executes a prepared statement for two rows or more. */
bool db_rows_execute(struct st_mysql_stmt *handle, const struct db_param *params, size_t n_params, size_t n_rows);
/* A new table for db->statements; emptying it closes the statements. */
GHashTable *db_statements_new(void);

#endif
