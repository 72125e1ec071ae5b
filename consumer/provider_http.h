/*
 * provider_http.h: what the providers that are reached over HTTP share: the request with its fences, the table of
 * replies, and that no secret comes back in a provider's words.
 */
#ifndef BELLMAN_PROVIDER_HTTP_H
#define BELLMAN_PROVIDER_HTTP_H

#include "provider.h"

/* One row of a provider's table of replies. */
struct provider_verdict {
    int first; /* HTTP status, from first to last */
    int last;
    const char *code; /* the provider's own error code; NULL: whichever, or none */
    enum provider_outcome outcome;
    int64_t delay_s;     /* PROVIDER_RETRY: how long to wait when the answer does not say; 0: the backoff decides */
    const char *meaning; /* for people */
};

/* The end of every provider's table, with what HTTP says of a status (RFC 9110). A gateway that gave up waiting (504)
 * does not know whether the message was taken. */
#define PROVIDER_COMMON_VERDICTS                                                                        \
    {300, 399, NULL, PROVIDER_PAUSE, 0, "it would lead elsewhere, which is not followed"},              \
        {401, 401, NULL, PROVIDER_PAUSE, 0, "it does not accept the credentials"},                      \
        {402, 403, NULL, PROVIDER_PAUSE, 0, "it does not let the account do this"},                     \
        {404, 404, NULL, PROVIDER_PAUSE, 0, "there is nothing at this address"},                        \
        {408, 408, NULL, PROVIDER_RETRY, 0, "it asks to come again"},                                   \
        {425, 425, NULL, PROVIDER_RETRY, 0, "it asks to come again"},                                   \
        {429, 429, NULL, PROVIDER_RETRY, 0, "too many at once"},                                        \
        {400, 499, NULL, PROVIDER_REFUSED, 0, "it refuses the message"},                                \
        {504, 504, NULL, PROVIDER_AMBIGUOUS, 0, "it does not know itself whether it took the message"}, \
    {                                                                                                   \
        0, 999, NULL, PROVIDER_RETRY, 0, "its own failure"                                              \
    }

/* What an answer says in the provider's own way. Begins zeroed; provider_post frees the texts. */
struct provider_said {
    char code[64];
    char *words;           /* NULL: the body's first ones */
    char *message_id;      /* NULL: none */
    int64_t retry_after_s; /* 0: as the answer's Retry-After has it */
};
typedef void provider_read_fn(const struct http_reply *answer, struct provider_said *said);

#define PROVIDER_SECRETS_MAX 4

struct provider_exchange {
    const char *provider;
    bool is_get;                 /* asks, and has no body */
    struct http_request request; /* url, headers, body, credentials, wanted headers; provider_post sets the rest.
                                    Without a body the message is refused: provider_body could not make one */
    const struct provider_verdict *verdicts; /* the first that fits decides; the last one fits all */
    provider_read_fn *read;                  /* NULL: the answer has no form of its own */
    bool needs_id; /* a success has a message id; without one nobody can tell whether it is one */
    const char *secrets[PROVIDER_SECRETS_MAX]; /* beside those of the account: what must not be repeated either */
};

/* Sends the request and judges the answer by the table. */
enum provider_outcome provider_post(const struct provider_call *call, struct provider_exchange *x,
                                    struct provider_reply *reply);

/* A member of the account's configuration; NULL when it has none, or an empty one. */
const char *provider_config_text(const struct provider_call *call, const char *name);
/* The account's endpoint, else own ("https://host"), with path ("/..."). New, for g_free. */
char *provider_url(const struct provider_call *call, const char *own, const char *path);
/* PROVIDER_PAUSE, with what is missing as the reply's text. */
enum provider_outcome provider_unusable(struct provider_reply *reply, const char *why);
/* Compact text of the body and its length, new, for free(); steals json, which may be NULL. NULL: it is no JSON, for
 * there is a text in it that is not UTF-8. */
char *provider_body(json_t *json, size_t *ret_bytes);

/* A form's body (application/x-www-form-urlencoded) of names and values, ended by a name that is NULL; without the
 * fields whose value is NULL. New, for g_free; NULL: a value is not UTF-8. */
struct provider_form_field {
    const char *name;
    const char *value;
};
char *provider_form(const struct provider_form_field *fields);

#endif
