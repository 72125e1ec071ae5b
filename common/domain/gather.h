/*
 * gather.h: when what waits to be published should go. A message by itself costs the broker several times what it costs
 * among others (a write and a flush of its log, a wake-up of each process on its way), so while many come they go
 * together; while few come, each goes at once.
 */
#ifndef BELLMAN_GATHER_H
#define BELLMAN_GATHER_H

#include "ground/base.h"

/* Zeroed is ready. */
struct gather {
    int64_t window_us; /* when the window that is counted began */
    size_t count;      /* published in it */
    size_t before;     /* in the one before it */
    int64_t last_us;   /* of the last publishing */
};

/* n messages are published at now_us (monotonic). */
void gather_note(struct gather *g, size_t n, int64_t now_us);
/* How long the n that wait should wait for more; 0: they go now. */
int64_t gather_wait_us(const struct gather *g, size_t n, int64_t now_us);

#endif
