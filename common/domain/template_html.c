/*
 * template_html.c: where in HTML a value stands, by the states of the HTML standard's tokenizer (section 13.2.5) that
 * make a difference to what must be escaped.
 */
#include <string.h>

#include "domain/template_syntax.h"

#define WORD_BYTES 24

enum html_state {
    HTML_TEXT,
    HTML_OPENED,     /* behind < */
    HTML_TAG_NAME,   /* of a tag that begins or ends something */
    HTML_TAG,        /* between attributes */
    HTML_ATTR_NAME,  /* and the blanks behind it */
    HTML_ATTR_EQUAL, /* behind = */
    HTML_VALUE,      /* in quotes */
    HTML_BARE_VALUE,
    HTML_MARKUP, /* <!DOCTYPE ...>, <?...> */
    HTML_COMMENT,
    HTML_RAW, /* of a script or style */
};

struct html {
    enum html_state state;
    char quote;
    bool has_begun;        /* something of the attribute's value was there */
    bool is_end_tag;       /* </... */
    char tag[WORD_BYTES];  /* lower case, cut */
    char attr[WORD_BYTES]; /* lower case, cut */
    char tail[WORD_BYTES]; /* the last characters of a comment or raw text */
};

/* --- literal text ------------------------------------------------------------------------------------------------- */

static void word_add(char word[WORD_BYTES], char c)
{
    size_t n = strlen(word);
    if (n + 1 < WORD_BYTES) {
        word[n] = g_ascii_tolower(c);
        word[n + 1] = '\0';
    }
}

static void tail_add(struct html *h, char c)
{
    size_t n = strlen(h->tail);
    if (n + 1 == WORD_BYTES) {
        memmove(h->tail, h->tail + 1, n);
        n--;
    }
    h->tail[n] = g_ascii_tolower(c);
    h->tail[n + 1] = '\0';
}

static void enter(struct html *h, enum html_state state)
{
    h->state = state;
    h->tail[0] = '\0';
}

static void end_tag(struct html *h)
{
    bool is_raw = strcmp(h->tag, "script") == 0 || strcmp(h->tag, "style") == 0;
    enter(h, is_raw && !h->is_end_tag ? HTML_RAW : HTML_TEXT);
}

static void take_text(struct html *h, char c)
{
    if (c == '<') {
        h->is_end_tag = false;
        enter(h, HTML_OPENED);
    }
}

static void take_opened(struct html *h, char c)
{
    if (c == '/' && !h->is_end_tag) {
        h->is_end_tag = true;
    } else if (g_ascii_isalpha(c)) {
        h->tag[0] = '\0';
        word_add(h->tag, c);
        enter(h, HTML_TAG_NAME);
    } else if (c != '>' && (c == '!' || c == '?' || h->is_end_tag)) {
        enter(h, HTML_MARKUP);
    } else {
        enter(h, HTML_TEXT); /* a < that opens nothing */
        take_text(h, c);
    }
}

static void take_in_tag(struct html *h, char c)
{
    if (c == '>') {
        end_tag(h);
    } else if (!g_ascii_isspace(c) && c != '/') {
        h->attr[0] = '\0';
        word_add(h->attr, c);
        enter(h, HTML_ATTR_NAME);
    }
}

static void take_tag_name(struct html *h, char c)
{
    if (c == '>') {
        end_tag(h);
    } else if (g_ascii_isspace(c) || c == '/') {
        enter(h, HTML_TAG);
    } else {
        word_add(h->tag, c);
    }
}

/* tail remembers that the name has ended. */
static void take_attr_name(struct html *h, char c)
{
    if (c == '>') {
        end_tag(h);
    } else if (c == '=') {
        enter(h, HTML_ATTR_EQUAL);
    } else if (g_ascii_isspace(c)) {
        tail_add(h, ' ');
    } else if (c == '/' || h->tail[0] != '\0') {
        enter(h, HTML_TAG);
        take_in_tag(h, c);
    } else {
        word_add(h->attr, c);
    }
}

static void take_attr_equal(struct html *h, char c)
{
    h->has_begun = false;
    if (c == '>') {
        end_tag(h);
    } else if (c == '"' || c == '\'') {
        h->quote = c;
        enter(h, HTML_VALUE);
    } else if (!g_ascii_isspace(c)) {
        enter(h, HTML_BARE_VALUE);
    }
}

static void take_value(struct html *h, char c)
{
    if (c == h->quote) {
        enter(h, HTML_TAG);
    } else if (!g_ascii_isspace(c)) {
        h->has_begun = true;
    }
}

static void take_bare_value(struct html *h, char c)
{
    if (c == '>') {
        end_tag(h);
    } else if (g_ascii_isspace(c)) {
        enter(h, HTML_TAG);
    }
}

static void take_markup(struct html *h, char c)
{
    tail_add(h, c);
    if (strcmp(h->tail, "--") == 0) {
        enter(h, HTML_COMMENT);
        g_strlcpy(h->tail, "--", sizeof(h->tail)); /* <!--> is a whole one */
    } else if (c == '>') {
        enter(h, HTML_TEXT);
    }
}

static void take_comment(struct html *h, char c)
{
    tail_add(h, c);
    if (g_str_has_suffix(h->tail, "-->") || g_str_has_suffix(h->tail, "--!>")) {
        enter(h, HTML_TEXT);
    }
}

