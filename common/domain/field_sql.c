/*
 * field_sql.c: field tables as SQL columns, parameters and rows.
 */
#include <stdlib.h>
#include <string.h>

#include "domain/field.h"
#include "ground/clock.h"

static bool has_column(const struct field *field, bool internal)
{
    return (field->flags & FIELD_INPUT_ONLY) == 0 && (internal || (field->flags & FIELD_INTERNAL) == 0);
}

void field_column(GString *out, const struct field *field, const char *prefix)
{
    if (field->derived == NULL || prefix == NULL) {
        g_string_append(out, prefix == NULL ? "" : prefix);
        g_string_append(out, field->derived == NULL ? field->name : "NULL");
        return;
    }
    g_auto(GStrv) parts = g_strsplit(field->derived, "$", -1);
    g_autofree char *expression = g_strjoinv(prefix, parts);
    g_string_append(out, expression);
}

void record_columns(GString *out, const struct record *record, const char *prefix, bool internal)
{
    const char *separator = "";
    for (size_t i = 0; i < record->n; i++) {
        if (has_column(&record->fields[i], internal)) {
            g_string_append(out, separator);
            field_column(out, &record->fields[i], prefix);
            separator = ", ";
        }
    }
}

size_t record_column(const struct record *record, const char *name)
{
    size_t column = 0;
    for (size_t i = 0; i < record->n; i++) {
        if (has_column(&record->fields[i], false)) {
            if (strcmp(record->fields[i].name, name) == 0) {
                return column;
            }
            column++;
        }
    }
    g_assert_not_reached();
}

json_t *record_row_json(const struct record *record, const struct db_result *r, size_t row, size_t first)
{
    json_t *out = json_object();
    size_t column = first;
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        if (has_column(field, false)) {
            json_object_set_new_nocheck(out, field->name, field_from_cell(field, db_cell(r, row, column)));
            column++;
        }
    }
    return out;
}

/* --- cells to JSON ------------------------------------------------------------------------------------------------ */

static json_t *bool_from_cell(const char *cell)
{
    return json_boolean(strcmp(cell, "0") != 0);
}

static json_t *int_from_cell(const char *cell)
{
    return json_integer(strtoll(cell, NULL, 10));
}

static json_t *time_from_cell(const char *cell)
{
    int64_t wall_us;
    char text[CLOCK_TEXT_BYTES];
    if (!clock_parse_sql(cell, &wall_us)) {
        return NULL;
    }
    clock_format_rfc3339(wall_us, text);
    return json_string(text);
}

static json_t *json_from_cell(const char *cell)
{
    return json_loads(cell, JSON_DECODE_ANY, NULL);
}

static json_t *(*const cell_readers[])(const char *cell) = {
    [FIELD_BOOL] = bool_from_cell,   [FIELD_INT] = int_from_cell,      [FIELD_TIME] = time_from_cell,
    [FIELD_OBJECT] = json_from_cell, [FIELD_STRINGS] = json_from_cell, [FIELD_ANY] = json_from_cell,
    [FIELD_RECORD] = json_from_cell, [FIELD_RECORDS] = json_from_cell,
};

json_t *field_from_cell(const struct field *field, const char *cell)
{
    if (cell == NULL) {
        return json_null();
    }
    json_t *(*read)(const char *) = (size_t)field->type < ARRAY_SIZE(cell_readers) ? cell_readers[field->type] : NULL;
    json_t *value = read != NULL ? read(cell) : json_string(cell);
    return value != NULL ? value : json_null();
}

/* --- JSON to parameters ------------------------------------------------------------------------------------------- */

static struct db_param keep(const char *text, GStringChunk *arena)
{
    return db_text(g_string_chunk_insert(arena, text));
}

static struct db_param bool_to_param(const json_t *value, GStringChunk *arena UNUSED)
{
    return DB_INT(json_is_true(value) ? 1 : 0);
}

static struct db_param int_to_param(const json_t *value, GStringChunk *arena UNUSED)
{
    return DB_INT(json_integer_value(value));
}

static struct db_param text_to_param(const json_t *value, GStringChunk *arena)
{
    const char *text = json_string_value(value);
    return text != NULL ? keep(text, arena) : DB_NULL;
}

static struct db_param time_to_param(const json_t *value, GStringChunk *arena)
{
    const char *text = json_string_value(value);
    int64_t wall_us;
    char sql[CLOCK_TEXT_BYTES];
    if (text == NULL || !clock_parse_rfc3339(text, &wall_us)) {
        return DB_NULL;
    }
    clock_format_sql(wall_us, sql);
    return keep(sql, arena);
}

static struct db_param json_to_param(const json_t *value, GStringChunk *arena)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct db_param param = text != NULL ? keep(text, arena) : DB_NULL;
    free(text);
    return param;
}

static struct db_param (*const param_makers[])(const json_t *value, GStringChunk *arena) = {
    [FIELD_BOOL] = bool_to_param,   [FIELD_INT] = int_to_param,      [FIELD_TIME] = time_to_param,
    [FIELD_OBJECT] = json_to_param, [FIELD_STRINGS] = json_to_param, [FIELD_ANY] = json_to_param,
    [FIELD_RECORD] = json_to_param, [FIELD_RECORDS] = json_to_param,
};

struct db_param field_to_param(const struct field *field, const json_t *value, GStringChunk *arena)
{
    if (value == NULL || json_is_null(value)) {
        return DB_NULL;
    }
    struct db_param (*make)(const json_t *, GStringChunk *) = (size_t)field->type < ARRAY_SIZE(param_makers)
                                                                  ? param_makers[field->type]
                                                                  : NULL;
    return make != NULL ? make(value, arena) : text_to_param(value, arena);
}
