/*
 * field_describe.c: field tables as JSON Schema 2020-12.
 */
#include <inttypes.h>
#include <string.h>

#include "domain/field.h"

#define NO_CONTROLS "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
#define PRINTABLE_ASCII "^[ -~]*$"
#define NO_CONTROLS_BUT_LINES "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$"

static const struct {
    const char *type; /* NULL: any */
    const char *format;
    const char *pattern;
    int64_t max_length;
} kinds[] = {
    [FIELD_BOOL] = {.type = "boolean"},
    [FIELD_INT] = {.type = "integer"},
    [FIELD_STRING] = {.type = "string"},
    [FIELD_ENUM] = {.type = "string"},
    [FIELD_UUID] = {.type = "string", .format = "uuid"},
    [FIELD_EMAIL] = {.type = "string", .format = "email", .max_length = 254},
    [FIELD_PHONE] = {.type = "string", .pattern = "^\\+[1-9][0-9]{1,14}$"},
    [FIELD_ZONE] = {.type = "string", .pattern = "^[A-Z][A-Za-z0-9_+/-]+$", .max_length = 64},
    [FIELD_HHMM] = {.type = "string", .pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    [FIELD_SLACK_URL] = {.type = "string",
                         .format = "uri",
                         .pattern = "^https://hooks\\.slack(-gov)?\\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/"
                                    "[A-Za-z0-9]+$",
                         .max_length = 300},
    [FIELD_TIME] = {.type = "string", .format = "date-time"},
    [FIELD_OBJECT] = {.type = "object"},
    [FIELD_STRINGS] = {.type = "array"},
    [FIELD_ANY] = {.type = NULL},
    [FIELD_RECORD] = {.type = NULL},
    [FIELD_RECORDS] = {.type = "array"},
};

static void set_text(json_t *schema, const char *key, const char *value)
{
    if (value != NULL) {
        json_object_set_new(schema, key, json_string(value));
    }
}

static void set_bound(json_t *schema, const char *key, int64_t value)
{
    if (value != 0) {
        json_object_set_new(schema, key, json_integer(value));
    }
}

static void describe_text_input(json_t *schema, const struct field *field)
{
    bool one_line = (field->flags & (FIELD_ONE_LINE | FIELD_CURSOR)) != 0;
    bool ascii = (field->flags & FIELD_ASCII) != 0;
    if ((field->flags & FIELD_SECRET) != 0) {
        json_object_set_new(schema, "writeOnly", json_true());
    }
    set_text(schema, "format", kinds[field->type].format);
    set_text(schema, "pattern", kinds[field->type].pattern);
    if (field->type == FIELD_STRING) {
        set_text(schema, "pattern", ascii ? PRINTABLE_ASCII : one_line ? NO_CONTROLS : NO_CONTROLS_BUT_LINES);
        set_bound(schema, "minLength", field->min);
        set_bound(schema, "maxLength", (field->flags & FIELD_CURSOR) != 0 ? FIELD_CURSOR_BYTES_MAX : field->max);
    } else {
        set_bound(schema, "maxLength", kinds[field->type].max_length);
    }
}

/* What comes out may be older than today's rules, or masked: only what holds for every row is said. */
static void describe_text_output(json_t *schema, const struct field *field)
{
    if ((field->flags & FIELD_SECRET) == 0) {
        set_text(schema, "format", kinds[field->type].format);
        set_text(schema, "pattern", kinds[field->type].pattern);
        set_bound(schema, "maxLength", field->type == FIELD_STRING ? field->max : kinds[field->type].max_length);
    }
}

static void describe_int(json_t *schema, const struct field *field)
{
    if (field->min != 0 || field->max != 0) {
        json_object_set_new(schema, "minimum", json_integer(field->min));
        json_object_set_new(schema, "maximum", json_integer(field->max));
    }
}

static void describe_strings(json_t *schema, const struct field *field)
{
    json_object_set_new(schema, "items",
                        json_pack("{sssisssi}", "type", "string", "minLength", 1, "pattern", NO_CONTROLS, "maxLength",
                                  FIELD_ENTRY_CHARS_MAX));
    set_bound(schema, "minItems", field->min);
    set_bound(schema, "maxItems", field->max);
}

static json_t *ref_to(const struct record *record)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", record->name);
}

