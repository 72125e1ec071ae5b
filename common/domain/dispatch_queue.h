/*
 * dispatch_queue.h: the bounded queue between those who have something published and the thread that publishes it.
 */
#ifndef BELLMAN_DISPATCH_QUEUE_H
#define BELLMAN_DISPATCH_QUEUE_H

#include "domain/outstanding.h"

struct dispatch_queue;

struct dispatch_queue *dispatch_queue_new(size_t capacity);
/* Frees what is left in it, too. */
void dispatch_queue_free(struct dispatch_queue *q);

/* Never blocks. False when it is full; otherwise it takes the entry with its body. */
bool dispatch_queue_push(struct dispatch_queue *q, const struct dispatch_entry *entry);
/* The oldest entry, now the caller's; false when there is none. */
bool dispatch_queue_pop(struct dispatch_queue *q, struct dispatch_entry *ret);
size_t dispatch_queue_length(struct dispatch_queue *q);
/* Drops everything; returns how many there were. */
size_t dispatch_queue_clear(struct dispatch_queue *q);

/* An eventfd that becomes readable when the queue stops being empty, or on dispatch_queue_wake. Whoever waits drains
 * it. */
int dispatch_queue_fd(const struct dispatch_queue *q);
void dispatch_queue_wake(struct dispatch_queue *q);

#endif
