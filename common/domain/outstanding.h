/*
 * outstanding.h: what has been published on one connection and waits for the broker's confirm, by sequence number.
 *
 * The broker confirms in any order, one by one or "all up to this one"; a nack may overtake the ack of an earlier
 * message (https://www.rabbitmq.com/confirms.html). A message that could not be routed is returned first and confirmed
 * after that; the return carries no number, so it is found by the job's id and attempt.
 */
#ifndef BELLMAN_OUTSTANDING_H
#define BELLMAN_OUTSTANDING_H

#include "domain/job.h"

enum dispatch_kind { DISPATCH_JOB, DISPATCH_DEAD, DISPATCH_BROADCAST };

struct dispatch_entry {
    enum dispatch_kind kind;
    struct job_dead_ref job; /* cause only with DISPATCH_DEAD */
    char *body;              /* DISPATCH_BROADCAST: owned by whoever holds the entry */
};

struct outstanding;

/* Room for capacity sequence numbers from the oldest unsettled one on. */
struct outstanding *outstanding_new(size_t capacity);
void outstanding_free(struct outstanding *o);
/* Forgets everything; numbers start at 1 again. Returns how many were unsettled. */
size_t outstanding_clear(struct outstanding *o);

size_t outstanding_count(const struct outstanding *o);
bool outstanding_has_room(const struct outstanding *o);
/* sequence must be the one after the last added. The body is not kept. There must be room. */
void outstanding_add(struct outstanding *o, uint64_t sequence, const struct dispatch_entry *entry, int64_t now_us);
/* When the oldest unsettled message was published; INT64_MAX when there is none. */
int64_t outstanding_oldest_us(const struct outstanding *o);

/* The next settlement of this message will say that it was returned. */
void outstanding_returned(struct outstanding *o, const char *job_id, int64_t attempt);

typedef void outstanding_fn(void *arg, const struct dispatch_entry *entry, bool is_returned);
/* Settles one message, or every unsettled one up to it, calling fn for each. Numbers never published or settled before
 * are ignored. Returns how many were settled. */
size_t outstanding_settle(struct outstanding *o, uint64_t tag, bool multiple, outstanding_fn *fn, void *arg);

#endif
