/*
 * template_syntax.c: takes templates apart.
 */
#include "domain/template_syntax.h"

#include <stdio.h>
#include <string.h>

#define OPEN "{{"
#define CLOSE "}}"
#define TAG_BYTES 2

struct parser {
    const char *source;
    size_t at;
    enum template_escape escape;
    GArray *nodes;
    GArray *open; /* size_t: indexes of sections that have not ended */
    struct err *e;
};

void template_code_release(struct template_code *code)
{
    if (code->nodes != NULL) {
        g_array_unref(code->nodes);
    }
    *code = (struct template_code){0};
}

void template_where(const char *source, size_t at_bytes, char out[TEMPLATE_WHERE_BYTES])
{
    size_t line = 1;
    const char *start = source;
    const char *end = source + at_bytes;
    for (const char *p = source; p < end; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    }
    (void)snprintf(out, TEMPLATE_WHERE_BYTES, "%zu:%ld", line, g_utf8_strlen(start, end - start) + 1);
}

static bool fault(const struct parser *p, size_t at_bytes, const char *what)
{
    char where[TEMPLATE_WHERE_BYTES];
    template_where(p->source, at_bytes, where);
    return err_set(p->e, ERR_INVALID, "%s: %s", where, what);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static struct template_node *node_at(const GArray *nodes, size_t i)
{
    return &g_array_index(nodes, struct template_node, i);
}

static bool add_node(struct parser *p, const struct template_node *node)
{
    if (p->nodes->len >= TEMPLATE_NODES_MAX) {
        return fault(p, node->at_bytes, "too many tags");
    }
    g_array_append_val(p->nodes, *node);
    return true;
}

static bool add_text(struct parser *p, size_t from, size_t to)
{
    const struct template_node node = {.kind = TEMPLATE_NODE_TEXT, .at_bytes = from, .text_bytes = to - from};
    return from == to || add_node(p, &node);
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

static bool open_section(struct parser *p, const struct template_node *node)
{
    size_t index = p->nodes->len;
    if (p->open->len >= TEMPLATE_DEPTH_MAX) {
        return fault(p, node->at_bytes, "sections are nested too deep");
    }
    g_array_append_val(p->open, index);
    return add_node(p, node);
}

static bool close_section(struct parser *p, const struct template_node *node)
{
    if (p->open->len == 0) {
        return fault(p, node->at_bytes, "this section was not begun");
    }
    size_t begin = g_array_index(p->open, size_t, p->open->len - 1);
    if (strcmp(node_at(p->nodes, begin)->name, node->name) != 0) {
        return fault(p, node->at_bytes, "another section must end first");
    }
    node_at(p->nodes, begin)->partner = p->nodes->len;
    g_array_set_size(p->open, p->open->len - 1);
    return add_node(p, node);
}

/* A tag at from..to that has a line to itself takes the line with it: the blanks before it are taken off the text that
 * was added last, and reading goes on behind the line's end. */
static size_t end_of_own_line(struct parser *p, size_t from, size_t to)
{
    size_t start = from;
    while (start > 0 && (p->source[start - 1] == ' ' || p->source[start - 1] == '\t')) {
        start--;
    }
    size_t end = to + strspn(p->source + to, " \t\r");
    if ((start > 0 && p->source[start - 1] != '\n') || (p->source[end] != '\n' && p->source[end] != '\0')) {
        return to;
    }
    if (start < from) {
        struct template_node *before = node_at(p->nodes, p->nodes->len - 1);
        before->text_bytes -= from - start;
    }
    return p->source[end] == '\n' ? end + 1 : end;
}

/* --- tags --------------------------------------------------------------------------------------------------------- */

static enum template_node_kind kind_of(char sign)
{
    switch (sign) {
    case '#':
        return TEMPLATE_NODE_IF;
    case '^':
        return TEMPLATE_NODE_UNLESS;
    case '/':
        return TEMPLATE_NODE_END;
    default:
        return TEMPLATE_NODE_VALUE;
    }
}

/* Reads {{ sign name }} at p->at into node; *ret_end is behind it. */
static bool read_tag(const struct parser *p, struct template_node *node, size_t *ret_end)
{
    const char *at = p->source + p->at + TAG_BYTES;
    node->at_bytes = p->at;
    node->kind = kind_of(*at);
    at += node->kind == TEMPLATE_NODE_VALUE ? 0 : 1;
    at += strspn(at, " \t");
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (n == 0 || !g_ascii_islower(*at)) {
        return fault(p, p->at, "a field's name must follow the braces; write {{{{ for the braces themselves");
    }
    if (n >= TEMPLATE_NAME_BYTES) {
        return fault(p, p->at, "the name is too long");
    }
    memcpy(node->name, at, n);
    at += n;
    at += strspn(at, " \t");
    if (strncmp(at, CLOSE, TAG_BYTES) != 0) {
        return fault(p, p->at, "the tag does not end with }} behind its name");
    }
    *ret_end = (size_t)(at - p->source) + TAG_BYTES;
    return true;
}

static bool take_tag(struct parser *p)
{
    struct template_node node = {.escape = p->escape};
    size_t end = 0;
    if (p->source[p->at + TAG_BYTES] == '{') {
        return fault(p, p->at, "three braces: values are always escaped, two are enough");
    }
    if (!read_tag(p, &node, &end)) {
        return false;
    }
    size_t begin = p->at;
    if (node.kind == TEMPLATE_NODE_VALUE) {
        p->at = end;
        return add_node(p, &node);
    }
    p->at = end_of_own_line(p, begin, end);
    return node.kind == TEMPLATE_NODE_END ? close_section(p, &node) : open_section(p, &node);
}

static bool take_braces(struct parser *p)
{
    bool ok = add_text(p, p->at, p->at + TAG_BYTES);
    p->at += (size_t)2 * TAG_BYTES;
    return ok;
}

static bool parse_all(struct parser *p)
{
    for (;;) {
        const char *tag = strstr(p->source + p->at, OPEN);
        size_t next = tag == NULL ? p->at + strlen(p->source + p->at) : (size_t)(tag - p->source);
        if (!add_text(p, p->at, next)) {
            return false;
        }
        p->at = next;
        if (tag == NULL) {
            break;
        }
        if (!(strncmp(tag, OPEN OPEN, strlen(OPEN OPEN)) == 0 ? take_braces(p) : take_tag(p))) {
            return false;
        }
    }
    if (p->open->len > 0) {
        size_t begin = g_array_index(p->open, size_t, p->open->len - 1);
        return fault(p, node_at(p->nodes, begin)->at_bytes, "this section does not end");
    }
    return true;
}

static bool check_source(const struct parser *p, enum template_place place)
{
    if (strlen(p->source) > TEMPLATE_SOURCE_BYTES_MAX) {
        return err_set(p->e, ERR_INVALID, "1:1: the template is too long");
    }
    if (!g_utf8_validate(p->source, -1, NULL)) {
        return err_set(p->e, ERR_INVALID, "1:1: the template is not UTF-8");
    }
    if (format_has_control(p->source, place != TEMPLATE_HEADER)) {
        return err_set(p->e, ERR_INVALID, "1:1: the template has control characters%s",
                       place == TEMPLATE_HEADER ? " or line breaks" : "");
    }
    return true;
}

bool template_parse(const char *source, enum template_place place, struct template_code *ret, struct err *e)
{
    static const enum template_escape escapes[TEMPLATE_PLACES] = {
        [TEMPLATE_HEADER] = TEMPLATE_AS_HEADER,
        [TEMPLATE_TEXT] = TEMPLATE_AS_TEXT,
        [TEMPLATE_HTML] = TEMPLATE_AS_HTML,
        [TEMPLATE_SLACK] = TEMPLATE_AS_SLACK,
    };
    g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(struct template_node));
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(size_t));
    struct parser p = {.source = source, .escape = escapes[place], .nodes = nodes, .open = open, .e = e};
    if (!check_source(&p, place) || !parse_all(&p)) {
        return false;
    }
    struct template_code code = {.source = source, .nodes = nodes};
    if (place == TEMPLATE_HTML && !template_html_places(&code, e)) {
        return false;
    }
    ret->source = source;
    ret->nodes = g_steal_pointer(&nodes);
    return true;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

bool template_is_url(const char *name)
{
    return strcmp(name, "url") == 0 || g_str_has_suffix(name, "_url");
}

static const char *fault_of_name(const struct template_node *node, template_known_fn *known, const void *arg,
                                 bool in_item)
{
    bool is_list = strcmp(node->name, TEMPLATE_LIST) == 0;
    if (!known(arg, node->name, in_item)) {
        return "is no field of this template";
    }
    if (is_list && (in_item || node->kind == TEMPLATE_NODE_VALUE)) {
        return "is a list: it can only be a section, and not inside itself";
    }
    return NULL;
}

void template_check_names(const struct template_code *code, template_known_fn *known, const void *arg,
                          const char *pointer, struct problems *problems)
{
    size_t item_end = 0; /* where the list's section ends; 0: outside */
    for (size_t i = 0; i < code->nodes->len; i++) {
        const struct template_node *node = node_at(code->nodes, i);
        if (i == item_end) {
            item_end = 0;
        }
        if (node->kind == TEMPLATE_NODE_TEXT || node->kind == TEMPLATE_NODE_END) {
            continue;
        }
        const char *wrong = fault_of_name(node, known, arg, item_end != 0);
        if (wrong != NULL) {
            char where[TEMPLATE_WHERE_BYTES];
            template_where(code->source, node->at_bytes, where);
            problems_add(problems, pointer, "unknown_field", "%s: %s %s", where, node->name, wrong);
        } else if (node->kind == TEMPLATE_NODE_IF && strcmp(node->name, TEMPLATE_LIST) == 0) {
            item_end = node->partner;
        }
    }
}
