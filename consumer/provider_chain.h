/*
 * provider_chain.h: the providers of an organization's channel, one after the other, until one takes the message.
 *
 * First the one that the settings name, then its other enabled accounts by position. What surely was not taken goes to
 * the next one at once; an ambiguous end ends the chain, for the message may have been taken, and the job comes back
 * later; a refusal of the message ends it too, since the next would refuse it as well. A provider that does not accept
 * us is paused for the organization, and so left out until somebody mends it.
 */
#ifndef BELLMAN_PROVIDER_CHAIN_H
#define BELLMAN_PROVIDER_CHAIN_H

#include "handler.h"
#include "provider.h"

struct chain_result {
    enum provider_outcome outcome; /* PROVIDER_PAUSE: no provider can be used now */
    const char *provider;          /* the last that was tried; "" for none. Static text */
    struct provider_reply reply;   /* its words */
    char error[512];               /* for people; empty for PROVIDER_SENT */
};

/* Sends the message and writes each try to the delivery's record. False: the database failed. */
bool provider_chain_send(struct job_context *ctx, const char *channel, const struct provider_message *message,
                         struct chain_result *ret, struct err *e) MUST_CHECK;

#endif
