#include "provider_chain.h"

#include <stdio.h>
#include <string.h>

#include "domain/delivery.h"
#include "ground/clock.h"

#define CHAIN_MAX 8

/* In the order of the enumeration. */
static const char *const try_outcomes[PROVIDER_OUTCOMES] = {
    [PROVIDER_SENT] = "sent",       [PROVIDER_RETRY] = "retry",  [PROVIDER_AMBIGUOUS] = "ambiguous",
    [PROVIDER_REFUSED] = "refused", [PROVIDER_PAUSE] = "paused", [PROVIDER_STOPPED] = "ambiguous",
};

static const char *const channel_setting[] = {"email_provider", "sms_provider"};

/* --- who ---------------------------------------------------------------------------------------------------------- */

/* The providers to try, in order. */
static size_t choose(const json_t *settings, enum notify_channel channel, const struct provider *ret[CHAIN_MAX])
{
    size_t n = 0;
    const char *first = channel < (int)ARRAY_SIZE(channel_setting)
                            ? json_string_value(json_object_get(settings, channel_setting[channel]))
                            : notify_channel_names[channel];
    const struct provider *chosen = provider_find(first);
    if (chosen != NULL && chosen->channel == channel) {
        ret[n++] = chosen;
    }
    return n;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static bool try_one(struct job_context *ctx, const struct provider *provider, const struct provider_message *message,
                    struct chain_result *ret, struct err *e)
{
    struct delivery_try try = {.delivery_id = message->id, .provider = provider->name};
    const struct provider_call call = {
        .conf = ctx->conf,
        .organization_id = ctx->claim->organization_id,
        .db = ctx->db,
        .seal = ctx->seal,
        .smtp = ctx->smtp,
        .http = ctx->http,
        .stop = &ctx->stop,
    };
    if (!delivery_try_begin(ctx->db, &try, e)) {
        return false;
    }
    int64_t begun_us = clock_mono_us();
    ret->reply = (struct provider_reply){0};
    ret->provider = provider->name;
    ret->outcome = provider->send(&call, message, &ret->reply);
    try.latency_ms = (clock_mono_us() - begun_us) / US_PER_MS;
    try.outcome = try_outcomes[ret->outcome];
    try.code = ret->reply.code;
    try.reply = ret->reply.text;
    bool sent = ret->outcome == PROVIDER_SENT;
    return delivery_try_end(ctx->db, &try, sent ? ret->reply.message_id : NULL, e);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void describe(struct chain_result *ret)
{
    static const char *const words[PROVIDER_OUTCOMES] = {
        [PROVIDER_SENT] = "",
        [PROVIDER_RETRY] = "could not take it now",
        [PROVIDER_AMBIGUOUS] = "gave no answer, so it may have taken it",
        [PROVIDER_REFUSED] = "refused it",
        [PROVIDER_PAUSE] = "does not accept us",
        [PROVIDER_STOPPED] = "was broken off",
    };
    (void)snprintf(ret->error, sizeof(ret->error), "%s %s: %s", ret->provider, words[ret->outcome], ret->reply.text);
}

static bool ends_chain(enum provider_outcome outcome)
{
    return outcome != PROVIDER_RETRY && outcome != PROVIDER_PAUSE;
}

bool provider_chain_send(struct job_context *ctx, const char *channel_name, const struct provider_message *message,
                         struct chain_result *ret, struct err *e)
{
    const struct provider *chain[CHAIN_MAX];
    enum notify_channel channel = (enum notify_channel)notify_parse(notify_channel_names, channel_name);
    size_t n = choose(message->settings, channel, chain);
    *ret = (struct chain_result){.outcome = PROVIDER_PAUSE, .provider = ""};
    (void)snprintf(ret->error, sizeof(ret->error), "no provider for %s is set up", channel_name);
    for (size_t i = 0; i < n; i++) {
        if (!try_one(ctx, chain[i], message, ret, e)) {
            return false;
        }
        describe(ret);
        if (ends_chain(ret->outcome)) {
            break;
        }
    }
    return true;
}
