/*
 * handler_notify_check.c: tries a provider out for an administrator who waits for what it says: logs in, or sends one
 * message, with the account as it is stored or as it would be after a change. The configuration of a change comes
 * sealed, for a job's payload can be read.
 */
#include "domain/notify_check.h"
#include "domain/provider_account.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "handlers.h"
#include "org_settings.h"
#include "provider.h"
#include "provider_chain.h"

struct check {
    struct job_context *ctx;
    const struct provider *provider;
    json_t *settings; /* owned */
    json_t *config;   /* owned; NULL: the provider needs none */
    bool is_login;    /* nothing is sent */
    bool is_unsaved;
    struct provider_reply reply;
    int64_t took_ms;
};

static void check_release(struct check *c)
{
    json_decref(c->settings);
    json_decref(c->config);
}

/* --- with what ---------------------------------------------------------------------------------------------------- */

static bool open_change(struct check *c, const char *sealed, struct err *e)
{
    json_auto_t *change = notify_check_open(c->ctx->seal, c->ctx->claim->organization_id, c->ctx->claim->id, sealed, e);
    if (change == NULL) {
        return false;
    }
    json_object_update(c->settings, json_object_get(change, "settings"));
    c->config = json_incref(json_object_get(change, "config"));
    c->is_unsaved = true;
    return true;
}

static bool needs_no_account(const struct check *c)
{
    return g_strcmp0(c->provider->name, "smtp") == 0 || g_strcmp0(c->provider->name, "slack") == 0;
}

static bool load_config(struct check *c, struct err *e)
{
    struct err own = ERR_INIT;
    const char *sealed = json_text(c->ctx->payload, "sealed");
    if (sealed != NULL && !open_change(c, sealed, e)) {
        return false;
    }
    if (c->config != NULL) {
        return true;
    }
    if (provider_account_config(c->ctx->db, c->ctx->seal, c->ctx->claim->organization_id, c->provider->name, &c->config,
                                &own)) {
        return true;
    }
    return (own.code == ERR_NOT_FOUND && needs_no_account(c)) || err_set(e, own.code, "%s", own.text);
}

/* --- the try ------------------------------------------------------------------------------------------------------ */

static enum provider_outcome send(struct check *c, const struct provider_call *call)
{
    const struct job_claim *claim = c->ctx->claim;
    const struct template_message content = {
        .subject = (char *)(uintptr_t)NOTIFY_CHECK_SUBJECT,
        .text = (char *)(uintptr_t)(c->provider->channel == NOTIFY_EMAIL ? NOTIFY_CHECK_TEXT : NOTIFY_CHECK_LINE),
    };
    char created[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(claim->created_wall_us, created);
    json_auto_t *event = json_pack("{s:s, s:s, s:s, s:{s:s}, s:[]}", "event", "test", "severity", "info", "created_at",
                                   created, "data", "message", NOTIFY_CHECK_LINE, "recipients");
    const struct provider_message message = {
        .id = claim->id,
        .to = json_text(c->ctx->payload, "to"),
        .settings = c->settings,
        .content = &content,
        .delivery = event,
        .created_wall_us = claim->created_wall_us,
    };
    return c->provider->send(call, &message, &c->reply);
}

/* With handles of its own, so that every stage is seen: nothing of a kept connection is used. */
static enum provider_outcome try_out(struct check *c)
{
    struct provider_call call = provider_call_of(c->ctx, c->config);
    call.smtp = smtp_new();
    call.http = http_new();
    int64_t begun_us = clock_mono_us();
    enum provider_outcome outcome = c->is_login && c->provider->check != NULL ? c->provider->check(&call, &c->reply)
                                                                              : send(c, &call);
    c->took_ms = (clock_mono_us() - begun_us) / US_PER_MS;
    provider_reply_scrub(&c->reply, c->provider, c->config);
    http_free(call.http);
    smtp_free(call.smtp);
    return outcome;
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

static bool is_smtp_without(const struct check *c, const char *member, const char *none)
{
    const char *value = json_text(c->config, member);
    return g_strcmp0(c->provider->name, "smtp") == 0 && c->config != NULL && g_strcmp0(value, none) == 0;
}

static struct notify_check_view view_of(const struct check *c, enum provider_outcome outcome)
{
    bool is_smtp = g_strcmp0(c->provider->name, "smtp") == 0;
    bool is_http_answered = !is_smtp && c->reply.code > 0;
    const struct conf *conf = c->ctx->conf;
    bool is_plain = is_smtp_without(c, "security", "none") ||
                    (is_smtp && c->config == NULL && conf->smtp.tls == CONF_SMTP_TLS_NONE) ||
                    (is_http_answered && c->reply.times.tls_ms < 0);
    bool has_login = !is_smtp_without(c, "username", NULL) &&
                     !(is_smtp && c->config == NULL && conf->smtp.user[0] == '\0');
    struct net_times times = c->reply.times;
    if (is_http_answered && times.authenticated_ms < 0 && outcome != PROVIDER_PAUSE) {
        times.authenticated_ms = c->took_ms;
    }
    if (outcome == PROVIDER_SENT) {
        times.accepted_ms = times.accepted_ms < 0 ? c->took_ms : times.accepted_ms;
    }
    return (struct notify_check_view){
        .times = times,
        .has_tls = !is_plain,
        .has_login = has_login,
        .has_message = !(c->is_login && c->provider->check != NULL),
        .words = c->reply.text,
    };
}

static enum job_outcome conclude(struct check *c, enum provider_outcome outcome)
{
    static const enum job_outcome ends[PROVIDER_OUTCOMES] = {
        [PROVIDER_SENT] = JOB_DONE,         [PROVIDER_RETRY] = JOB_RETRY,     [PROVIDER_AMBIGUOUS] = JOB_RETRY,
        [PROVIDER_REFUSED] = JOB_PERMANENT, [PROVIDER_PAUSE] = JOB_PERMANENT, [PROVIDER_STOPPED] = JOB_STOPPED,
    };
    const struct notify_check_view view = view_of(c, outcome);
    c->ctx->result = json_pack("{s:s, s:s, s:s, s:o}", "provider", c->provider->name, "reply", c->reply.text,
                               "message_id", c->reply.message_id, "stages", notify_check_stages(&view));
    return outcome == PROVIDER_SENT ? JOB_DONE
                                    : job_error(c->ctx, ends[outcome], "%s: %s", c->provider->name, c->reply.text);
}

enum job_outcome handler_notify_check(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    CLEANUP(check_release)
    struct check c = {
        .ctx = ctx,
        .provider = provider_find(json_text(ctx->payload, "provider")),
        .is_login = json_is_true(json_object_get(ctx->payload, "login")),
        .reply = {.times = NET_TIMES_NONE},
    };
    if (c.provider == NULL) {
        return job_error(ctx, JOB_PERMANENT, "there is no such provider");
    }
    c.settings = org_settings(ctx, &e);
    if (c.settings == NULL) {
        return job_error(ctx, JOB_RETRY, "the notification settings cannot be read: %s", e.text);
    }
    if (!load_config(&c, &e)) {
        return job_error(ctx, e.code == ERR_UNAVAILABLE ? JOB_RETRY : JOB_PERMANENT, "%s", e.text);
    }
    bool is_off = json_is_false(json_object_get(c.settings, "email_enabled"));
    if (c.provider->channel == NOTIFY_EMAIL && is_off && !c.is_login && !c.is_unsaved) {
        return job_error(ctx, JOB_PERMANENT, "mail is switched off in the notification settings (email_enabled)");
    }
    return conclude(&c, try_out(&c));
}
