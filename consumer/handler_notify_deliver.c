/*
 * handler_notify_deliver.c: sends one delivery, now or when its recipient's hours allow, through the first provider
 * that takes it.
 */
#include <string.h>

#include "delivery_terms.h"
#include "domain/delivery.h"
#include "domain/template.h"
#include "domain/template_fields.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "handlers.h"
#include "org_settings.h"
#include "provider.h"
#include "provider_chain.h"

#define DND_LOOK_MS (60 * MS_PER_S)    /* how often a delivery looks whether do-not-disturb is over */
#define PAUSED_LOOK_MS (60 * MS_PER_S) /* how often it looks whether a provider accepts us again */
#define SNOOZE_MIN_MS MS_PER_S
#define SNOOZE_MAX_MS (INT64_C(29) * 24 * 3600 * MS_PER_S)

#define NO_SETTINGS "the notification settings cannot be read: %s"

struct sending {
    struct job_context *ctx;
    json_t *delivery;
    const json_t *settings;
};

/* --- not now ------------------------------------------------------------------------------------------------------ */

static enum job_outcome snooze(struct job_context *ctx, int64_t ms)
{
    ctx->snooze_ms = CLAMP(ms, SNOOZE_MIN_MS, SNOOZE_MAX_MS);
    return JOB_SNOOZE;
}

static enum job_outcome join_digest(const struct sending *s, int64_t slot_us)
{
    struct err e = ERR_INIT;
    struct job_context *ctx = s->ctx;
    bool is_late = true;
    for (int tries = 0; is_late && tries < 3; tries++) {
        if (!delivery_join_digest(ctx->db, s->delivery, slot_us, &is_late, &e)) {
            return job_error(ctx, JOB_RETRY, "%s", e.text);
        }
        if (is_late) {
            const char *zone = json_text(s->delivery, "timezone");
            slot_us = notify_digest_slot(s->settings, zone != NULL ? zone : json_text(s->settings, "timezone"),
                                         slot_us);
        }
    }
    if (is_late) {
        return job_error(ctx, JOB_RETRY, "no digest takes it");
    }
    char until[CLOCK_TEXT_BYTES];
    clock_format_rfc3339(slot_us, until);
    ctx->result = json_pack("{s:s, s:s}", "state", "held", "held_until", until);
    return JOB_DONE;
}

