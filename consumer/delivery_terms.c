#include "delivery_terms.h"

#include <stdio.h>

#include "domain/delivery.h"
#include "domain/delivery_link.h"
#include "domain/suppression.h"
#include "ground/clock.h"
#include "ground/json.h"

bool delivery_terms_suppressed(struct job_context *ctx, const json_t *delivery, bool *ret_held, char ret_error[128],
                               struct err *e)
{
    char reason[SUPPRESSION_REASON_BYTES] = "";
    const char *channel = json_text(delivery, "channel");
    int parsed = notify_parse(notify_channel_names, channel);
    bool is_personal = parsed >= 0 && !notify_is_shared((enum notify_channel)parsed);
    if (is_personal &&
        !suppression_find(ctx->db, ctx->claim->organization_id, channel, json_text(delivery, "address"), reason, e)) {
        return false;
    }
    *ret_held = suppression_holds(reason, json_text(delivery, "severity"));
    (void)snprintf(ret_error, 128, "suppressed: the address is on the suppression list (%s)", reason);
    return true;
}

bool delivery_terms_digest(struct job_context *ctx, const json_t *delivery, const json_t *settings, int64_t now_us,
                           int64_t *ret_slot_us, struct err *e)
{
    int64_t until_us = 0;
    const char *until = json_text(delivery, "held_until");
    const char *zone = json_text(delivery, "timezone");
    bool gathers = delivery_is_digest(delivery) && g_strcmp0(json_text(delivery, "hold_reason"), "digest") == 0;
    *ret_slot_us = 0;
    if (!gathers || until == NULL || !clock_parse_rfc3339(until, &until_us) || until_us <= now_us ||
        !json_is_true(json_object_get(settings, "digest_enabled"))) {
        return true;
    }
    *ret_slot_us = notify_digest_slot(settings, zone != NULL ? zone : json_text(settings, "timezone"), now_us);
    return *ret_slot_us == 0 || *ret_slot_us == until_us ||
           delivery_move_digest(ctx->db, json_text(delivery, "id"), *ret_slot_us, e);
}

/* --- links -------------------------------------------------------------------------------------------------------- */

void delivery_links_release(struct delivery_links *links)
{
    g_free(links->unsubscribe_url);
    g_free(links->callback_url);
}

void delivery_terms_links(const struct job_context *ctx, const json_t *delivery, struct delivery_links *ret)
{
    const char *base = ctx->conf->api.public_url;
    int channel = notify_parse(notify_channel_names, json_text(delivery, "channel"));
    bool is_critical = g_strcmp0(json_text(delivery, "severity"), notify_severity_names[NOTIFY_CRITICAL]) == 0;
    if (base[0] == '\0') {
        return;
    }
    if (channel == NOTIFY_SMS) {
        ret->callback_url = g_strconcat(base, "/api/system/callbacks/twilio/", ctx->claim->organization_id, NULL);
    }
    if (channel == NOTIFY_EMAIL && !is_critical) {
        ret->unsubscribe_url = delivery_link_new(ctx->seal, base, DELIVERY_LINK_UNSUBSCRIBE, json_text(delivery, "id"),
                                                 NULL);
    }
}

void delivery_terms_track(const struct job_context *ctx, const json_t *delivery, struct template_message *content)
{
    const struct delivery_tracking tracking = {
        .seal = ctx->seal,
        .base = ctx->conf->api.public_url,
        .id = json_text(delivery, "id"),
        .open = ctx->conf->tracking.open,
        .click = ctx->conf->tracking.click,
    };
    if (tracking.base[0] != '\0' && content->html != NULL && (tracking.open || tracking.click)) {
        char *html = delivery_link_track(&tracking, content->html);
        g_free(content->html);
        content->html = html;
    }
}
