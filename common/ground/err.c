#include "ground/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERR_NONE] = "none",
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_CONFLICT] = "conflict",
    [ERR_DUPLICATE] = "duplicate",
    [ERR_DENIED] = "denied",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_LOCKED] = "locked",
    [ERR_UNKNOWN_OUTCOME] = "unknown_outcome",
    [ERR_TIMEOUT] = "timeout",
    [ERR_INTERNAL] = "internal",
};

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

/* A text cut at its limit must not end inside a UTF-8 sequence. */
static void drop_cut_sequence(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && is_continuation(text[start - 1])) {
        start--;
    }
    if (start > 0 && ((unsigned char)text[start - 1] & 0x80U) != 0) {
        text[start - 1] = '\0';
    }
}

static void flatten_controls(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = ' ';
        }
    }
}

bool err_set(struct err *e, enum err_code code, const char *format, ...)
{
    if (e->code != ERR_NONE) {
        return false;
    }
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    e->code = code == ERR_NONE ? ERR_INTERNAL : code;
    if (wanted < 0) {
        e->text[0] = '\0';
    } else if ((size_t)wanted >= sizeof(e->text)) {
        drop_cut_sequence(e->text, sizeof(e->text) - 1);
    }
    flatten_controls(e->text);
    return false;
}

void err_clear(struct err *e)
{
    e->code = ERR_NONE;
    e->text[0] = '\0';
}

const char *err_code_name(enum err_code code)
{
    return (size_t)code < ARRAY_SIZE(code_names) ? code_names[code] : "unknown";
}
