/*
 * smtp.h: sending one mail through libcurl.
 */
#ifndef BELLMAN_SMTP_H
#define BELLMAN_SMTP_H

#include <stdatomic.h>

#include "ground/base.h"
#include "ground/conf.h"
#include "ground/err.h"

struct smtp; /* one curl handle; belongs to one thread; keeps its connection between mails */

struct smtp_mail {
    const char *message_id; /* without angle brackets: <job id>@<domain> */
    const char *from_address;
    const char *from_name; /* may be NULL */
    const char *to;
    const char *subject;
    const char *text;     /* may be NULL when html is given */
    const char *html;     /* may be NULL */
    int64_t date_wall_us; /* Date: header; the same on every attempt */
};

enum smtp_outcome {
    SMTP_ACCEPTED,
    SMTP_TRY_LATER,     /* 4yz, network trouble, timeout */
    SMTP_PERMANENT,     /* 5yz, or a mail that must not be sent */
    SMTP_MISCONFIGURED, /* the server refused our credentials or TLS: no mail will pass until it is mended */
    SMTP_STOPPED,       /* *stop became true */
};

struct smtp_reply {
    int code;       /* the server's last reply code, 0 when there was none */
    char text[256]; /* its words, or what went wrong; printable, no newline */
};

struct smtp *smtp_new(void);
void smtp_free(struct smtp *smtp);

/* Sends through conf's server. Every header value is checked: control characters make SMTP_PERMANENT, names and
 * subject are encoded (RFC 2047), the body is MIME built by libcurl, bare LF becomes CRLF. stop is looked at at least
 * once a second. reply is always filled. */
enum smtp_outcome smtp_send(struct smtp *smtp, const struct conf *conf, const struct smtp_mail *mail,
                            const atomic_bool *stop, struct smtp_reply *reply);

#endif
