/*
 * provider_mail.h: what the providers of mail share.
 */
#ifndef BELLMAN_PROVIDER_MAIL_H
#define BELLMAN_PROVIDER_MAIL_H

#include "provider.h"

#define PROVIDER_MESSAGE_ID_BYTES 320

struct provider_sender {
    const char *address;
    const char *name; /* NULL: none */
};

/* The organization's own sender, else the server's ([smtp] from_address), whose name never goes with the organization's
 * address. False: there is none, and reply says so: PROVIDER_REFUSED, for the account is not at fault. Borrowed from
 * call and message. */
bool provider_sender(const struct provider_call *call, const struct provider_message *message,
                     struct provider_sender *ret, struct provider_reply *reply);

/* Message-ID without its angle brackets: the delivery's id, at the sender's domain. */
void provider_message_id(const struct provider_message *message, const struct provider_sender *sender,
                         char out[PROVIDER_MESSAGE_ID_BYTES]);

/* {name: value} of the header fields beside the usual ones: Message-ID, and with an unsubscribe_url List-Unsubscribe
 * and List-Unsubscribe-Post (RFC 8058). New reference. */
json_t *provider_mail_headers(const struct provider_message *message, const struct provider_sender *sender);

#endif
