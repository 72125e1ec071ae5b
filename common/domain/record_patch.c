#include "domain/record_patch.h"

#include <stdlib.h>
#include <string.h>

#define AUDIT_VALUE_BYTES_MAX 1000
/* MariaDB takes JSON of 32 levels, of which an audit row's own form uses some. */
#define AUDIT_VALUE_DEPTH_MAX 24

/* --- merge -------------------------------------------------------------------------------------------------------- */

/* MergePatch of RFC 7396 section 2, for an object: changes target. Depth is bounded by the body's parser. */
static void merge_object(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, name);
        } else if (json_is_object(value)) {
            json_t *inner = json_object_get(target, name);
            if (!json_is_object(inner)) {
                inner = json_object();
                json_object_set_new(target, name, inner);
            }
            merge_object(inner, value);
        } else {
            json_object_set(target, name, value);
        }
    }
}

json_t *record_merge(const struct record *record, const json_t *row, const json_t *changes)
{
    json_t *merged = json_deep_copy(row);
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        json_t *value = json_object_get(changes, field->name);
        json_t *current = json_object_get(merged, field->name);
        if (value == NULL) {
            continue;
        }
        if (json_is_null(value)) {
            json_object_set_new(merged, field->name, field_default(field));
        } else if (field->type == FIELD_OBJECT && json_is_object(current)) {
            merge_object(current, value);
        } else if (field->type == FIELD_RECORD) {
            json_t *base = json_is_object(current) ? json_incref(current) : json_object();
            merge_object(base, value);
            json_object_set_new(merged, field->name, base);
        } else {
            json_object_set(merged, field->name, value);
        }
    }
    return merged;
}

/* --- what has changed --------------------------------------------------------------------------------------------- */

static bool is_deeper_than(json_t *value, int levels)
{
    const char *name;
    json_t *inner;
    size_t i;
    bool deeper = levels == 0 && (json_is_object(value) || json_is_array(value));
    if (levels == 0) {
        return deeper;
    }
    json_object_foreach(value, name, inner)
    {
        deeper = deeper || is_deeper_than(inner, levels - 1);
    }
    json_array_foreach(value, i, inner)
    {
        deeper = deeper || is_deeper_than(inner, levels - 1);
    }
    return deeper;
}

/* The beginning of text up to max bytes, not cut inside a character. */
static json_t *shorten(const char *whole)
{
    size_t cut = AUDIT_VALUE_BYTES_MAX;
    if (strlen(whole) <= cut) {
        return json_string(whole);
    }
    while (cut > 0 && ((unsigned char)whole[cut] & 0xC0U) == 0x80U) {
        cut--;
    }
    g_autofree char *kept = g_strndup(whole, cut);
    g_autofree char *shown = g_strconcat(kept, "\u2026", NULL);
    return json_string(shown);
}

static json_t *audit_value(const struct field *field, json_t *value)
{
    if (value == NULL || json_is_null(value)) {
        return json_null();
    }
    if ((field->flags & FIELD_SECRET) != 0) {
        return json_string(FIELD_MASK);
    }
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    bool as_text = dump != NULL &&
                   (strlen(dump) > AUDIT_VALUE_BYTES_MAX || is_deeper_than(value, AUDIT_VALUE_DEPTH_MAX));
    json_t *shown = as_text ? shorten(dump) : json_incref(value);
    free(dump);
    return shown;
}

json_t *record_diff(const struct record *record, const json_t *before, const json_t *after)
{
    json_t *diff = json_object();
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        json_t *from = json_object_get(before, field->name);
        json_t *to = json_object_get(after, field->name);
        if (!json_equal(from, to) && (from != NULL || to != NULL)) {
            json_object_set_new(diff, field->name,
                                json_pack("{soso}", "from", audit_value(field, from), "to", audit_value(field, to)));
        }
    }
    return diff;
}
