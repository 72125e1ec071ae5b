#include "domain/csv.h"

#include <string.h>

void csv_cell(GString *out, const char *text, bool is_first)
{
    if (!is_first) {
        g_string_append_c(out, ',');
    }
    if (text == NULL || text[0] == '\0') {
        return;
    }
    bool is_formula = strchr("=+-@\t\r", text[0]) != NULL;
    bool is_quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (is_quoted) {
        g_string_append_c(out, '"');
    }
    if (is_formula) {
        g_string_append_c(out, '\'');
    }
    for (const char *c = text; *c != '\0'; c++) {
        g_string_append_c(out, *c);
        if (*c == '"') {
            g_string_append_c(out, '"');
        }
    }
    if (is_quoted) {
        g_string_append_c(out, '"');
    }
}

void csv_end_row(GString *out)
{
    g_string_append(out, "\r\n");
}