static enum job_outcome hold(const struct sending *s, const struct notify_when *when, int64_t now_us)
{
    struct err e = ERR_INIT;
    const char *id = json_text(s->delivery, "id");
    if (when->hold == NOTIFY_HOLD_DIGEST) {
        return join_digest(s, when->until_us);
    }
    if (!delivery_hold(s->ctx->db, id, when->hold, when->until_us, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    return snooze(s->ctx, when->hold == NOTIFY_HOLD_DND ? DND_LOOK_MS : (when->until_us - now_us) / US_PER_MS + 1);
}

static struct notify_when decide(const struct sending *s, int64_t now_us)
{
    const struct notify_moment moment = {
        .channel = (enum notify_channel)notify_parse(notify_channel_names, json_text(s->delivery, "channel")),
        .severity = (enum notify_severity)notify_parse(notify_severity_names, json_text(s->delivery, "severity")),
        .zone = json_text(s->delivery, "timezone"),
        .is_digest = delivery_is_digest(s->delivery),
        .now_us = now_us,
    };
    return notify_when(s->settings, &moment);
}

/* --- now ---------------------------------------------------------------------------------------------------------- */

/* The last chance is over: what the delivery's record says must not be that somebody is still at it. */
static enum job_outcome give_up_or_retry(const struct sending *s, const char *error)
{
    struct err e = ERR_INIT;
    const struct job_claim *claim = s->ctx->claim;
    const char *id = json_text(s->delivery, "id");
    bool is_last = claim->retry_count >= claim->max_retries;
    bool ok = is_last ? delivery_fail(s->ctx->db, id, error, &e) : delivery_note(s->ctx->db, id, error, &e);
    return job_error(s->ctx, JOB_RETRY, "%s", ok ? error : e.text);
}

static enum job_outcome refuse(const struct sending *s, const char *error)
{
    struct err e = ERR_INIT;
    if (!delivery_fail(s->ctx->db, json_text(s->delivery, "id"), error, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    return job_error(s->ctx, JOB_PERMANENT, "%s", error);
}

static enum job_outcome wait_for_provider(const struct sending *s, const struct chain_result *end)
{
    struct err e = ERR_INIT;
    if (!delivery_note(s->ctx->db, json_text(s->delivery, "id"), end->error, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    return snooze(s->ctx, end->wait_ms > 0 ? end->wait_ms : PAUSED_LOOK_MS);
}

static enum job_outcome conclude(const struct sending *s, const struct chain_result *end)
{
    switch (end->outcome) {
    case PROVIDER_SENT:
        s->ctx->result = json_pack("{s:s, s:s, s:s, s:s}", "state", "sent", "provider", end->provider, "message_id",
                                   end->reply.message_id, "reply", end->reply.text);
        return JOB_DONE;
    case PROVIDER_REFUSED:
        return refuse(s, end->error);
    case PROVIDER_PAUSE:
        return wait_for_provider(s, end);
    case PROVIDER_STOPPED:
        return job_error(s->ctx, JOB_STOPPED, "%s", end->error);
    case PROVIDER_RETRY:
    case PROVIDER_AMBIGUOUS:
    case PROVIDER_OUTCOMES:
        break;
    }
    s->ctx->retry_after_ms = end->reply.retry_after_ms;
    return give_up_or_retry(s, end->error);
}

static enum job_outcome send_now(struct sending *s)
{
    struct err e = ERR_INIT;
    struct chain_result end;
    CLEANUP(template_message_release) struct template_message content = {0};
    CLEANUP(delivery_links_release) struct delivery_links links = {0};
    delivery_terms_links(s->ctx, s->delivery, &links);
    if (links.unsubscribe_url != NULL) {
        json_object_set_new(s->delivery, TEMPLATE_UNSUBSCRIBE, json_string(links.unsubscribe_url));
    }
    if (!template_render(s->ctx->db, s->delivery, &content, &e)) {
        return e.code == ERR_INVALID ? refuse(s, e.text) : job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    delivery_terms_track(s->ctx, s->delivery, &content);
    const struct provider_message message = {
        .id = json_text(s->delivery, "id"),
        .to = json_text(s->delivery, "address"),
        .settings = s->settings,
        .content = &content,
        .delivery = s->delivery,
        .unsubscribe_url = links.unsubscribe_url,
        .callback_url = links.callback_url,
        .created_wall_us = s->ctx->claim->created_wall_us,
    };
    if (!provider_chain_send(s->ctx, json_text(s->delivery, "channel"), &message, &end, &e)) {
        return e.code == ERR_CONFLICT ? snooze(s->ctx, SNOOZE_MIN_MS) : job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    return conclude(s, &end);
}

/* The job has done what there was to do: nobody needs to look at it as at a dead letter. */
static enum job_outcome keep_back(const struct sending *s, const char *error)
{
    struct err e = ERR_INIT;
    if (!delivery_fail(s->ctx->db, json_text(s->delivery, "id"), error, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    s->ctx->result = json_pack("{s:s, s:s}", "state", "failed", "reason", error);
    return JOB_DONE;
}

static enum job_outcome send_unless_suppressed(struct sending *s)
{
    struct err e = ERR_INIT;
    bool is_held = false;
    char error[128];
    if (!delivery_terms_suppressed(s->ctx, s->delivery, &is_held, error, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    if (is_held) {
        return keep_back(s, error);
    }
    if (delivery_is_digest(s->delivery) && !delivery_close_digest(s->ctx->db, s->delivery, &e)) {
        return job_error(s->ctx, JOB_RETRY, "%s", e.text);
    }
    bool is_empty = delivery_is_digest(s->delivery) &&
                    json_integer_value(json_object_get(s->delivery, "members_n")) == 0;
    return is_empty ? keep_back(s, "there is nothing left in the digest") : send_now(s);
}

/* There is nothing to do, or no more: an earlier attempt has written the end and was lost before it could say so. */
static enum job_outcome conclude_closed(struct job_context *ctx, const json_t *delivery)
{
    const char *state = json_text(delivery, "state");
    const char *error = json_text(delivery, "error_message");
    if (g_strcmp0(state, "failed") == 0) {
        return job_error(ctx, JOB_PERMANENT, "%s", error == NULL ? "the delivery has failed" : error);
    }
    ctx->result = json_pack("{s:s}", "state", state);
    return JOB_DONE;
}

/* Nothing is held by settings that somebody may have changed: it would not look again before it is due. is_read: they
 * come from the database. */
static enum job_outcome deliver(struct job_context *ctx, json_t *delivery, const json_t *settings, bool is_read)
{
    struct sending s = {.ctx = ctx, .delivery = delivery, .settings = settings};
    int64_t now_us = clock_wall_us();
    if (!delivery_is_open(delivery, ctx->claim->id)) {
        return conclude_closed(ctx, delivery);
    }
    struct err e = ERR_INIT;
    int64_t slot_us = 0;
    if (!delivery_terms_digest(ctx, delivery, settings, now_us, &slot_us, &e)) {
        return job_error(ctx, JOB_RETRY, "%s", e.text);
    }
    if (slot_us != 0) {
        return snooze(ctx, (slot_us - now_us) / US_PER_MS + 1);
    }
    struct notify_when when = decide(&s, now_us);
    if (when.hold != NOTIFY_GO && !is_read) {
        json_auto_t *fresh = org_settings_read(ctx, &e);
        return fresh == NULL ? job_error(ctx, JOB_RETRY, NO_SETTINGS, e.text) : deliver(ctx, delivery, fresh, true);
    }
    return when.hold == NOTIFY_GO ? send_unless_suppressed(&s) : hold(&s, &when, now_us);
}

enum job_outcome handler_notify_deliver(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    json_auto_t *delivery = NULL;
    const char *id = json_text(ctx->payload, "delivery_id");
    if (!delivery_load(ctx->db, ctx->claim->organization_id, id, &delivery, &e)) {
        return job_error(ctx, e.code == ERR_NOT_FOUND ? JOB_PERMANENT : JOB_RETRY, "%s", e.text);
    }
    bool is_held = g_strcmp0(json_text(delivery, "state"), "held") == 0;
    json_auto_t *settings = is_held ? org_settings_read(ctx, &e) : org_settings(ctx, &e);
    return settings == NULL ? job_error(ctx, JOB_RETRY, NO_SETTINGS, e.text)
                            : deliver(ctx, delivery, settings, is_held);
}