static void describe_record(json_t *schema, const struct field *field, bool nullable)
{
    if (nullable) {
        json_object_set_new(schema, "anyOf", json_pack("[o, {s:s}]", ref_to(field->record), "type", "null"));
    } else {
        json_object_update_new(schema, ref_to(field->record));
    }
}

static void describe_records(json_t *schema, const struct field *field)
{
    json_object_set_new(schema, "items", ref_to(field->record));
    set_bound(schema, "minItems", field->min);
    set_bound(schema, "maxItems", field->max);
}

static void describe_enum(json_t *schema, const struct field *field, bool nullable)
{
    json_t *choices = json_array();
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        json_array_append_new(choices, json_string(*choice));
    }
    if (nullable) {
        json_array_append_new(choices, json_null());
    }
    json_object_set_new(schema, "enum", choices);
}

static void describe_type(json_t *schema, const struct field *field, bool nullable)
{
    const char *type = kinds[field->type].type;
    if (type != NULL) {
        json_object_set_new(schema, "type", nullable ? json_pack("[ss]", type, "null") : json_string(type));
    }
}

static void describe_help(json_t *schema, const struct field *field)
{
    bool sized = (field->type == FIELD_OBJECT || field->type == FIELD_ANY) && field->max != 0;
    if (!sized) {
        set_text(schema, "description", field->help);
        return;
    }
    g_autofree char *text = g_strdup_printf("%s%sat most %" PRId64 " bytes as compact JSON",
                                            field->help != NULL ? field->help : "", field->help != NULL ? "; " : "",
                                            field->max);
    set_text(schema, "description", text);
}

static json_t *describe_field(const struct field *field, bool for_input)
{
    json_t *schema = json_object();
    bool nullable = (field->flags & FIELD_NULLABLE) != 0 || (for_input && field->def != NULL);
    describe_type(schema, field, nullable);
    if (field->type == FIELD_INT) {
        describe_int(schema, field);
    } else if (field->type == FIELD_ENUM) {
        describe_enum(schema, field, nullable);
    } else if (field->type == FIELD_STRINGS) {
        describe_strings(schema, field);
    } else if (field->type == FIELD_RECORD) {
        describe_record(schema, field, nullable);
    } else if (field->type == FIELD_RECORDS) {
        describe_records(schema, field);
    } else if (for_input) {
        describe_text_input(schema, field);
    } else {
        describe_text_output(schema, field);
    }
    if (field->def != NULL && (field->flags & FIELD_READONLY) == 0) {
        json_object_set_new(schema, "default", field_default(field));
    }
    if ((field->flags & FIELD_READONLY) != 0) {
        json_object_set_new(schema, "readOnly", json_true());
    }
    describe_help(schema, field);
    return schema;
}

static bool is_shown(const struct field *field, bool for_input)
{
    unsigned hidden = FIELD_INTERNAL | (for_input ? FIELD_READONLY : FIELD_INPUT_ONLY);
    return (field->flags & hidden) == 0;
}

json_t *record_describe(const struct record *record, bool for_input)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        if (!is_shown(field, for_input)) {
            continue;
        }
        json_object_set_new(properties, field->name, describe_field(field, for_input));
        if (!for_input || (field->flags & FIELD_REQUIRED) != 0) {
            json_array_append_new(required, json_string(field->name));
        }
    }
    json_t *schema = json_pack("{ssso}", "type", "object", "properties", properties);
    set_text(schema, "description", record->help);
    if (json_array_size(required) > 0) {
        json_object_set(schema, "required", required);
    }
    if (for_input) {
        json_object_set_new(schema, "additionalProperties", json_false());
    }
    json_decref(required);
    return schema;
}
