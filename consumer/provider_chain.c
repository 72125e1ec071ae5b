#include "provider_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/delivery.h"
#include "domain/provider_account.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/log.h"
#include "org_accounts.h"
#include "provider_state.h"

#define CHAIN_MAX 16
#define ACTOR "bellman"

/* In the order of the enumeration. */
static const char *const try_outcomes[PROVIDER_OUTCOMES] = {
    [PROVIDER_SENT] = "sent",       [PROVIDER_RETRY] = "retry",  [PROVIDER_AMBIGUOUS] = "ambiguous",
    [PROVIDER_REFUSED] = "refused", [PROVIDER_PAUSE] = "paused", [PROVIDER_STOPPED] = "ambiguous",
};

struct link {
    const struct provider *provider;
    const json_t *account; /* borrowed; NULL: it needs none */
};

struct chain {
    struct job_context *ctx;
    const struct provider_message *message;
    struct link links[CHAIN_MAX];
    size_t n;
    struct chain_result *ret;
    bool is_closed; /* the last account's secrets did not open: that is this worker's fault, not the account's */
};

/* --- who ---------------------------------------------------------------------------------------------------------- */

/* What can be used without any account: [smtp], while the settings do not name another, and Slack's own URL. */
static const char *without_account(const json_t *settings, enum notify_channel channel)
{
    const char *named = provider_of_settings(settings, channel);
    if (channel == NOTIFY_EMAIL && (named == NULL || strcmp(named, "smtp") == 0)) {
        return "smtp";
    }
    return channel == NOTIFY_SLACK ? "slack" : NULL;
}

static void choose(struct chain *c, const json_t *accounts, enum notify_channel channel)
{
    const json_t *chosen[CHAIN_MAX];
    bool has_any = false;
    const json_t *settings = c->message->settings;
    size_t n = provider_accounts_choose(accounts, settings, channel, chosen, CHAIN_MAX, &has_any);
    for (size_t i = 0; i < n; i++) {
        const struct provider *provider = provider_find(json_text(chosen[i], "provider"));
        if (provider != NULL) {
            c->links[c->n++] = (struct link){provider, chosen[i]};
        }
    }
    const struct provider *implied = has_any ? NULL : provider_find(without_account(settings, channel));
    if (implied != NULL) {
        c->links[c->n++] = (struct link){implied, NULL};
    }
    if (c->n == 0) {
        const char *named = provider_of_settings(settings, channel);
        c->ret->is_missing = !has_any;
        (void)snprintf(c->ret->error, sizeof(c->ret->error), "no provider for %s can be used: %s%s%s",
                       notify_channel_names[channel], has_any ? "all accounts are paused" : "there is no account",
                       named == NULL ? "" : " with ", named == NULL ? "" : named);
    }
}

/* --- how it is ---------------------------------------------------------------------------------------------------- */

static int64_t version_of(const struct link *link)
{
    return json_integer_value(json_object_get(link->account, "version"));
}

static struct provider_rule rule_of(const struct conf *conf, const struct link *link)
{
    const json_t *own = json_object_get(link->account, "max_per_second");
    return (struct provider_rule){
        .failures = conf->providers.breaker_failures,
        .delay_ms = conf->providers.breaker_delay_s * MS_PER_S,
        .max_per_second = json_is_integer(own) ? json_integer_value(own) : conf->providers.max_per_second,
    };
}

/* The version is in it: a changed or resumed account begins anew, as does a configuration that was read again. */
static char *breaker_key(const struct chain *c, const struct link *link)
{
    int64_t version = link->account != NULL ? version_of(link) : (int64_t)(uintptr_t)c->ctx->conf;
    return g_strdup_printf("%s|%s|%" PRId64, c->ctx->claim->organization_id, link->provider->name, version);
}

static char *rate_key(const struct link *link)
{
    const char *owner = json_text(link->account, "organization_id");
    return g_strdup_printf("%s|%s", owner == NULL ? "" : owner, link->provider->name);
}

