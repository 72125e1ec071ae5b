/*
 * settings_rules.c: what settings mean together, without a database.
 */
#include <stdlib.h>
#include <string.h>

#include "domain/settings.h"

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

json_t *settings_merge(const json_t *row, const json_t *changes)
{
    json_t *merged = json_deep_copy(row);
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        json_t *value = json_object_get(changes, field->name);
        json_t *current = json_object_get(merged, field->name);
        if (value == NULL) {
            continue;
        }
        if (json_is_null(value)) {
            json_object_set_new(merged, field->name, field_default(field));
        } else if (field->type == FIELD_OBJECT && json_is_object(current)) {
            merge_object(current, value);
        } else {
            json_object_set(merged, field->name, value);
        }
    }
    return merged;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool is_on(const json_t *row, const char *name)
{
    return json_is_true(json_object_get(row, name));
}

static const char *text(const json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

static void check_quiet_hours(const json_t *merged, struct problems *problems)
{
    const char *start = text(merged, "quiet_hours_start");
    const char *end = text(merged, "quiet_hours_end");
    if (start == NULL && end != NULL) {
        problems_add(problems, "/quiet_hours_start", "required", "must be given together with quiet_hours_end");
    } else if (start != NULL && end == NULL) {
        problems_add(problems, "/quiet_hours_end", "required", "must be given together with quiet_hours_start");
    } else if (start != NULL && strcmp(start, end) == 0) {
        problems_add(problems, "/quiet_hours_end", "range",
                     "must differ from quiet_hours_start; dnd_enabled is for the whole day");
    }
}

static void check_channels(const json_t *merged, struct problems *problems)
{
    bool twilio = g_strcmp0(text(merged, "sms_provider"), "twilio") == 0;
    if (is_on(merged, "sms_enabled") && twilio && text(merged, "sms_from_number") == NULL) {
        problems_add(problems, "/sms_from_number", "required", "is needed while sms_enabled is true with twilio");
    }
    if (is_on(merged, "slack_enabled") && text(merged, "slack_webhook_url") == NULL) {
        problems_add(problems, "/slack_webhook_url", "required", "is needed while slack_enabled is true");
    }
}

void settings_check_rules(const json_t *merged, struct problems *problems)
{
    check_quiet_hours(merged, problems);
    check_channels(merged, problems);
    const struct field *custom = record_field(&settings_record, "custom_settings");
    const json_t *value = json_object_get(merged, custom->name);
    if (value != NULL) {
        field_check_value(custom, value, "/custom_settings", problems);
    }
}

/* --- what is shown ------------------------------------------------------------------------------------------------ */

void settings_mask(json_t *row)
{
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        bool secret = (field->flags & FIELD_SECRET) != 0;
        if (secret && json_is_string(json_object_get(row, field->name))) {
            json_object_set_new(row, field->name, json_string(SETTINGS_MASK));
        }
    }
}

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
        return json_string(SETTINGS_MASK);
    }
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    bool as_text = dump != NULL &&
                   (strlen(dump) > AUDIT_VALUE_BYTES_MAX || is_deeper_than(value, AUDIT_VALUE_DEPTH_MAX));
    json_t *shown = as_text ? shorten(dump) : json_incref(value);
    free(dump);
    return shown;
}

json_t *settings_diff(const json_t *before, const json_t *after)
{
    json_t *diff = json_object();
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        json_t *from = json_object_get(before, field->name);
        json_t *to = json_object_get(after, field->name);
        if (!json_equal(from, to) && (from != NULL || to != NULL)) {
            json_object_set_new(diff, field->name,
                                json_pack("{soso}", "from", audit_value(field, from), "to", audit_value(field, to)));
        }
    }
    return diff;
}
