/*
 * digest_preview.h: what a digest that still gathers would say if it were sent now.
 */
#ifndef BELLMAN_DIGEST_PREVIEW_H
#define BELLMAN_DIGEST_PREVIEW_H

#include <jansson.h>

#include "ports/db.h"

struct digest_wanted {
    const char *organization_id;
    const char *delivery_id; /* the digest; NULL: the next one of channel and recipient */
    const char *channel;
    const char *recipient;
};

/* {delivery_id, channel, recipient, address, held_until, members, members_n, message: {subject, text, html}}.
 * ERR_NOT_FOUND: nothing gathers there. */
bool digest_preview(struct db *db, const struct digest_wanted *wanted, json_t **ret, struct err *e) MUST_CHECK;

#endif
