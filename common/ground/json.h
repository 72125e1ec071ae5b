/*
 * json.h: the limits that every JSON text from outside passes through, on top of jansson.
 */
#ifndef BELLMAN_JSON_H
#define BELLMAN_JSON_H

#include <jansson.h>

#include "ground/base.h"
#include "ground/err.h"

#define JSON_DEPTH_MAX 32

/* Parses length bytes as one JSON value. Refused with ERR_INVALID: syntax errors (with line and
 * column), duplicate keys, NUL in strings, invalid UTF-8, nesting deeper than JSON_DEPTH_MAX (checked
 * before jansson recurses), anything after the value. Returns a new reference, or NULL. */
json_t *json_parse_limited(const char *text, size_t length_bytes, struct err *e) MUST_CHECK;

/* Compact dump with keys sorted, for hashing and storing. The caller frees with free(). */
char *json_dump_canonical(const json_t *value);

#endif
