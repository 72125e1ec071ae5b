/*
 * request.h: what a request brings, decoded and checked before anything else looks at it. Knows nothing of FastCGI: the
 * worker hands over the parameters and the body.
 */
#ifndef BELLMAN_REQUEST_H
#define BELLMAN_REQUEST_H

#include <glib.h>
#include <jansson.h>

#include "ground/base.h"
#include "ground/err.h"

#define REQUEST_ID_BYTES 65
#define TRACEPARENT_BYTES 56
#define IDEMPOTENCY_KEY_MAX 255

enum request_body_state {
    REQUEST_BODY_OK,
    REQUEST_BODY_TOO_LARGE,
    REQUEST_BODY_BROKEN, /* CONTENT_LENGTH is no number, or fewer bytes came */
};

struct request {
    char *const *params; /* "NAME=value", NULL-terminated; borrowed */
    char id[REQUEST_ID_BYTES];
    const char *method; /* borrowed */
    char *path;         /* decoded, or NULL: the address is malformed */
    json_t *query;      /* object of strings, or NULL: malformed */
    char *body;
    size_t body_bytes;
    enum request_body_state body_state;
    struct err fault; /* why path or query is NULL */
};

/* Reads everything but the body. params must outlive the request. */
void request_init(struct request *r, char *const *params);
void request_release(struct request *r);

/* The parameter's value or NULL; a header is HTTP_NAME. */
const char *request_param(const struct request *r, const char *name);

/* CONTENT_LENGTH as a number: digits only. Missing or empty is 0. */
bool request_length(const struct request *r, uint64_t *ret);

/* Content-Type of a JSON body: application/json, or application/merge-patch+json when that is allowed too; of
 * parameters only charset=utf-8. */
bool request_is_json(const char *content_type, bool allow_merge_patch);

/* Whether a Content-Encoding header, or NULL, says that the body is as it is. */
bool request_is_plain(const char *content_encoding);

/* The path of an address (up to '?'), percent-decoded. Refused with ERR_INVALID: no leading '/', a broken escape, %00,
 * %2F (it would be read as a separator), control characters, and what is not UTF-8 (overlong forms among it). Freed
 * with g_free. */
char *request_decode_path(const char *raw, struct err *e) MUST_CHECK;

/* The pairs of a query string (application/x-www-form-urlencoded) as an object of strings. Refused with ERR_INVALID:
 * broken escapes, control characters, invalid UTF-8, a name given twice, an empty name, more than 64 pairs. */
json_t *request_decode_query(const char *raw, struct err *e) MUST_CHECK;

/* A traceparent header (W3C Trace Context level 1, 3.2) as it is passed on; false when it must be ignored. */
bool request_traceparent(const char *header, char out[TRACEPARENT_BYTES]);

/* The key of an Idempotency-Key header: a string as in RFC 8941 section 3.3.3 ("..." with \" and \\), which the draft
 * wants, or the same without quotes and spaces, which many clients send; both name the same key. 1 to 255 characters.
 * False: neither. */
bool request_idempotency_key(const char *header, char out[IDEMPOTENCY_KEY_MAX + 1]);

#endif
