/*
 * handler_notify_event.c: an event becomes its deliveries.
 */
#include "domain/delivery.h"
#include "domain/event.h"
#include "domain/provider_account.h"
#include "handlers.h"
#include "org_settings.h"

static bool has_webhook(const json_t *accounts, const json_t *settings)
{
    const json_t *first = NULL;
    bool has_any = false;
    (void)provider_accounts_choose(accounts, settings, NOTIFY_WEBHOOK, &first, 1, &has_any);
    return has_any;
}

enum job_outcome handler_notify_event(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    json_auto_t *event = NULL;
    json_auto_t *skipped = NULL;
    size_t n = 0;
    const char *id = json_string_value(json_object_get(ctx->payload, "event_id"));
    json_auto_t *settings = org_settings_read(ctx, &e); /* what is not made now is not made later */
    if (settings == NULL) {
        return job_error(ctx, JOB_RETRY, "the notification settings cannot be read: %s", e.text);
    }
    if (!event_get(ctx->db, ctx->claim->organization_id, id, &event, &e)) {
        return job_error(ctx, e.code == ERR_NOT_FOUND ? JOB_PERMANENT : JOB_RETRY, "%s", e.text);
    }
    json_auto_t *accounts = NULL;
    if (!provider_accounts_load(ctx->db, ctx->claim->organization_id, &accounts, &e)) {
        return job_error(ctx, JOB_RETRY, "%s", e.text);
    }
    const struct delivery_fanout fanout = {
        .event = event, .settings = settings, .has_webhook = has_webhook(accounts, settings)};
    if (!delivery_fan_out(ctx->db, &fanout, &n, &skipped, &e)) {
        return job_error(ctx, JOB_RETRY, "%s", e.text);
    }
    ctx->result = json_pack("{s:s, s:I, s:O}", "event_id", id, "deliveries", (json_int_t)n, "skipped", skipped);
    return JOB_DONE;
}
