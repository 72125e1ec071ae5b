/*
 * field.h: one table per record, from which everything that knows its fields is made: validation of JSON input,
 * SQL columns, rows to JSON, query filters, OpenAPI schemas and the check against information_schema.
 */
#ifndef BELLMAN_FIELD_H
#define BELLMAN_FIELD_H

#include <glib.h>
#include <jansson.h>

#include "ground/base.h"
#include "ground/err.h"
#include "ports/db.h"

enum field_type {
    FIELD_BOOL,
    FIELD_INT,    /* min..max */
    FIELD_STRING, /* min..max characters (code points); no control characters but tab and newline */
    FIELD_ENUM,   /* one of choices */
    FIELD_UUID,
    FIELD_EMAIL,     /* RFC 5321 mailbox, ASCII, at most 254 */
    FIELD_PHONE,     /* E.164 */
    FIELD_ZONE,      /* IANA name known to GLib */
    FIELD_HHMM,      /* "HH:MM" */
    FIELD_SLACK_URL, /* https://hooks.slack.com/services/... */
    FIELD_TIME,      /* RFC 3339 in JSON, DATETIME(6) in SQL */
    FIELD_OBJECT,    /* JSON object, at most max bytes when dumped */
    FIELD_STRINGS,   /* array of strings, min..max entries of 1..FIELD_ENTRY_CHARS_MAX characters */
    FIELD_ANY,       /* any JSON value, at most max bytes when dumped */
    FIELD_RECORD,    /* JSON object with the members of record */
    FIELD_RECORDS,   /* array of them, min..max entries */
};

enum field_flags {
    FIELD_NULLABLE = 1 << 0,
    FIELD_REQUIRED = 1 << 1,        /* must be present in input */
    FIELD_READONLY = 1 << 2,        /* the server's: in input it is an error */
    FIELD_SECRET = 1 << 3,          /* sealed in the row, masked in answers */
    FIELD_INTERNAL = 1 << 4,        /* a column that no answer shows */
    FIELD_ONE_LINE = 1 << 5,        /* FIELD_STRING: also no tab or newline */
    FIELD_INPUT_ONLY = 1 << 6,      /* no column: only in bodies and queries */
    FIELD_CURSOR = 1 << 7,          /* query: given back by the server, opaque */
    FIELD_ASCII = 1 << 9,           /* FIELD_STRING: one line of ASCII, as the column it is compared with */
    FIELD_COLUMN_NOT_NULL = 1 << 8, /* FIELD_NULLABLE in answers only, which may leave it out: the column is NOT NULL */
};

#define FIELD_ENTRY_CHARS_MAX 255
#define FIELD_CURSOR_BYTES_MAX 512

/* What stands for a stored secret in answers; a secret that contains it is a fault (code masked). */
#define FIELD_MASK "********"

struct record;

struct field {
    const char *name; /* JSON member and SQL column */
    enum field_type type;
    unsigned flags;
    int64_t min; /* min and max both 0: no bounds; max 0 for texts and sizes: no upper bound */
    int64_t max;
    const char *const *choices; /* NULL-terminated */
    const struct record *record;
    const char *def;     /* JSON text of the default; NULL: null */
    const char *sql;     /* column_type as information_schema prints it */
    const char *help;    /* one line for OpenAPI */
    const char *derived; /* no column of the table, but this expression; $ stands for the table's prefix */
};

struct record {
    const char *name;  /* OpenAPI component, e.g. "Job" */
    const char *table; /* NULL for bodies and queries */
    const struct field *fields;
    size_t n;
    const char *help;
};

const struct field *record_field(const struct record *record, const char *name);

/* --- wrong input ------------------------------------------------------------------------------------------- */

#define PROBLEMS_MAX 50

/* One entry of problem+json's errors[]: pointer is a JSON Pointer (RFC 6901), or "?name" for a query parameter. Entries
 * past PROBLEMS_MAX are dropped. */
struct problems {
    json_t *list; /* array of {pointer, code, detail}; NULL until the first */
};
void problems_add(struct problems *p, const char *pointer, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
void problems_release(struct problems *p);
/* There is no room for another entry. */
bool problems_full(const struct problems *p);
static inline bool problems_any(const struct problems *p)
{
    return p->list != NULL;
}

/*
 * Checks body (a JSON object, else one problem at prefix) against the record; every fault is added to problems, with
 * prefix before each pointer ("" for a top-level body). Unknown members, read-only members, wrong types, ranges,
 * formats, missing required ones and nulls where none is allowed are faults. Codes: unknown_field, read_only, type,
 * range, length, choice, format, required, null, masked. For nullable or defaulted fields null is accepted (it resets).
 */
void record_check(const struct record *record, const json_t *body, const char *prefix, struct problems *problems);

/* Checks one value by itself (not null, not required-ness). */
void field_check_value(const struct field *field, const json_t *value, const char *pointer, struct problems *problems);

/* Reads a query string's decoded pairs (object of strings) into typed values by the record; a parameter that is absent
 * or empty gets its default (null when it has none). Integers are plain decimal, booleans true or false. Returns a new
 * object, complete only when there was no problem. */
json_t *record_parse_query(const struct record *record, const json_t *pairs, struct problems *problems);

/* The default of a field as a new reference (json null when it has none). */
json_t *field_default(const struct field *field);

/* --- SQL ----------------------------------------------------------------------------------------------------- */

/* Appends the column with prefix ("" or "j."), or the expression of a derived field. prefix NULL: of a row that is
 * being made, of which nothing is derived yet: NULL. */
void field_column(GString *out, const struct field *field, const char *prefix);
/* Appends "a, b, c" of the record's columns (those with a column, internal ones only when asked), each with prefix. */
void record_columns(GString *out, const struct record *record, const char *prefix, bool internal);

/* Makes the JSON object of row from columns as record_columns(..., internal=false) selected them, starting at column
 * first. Secrets come out as stored: the caller masks. */
json_t *record_row_json(const struct record *record, const struct db_result *r, size_t row, size_t first);

/* The same as text, appended to out. A column of JSON is copied as it is: only what was checked is ever stored there.
 * Returns the column behind the last one of the record. */
size_t record_row_write(GString *out, const struct record *record, const struct db_result *r, size_t row, size_t first);

/* Index of the field among record_columns(..., internal=false); asserts that there is such a column. */
size_t record_column(const struct record *record, const char *name);

/* One value as its column wants it. Text is owned by arena (a GStringChunk). json null and NULL give SQL NULL. */
struct db_param field_to_param(const struct field *field, const json_t *value, GStringChunk *arena);
/* One cell as JSON, a new reference; NULL cell gives json null. */
json_t *field_from_cell(const struct field *field, const char *cell);

/* --- description ----------------------------------------------------------------------------------------------- */

/* JSON Schema 2020-12 object of the record, as OpenAPI 3.1 wants it. for_input leaves out read-only fields and makes
 * only required ones required; otherwise every shown field is required. */
json_t *record_describe(const struct record *record, bool for_input);

/* --- formats (pure) ---------------------------------------------------------------------------------------------- */
bool format_is_email(const char *s);
bool format_is_phone(const char *s);
bool format_is_zone(const char *s);
bool format_is_hhmm(const char *s);
bool format_is_slack_url(const char *s);
/* Characters that would end a header line or hide text: C0, DEL, C1. allow_lines admits \t, \n and \r. */
bool format_has_control(const char *s, bool allow_lines);

#endif
