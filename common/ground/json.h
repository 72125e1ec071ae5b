/*
 * json.h: the limits that every JSON text from outside passes through, on top of jansson.
 */
#ifndef BELLMAN_JSON_H
#define BELLMAN_JSON_H

#include <jansson.h>

#include <stdlib.h>

#include "ground/base.h"
#include "ground/err.h"

#define JSON_DEPTH_MAX 32

/* Parses length bytes as one JSON value. Refused with ERR_INVALID: syntax errors (with line and
 * column), duplicate keys, NUL in strings, invalid UTF-8, nesting deeper than JSON_DEPTH_MAX (checked
 * before jansson recurses), anything after the value. Returns a new reference, or NULL. */
json_t *json_parse_limited(const char *text, size_t length_bytes, struct err *e) MUST_CHECK;

/* A member that is text, borrowed from the object; NULL: it is missing, something else, or object is NULL. */
static inline const char *json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The same; NULL also when it is empty. */
static inline const char *json_text_or_null(const json_t *object, const char *name)
{
    const char *text = json_text(object, name);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Frees what jansson has allocated for a text, at the end of the variable's scope: it is malloc's, not GLib's. */
static inline void json_text_free(char **text)
{
    free(*text);
}
#define json_auto_text CLEANUP(json_text_free)

/* Compact dump with keys sorted, for hashing and storing. The caller frees with free(). */
char *json_dump_canonical(const json_t *value);

#endif
