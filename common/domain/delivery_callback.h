/*
 * delivery_callback.h: what a provider, or the recipient's own click, tells of a delivery later.
 *
 * Each is taken once, by its callback_id, however often it is told. The order in which they come does not matter: a
 * state is never moved back (sent, delivered, opened), bounced and complained stay. One that comes before the answer of
 * the provider, or in its place, says that the delivery was taken.
 */
#ifndef BELLMAN_DELIVERY_CALLBACK_H
#define BELLMAN_DELIVERY_CALLBACK_H

#include "domain/delivery.h"

enum callback_kind {
    CALLBACK_DELIVERED,
    CALLBACK_OPENED,
    CALLBACK_CLICKED,
    CALLBACK_BOUNCED,
    CALLBACK_COMPLAINED,
    CALLBACK_UNSUBSCRIBED, /* the state stays */
    CALLBACK_KINDS,
};

/* All texts are borrowed. */
struct delivery_callback {
    const char *organization_id; /* whose account vouches for it; NULL: the deployment's, for any */
    const char *provider;        /* NULL: a link of the message itself */
    const char *callback_id;     /* what tells it from others of the provider; of any length */
    const char *delivery_id;     /* one of these two; NULL, or no id at all, in the other's favour */
    const char *message_id;      /* as the provider calls it */
    enum callback_kind kind;
    const char *suppress; /* reason of suppression.h for which the address gets nothing any more; NULL: none */
    const char *words;    /* the provider's; may be NULL */
    int64_t at_us;        /* when it happened; 0: now. Not after now */
};

#define CALLBACK_BATCH_MAX 50

/* Applies up to CALLBACK_BATCH_MAX of them in one transaction. ret_known: how many were about deliveries that are here;
 * the others change nothing. */
bool delivery_callbacks_apply(struct db *db, const struct delivery_callback *callbacks, size_t n, size_t *ret_known,
                              struct err *e) MUST_CHECK;

#endif
