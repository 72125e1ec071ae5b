/*
 * dispatcher.h: the publisher thread. It owns an AMQP connection and a database connection, is woken after a commit,
 * publishes with windowed confirms, and clears dispatch_at of what is confirmed. Nobody ever waits for it: when the
 * broker is slow, blocked or gone, or its queue of 10,000 a tier is full, the job simply stays due and the relay
 * publishes it later.
 */
#ifndef BELLMAN_DISPATCHER_H
#define BELLMAN_DISPATCHER_H

#include "domain/job.h"
#include "ground/conf.h"

struct dispatcher;

struct dispatcher *dispatcher_start(const struct conf *conf);
/* Publishes what is queued for up to drain_ms, then stops the thread and frees. */
void dispatcher_stop(struct dispatcher *d, int64_t drain_ms);

/* Never block. False: not taken (full or not connected); the relay will do it. */
bool dispatcher_publish(struct dispatcher *d, const struct job_ref *ref);
bool dispatcher_publish_dead(struct dispatcher *d, const struct job_dead_ref *ref);
/* A broadcast on the control fanout; body is JSON. Best effort: whoever needs certainty also looks in the database. */
bool dispatcher_broadcast(struct dispatcher *d, const char *body);

/* Connected and not blocked. */
bool dispatcher_is_ready(const struct dispatcher *d);
/* Connected, and n jobs more of the tier would be taken now. */
bool dispatcher_has_room(const struct dispatcher *d, enum tier tier, size_t n);
/* Messages waiting or unconfirmed. */
size_t dispatcher_backlog(const struct dispatcher *d);

#endif
