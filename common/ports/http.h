/*
 * http.h: one HTTP request, POST or GET, to an endpoint that an administrator has configured, through libcurl.
 *
 * The endpoint is not trusted: it may answer slowly, for ever, or with an address of our own network. So https only, no
 * redirect, no proxy, no credentials from the URL or from netrc, no cookies, the connected address held against
 * http_address.h, and a cap on everything that is read.
 */
#ifndef BELLMAN_HTTP_H
#define BELLMAN_HTTP_H

#include <stdatomic.h>

#include "ground/base.h"
#include "ground/err.h"
#include "ports/net_times.h"

#define HTTP_BODY_MAX_BYTES 65536    /* of an answer's body */
#define HTTP_HEADERS_MAX_BYTES 32768 /* of all its header lines */
#define HTTP_ANSWER_MAX_MS 30000     /* from an answer's first byte to its last; the wait for the first is free */
#define HTTP_URL_MAX_BYTES 2048
#define HTTP_WANTED_MAX 2 /* headers of an answer that one request may ask for */
#define HTTP_HEADER_VALUE_BYTES 256

struct http; /* one curl handle; belongs to one thread; keeps its connections between requests */

/*
 * Signs the request by AWS Signature Version 4. libcurl 7.88 signs neither a query nor a path that needs encoding as
 * AWS does (mended in 8.3 and 8.9), so such a URL is forbidden.
 */
struct http_aws {
    const char *region;  /* letters, digits and hyphens; anything else forbids the request */
    const char *service; /* the same */
    const char *access_key_id;
    const char *secret_access_key;
};

struct http_request {
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL; a line with a control character forbids the request;
                                   Accept replaces application/json */
    const char *body;           /* of a POST; http_get sends none */
    size_t body_bytes;
    const char *basic_user; /* HTTP Basic (RFC 7617); NULL: none. No colon; never in any text of a reply */
    const char *basic_password;
    const struct http_aws *aws;          /* NULL: not signed */
    const char *wanted[HTTP_WANTED_MAX]; /* names of headers of the answer; NULL: none */
    int64_t timeout_ms;                  /* of the whole exchange */
    int64_t connect_timeout_ms;          /* name, TCP and TLS together */
    const char *ca_file;                 /* certificates (PEM) that TLS trusts; NULL or empty: the system's */
    bool allow_private;                  /* also loopback and private addresses, also without TLS; for development */
};

enum http_outcome {
    HTTP_ANSWERED,  /* the status came, and with it the whole body, or as much as is kept of it */
    HTTP_NO_ANSWER, /* network, TLS, time, an answer that broke off or was none; is_sent says whether it may have had
                       an effect */
    HTTP_FORBIDDEN, /* nothing was sent: the URL, a header or the address behind the name is not allowed */
    HTTP_STOPPED,   /* *stop became true */
};

struct http_reply {
    int status;             /* HTTP_ANSWERED: 200 to 599 */
    char *body;             /* HTTP_ANSWERED: never NULL, ends with a NUL of ours */
    size_t body_bytes;      /* at most HTTP_BODY_MAX_BYTES */
    bool is_cut;            /* the body had more */
    int64_t retry_after_s;  /* Retry-After (RFC 9110 10.2.3, seconds or date) from now on; 0: none, or in the past */
    bool is_sent;           /* some of the request has left; otherwise it surely had no effect */
    struct net_times times; /* without authenticated_ms; accepted_ms is the end of the answer */
    char wanted[HTTP_WANTED_MAX][HTTP_HEADER_VALUE_BYTES]; /* as asked for, printable; empty: there is none */
    char text[256]; /* HTTP_ANSWERED: the first of the body; else what went wrong; printable, one line */
};

struct http *http_new(void);
void http_free(struct http *http);

/* Sends one request and reads its answer. stop (may be NULL) is looked at at least once a second. reply is always
 * filled; release it. */
enum http_outcome http_post(struct http *http, const struct http_request *request, const atomic_bool *stop,
                            struct http_reply *reply);
/* The same with GET. */
enum http_outcome http_get(struct http *http, const struct http_request *request, const atomic_bool *stop,
                           struct http_reply *reply);
void http_reply_release(struct http_reply *reply);

/* Whether http_post would take the URL: absolute, https (allow_private: or http), a host that is no private address as
 * it stands there, no user or password, no control character. ERR_INVALID with the reason. */
bool http_url_check(const char *url, bool allow_private, struct err *e);

#endif
