/*
 * field.c: checks JSON values against a field table.
 */
#include "domain/field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/ids.h"

#define POINTER_BYTES_MAX 256

const struct field *record_field(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->n; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

json_t *field_default(const struct field *field)
{
    json_t *value = field->def != NULL ? json_loads(field->def, JSON_DECODE_ANY, NULL) : NULL;
    return value != NULL ? value : json_null();
}

/* --- problems ----------------------------------------------------------------------------------------------------- */

bool problems_full(const struct problems *p)
{
    return json_array_size(p->list) >= PROBLEMS_MAX;
}

void problems_add(struct problems *p, const char *pointer, const char *code, const char *format, ...)
{
    if (p->list == NULL) {
        p->list = json_array();
    }
    if (problems_full(p)) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *detail = g_utf8_make_valid(raw, -1);
    json_array_append_new(p->list, json_pack("{ssssss}", "pointer", pointer, "code", code, "detail", detail));
}

void problems_release(struct problems *p)
{
    json_decref(p->list);
    p->list = NULL;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

typedef void check_fn(const struct field *field, const json_t *value, const char *pointer, struct problems *problems);

static void check_bool(const struct field *field UNUSED, const json_t *value, const char *pointer,
                       struct problems *problems)
{
    if (!json_is_boolean(value)) {
        problems_add(problems, pointer, "type", "must be true or false");
    }
}

static void check_int(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    if (!json_is_integer(value)) {
        problems_add(problems, pointer, "type", "must be a whole number");
        return;
    }
    json_int_t number = json_integer_value(value);
    bool bounded = field->min != 0 || field->max != 0;
    if (bounded && (number < field->min || number > field->max)) {
        problems_add(problems, pointer, "range", "must be from %" PRId64 " to %" PRId64, field->min, field->max);
    }
}

/* The text of a string value, or NULL with a problem. */
static const char *text_of(const json_t *value, const char *pointer, struct problems *problems)
{
    if (!json_is_string(value)) {
        problems_add(problems, pointer, "type", "must be a string");
        return NULL;
    }
    return json_string_value(value);
}

static void add_length(int64_t min, int64_t max, const char *what, const char *pointer, struct problems *problems)
{
    if (max == 0) {
        problems_add(problems, pointer, "length", "must have at least %" PRId64 " %s", min, what);
    } else if (min == 0) {
        problems_add(problems, pointer, "length", "must have at most %" PRId64 " %s", max, what);
    } else {
        problems_add(problems, pointer, "length", "must have %" PRId64 " to %" PRId64 " %s", min, max, what);
    }
}

static bool fits(int64_t n, int64_t min, int64_t max)
{
    return n >= min && (max == 0 || n <= max);
}

static void check_string(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    const char *text = text_of(value, pointer, problems);
    if (text == NULL) {
        return;
    }
    bool one_line = (field->flags & (FIELD_ONE_LINE | FIELD_CURSOR | FIELD_ASCII)) != 0;
    bool cursor = (field->flags & FIELD_CURSOR) != 0;
    if (cursor && strlen(text) > FIELD_CURSOR_BYTES_MAX) {
        problems_add(problems, pointer, "length", "must have at most %d bytes", FIELD_CURSOR_BYTES_MAX);
    } else if (!fits((int64_t)g_utf8_strlen(text, -1), field->min, field->max)) {
        add_length(field->min, field->max, "characters", pointer, problems);
    } else if (format_has_control(text, !one_line)) {
        problems_add(problems, pointer, "format", "must not contain control characters%s",
                     one_line ? " or line breaks" : "");
    } else if ((field->flags & FIELD_ASCII) != 0 && !g_str_is_ascii(text)) {
        problems_add(problems, pointer, "format", "must be of ASCII characters");
    }
}

static void check_enum(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    const char *text = text_of(value, pointer, problems);
    if (text == NULL || g_strv_contains(field->choices, text)) {
        return;
    }
    g_autoptr(GString) choices = g_string_new(NULL);
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        g_string_append_printf(choices, "%s%s", choices->len > 0 ? ", " : "", *choice);
    }
    problems_add(problems, pointer, "choice", "must be one of: %s", choices->str);
}

static bool is_time(const char *s)
{
    int64_t wall_us;
    return clock_parse_rfc3339(s, &wall_us);
}

static const struct {
    bool (*fits)(const char *s);
    const char *detail;
} formats[] = {
    [FIELD_UUID] = {uuid_is_valid, "must be a UUID"},
    [FIELD_EMAIL] = {format_is_email, "must be an e-mail address such as name@example.org"},
    [FIELD_PHONE] = {format_is_phone, "must be a phone number in E.164 form such as +442071838750"},
    [FIELD_ZONE] = {format_is_zone, "must be an IANA time zone such as Europe/Paris"},
    [FIELD_HHMM] = {format_is_hhmm, "must be a time of day from 00:00 to 23:59"},
    [FIELD_SLACK_URL] = {format_is_slack_url,
                         "must be a Slack webhook, https://hooks.slack.com/services/T.../B.../..."},
    [FIELD_TIME] = {is_time, "must be an RFC 3339 time such as 2026-11-23T16:00:00Z"},
};

static void check_format(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    const char *text = text_of(value, pointer, problems);
    if (text != NULL && !formats[field->type].fits(text)) {
        problems_add(problems, pointer, "format", "%s", formats[field->type].detail);
    }
}

static void check_size(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    size_t bytes = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    if (field->max != 0 && bytes > (size_t)field->max) {
        add_length(0, field->max, "bytes as compact JSON", pointer, problems);
    }
}

static void check_object(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    if (!json_is_object(value)) {
        problems_add(problems, pointer, "type", "must be an object");
        return;
    }
    check_size(field, value, pointer, problems);
}

static void check_entry(const json_t *entry, const char *pointer, struct problems *problems)
{
    static const struct field field = {
        .name = "", .type = FIELD_STRING, .flags = FIELD_ONE_LINE, .min = 1, .max = FIELD_ENTRY_CHARS_MAX};
    check_string(&field, entry, pointer, problems);
}

static void check_strings(const struct field *field, const json_t *value, const char *pointer,
                          struct problems *problems)
{
    if (!json_is_array(value)) {
        problems_add(problems, pointer, "type", "must be an array of strings");
        return;
    }
    if (!fits((int64_t)json_array_size(value), field->min, field->max)) {
        add_length(field->min, field->max, "entries", pointer, problems);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        g_autofree char *entry_pointer = g_strdup_printf("%s/%zu", pointer, i);
        check_entry(json_array_get(value, i), entry_pointer, problems);
    }
}

static void check_record(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    record_check(field->record, value, pointer, problems);
}

static void check_records(const struct field *field, const json_t *value, const char *pointer,
                          struct problems *problems)
{
    if (!json_is_array(value)) {
        problems_add(problems, pointer, "type", "must be an array of objects");
        return;
    }
    if (!fits((int64_t)json_array_size(value), field->min, field->max)) {
        add_length(field->min, field->max, "entries", pointer, problems);
        return;
    }
    for (size_t i = 0; i < json_array_size(value) && !problems_full(problems); i++) {
        g_autofree char *entry_pointer = g_strdup_printf("%s/%zu", pointer, i);
        record_check(field->record, json_array_get(value, i), entry_pointer, problems);
    }
}

static check_fn *const checks[] = {
    [FIELD_BOOL] = check_bool,        [FIELD_INT] = check_int,     [FIELD_STRING] = check_string,
    [FIELD_ENUM] = check_enum,        [FIELD_UUID] = check_format, [FIELD_EMAIL] = check_format,
    [FIELD_PHONE] = check_format,     [FIELD_ZONE] = check_format, [FIELD_HHMM] = check_format,
    [FIELD_SLACK_URL] = check_format, [FIELD_TIME] = check_format, [FIELD_OBJECT] = check_object,
    [FIELD_STRINGS] = check_strings,  [FIELD_ANY] = check_size,    [FIELD_RECORD] = check_record,
    [FIELD_RECORDS] = check_records,
};

void field_check_value(const struct field *field, const json_t *value, const char *pointer, struct problems *problems)
{
    const char *text = json_string_value(value);
    if ((field->flags & FIELD_SECRET) != 0 && text != NULL && strstr(text, FIELD_MASK) != NULL) {
        problems_add(problems, pointer, "masked", "is the mask of a stored secret: leave the field out to keep it");
        return;
    }
    checks[field->type](field, value, pointer, problems);
}

/* --- one body ----------------------------------------------------------------------------------------------------- */

/* prefix + "/" + name, escaped as RFC 6901 wants. A name longer than any field's is cut: it is unknown anyway. */
static char *make_pointer(const char *prefix, const char *name)
{
    GString *out = g_string_new(prefix);
    g_string_append_c(out, '/');
    for (const char *c = name; *c != '\0'; c++) {
        bool starts_character = ((unsigned char)*c & 0xC0U) != 0x80U;
        if (starts_character && out->len > POINTER_BYTES_MAX) {
            break;
        }
        if (*c == '~') {
            g_string_append(out, "~0");
        } else if (*c == '/') {
            g_string_append(out, "~1");
        } else {
            g_string_append_c(out, *c);
        }
    }
    return g_string_free(out, FALSE);
}

static void check_member(const struct record *record, const char *name, const json_t *value, const char *prefix,
                         struct problems *problems)
{
    g_autofree char *pointer = make_pointer(prefix, name);
    const struct field *field = record_field(record, name);
    if (field == NULL || (field->flags & FIELD_INTERNAL) != 0) {
        problems_add(problems, pointer, "unknown_field", "there is no such field");
    } else if ((field->flags & FIELD_READONLY) != 0) {
        problems_add(problems, pointer, "read_only", "is set by the server");
    } else if (!json_is_null(value)) {
        field_check_value(field, value, pointer, problems);
    } else if ((field->flags & FIELD_NULLABLE) == 0 && field->def == NULL) {
        problems_add(problems, pointer, "null", "must not be null");
    }
}

static void check_required(const struct record *record, const json_t *body, const char *prefix,
                           struct problems *problems)
{
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        if ((field->flags & FIELD_REQUIRED) != 0 && json_object_get(body, field->name) == NULL) {
            g_autofree char *pointer = make_pointer(prefix, field->name);
            problems_add(problems, pointer, "required", "must be given");
        }
    }
}

void record_check(const struct record *record, const json_t *body, const char *prefix, struct problems *problems)
{
    if (!json_is_object(body)) {
        problems_add(problems, prefix, "type", "must be an object");
        return;
    }
    void *at = json_object_iter((json_t *)(uintptr_t)body);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)body, at)) {
        check_member(record, json_object_iter_key(at), json_object_iter_value(at), prefix, problems);
    }
    check_required(record, body, prefix, problems);
}
