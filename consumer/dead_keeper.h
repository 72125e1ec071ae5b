/*
 * dead_keeper.h: keeps the broker's queue bellman.dead and the dead letters' rows in agreement: exactly one message for
 * each row. Messages of jobs that were replayed, discarded or deleted go; second ones go; a dead letter whose message
 * is missing gets one. Messages that belong to no job stay for an operator to look at.
 *
 * A task of the steward. It looks about once a second whether there is a reason to go through the queue: rows that have
 * ended, a connection that was lost (the broker may have been wiped), numbers that differ, five minutes. Going through
 * means to hold every message unacked, ack those that go, and give back the rest at once; whatever happens meanwhile,
 * the broker puts back what was held, as it was. Missing messages are made due in their rows, and the relay publishes
 * them as any other. So a crash at any moment loses nothing: the next round finds the same differences again.
 *
 * When not all messages can be read nothing is taken for missing: messages that are to go are still found, among those
 * that were read. That is so while somebody else consumes the queue, for what he holds is not to be seen, and a tool
 * that acks would get every letter for ever; once he has gone, a round sets things right. And it is so with more
 * messages than are held at a time (200,000): the broker pays for what it has handed out.
 *
 * Of the ids only a slice is in memory at a time (dead_letters.h): with more dead letters than that the queue is gone
 * through once for each slice.
 */
#ifndef BELLMAN_DEAD_KEEPER_H
#define BELLMAN_DEAD_KEEPER_H

#include "ground/base.h"

struct dead_keeper;
struct steward;

/* Gives back what it holds: another process is in charge now, or this one ends. NULL is fine. */
void dead_keeper_rest(struct dead_keeper *k);
void dead_keeper_free(struct dead_keeper *k);

#endif
