/*
 * db_rows.c: many rows of parameters in one execution (MariaDB's bulk protocol, column-wise binding: one array of
 * values, one of lengths and one of indicators for each parameter).
 */
#include <mysql.h>

#include "ports/db_internal.h"

struct arrays {
    size_t rows;
    MYSQL_BIND *binds;
    int64_t *numbers; /* column after column, like all of these */
    const char **texts;
    unsigned long *lengths_bytes;
    char *indicators;
};

static void arrays_init(struct arrays *a, size_t columns, size_t rows)
{
    a->rows = rows;
    a->binds = g_new0(MYSQL_BIND, columns);
    a->numbers = g_new(int64_t, columns * rows);
    a->texts = g_new(const char *, columns *rows);
    a->lengths_bytes = g_new(unsigned long, columns *rows);
    a->indicators = g_new(char, columns *rows);
}

static void arrays_release(struct arrays *a)
{
    g_free(a->binds);
    g_free(a->numbers);
    g_free(a->texts);
    g_free(a->lengths_bytes);
    g_free(a->indicators);
}

/* Fills column c from the parameters of every row, which are n_params apart. */
static void fill_column(struct arrays *a, const struct db_param *params, size_t n_params, size_t c)
{
    const size_t first = c * a->rows;
    bool is_number = false;
    for (size_t row = 0; row < a->rows; row++) {
        const struct db_param *p = &params[row * n_params + c];
        a->indicators[first + row] = p->type == DB_PARAM_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
        a->numbers[first + row] = p->num;
        a->texts[first + row] = p->text;
        a->lengths_bytes[first + row] = p->length_bytes;
        is_number = is_number || p->type == DB_PARAM_INT;
    }
    MYSQL_BIND *bind = &a->binds[c];
    bind->buffer_type = is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING;
    bind->buffer = is_number ? (void *)&a->numbers[first] : (void *)&a->texts[first];
    bind->length = &a->lengths_bytes[first];
    bind->u.indicator = &a->indicators[first];
}

bool db_rows_execute(MYSQL_STMT *handle, const struct db_param *params, size_t n_params, size_t n_rows)
{
    const unsigned array_size = (unsigned)n_rows;
    CLEANUP(arrays_release) struct arrays a = {0};
    arrays_init(&a, n_params, n_rows);
    for (size_t c = 0; c < n_params; c++) {
        fill_column(&a, params, n_params, c);
    }
    return mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &array_size) == 0 &&
           mysql_stmt_bind_param(handle, a.binds) == 0 && mysql_stmt_execute(handle) == 0;
}
