/*
 * response.h: the answer while it is being made, and its bytes for FastCGI.
 */
#ifndef BELLMAN_RESPONSE_H
#define BELLMAN_RESPONSE_H

#include <glib.h>
#include <jansson.h>

#include "domain/field.h"
#include "ground/base.h"

struct response {
    int status; /* 0: nothing decided yet */
    const char *request_id;
    const char *content_type; /* NULL: no body */
    GString *headers;         /* "Name: value\r\n"... */
    GString *body;
};

void response_init(struct response *r, const char *request_id);
void response_release(struct response *r);

/* Values are ours, never a client's bytes. */
void response_header(struct response *r, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* body is borrowed. */
void response_json(struct response *r, int status, const json_t *body);
/* body is JSON text of text_bytes; it is copied. */
void response_json_text(struct response *r, int status, const char *text, size_t text_bytes);
/* Anything that is no JSON; content_type is a literal, text is copied. */
void response_text(struct response *r, int status, const char *content_type, const char *text, size_t text_bytes);
void response_empty(struct response *r, int status);

/* RFC 9457. code is the machine's word for it; detail one sentence for people. A former body is replaced, headers stay.
 */
void response_problem(struct response *r, int status, const char *code, const char *detail);
/* The same with errors[] (422) or any other members; extra is borrowed and may be NULL. */
void response_problem_with(struct response *r, int status, const char *code, const char *detail, const json_t *extra);
/* 422 with the list of faults. */
void response_faults(struct response *r, const struct problems *problems);

/* The reason phrase of a status. */
const char *response_title(int status);

/* Status line, headers and, unless is_head, the body. */
void response_print(const struct response *r, bool is_head, GString *out);

#endif
