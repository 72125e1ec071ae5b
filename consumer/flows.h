/*
 * flows.h: a queue in which organizations take turns (round robin over flows, J. Nagle, RFC 970), each flow first in,
 * first out. Pure, not locked. A flow's key may be a hash: two organizations that share one share their turns.
 */
#ifndef BELLMAN_FLOWS_H
#define BELLMAN_FLOWS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct flows {
    GQueue turns;       /* struct flow that is not empty; the first one is next */
    GHashTable *by_key; /* key -> the same */
    guint length;       /* items in all of them */
};

void flows_init(struct flows *f);
/* Frees what is left in it with free_item. */
void flows_release(struct flows *f, GDestroyNotify free_item);

/* item must not be NULL. */
void flows_push(struct flows *f, uint32_t key, void *item);
/* The next item, which stays there; NULL when there is none. */
void *flows_peek(const struct flows *f);
/* Takes it out. */
void *flows_pop(struct flows *f);
/* The first item of the first flow of which it is wanted, which stays there; NULL: of none. */
void *flows_peek_if(const struct flows *f, bool (*is_wanted)(const void *item, const void *arg), const void *arg);
/* Takes it out. Those that were passed over keep their turn. */
void *flows_pop_if(struct flows *f, bool (*is_wanted)(const void *item, const void *arg), const void *arg);

#endif
