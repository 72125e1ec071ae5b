/*
 * smtp.h: sending one mail through libcurl.
 */
#ifndef BELLMAN_SMTP_H
#define BELLMAN_SMTP_H

#include <stdatomic.h>

#include "ground/base.h"
#include "ground/conf.h"
#include "ground/err.h"
#include "ports/net_times.h"

struct smtp; /* belongs to one thread; keeps its connections between mails */

/* Borrowed for the call. */
struct smtp_server {
    const char *host;
    int64_t port;
    enum conf_smtp_tls tls; /* STARTTLS is mandatory where it is asked for */
    const char *user;       /* NULL or empty: no login */
    const char *password;
    const char *ca_file; /* certificates (PEM) that TLS trusts; NULL or empty: the system's */
    int64_t timeout_s;   /* of a whole mail */
    /* An organization named it: the address behind its name must be public (http_address.h), so that nobody reaches the
     * deployment's own network, and a kept connection to the deployment's own server is never lent to it. */
    bool must_be_public;
    bool is_own; /* false: the deployment's, from its configuration */
};
/* [smtp] of the configuration. */
struct smtp_server smtp_server_of(const struct conf *conf);

struct smtp_mail {
    const char *message_id; /* without angle brackets: <job id>@<domain> */
    const char *from_address;
    const char *from_name; /* may be NULL */
    const char *to;
    const char *subject;
    const char *text;            /* may be NULL when html is given */
    const char *html;            /* may be NULL */
    int64_t date_wall_us;        /* Date: header; the same on every attempt */
    const char *unsubscribe_url; /* List-Unsubscribe with one click (RFC 8058); NULL: none */
};

enum smtp_outcome {
    SMTP_ACCEPTED,
    SMTP_TRY_LATER,     /* 4yz, network trouble, timeout; the mail was surely not taken */
    SMTP_UNANSWERED,    /* the mail was sent and no answer came: it may have been taken */
    SMTP_PERMANENT,     /* 5yz, or a mail that must not be sent */
    SMTP_MISCONFIGURED, /* the server refused our credentials or TLS: no mail will pass until it is mended */
    SMTP_STOPPED,       /* *stop became true */
};

struct smtp_reply {
    int code;           /* the server's last reply code, 0 when there was none */
    char text[256];     /* its words, or what went wrong; printable, no newline */
    bool is_of_message; /* the words are about this mail or its recipient, not about us or the server */
    struct net_times times;
};

struct smtp *smtp_new(void);
void smtp_free(struct smtp *smtp);

/* Sends through the server. Every header value is checked: control characters make SMTP_PERMANENT, names and
 * subject are encoded (RFC 2047), the body is MIME built by libcurl, bare LF becomes CRLF. stop is looked at at least
 * once a second. reply is always filled. */
enum smtp_outcome smtp_send(struct smtp *smtp, const struct smtp_server *server, const struct smtp_mail *mail,
                            const atomic_bool *stop, struct smtp_reply *reply);

/* Connects anew and logs in, sends nothing. SMTP_ACCEPTED: it would take mail from us. */
enum smtp_outcome smtp_check(struct smtp *smtp, const struct smtp_server *server, const atomic_bool *stop,
                             struct smtp_reply *reply);

#endif
