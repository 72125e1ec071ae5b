/*
 * handler_email_send.c: one mail, from the organization's sender address, through its providers.
 */
#include "domain/template.h"
#include "ground/json.h"
#include "handlers.h"
#include "org_settings.h"
#include "provider.h"
#include "provider_chain.h"

#define PAUSED_LOOK_MS (60 * MS_PER_S) /* how often it looks whether a provider accepts us again */

/* Waiting spends no retry; a job that has none says at once that it cannot be sent. */
static enum job_outcome wait_for_provider(struct job_context *ctx, const struct chain_result *end)
{
    bool has_tried = end->provider[0] != '\0';
    if (ctx->claim->max_retries == 0 || (has_tried && end->is_unowned)) {
        return job_error(ctx, JOB_RETRY, "%s", end->error);
    }
    ctx->snooze_ms = end->wait_ms > 0 ? end->wait_ms : PAUSED_LOOK_MS;
    return job_error(ctx, JOB_SNOOZE, "%s", end->error);
}

static enum job_outcome conclude(struct job_context *ctx, const struct chain_result *end)
{
    switch (end->outcome) {
    case PROVIDER_SENT:
        ctx->result = json_pack("{s:s, s:s, s:s}", "provider", end->provider, "reply", end->reply.text, "message_id",
                                end->reply.message_id);
        return JOB_DONE;
    case PROVIDER_REFUSED:
        return job_error(ctx, JOB_PERMANENT, "%s", end->error);
    case PROVIDER_PAUSE:
        return end->is_missing ? job_error(ctx, JOB_PERMANENT, "%s", end->error) : wait_for_provider(ctx, end);
    case PROVIDER_STOPPED:
        return job_error(ctx, JOB_STOPPED, "%s", end->error);
    case PROVIDER_RETRY:
    case PROVIDER_AMBIGUOUS:
    case PROVIDER_OUTCOMES:
        break;
    }
    ctx->retry_after_ms = end->reply.retry_after_ms;
    return job_error(ctx, JOB_RETRY, "%s", end->error);
}

enum job_outcome handler_email_send(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    struct chain_result end;
    json_auto_t *settings = org_settings(ctx, &e);
    if (settings == NULL) {
        return job_error(ctx, JOB_RETRY, "the notification settings cannot be read: %s", e.text);
    }
    if (json_is_false(json_object_get(settings, "email_enabled"))) {
        return job_error(ctx, JOB_PERMANENT, "mail is switched off in the notification settings (email_enabled)");
    }
    const struct template_message content = {
        .subject = (char *)(uintptr_t)json_text_or_null(ctx->payload, "subject"),
        .text = (char *)(uintptr_t)json_text_or_null(ctx->payload, "text"),
        .html = (char *)(uintptr_t)json_text_or_null(ctx->payload, "html"),
    };
    const struct provider_message message = {
        .id = ctx->claim->id,
        .to = json_text_or_null(ctx->payload, "to"),
        .settings = settings,
        .content = &content,
        .created_wall_us = ctx->claim->created_wall_us,
    };
    if (!provider_chain_send(ctx, notify_channel_names[NOTIFY_EMAIL], &message, &end, &e)) {
        return job_error(ctx, JOB_RETRY, "%s", e.text);
    }
    return conclude(ctx, &end);
}
