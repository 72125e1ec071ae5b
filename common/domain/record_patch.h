/*
 * record_patch.h: changes to a row as JSON. Pure.
 */
#ifndef BELLMAN_RECORD_PATCH_H
#define BELLMAN_RECORD_PATCH_H

#include "domain/field.h"

/* Whether a caller may set the field and it has a column. */
static inline bool field_is_writable(const struct field *field)
{
    return (field->flags & (FIELD_READONLY | FIELD_INTERNAL | FIELD_INPUT_ONLY)) == 0;
}

/* The row with changes (checked by record_check) laid over it (RFC 7396): null resets a field to its default, an object
 * is merged member by member, where null removes one. New reference. */
json_t *record_merge(const struct record *record, const json_t *row, const json_t *changes);

/* {field: {from, to}} of every field that differs, for the audit row: secrets masked, values over 1000 bytes shortened
 * to text. New reference; empty when all is equal. */
json_t *record_diff(const struct record *record, const json_t *before, const json_t *after);

#endif
