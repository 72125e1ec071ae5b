/*
 * template_render.c: fills templates in.
 */
#include <string.h>

#include "domain/template_syntax.h"
#include "ground/text.h"

#define ENTITY_BYTES 16
#define NUMBER_DIGITS 15

struct run {
    const struct template_code *code;
    const json_t *values;
    const json_t *item; /* NULL: outside the list */
    GString *out;
    size_t max_bytes;
    bool is_full;
};

/* --- values ------------------------------------------------------------------------------------------------------- */

static const json_t *find(const struct run *r, const char *name)
{
    const json_t *own = json_object_get(r->item, name);
    return own != NULL ? own : json_object_get(r->values, name);
}

static bool is_there(const json_t *value)
{
    if (json_is_string(value)) {
        return json_string_length(value) > 0;
    }
    return json_is_number(value) || json_is_true(value) || json_array_size(value) > 0;
}

/* New text; NULL when there is none. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value)) {
        return g_strdup(json_string_value(value));
    }
    if (json_is_number(value) || json_is_boolean(value)) {
        char number[64] = "";
        size_t n = json_dumpb(value, number, sizeof(number) - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(NUMBER_DIGITS));
        return g_strndup(number, MIN(n, sizeof(number) - 1));
    }
    return NULL;
}

/* --- characters --------------------------------------------------------------------------------------------------- */

/* What turns the direction of the text around it, or hides: never of use in a field, and the means to show one thing
 * and be another. */
static bool is_hidden(gunichar c)
{
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static bool is_line_break(gunichar c)
{
    return c == '\n' || c == '\r' || c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool is_control(gunichar c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

static const char *entity_of(gunichar c, enum template_escape escape)
{
    bool is_html = escape == TEMPLATE_AS_HTML;
    if (!is_html && escape != TEMPLATE_AS_SLACK) {
        return NULL;
    }
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return is_html ? "&quot;" : NULL;
    case '\'':
        return is_html ? "&#39;" : NULL;
    default:
        return NULL;
    }
}

static void percent_encode(gunichar c, char out[ENTITY_BYTES])
{
    static const char digits[] = "0123456789ABCDEF";
    char bytes[6];
    int n = g_unichar_to_utf8(c, bytes);
    char *at = out;
    for (int i = 0; i < n; i++) {
        *at++ = '%';
        *at++ = digits[(unsigned char)bytes[i] >> 4];
        *at++ = digits[(unsigned char)bytes[i] & 0x0FU];
    }
    *at = '\0';
}

/* The character as it is sent, into out; empty: it vanishes. */
static void escape_char(gunichar c, enum template_escape escape, char out[ENTITY_BYTES])
{
    const char *entity = entity_of(c, escape);
    out[0] = '\0';
    if (is_hidden(c)) {
        return;
    }
    if (escape == TEMPLATE_AS_URL_PART) {
        bool is_plain = c < 0x80 && (g_ascii_isalnum((char)c) || strchr("-._~", (int)c) != NULL);
        if (!is_plain) {
            percent_encode(c, out);
            return;
        }
    } else if (is_line_break(c) || (escape == TEMPLATE_AS_HEADER && is_control(c))) {
        g_strlcpy(out, escape == TEMPLATE_AS_HEADER ? " " : "\n", ENTITY_BYTES);
        return;
    } else if (is_control(c) && c != '\t') {
        return;
    }
    if (entity != NULL) {
        g_strlcpy(out, entity, ENTITY_BYTES);
    } else {
        out[g_unichar_to_utf8(c, out)] = '\0';
    }
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static void append(struct run *r, const char *piece, size_t bytes)
{
    if (r->is_full || r->out->len + bytes > r->max_bytes) {
        r->is_full = true;
        return;
    }
    g_string_append_len(r->out, piece, (gssize)bytes);
}

static void append_literal(struct run *r, const char *text, size_t bytes)
{
    size_t room = r->max_bytes - r->out->len;
    if (bytes > room) {
        while (room > 0 && ((unsigned char)text[room] & 0xC0U) == 0x80U) {
            room--;
        }
        append(r, text, room);
        r->is_full = true;
        return;
    }
    append(r, text, bytes);
}

static void append_value(struct run *r, const json_t *value, enum template_escape escape)
{
    g_autofree char *text = text_of(value);
    char piece[ENTITY_BYTES];
    for (const char *p = text; p != NULL && *p != '\0' && !r->is_full; p = text_next_char(p)) {
        if (*p == '\r' && p[1] == '\n') {
            continue; /* one line break, not two */
        }
        escape_char(g_utf8_get_char(p), escape, piece);
        append(r, piece, strlen(piece));
    }
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static void run_nodes(struct run *r, size_t from, size_t to);

static void run_section(struct run *r, const struct template_node *node, size_t begin)
{
    const json_t *value = find(r, node->name);
    bool wanted = is_there(value) == (node->kind == TEMPLATE_NODE_IF);
    if (!wanted) {
        return;
    }
    if (!json_is_array(value) || node->kind == TEMPLATE_NODE_UNLESS || r->item != NULL) {
        run_nodes(r, begin, node->partner);
        return;
    }
    for (size_t i = 0; i < json_array_size(value) && !r->is_full; i++) {
        r->item = json_array_get(value, i);
        run_nodes(r, begin, node->partner);
    }
    r->item = NULL;
}

/* Sections are nested at most TEMPLATE_DEPTH_MAX deep. */
static void run_nodes(struct run *r, size_t from, size_t to)
{
    for (size_t i = from; i < to && !r->is_full; i++) {
        const struct template_node *node = &g_array_index(r->code->nodes, struct template_node, i);
        switch (node->kind) {
        case TEMPLATE_NODE_TEXT:
            append_literal(r, r->code->source + node->at_bytes, node->text_bytes);
            break;
        case TEMPLATE_NODE_VALUE:
            append_value(r, find(r, node->name), node->escape);
            break;
        case TEMPLATE_NODE_IF:
        case TEMPLATE_NODE_UNLESS:
            run_section(r, node, i + 1);
            i = node->partner;
            break;
        case TEMPLATE_NODE_END:
            break;
        }
    }
}

char *template_fill(const struct template_code *code, const json_t *values, size_t max_bytes, bool *ret_is_cut)
{
    struct run r = {.code = code, .values = values, .out = g_string_new(NULL), .max_bytes = max_bytes};
    run_nodes(&r, 0, code->nodes->len);
    *ret_is_cut = r.is_full;
    return g_string_free(r.out, FALSE);
}
