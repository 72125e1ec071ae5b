/*
 * delivery_link.h: links in messages that lead back here: to unsubscribe, and to tell that a mail was read. Pure, but
 * for the keyring.
 *
 * A token is a delivery's id and a MAC of it, of what the link is for and, for a click, of the target, so that nobody
 * makes one for another delivery or leads elsewhere: base64url, 43 characters.
 */
#ifndef BELLMAN_DELIVERY_LINK_H
#define BELLMAN_DELIVERY_LINK_H

#include <glib.h>

#include "ground/ids.h"
#include "ports/seal.h"

enum delivery_link { DELIVERY_LINK_OPEN, DELIVERY_LINK_CLICK, DELIVERY_LINK_UNSUBSCRIBE };

#define DELIVERY_LINK_TOKEN_CHARS 43

/* base is [api] public_url. target: where a click leads; NULL otherwise. New. */
char *delivery_link_new(const struct seal *seal, const char *base, enum delivery_link kind, const char *id,
                        const char *target);
/* False: it is no token of ours for this kind and target. */
bool delivery_link_read(const struct seal *seal, enum delivery_link kind, const char *token, const char *target,
                        char ret_id[UUID_TEXT_BYTES]);

struct delivery_tracking {
    const struct seal *seal;
    const char *base;
    const char *id;
    bool open;
    bool click;
};
/* HTML with a picture at its end (open) and with links to http and https, but for those to unsubscribe, that lead
 * through here (click). New. */
char *delivery_link_track(const struct delivery_tracking *tracking, const char *html);

#endif
