#include "ground/json.h"

#include <stdlib.h>

struct place {
    size_t line;
    size_t column;
};

/* Skips a string that begins at text[at]; returns the index behind its closing quote, or length when it has none. */
static size_t skip_string(const char *text, size_t length, size_t at)
{
    for (size_t i = at + 1; i < length; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            return i + 1;
        }
    }
    return length;
}

/* The index of the bracket that opens one level too many, or length when there is none. Wrong syntax is jansson's
 * matter. */
static size_t find_too_deep(const char *text, size_t length)
{
    int depth = 0;
    size_t i = 0;
    while (i < length) {
        char c = text[i];
        if (c == '"') {
            i = skip_string(text, length, i);
            continue;
        }
        if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX) {
                return i;
            }
        } else if (c == ']' || c == '}') {
            depth--;
        }
        i++;
    }
    return length;
}

static struct place place_of(const char *text, size_t at)
{
    struct place p = {.line = 1, .column = 1};
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            p.line++;
            p.column = 1;
        } else {
            p.column++;
        }
    }
    return p;
}

json_t *json_parse_limited(const char *text, size_t length_bytes, struct err *e)
{
    size_t too_deep = find_too_deep(text, length_bytes);
    if (too_deep < length_bytes) {
        struct place p = place_of(text, too_deep);
        err_set(e, ERR_INVALID, "line %zu, column %zu: nested deeper than %d levels", p.line, p.column, JSON_DEPTH_MAX);
        return NULL;
    }
    json_error_t error;
    json_t *value = json_loadb(text, length_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) {
        err_set(e, ERR_INVALID, "line %d, column %d: %s", error.line, error.column, error.text);
    }
    return value;
}

char *json_dump_canonical(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL) {
        abort(); /* out of memory, or a value that contains itself */
    }
    return text;
}
