#include "ground/err.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>

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

/* Whoever prints the text as JSON needs valid UTF-8; a cut at the limit may have split a sequence. */
static void replace_invalid_utf8(char *text)
{
    const char *bad = NULL;
    while (!g_utf8_validate(text, -1, &bad)) {
        text[bad - text] = '?';
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
    }
    replace_invalid_utf8(e->text);
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
