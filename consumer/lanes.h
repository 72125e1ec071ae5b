/*
 * lanes.h: which lane goes next. Pure.
 *
 * The highest waiting lane goes first, but each pick earns every lower waiting lane share_percent of a turn; a lane
 * that has a whole turn together goes before the others. So under a steady stream of high jobs each lower lane still
 * starts share_percent of what starts, and without pressure the order is strict.
 */
#ifndef BELLMAN_LANES_H
#define BELLMAN_LANES_H

#include "ports/mq.h"

struct lane_draw {
    int64_t credit_percent[LANES];
};

/* The lane to take from, given which have something waiting; LANES when none has. */
enum lane lane_draw_next(struct lane_draw *draw, const bool waiting[LANES], int64_t share_percent);

#endif