/* Whether the link may be used now. ret_is_over: no other one is to be tried either. */
static bool may_use(struct chain *c, const struct link *link, bool *ret_is_over)
{
    bool is_open = false;
    g_autofree char *key = breaker_key(c, link);
    g_autofree char *rate = rate_key(link);
    const struct provider_rule rule = rule_of(c->ctx->conf, link);
    int64_t wait = provider_states_ask(c->ctx->providers, key, rate, &rule, &is_open);
    if (wait == 0) {
        return true;
    }
    *ret_is_over = !is_open;
    if (c->ret->outcome == PROVIDER_PAUSE) {
        c->ret->wait_ms = c->ret->wait_ms == 0 ? wait : MIN(c->ret->wait_ms, wait);
        (void)snprintf(c->ret->error, sizeof(c->ret->error), "%s %s", link->provider->name,
                       is_open ? "has failed again and again and is left alone for a while"
                               : "is used as fast as it may be");
    }
    return false;
}

static void tell(struct chain *c, const struct link *link)
{
    const struct provider_reply *reply = &c->ret->reply;
    g_autofree char *key = breaker_key(c, link);
    const struct provider_rule rule = rule_of(c->ctx->conf, link);
    enum provider_told told = PROVIDER_TOLD_OK;
    int64_t ms = 0;
    bool is_retry = c->ret->outcome == PROVIDER_RETRY;
    if (c->ret->outcome == PROVIDER_STOPPED) {
        told = PROVIDER_TOLD_NOTHING;
    } else if (is_retry && reply->retry_after_ms > 0) {
        told = PROVIDER_TOLD_TRIP;
        ms = reply->retry_after_ms;
    } else if ((is_retry && !reply->is_of_message) || c->ret->outcome == PROVIDER_AMBIGUOUS ||
               c->ret->outcome == PROVIDER_PAUSE) {
        told = PROVIDER_TOLD_FAILURE;
    }
    provider_states_tell(c->ctx->providers, key, &rule, told, ms);
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

struct provider_call provider_call_of(struct job_context *ctx, const json_t *config)
{
    return (struct provider_call){
        .conf = ctx->conf,
        .config = config,
        .organization_id = ctx->claim->organization_id,
        .db = ctx->db,
        .seal = ctx->seal,
        .smtp = ctx->smtp,
        .http = ctx->http,
        .stop = &ctx->stop,
    };
}

void provider_reply_scrub(struct provider_reply *reply, const struct provider *provider, const json_t *config)
{
    const struct provider_kind *kind = provider_kind_find(provider->name);
    g_autoptr(GString) words = g_string_new(reply->text);
    for (size_t i = 0; kind != NULL && config != NULL && i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        const char *secret = (field->flags & FIELD_SECRET) != 0 ? json_text(config, field->name) : NULL;
        if (secret != NULL && secret[0] != '\0') {
            g_string_replace(words, secret, FIELD_MASK, 0);
        }
    }
    g_strlcpy(reply->text, words->str, sizeof(reply->text));
}

static void send(struct chain *c, const struct link *link)
{
    struct err e = ERR_INIT;
    struct chain_result *ret = c->ret;
    json_auto_t *config = link->account == NULL ? NULL : provider_account_open(c->ctx->seal, link->account, &e);
    const struct provider_call call = provider_call_of(c->ctx, config);
    c->is_closed = link->account != NULL && config == NULL;
    if (c->is_closed) {
        ret->outcome = PROVIDER_PAUSE;
        g_strlcpy(ret->reply.text, "its secrets cannot be opened by this worker", sizeof(ret->reply.text));
        log_error("provider.secrets_closed", LSTR("org", c->ctx->claim->organization_id),
                  LSTR("provider", link->provider->name), LERR(&e));
        return;
    }
    ret->outcome = link->provider->send(&call, c->message, &ret->reply);
    provider_reply_scrub(&ret->reply, link->provider, config);
}

static bool try_one(struct chain *c, const struct link *link, struct err *e)
{
    struct chain_result *ret = c->ret;
    bool is_recorded = c->message->delivery != NULL;
    struct delivery_try try = {.delivery_id = c->message->id, .provider = link->provider->name};
    if (is_recorded && !delivery_try_begin(c->ctx->db, &try, e)) {
        return false;
    }
    if (try.is_over) {
        return err_set(e, ERR_CONFLICT, "the delivery has been sent, or ended, meanwhile");
    }
    int64_t begun_us = clock_mono_us();
    ret->reply = (struct provider_reply){.times = NET_TIMES_NONE};
    ret->provider = link->provider->name;
    ret->wait_ms = 0;
    ret->is_unowned = link->account == NULL;
    send(c, link);
    tell(c, link);
    try.latency_ms = (clock_mono_us() - begun_us) / US_PER_MS;
    try.outcome = try_outcomes[ret->outcome];
    try.code = ret->reply.code;
    try.reply = ret->reply.text;
    bool sent = ret->outcome == PROVIDER_SENT;
    return !is_recorded || delivery_try_end(c->ctx->db, &try, sent ? ret->reply.message_id : NULL, e);
}

/* The account is left out from now on, unless somebody has changed it since it was read. */
static bool pause_account(struct chain *c, const struct link *link, struct err *e)
{
    bool changed = false;
    int64_t version = 0;
    struct err own = ERR_INIT;
    json_auto_t *account = NULL;
    const char *owner = json_text(link->account, "organization_id");
    const struct provider_account_call call = {
        .organization_id = owner,
        .kind = provider_kind_find(link->provider->name),
        .user = ACTOR,
        .if_version = version_of(link),
    };
    if (!provider_account_pause(c->ctx->db, &call, c->ret->reply.text, &account, &version, &changed, &own)) {
        bool is_moot = own.code == ERR_CONFLICT || own.code == ERR_NOT_FOUND;
        return is_moot || err_set(e, own.code, "%s", own.text);
    }
    org_accounts_changed(c->ctx, owner);
    if (changed) {
        log_error("alert.provider_paused", LSTR("org", owner), LSTR("provider", link->provider->name),
                  LSTR("reason", c->ret->reply.text), LSTR("job_id", c->ctx->claim->id),
                  LSTR("then", "nothing goes through it until its account is changed or resumed"));
    }
    return true;
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

/* Slack's address is the organization's own: the deployment's account is not at fault when it is wrong. */
static bool is_at_fault(const struct chain *c, const struct link *link)
{
    const char *owner = json_text(link->account, "organization_id");
    bool is_shared = g_strcmp0(owner, PROVIDER_DEPLOYMENT) == 0;
    return c->ret->outcome == PROVIDER_PAUSE && link->account != NULL && !c->is_closed &&
           !(is_shared && link->provider->channel == NOTIFY_SLACK);
}

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

/* A pause behind a provider that may be tried again: that one decides when the job comes back. */
static void prefer(struct chain_result *ret, const struct chain_result *before)
{
    if (before->outcome == PROVIDER_RETRY && ret->outcome == PROVIDER_PAUSE) {
        *ret = *before;
    }
}

static bool run(struct chain *c, struct err *e)
{
    bool is_over = false;
    for (size_t i = 0; i < c->n && !is_over; i++) {
        const struct link *link = &c->links[i];
        const struct chain_result before = *c->ret;
        if (!may_use(c, link, &is_over)) {
            continue;
        }
        if (!try_one(c, link, e)) {
            return false;
        }
        describe(c->ret);
        if (is_at_fault(c, link) && !pause_account(c, link, e)) {
            return false;
        }
        is_over = ends_chain(c->ret->outcome);
        prefer(c->ret, &before);
    }
    return true;
}

bool provider_chain_send(struct job_context *ctx, const char *channel_name, const struct provider_message *message,
                         struct chain_result *ret, struct err *e)
{
    struct chain c = {.ctx = ctx, .message = message, .ret = ret};
    *ret = (struct chain_result){.outcome = PROVIDER_PAUSE, .provider = "", .reply = {.times = NET_TIMES_NONE}};
    json_auto_t *accounts = org_accounts(ctx, e);
    if (accounts == NULL) {
        return false;
    }
    choose(&c, accounts, (enum notify_channel)notify_parse(notify_channel_names, channel_name));
    return run(&c, e);
}
