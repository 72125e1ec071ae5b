#include <errmsg.h>
#include <mysql.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/db_internal.h"

#define LOCK_WAIT_MAX_S 3

static atomic_uint connections_made;

static void start_library(void)
{
    g_assert(mysql_library_init(0, NULL, NULL) == 0);
}

struct db *db_new(const struct conf *conf)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    g_assert(pthread_once(&once, start_library) == 0);
    struct db *db = g_new0(struct db, 1);
    db->conf = conf;
    db->read_timeout_s = (unsigned)MAX(conf->database.read_timeout_s, 1);
    db->statements = db_statements_new();
    /* Processes start at different shards, so that the first connections of several do not share one. */
    db->shard = (unsigned)getpid() + atomic_fetch_add_explicit(&connections_made, 1, memory_order_relaxed);
    return db;
}

void db_disconnect(struct db *db)
{
    if (db->mysql != NULL) {
        mysql_close(db->mysql); /* detaches the statements first: closing them afterwards only frees memory */
        db->mysql = NULL;
    }
    db->is_manual = false;
    g_hash_table_remove_all(db->statements);
}

void db_free(struct db *db)
{
    if (db == NULL) {
        return;
    }
    db_disconnect(db);
    g_hash_table_unref(db->statements);
    g_free(db);
}

void db_cleanup(struct db **db)
{
    db_free(*db);
}

void db_set_read_timeout(struct db *db, unsigned seconds)
{
    g_assert(!db->in_transaction);
    db->read_timeout_s = MAX(seconds, 1);
    db_disconnect(db);
}

bool db_is_connected(const struct db *db)
{
    return db->mysql != NULL;
}

unsigned db_shard(const struct db *db)
{
    return db->shard;
}

struct db_param db_text(const char *s)
{
    return s == NULL ? DB_NULL : db_bytes(s, strlen(s));
}

