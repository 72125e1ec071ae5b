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

/* Puts into the message what leads back here, when there is a public address: links to unsubscribe for mail that is not
 * critical, where providers tell what became of text messages, and the tracking that the configuration wants. The texts
 * stay in links until that is released. */
struct delivery_links {
    char *unsubscribe_url;
    char *callback_url;
};
void delivery_links_release(struct delivery_links *links);
void delivery_terms_dress(struct job_context *ctx, const json_t *delivery, struct template_message *content,
                          struct delivery_links *ret);

#endif
