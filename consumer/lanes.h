/*
 * lanes.h: which tier and which lane go next. Pure.
 *
 * Tiers take turns, one for one, while both have something waiting (mq.h says what is in which). When all that is
 * next is of one organization there is nobody to be fair to: its priorities alone decide, whatever the tier.
 *
 * Within a tier the highest waiting lane goes first, but each pick earns every lower waiting lane a share of a turn; a
 * lane that has a whole turn together goes before the others. So under a steady stream of high jobs each lower lane
 * still starts share_percent of what starts, and without pressure the order is strict.
 *
 * Ageing: that share grows with the wait of the job at the lane's head, in a straight line from the configured share
 * to a whole turn, when the lane has every other start.
 */
#ifndef BELLMAN_LANES_H
#define BELLMAN_LANES_H

#include "ports/mq.h"

struct lane_draw {
    int64_t credit_percent[LANES];
};

/* The lane to take from, given which have something waiting and their shares (of the highest lane: not used); LANES
 * when none has. */
enum lane lane_draw_next(struct lane_draw *draw, const bool waiting[LANES], const int64_t share_percent[LANES]);

/* The share of a lane whose head has waited for waited_s seconds. ageing_s 0: shares do not grow. */
int64_t lane_share_percent(int64_t least_percent, int64_t waited_s, int64_t ageing_s);

/* What may be taken: in each tier and lane. */
struct lane_choice {
    bool waiting[TIERS][LANES];
    int64_t share_percent[TIERS][LANES];
    uint32_t flow[TIERS][LANES]; /* whose it is (job_flow) */
};

/* Anything? */
bool lane_choice_any(const struct lane_choice *choice);

struct tier_draw {
    struct lane_draw lanes[TIERS];
    struct lane_draw together; /* of both tiers, for one organization */
    bool is_backlogs_turn;
};

/* False when nothing is waiting. */
bool tier_draw_next(struct tier_draw *draw, const struct lane_choice *choice, enum tier *ret_tier, enum lane *ret_lane);

#endif
