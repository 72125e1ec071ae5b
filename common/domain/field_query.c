/*
 * field_query.c: a query string's parameters as typed values.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domain/field.h"

#define PARAMETER_BYTES_MAX 64

/* 0, or digits without a leading zero, perhaps with a minus before them. */
static bool is_decimal(const char *s)
{
    const char *digits = *s == '-' ? s + 1 : s;
    size_t n = strspn(digits, "0123456789");
    return n > 0 && digits[n] == '\0' && (*digits != '0' || strcmp(s, "0") == 0);
}

static json_t *read_int(const char *text, const char *pointer, struct problems *problems)
{
    if (!is_decimal(text)) {
        problems_add(problems, pointer, "type", "must be a whole number");
        return NULL;
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        problems_add(problems, pointer, "range", "is too large");
        return NULL;
    }
    return json_integer(value);
}

static json_t *read_bool(const char *text, const char *pointer, struct problems *problems)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        problems_add(problems, pointer, "type", "must be true or false");
        return NULL;
    }
    return json_boolean(strcmp(text, "true") == 0);
}

static json_t *read_text(const char *text, const char *pointer, struct problems *problems)
{
    json_t *value = json_string(text);
    if (value == NULL) {
        problems_add(problems, pointer, "format", "must be UTF-8");
    }
    return value;
}

static json_t *(*const readers[])(const char *text, const char *pointer, struct problems *problems) = {
    [FIELD_BOOL] = read_bool,
    [FIELD_INT] = read_int,
};

static json_t *read_parameter(const struct field *field, const char *text, struct problems *problems)
{
    g_autofree char *pointer = g_strconcat("?", field->name, NULL);
    if (text == NULL || *text == '\0') {
        if ((field->flags & FIELD_REQUIRED) != 0) {
            problems_add(problems, pointer, "required", "must be given");
        }
        return field_default(field);
    }
    json_t *value = (size_t)field->type < ARRAY_SIZE(readers) ? readers[field->type](text, pointer, problems)
                                                              : read_text(text, pointer, problems);
    if (value == NULL) {
        return json_null();
    }
    field_check_value(field, value, pointer, problems);
    return value;
}

static void refuse_unknown(const struct record *record, const json_t *pairs, struct problems *problems)
{
    void *at = json_object_iter((json_t *)(uintptr_t)pairs);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)pairs, at)) {
        const char *name = json_object_iter_key(at);
        if (record_field(record, name) == NULL) {
            size_t cut = strlen(name) > PARAMETER_BYTES_MAX ? PARAMETER_BYTES_MAX : strlen(name);
            g_autofree char *shown = g_utf8_make_valid(name, (gssize)cut);
            g_autofree char *pointer = g_strconcat("?", shown, NULL);
            problems_add(problems, pointer, "unknown_field", "there is no such query parameter");
        }
    }
}

json_t *record_parse_query(const struct record *record, const json_t *pairs, struct problems *problems)
{
    json_t *out = json_object();
    refuse_unknown(record, pairs, problems);
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        const char *text = json_string_value(json_object_get(pairs, field->name));
        json_object_set_new_nocheck(out, field->name, read_parameter(field, text, problems));
    }
    return out;
}
