/*
 * field_write.c: rows as JSON text, without a tree in between: what a request reads most is written once.
 */
#include <string.h>

#include "domain/field.h"

#define SQL_TIME_CHARS 26 /* "2026-11-24 16:40:21.488331" */
#define SQL_TIME_SPACE 10

/* Runs of characters that need no escape are copied at once. RFC 8259 section 7. */
static void write_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *at = text; *at != '\0';) {
        const char *run = at;
        while ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
            at++;
        }
        g_string_append_len(out, run, at - run);
        if (*at == '"' || *at == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *at++);
        } else if (*at != '\0') {
            g_string_append_printf(out, "\\u%04X", (unsigned)(unsigned char)*at++);
        }
    }
    g_string_append_c(out, '"');
}

/* DATETIME(6), which is UTC, as RFC 3339. */
static void write_time(GString *out, const char *cell)
{
    if (strlen(cell) != SQL_TIME_CHARS || cell[SQL_TIME_SPACE] != ' ') {
        g_string_append(out, "null");
        return;
    }
    g_string_append_c(out, '"');
    g_string_append_len(out, cell, SQL_TIME_SPACE);
    g_string_append_c(out, 'T');
    g_string_append_len(out, cell + SQL_TIME_SPACE + 1, SQL_TIME_CHARS - SQL_TIME_SPACE - 1);
    g_string_append(out, "Z\"");
}

static void write_bool(GString *out, const char *cell)
{
    g_string_append(out, strcmp(cell, "0") == 0 ? "false" : "true");
}

/* Numbers are written by the server, JSON by us when the row was: both are what they should be. */
static void write_verbatim(GString *out, const char *cell)
{
    g_string_append(out, cell);
}

static void (*const writers[])(GString *out, const char *cell) = {
    [FIELD_BOOL] = write_bool,       [FIELD_INT] = write_verbatim,     [FIELD_TIME] = write_time,
    [FIELD_OBJECT] = write_verbatim, [FIELD_STRINGS] = write_verbatim, [FIELD_ANY] = write_verbatim,
};

static void write_cell(GString *out, const struct field *field, const char *cell)
{
    void (*write)(GString *, const char *) = (size_t)field->type < ARRAY_SIZE(writers) ? writers[field->type] : NULL;
    if (cell == NULL) {
        g_string_append(out, "null");
    } else if (write != NULL) {
        write(out, cell);
    } else {
        write_string(out, cell);
    }
}

size_t record_row_write(GString *out, const struct record *record, const struct db_result *r, size_t row, size_t first)
{
    char separator = '{';
    size_t column = first;
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        if ((field->flags & (FIELD_INPUT_ONLY | FIELD_INTERNAL)) != 0) {
            continue;
        }
        g_string_append_c(out, separator);
        g_string_append_c(out, '"');
        g_string_append(out, field->name);
        g_string_append(out, "\":");
        write_cell(out, field, db_cell(r, row, column));
        separator = ',';
        column++;
    }
    g_string_append_c(out, '}');
    return column;
}
