/*
 * provider_chain.h: the providers of an organization's channel, one after the other, until one takes the message.
 *
 * First the one that the settings name, then its other enabled accounts by position (provider_account.h); the
 * deployment's accounts where the organization has none on the channel; where neither has any, [smtp] of the
 * configuration for mail and the settings' webhook for Slack. What surely was not taken goes to the next one at once;
 * an ambiguous end ends the chain, for the message may have been taken, and the job comes back later; a refusal of the
 * message ends it too, since the next would refuse it as well.
 *
 * A provider that does not accept us has its account paused, and so is left out until somebody mends it. One that fails
 * again and again is left out for a while, and one that is used as fast as it may be is waited for (provider_state.h).
 */
#ifndef BELLMAN_PROVIDER_CHAIN_H
#define BELLMAN_PROVIDER_CHAIN_H

#include "handler.h"
#include "provider.h"

struct chain_result {
    enum provider_outcome outcome; /* PROVIDER_PAUSE: no provider can be used now */
    const char *provider;          /* the last that was tried; "" for none. Static text */
    struct provider_reply reply;   /* its words */
    int64_t wait_ms;               /* PROVIDER_PAUSE: when it is worth another look; 0: it is not known */
    bool is_missing;               /* PROVIDER_PAUSE: there is no account at all */
    bool is_unowned;               /* the last that was tried has no account: the configuration has it all */
    char error[512];               /* for people; empty for PROVIDER_SENT */
};

/* Sends the message and writes each try to its delivery's record, if it has one. False: the database failed, or
 * (ERR_CONFLICT) the delivery is not open any more, for a callback has told of an earlier try. */
bool provider_chain_send(struct job_context *ctx, const char *channel, const struct provider_message *message,
                         struct chain_result *ret, struct err *e) MUST_CHECK;

/* What a provider's function may use for this job; config may be NULL. */
struct provider_call provider_call_of(struct job_context *ctx, const json_t *config);

/* Puts FIELD_MASK in place of every secret of the configuration that stands in the reply's words. */
void provider_reply_scrub(struct provider_reply *reply, const struct provider *provider, const json_t *config);

#endif
