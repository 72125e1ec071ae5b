/*
 * delivery_terms.h: what stands between a delivery whose time has come and its being sent.
 */
#ifndef BELLMAN_DELIVERY_TERMS_H
#define BELLMAN_DELIVERY_TERMS_H

#include "domain/template.h"
#include "handler.h"

/* Whether the suppression list keeps it back; ret_error then says why. */
bool delivery_terms_suppressed(struct job_context *ctx, const json_t *delivery, bool *ret_held, char ret_error[128],
                               struct err *e) MUST_CHECK;

/* When a digest that still gathers goes by the settings as they are now, which may have changed since it was made:
 * microseconds since 1970 UTC, or 0 for now. */
bool delivery_terms_digest(struct job_context *ctx, const json_t *delivery, const json_t *settings, int64_t now_us,
                           int64_t *ret_slot_us, struct err *e) MUST_CHECK;

/* What leads back here, when there is a public address: where to unsubscribe from mail that is not critical, and where
 * providers tell what became of text messages. Begins zeroed. */
struct delivery_links {
    char *unsubscribe_url; /* NULL: none */
    char *callback_url;
};
void delivery_links_release(struct delivery_links *links);
void delivery_terms_links(const struct job_context *ctx, const json_t *delivery, struct delivery_links *ret);

/* Puts the tracking that the configuration wants into the message's HTML. */
void delivery_terms_track(const struct job_context *ctx, const json_t *delivery, struct template_message *content);

#endif