struct db_param db_bytes(const void *bytes, size_t length_bytes)
{
    return (struct db_param){.type = DB_PARAM_TEXT, .text = bytes, .length_bytes = length_bytes};
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

static struct db_failure failure_of(MYSQL *mysql)
{
    struct db_failure f = {.number = mysql_errno(mysql)};
    if (f.number == 0) {
        f.number = CR_UNKNOWN_ERROR;
    }
    g_strlcpy(f.message, mysql_error(mysql), sizeof(f.message));
    return f;
}

/* The server gives a statement up shortly before this side stops waiting for it: nothing goes on running unseen, and
 * the connection stays usable. A lock wait ends before that, so that it is told from a slow statement. */
static void set_session(MYSQL *mysql, unsigned read_timeout_s)
{
    char variables[256];
    (void)snprintf(
        variables, sizeof(variables),
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
        "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = %u, max_statement_time = %u.5",
        CLAMP(read_timeout_s - 1, 1, LOCK_WAIT_MAX_S), read_timeout_s - 1);
    mysql_optionsv(mysql, MYSQL_INIT_COMMAND, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    mysql_optionsv(mysql, MYSQL_INIT_COMMAND, variables);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static void set_link(MYSQL *mysql, const struct conf *conf, unsigned read_timeout_s)
{
    const unsigned connect_timeout_s = (unsigned)conf->database.connect_timeout_s;
    const unsigned protocol = conf->database.socket[0] == '\0' ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &read_timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
}

static bool connect_now(struct db *db, struct err *e)
{
    const struct conf *conf = db->conf;
    const char *socket = conf->database.socket[0] == '\0' ? NULL : conf->database.socket;
    MYSQL *mysql = mysql_init(NULL);
    g_assert(mysql != NULL);
    set_session(mysql, db->read_timeout_s);
    set_link(mysql, conf, db->read_timeout_s);
    if (mysql_real_connect(mysql, socket == NULL ? conf->database.host : NULL, conf->database.user,
                           conf->database.password, conf->database.name, (unsigned)conf->database.port, socket,
                           CLIENT_FOUND_ROWS) == NULL) {
        g_autofree char *line = g_strdelimit(g_strdup(mysql_error(mysql)), "\r\n\t", ' ');
        err_set(e, ERR_UNAVAILABLE, "Cannot connect to MariaDB: %s (error %u)", line, mysql_errno(mysql));
        mysql_close(mysql);
        return false;
    }
    db->mysql = mysql;
    return true;
}

/* True when the server has closed its side while nothing was asked of it (restart, wait_timeout, KILL). */
static bool was_closed(MYSQL *mysql)
{
    struct pollfd p = {.fd = (int)mysql_get_socket(mysql), .events = POLLRDHUP};
    return poll(&p, 1, 0) != 0;
}

bool db_connect(struct db *db, struct err *e)
{
    if (db->in_transaction) {
        return db->mysql != NULL || err_set(e, ERR_UNAVAILABLE, "The connection was lost inside a transaction");
    }
    if (db->mysql != NULL && !was_closed(db->mysql)) {
        return true;
    }
    db_disconnect(db);
    return connect_now(db, e);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

static void collect_text(MYSQL *mysql, MYSQL_RES *res, struct db_result *result)
{
    CLEANUP(db_cells_release) struct db_cells cells = {0};
    db_cells_init(&cells, res == NULL ? 0 : mysql_num_fields(res));
    for (MYSQL_ROW row = res == NULL ? NULL : mysql_fetch_row(res); row != NULL; row = mysql_fetch_row(res)) {
        const unsigned long *lengths_bytes = mysql_fetch_lengths(res);
        for (size_t i = 0; i < cells.columns; i++) {
            db_cells_add(&cells, row[i], lengths_bytes[i]);
        }
    }
    if (result != NULL) {
        db_cells_finish(&cells, result, mysql_affected_rows(mysql));
    }
}

static struct db_failure run_text(struct db *db, struct db_result *result, const char *sql)
{
    if (mysql_real_query(db->mysql, sql, strlen(sql)) != 0) {
        return failure_of(db->mysql);
    }
    MYSQL_RES *res = mysql_store_result(db->mysql);
    if (res == NULL && mysql_field_count(db->mysql) > 0) {
        return failure_of(db->mysql);
    }
    collect_text(db->mysql, res, result);
    mysql_free_result(res);
    return (struct db_failure){0};
}

struct call {
    const char *sql;
    const struct db_param *params;
    size_t n_params; /* of one row */
    size_t n_rows;
    bool prepared;
    struct db_result *result;
};

/* A statement outside of a transaction is one of its own. A connection of which it is not known whether it commits by
 * itself is of no use. */
static struct db_failure leave_manual(struct db *db)
{
    struct db_failure f = {0};
    db->in_turn = 0;
    if (db->is_manual) {
        f = run_text(db, NULL, "SET autocommit = 1");
        db->is_manual = false;
        if (f.number != 0) {
            f.number = CR_SERVER_GONE_ERROR; /* nothing was executed: it may be run on another connection */
            db_disconnect(db);
        }
    }
    return f;
}

static struct db_failure run_once(struct db *db, const struct call *call)
{
    struct db_failure f = {0};
    if (!db->in_transaction) {
        f = leave_manual(db);
    }
    if (f.number != 0) {
        return f;
    }
    return call->prepared ? db_statement_run(db, call->result, call->sql, call->params, call->n_params, call->n_rows)
                          : run_text(db, call->result, call->sql);
}

/* A statement that was certainly not executed. CR_SERVER_GONE_ERROR is a failed write; after CR_SERVER_LOST, a failed
 * read, the server may have done the work. */
static bool may_run_again(const struct db *db, unsigned number)
{
    return db_error_asks_prepare(number) || (number == CR_SERVER_GONE_ERROR && !db->in_transaction);
}

static bool run(struct db *db, const struct call *call, struct err *e)
{
    for (bool again = false;; again = true) {
        if (!db_connect(db, e)) {
            return false;
        }
        struct db_failure f = run_once(db, call);
        if (f.number == 0) {
            return true;
        }
        if (again || !may_run_again(db, f.number)) {
            return db_fail(db, &f, call->sql, e);
        }
        if (db_error_ends_connection(f.number)) {
            db_disconnect(db);
        }
    }
}

bool db_run(struct db *db, struct db_result *result, struct err *e, const char *sql, const struct db_param *params,
            size_t n_params)
{
    return run(db, &(struct call){sql, params, n_params, 1, true, result}, e);
}

bool db_run_rows(struct db *db, struct db_result *result, struct err *e, const char *sql, const struct db_param *params,
                 size_t n_params, size_t n_rows)
{
    return run(db, &(struct call){sql, params, n_params, n_rows, true, result}, e);
}

bool db_run_text(struct db *db, struct db_result *result, struct err *e, const char *sql)
{
    return run(db, &(struct call){.sql = sql, .result = result}, e);
}
