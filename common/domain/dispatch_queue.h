/*
 * dispatch_queue.h: the bounded queue between those who have something published and the thread that publishes it. Each
 * tier has a line of its own, and they take turns: one organization's flood holds up nobody else's messages. What is no
 * job goes with the main tier.
 */
#ifndef BELLMAN_DISPATCH_QUEUE_H
#define BELLMAN_DISPATCH_QUEUE_H

#include "domain/outstanding.h"

struct dispatch_queue;

/* capacity: of each tier. */
struct dispatch_queue *dispatch_queue_new(size_t capacity);
/* Frees what is left in it, too. */
void dispatch_queue_free(struct dispatch_queue *q);

/* Never blocks. False when its tier is full; otherwise it takes the entry with its body. */
bool dispatch_queue_push(struct dispatch_queue *q, const struct dispatch_entry *entry);
/* The oldest entry of the tier whose turn it is, now the caller's; false when there is none. main_only: the backlog
 * tier stays where it is. */
bool dispatch_queue_pop(struct dispatch_queue *q, bool main_only, struct dispatch_entry *ret);
size_t dispatch_queue_length(struct dispatch_queue *q, bool main_only);
/* How many more of the tier would be taken. */
size_t dispatch_queue_room(struct dispatch_queue *q, enum tier tier);
/* Drops everything; returns how many there were. */
size_t dispatch_queue_clear(struct dispatch_queue *q);

/* An eventfd that becomes readable when a tier stops being empty, or on dispatch_queue_wake. Whoever waits drains
 * it. */
int dispatch_queue_fd(const struct dispatch_queue *q);
void dispatch_queue_wake(struct dispatch_queue *q);

#endif
