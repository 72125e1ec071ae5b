/*
 * ack_window.h: which deliveries of a connection may be acknowledged together.
 *
 * One basic.ack with multiple=true settles everything up to its tag. A broker does the work of one command for it (of a
 * quorum queue: one entry of its log), where single acks cost a command each (and a write here), so what may be acked
 * waits a moment for others and for the older deliveries before it. A delivery that stays out for longer than that
 * makes those behind it go one by one.
 */
#ifndef BELLMAN_ACK_WINDOW_H
#define BELLMAN_ACK_WINDOW_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "ground/err.h"

struct ack_window {
    GQueue order;       /* deliveries without a verdict that was sent, oldest first */
    GHashTable *by_tag; /* the same by their tags; owns them */
    guint held;         /* of these, such as may be acked */
    guint held_max;     /* more are not held */
    int64_t since_us;   /* monotonic: when the first of them came, or the last were sent */
    uint64_t straggler; /* the oldest delivery when the last wait was in vain; 0: none */
};

/* held_max: how many may be kept back; a part of the prefetch, for what is kept back makes no room for another. */
void ack_window_init(struct ack_window *w, guint held_max);
void ack_window_release(struct ack_window *w);

/* A delivery. Tags of a connection ascend. */
void ack_window_add(struct ack_window *w, uint64_t tag);
/* It was rejected. A tag that is not known is ignored, here and below. */
void ack_window_drop(struct ack_window *w, uint64_t tag);
/* It may be acked from now on. */
void ack_window_hold(struct ack_window *w, uint64_t tag, int64_t now_us);

/* Acks tag, or with multiple everything up to it. */
typedef bool ack_fn(void *arg, uint64_t tag, bool multiple, struct err *e);

/* Sends what need not wait, or with all everything. False: the first error of send. */
bool ack_window_send(struct ack_window *w, int64_t now_us, bool all, ack_fn *send, void *arg, struct err *e) MUST_CHECK;
/* How long until something that is held must go; at most longest_ms. */
int ack_window_wait_ms(const struct ack_window *w, int64_t now_us, int longest_ms);

#endif
