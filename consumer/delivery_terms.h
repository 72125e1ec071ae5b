/*
 * delivery_terms.h: what stands between a delivery whose time has come and its being sent.
 */
#ifndef BELLMAN_DELIVERY_TERMS_H
#define BELLMAN_DELIVERY_TERMS_H

#include "handler.h"

/* Whether the suppression list keeps it back; ret_error then says why. */
bool delivery_terms_suppressed(struct job_context *ctx, const json_t *delivery, bool *ret_held, char ret_error[128],
                               struct err *e) MUST_CHECK;

/* When a digest that still gathers goes by the settings as they are now, which may have changed since it was made:
 * microseconds since 1970 UTC, or 0 for now. */
bool delivery_terms_digest(struct job_context *ctx, const json_t *delivery, const json_t *settings, int64_t now_us,
                           int64_t *ret_slot_us, struct err *e) MUST_CHECK;

#endif
