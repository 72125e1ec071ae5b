/*
 * sns_sender.h: what has to be fetched from Amazon SNS to believe its messages: certificates, which are remembered, and
 * the confirmation of subscriptions. One fetch at a time and a short one, so that strangers cannot keep request threads
 * busy.
 */
#ifndef BELLMAN_SNS_SENDER_H
#define BELLMAN_SNS_SENDER_H

#include <jansson.h>

#include "ground/conf.h"

struct sns_sender; /* safe from any thread */
struct sns_sender *sns_sender_new(void);
void sns_sender_free(struct sns_sender *s);

/* Whether the address is that of a certificate of the account's region, or below its endpoint. */
bool sns_sender_has_certificate(const json_t *config, const char *url);

/* The certificate (PEM) at an address that passed sns_sender_has_certificate, new; NULL with ERR_UNAVAILABLE. */
char *sns_sender_certificate(struct sns_sender *s, const struct conf *conf, const char *url, struct err *e);

/* Follows the SubscribeURL of a verified message. ERR_INVALID: it leads elsewhere. */
bool sns_sender_confirm(struct sns_sender *s, const struct conf *conf, const json_t *config, const char *url,
                        struct err *e) MUST_CHECK;

#endif