static void take_raw(struct html *h, char c)
{
    g_autofree char *end = g_strconcat("</", h->tag, NULL);
    bool may_end = g_ascii_isspace(c) || c == '/' || c == '>';
    if (may_end && g_str_has_suffix(h->tail, end)) {
        h->is_end_tag = true;
        enter(h, HTML_TAG);
        take_in_tag(h, c);
    } else {
        tail_add(h, c);
    }
}

static void take(struct html *h, char c)
{
    typedef void take_fn(struct html * h, char c);
    static take_fn *const takers[] = {
        [HTML_TEXT] = take_text,
        [HTML_OPENED] = take_opened,
        [HTML_TAG_NAME] = take_tag_name,
        [HTML_TAG] = take_in_tag,
        [HTML_ATTR_NAME] = take_attr_name,
        [HTML_ATTR_EQUAL] = take_attr_equal,
        [HTML_VALUE] = take_value,
        [HTML_BARE_VALUE] = take_bare_value,
        [HTML_MARKUP] = take_markup,
        [HTML_COMMENT] = take_comment,
        [HTML_RAW] = take_raw,
    };
    takers[h->state](h, c);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Attributes that hold an address; to follow or load it must never be a script. */
static bool is_address(const char *attr)
{
    static const char *const names[] = {"href",     "src",  "action", "formaction", "background",
                                        "poster",   "cite", "data",   "longdesc",   "xlink:href",
                                        "manifest", "ping", "lowsrc", "icon",       NULL};
    return g_strv_contains(names, attr);
}

static bool is_script(const char *attr)
{
    return g_str_has_prefix(attr, "on") || strcmp(attr, "style") == 0 || strcmp(attr, "srcdoc") == 0 ||
           strcmp(attr, "srcset") == 0;
}

/* NULL, or why not. */
static const char *choose_in_value(const struct html *h, struct template_node *node)
{
    if (is_script(h->attr)) {
        return "a value cannot stand in this attribute";
    }
    if (!is_address(h->attr)) {
        return NULL;
    }
    if (h->has_begun) {
        node->escape = TEMPLATE_AS_URL_PART;
        return NULL;
    }
    return template_is_url(node->name) ? NULL : "an address can only begin with a field that is one, such as url";
}

static const char *choose(const struct html *h, struct template_node *node)
{
    node->escape = TEMPLATE_AS_HTML;
    switch (h->state) {
    case HTML_TEXT:
    case HTML_COMMENT:
        return NULL;
    case HTML_VALUE:
        return choose_in_value(h, node);
    case HTML_RAW:
        return "a value cannot stand in a script or style";
    case HTML_ATTR_EQUAL:
    case HTML_BARE_VALUE:
        return "an attribute with a value needs quotes";
    case HTML_OPENED:
    case HTML_TAG_NAME:
    case HTML_TAG:
    case HTML_ATTR_NAME:
    case HTML_MARKUP:
        break;
    }
    return "a value cannot be a part of a tag";
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

/* What stands behind a section must be in the same place whether it was shown or not. */
static bool is_same_place(const struct html *a, const struct html *b)
{
    bool same = a->state == b->state;
    if (a->state == HTML_VALUE) {
        same = same && a->quote == b->quote && strcmp(a->attr, b->attr) == 0;
    }
    if (a->state != HTML_TEXT) {
        same = same && a->is_end_tag == b->is_end_tag && strcmp(a->tag, b->tag) == 0 && strcmp(a->tail, b->tail) == 0;
    }
    return same;
}

static const char *end_section(struct html *h, const struct html *begin)
{
    if (!is_same_place(h, begin)) {
        return "the section ends in another place of the HTML than it begins in";
    }
    h->has_begun = h->has_begun && begin->has_begun;
    return NULL;
}

static void take_literal(struct html *h, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        take(h, text[i]);
    }
}

/* NULL, or what is wrong with the node. */
static const char *visit(struct html *h, GArray *begun, const char *source, struct template_node *node)
{
    const char *wrong = NULL;
    switch (node->kind) {
    case TEMPLATE_NODE_TEXT:
        take_literal(h, source + node->at_bytes, node->text_bytes);
        break;
    case TEMPLATE_NODE_VALUE:
        wrong = choose(h, node);
        h->has_begun = true;
        break;
    case TEMPLATE_NODE_IF:
    case TEMPLATE_NODE_UNLESS:
        g_array_append_val(begun, *h);
        break;
    case TEMPLATE_NODE_END:
        wrong = end_section(h, &g_array_index(begun, struct html, begun->len - 1));
        g_array_set_size(begun, begun->len - 1);
        break;
    }
    return wrong;
}

bool template_html_places(struct template_code *code, struct err *e)
{
    struct html h = {.state = HTML_TEXT};
    g_autoptr(GArray) begun = g_array_new(FALSE, FALSE, sizeof(struct html));
    for (size_t i = 0; i < code->nodes->len; i++) {
        struct template_node *node = &g_array_index(code->nodes, struct template_node, i);
        const char *wrong = visit(&h, begun, code->source, node);
        if (wrong != NULL) {
            char where[TEMPLATE_WHERE_BYTES];
            template_where(code->source, node->at_bytes, where);
            return err_set(e, ERR_INVALID, "%s: %s", where, wrong);
        }
    }
    return true;
}
