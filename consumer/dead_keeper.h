/*
 * dead_keeper.h: keeps the broker's queue bellman.dead and the dead letters' rows in agreement: exactly one message for
 * each row. Messages of jobs that were replayed, discarded or deleted go; second ones go; a dead letter whose message
 * is missing gets one. Messages that belong to no job stay for an operator to look at.
 *
 * A task of the steward. It looks about once a second whether there is a reason to go through the queue: rows that have
 * ended, a connection that was lost (the broker may have been wiped), numbers that differ, five minutes. Going through
 * means to hold every message unacked, ack those that go, and give back the rest at once; whatever happens meanwhile,
 * the broker puts back what was held. Missing messages are made due in their rows, and the relay publishes them as any
 * other. So a crash at any moment loses nothing: the next round finds the same differences again.
 *
 * When not all messages can be read (the broker limits what one consumer holds) nothing is taken for missing: messages
 * that are to go are still found, among those that were read.
 *
 * Of the ids only a slice is in memory at a time (DEAD_SLICE_ROWS): with more dead letters than that the queue is gone
 * through once for each slice.
 */
#ifndef BELLMAN_DEAD_KEEPER_H
#define BELLMAN_DEAD_KEEPER_H

#include "ground/base.h"

#define DEAD_SLICE_ROWS 100000

struct dead_keeper;
struct steward;

/* Gives back what it holds: another process is in charge now, or this one ends. NULL is fine. */
void dead_keeper_rest(struct dead_keeper *k);
void dead_keeper_free(struct dead_keeper *k);

/* How many hexadecimal digits cut n rows into slices of about DEAD_SLICE_ROWS. Pure. */
unsigned dead_slice_digits(int64_t n);
/* The suffix of slice i of 16^digits; false: there is no such slice. Pure. */
bool dead_slice_suffix(unsigned digits, unsigned i, char ret[4]);

#endif
