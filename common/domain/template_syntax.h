/*
 * template_syntax.h: the language of templates: taken apart, checked, and filled in. Pure.
 *
 *     {{name}}                       the field's text, escaped for the place it stands in
 *     {{#name}} ... {{/name}}        only when the field is there: neither missing, null, false nor empty
 *     {{^name}} ... {{/name}}        only when it is not
 *     {{#items}} ... {{/items}}      once for each item of the list; in it an item's fields come before the others
 *     {{{{                           two braces, as they are
 *
 * and nothing else. Blanks inside a tag's braces are allowed. A line that has nothing but one of the section tags
 * leaves no line behind. A name is a letter and up to 39 letters, digits or _, all of them small.
 */
#ifndef BELLMAN_TEMPLATE_SYNTAX_H
#define BELLMAN_TEMPLATE_SYNTAX_H

#include <glib.h>
#include <jansson.h>

#include "domain/field.h"
#include "ground/base.h"
#include "ground/err.h"

#define TEMPLATE_SOURCE_BYTES_MAX 400000
#define TEMPLATE_NODES_MAX 2000
#define TEMPLATE_DEPTH_MAX 8
#define TEMPLATE_NAME_BYTES 41
#define TEMPLATE_LIST "items" /* the one field that is a list */

enum template_place {
    TEMPLATE_HEADER, /* one line: a mail's subject */
    TEMPLATE_TEXT,   /* plain text: of a mail, a text message */
    TEMPLATE_HTML,
    TEMPLATE_SLACK, /* mrkdwn */
    TEMPLATE_PLACES,
};

/* What is done to a value. */
enum template_escape {
    TEMPLATE_AS_HEADER,   /* control characters become a blank */
    TEMPLATE_AS_TEXT,     /* line breaks become LF, other control characters vanish */
    TEMPLATE_AS_HTML,     /* & < > " ' become entities */
    TEMPLATE_AS_URL_PART, /* all but letters, digits and -._~ is percent-encoded (RFC 3986 2.1) */
    TEMPLATE_AS_SLACK,    /* & < > become entities, so that no <!channel>, <@user> or link comes from a value */
    TEMPLATE_ESCAPES,
};

enum template_node_kind {
    TEMPLATE_NODE_TEXT,
    TEMPLATE_NODE_VALUE,
    TEMPLATE_NODE_IF,
    TEMPLATE_NODE_UNLESS,
    TEMPLATE_NODE_END
};

struct template_node {
    enum template_node_kind kind;
    enum template_escape escape; /* of a value */
    size_t at_bytes;             /* in the source: where a text begins, or the tag */
    size_t text_bytes;
    size_t partner; /* of IF and UNLESS the END's index */
    char name[TEMPLATE_NAME_BYTES];
};

struct template_code {
    const char *source; /* borrowed */
    GArray *nodes;      /* of struct template_node */
};
void template_code_release(struct template_code *code);

/* Takes source apart. ERR_INVALID: the text begins with line and column of the fault ("3:14: ..."), both counted from
 * 1, columns in characters. */
bool template_parse(const char *source, enum template_place place, struct template_code *ret, struct err *e) MUST_CHECK;

/* Whether a template may name the field; in_item: inside {{#items}}. */
typedef bool template_known_fn(const void *arg, const char *name, bool in_item);
/* Adds a problem (unknown_field) at pointer for each tag that names a field which known does not know, or uses the list
 * for anything but a section of its own. */
void template_check_names(const struct template_code *code, template_known_fn *known, const void *arg,
                          const char *pointer, struct problems *problems);

/* A field whose value is a web address: url, or ..._url. */
bool template_is_url(const char *name);

/*
 * Chooses the escape of each value by where it stands in the HTML (template_html.c). ERR_INVALID, with line and column:
 * a value stands where none can be made safe (a script, a style, an attribute that is a script or has no quotes, a
 * tag's or an attribute's name; at the beginning of an address any field but a web address), or a section begins in one
 * place and ends in another.
 */
bool template_html_places(struct template_code *code, struct err *e) MUST_CHECK;

/* "3:14" of a byte of source, into out. */
#define TEMPLATE_WHERE_BYTES 48
void template_where(const char *source, size_t at_bytes, char out[TEMPLATE_WHERE_BYTES]);

/*
 * Fills in (template_render.c). values: an object of texts, numbers and truth values; "items" an array of such objects.
 * What is sent never has more than max_bytes: then it ends at a whole character or entity and ret_is_cut is true.
 * Whatever the escape, invisible characters that turn the direction of text (U+202A..U+202E, U+2066..U+2069) and U+FEFF
 * vanish from values. New text, never NULL.
 */
char *template_fill(const struct template_code *code, const json_t *values, size_t max_bytes, bool *ret_is_cut);

#endif
