#include <errmsg.h>
#include <mysql.h>
#include <string.h>

#include "ports/db_internal.h"

/* Past this many the cache is emptied: texts are constant, so it is only reached by a caller that builds SQL. */
#define STATEMENTS_MAX 200
/* Numbers, times, UUIDs and short texts fit; a longer cell is fetched again at its full length. */
#define CELL_BYTES 256

struct statement {
    MYSQL_STMT *handle;
};

struct column {
    unsigned long length_bytes;
    my_bool is_null;
    my_bool cut;
    char cell[CELL_BYTES];
};

static void statement_free(void *p)
{
    struct statement *s = p;
    mysql_stmt_close(s->handle);
    g_free(s);
}

GHashTable *db_statements_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, statement_free);
}

static struct db_failure failure_of(MYSQL_STMT *handle)
{
    struct db_failure f = {.number = mysql_stmt_errno(handle)};
    if (f.number == 0) {
        f.number = CR_UNKNOWN_ERROR;
    }
    g_strlcpy(f.message, mysql_stmt_error(handle), sizeof(f.message));
    return f;
}

static struct statement *prepare(struct db *db, const char *sql, struct db_failure *f)
{
    struct statement *s = g_hash_table_lookup(db->statements, sql);
    if (s != NULL) {
        return s;
    }
    if (g_hash_table_size(db->statements) >= STATEMENTS_MAX) {
        g_hash_table_remove_all(db->statements);
    }
    MYSQL_STMT *handle = mysql_stmt_init(db->mysql);
    g_assert(handle != NULL);
    if (mysql_stmt_prepare(handle, sql, strlen(sql)) != 0) {
        *f = failure_of(handle);
        mysql_stmt_close(handle);
        return NULL;
    }
    s = g_new0(struct statement, 1);
    s->handle = handle;
    g_hash_table_insert(db->statements, g_strdup(sql), s);
    return s;
}

/* MYSQL_BIND serves both directions, so that its buffer is not const. */
static void *input_buffer(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = {.in = p};
    return u.out;
}

static void bind_param(MYSQL_BIND *bind, const struct db_param *param)
{
    *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_NULL};
    if (param->type == DB_PARAM_INT) {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = input_buffer(&param->num);
    } else if (param->type == DB_PARAM_TEXT) {
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = input_buffer(param->text);
        bind->buffer_length = param->length_bytes;
    }
}

static bool execute_one(MYSQL_STMT *handle, const struct db_param *params, size_t n_params)
{
    static const unsigned no_arrays = 0;
    g_autofree MYSQL_BIND *binds = g_new0(MYSQL_BIND, n_params + 1);
    for (size_t i = 0; i < n_params; i++) {
        bind_param(&binds[i], &params[i]);
    }
    return mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &no_arrays) == 0 &&
           (n_params == 0 || mysql_stmt_bind_param(handle, binds) == 0) && mysql_stmt_execute(handle) == 0;
}

static bool execute(MYSQL_STMT *handle, const struct db_param *params, size_t n_params, size_t n_rows)
{
    g_assert(mysql_stmt_param_count(handle) == n_params && n_rows > 0);
    return n_rows == 1 ? execute_one(handle, params, n_params) : db_rows_execute(handle, params, n_params, n_rows);
}

static bool add_long_cell(MYSQL_STMT *handle, struct db_cells *cells, unsigned index, unsigned long length_bytes)
{
    g_autofree char *whole = g_malloc(length_bytes);
    unsigned long fetched_bytes = 0;
    MYSQL_BIND bind = {
        .buffer_type = MYSQL_TYPE_STRING,
        .buffer = whole,
        .buffer_length = length_bytes,
        .length = &fetched_bytes,
    };
    if (mysql_stmt_fetch_column(handle, &bind, index, 0) != 0 || fetched_bytes != length_bytes) {
        return false;
    }
    db_cells_add(cells, whole, length_bytes);
    return true;
}

static bool add_row(MYSQL_STMT *handle, struct db_cells *cells, const struct column *columns)
{
    for (unsigned i = 0; i < cells->columns; i++) {
        const struct column *c = &columns[i];
        if (c->is_null) {
            db_cells_add(cells, NULL, 0);
        } else if (c->length_bytes <= CELL_BYTES) {
            db_cells_add(cells, c->cell, c->length_bytes);
        } else if (!add_long_cell(handle, cells, i, c->length_bytes)) {
            return false;
        }
    }
    return true;
}

static bool bind_columns(MYSQL_STMT *handle, struct column *columns, size_t n)
{
    g_autofree MYSQL_BIND *binds = g_new0(MYSQL_BIND, n);
    for (size_t i = 0; i < n; i++) {
        binds[i] = (MYSQL_BIND){
            .buffer_type = MYSQL_TYPE_STRING,
            .buffer = columns[i].cell,
            .buffer_length = CELL_BYTES,
            .length = &columns[i].length_bytes,
            .is_null = &columns[i].is_null,
            .error = &columns[i].cut,
        };
    }
    return mysql_stmt_bind_result(handle, binds) == 0;
}

static bool fetch_rows(MYSQL_STMT *handle, struct db_cells *cells)
{
    g_autofree struct column *columns = g_new0(struct column, cells->columns);
    if (!bind_columns(handle, columns, cells->columns) || mysql_stmt_store_result(handle) != 0) {
        return false;
    }
    for (;;) {
        int rc = mysql_stmt_fetch(handle);
        if (rc == MYSQL_NO_DATA) {
            return true;
        }
        if ((rc != 0 && rc != MYSQL_DATA_TRUNCATED) || !add_row(handle, cells, columns)) {
            return false;
        }
    }
}

static struct db_failure collect(MYSQL_STMT *handle, struct db_result *result)
{
    struct db_failure f = {0};
    CLEANUP(db_cells_release) struct db_cells cells = {0};
    db_cells_init(&cells, mysql_stmt_field_count(handle));
    if (cells.columns > 0 && !fetch_rows(handle, &cells)) {
        f = failure_of(handle);
    }
    uint64_t affected = mysql_stmt_affected_rows(handle);
    if (f.number != 0) {
        /* INSERT ... RETURNING fails after its columns were announced. Unless the statement is reset, Connector/C 3.3
         * waits for the rows, until the read timeout, when it runs again. */
        (void)mysql_stmt_reset(handle);
    }
    mysql_stmt_free_result(handle);
    if (f.number == 0 && result != NULL) {
        db_cells_finish(&cells, result, affected);
    }
    return f;
}

struct db_failure db_statement_run(struct db *db, struct db_result *result, const char *sql,
                                   const struct db_param *params, size_t n_params, size_t n_rows)
{
    struct db_failure f = {0};
    struct statement *s = prepare(db, sql, &f);
    if (s == NULL) {
        return f;
    }
    if (!execute(s->handle, params, n_params, n_rows)) {
        f = failure_of(s->handle);
        if (db_error_asks_prepare(f.number)) {
            g_hash_table_remove(db->statements, sql);
        }
        return f;
    }
    return collect(s->handle, result);
}
