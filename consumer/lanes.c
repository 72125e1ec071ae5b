#include "lanes.h"

#define WHOLE_TURN_PERCENT 100

static enum lane highest_waiting(const bool waiting[LANES])
{
    for (enum lane l = LANE_HIGH; l < LANES; l++) {
        if (waiting[l]) {
            return l;
        }
    }
    return LANES;
}

static enum lane owed_a_turn(const struct lane_draw *draw, const bool waiting[LANES])
{
    enum lane owed = LANES;
    for (enum lane l = LANE_HIGH; l < LANES; l++) {
        bool whole = waiting[l] && draw->credit_percent[l] >= WHOLE_TURN_PERCENT;
        if (whole && (owed == LANES || draw->credit_percent[l] >= draw->credit_percent[owed])) {
            owed = l;
        }
    }
    return owed;
}

enum lane lane_draw_next(struct lane_draw *draw, const bool waiting[LANES], int64_t share_percent)
{
    enum lane first = highest_waiting(waiting);
    if (first == LANES) {
        return LANES;
    }
    enum lane owed = owed_a_turn(draw, waiting);
    if (owed != LANES) {
        draw->credit_percent[owed] -= WHOLE_TURN_PERCENT;
        return owed;
    }
    for (enum lane l = first + 1; l < LANES; l++) {
        /* An empty lane keeps no credit: it would jump the queue long after the pressure ended. */
        draw->credit_percent[l] = waiting[l] ? draw->credit_percent[l] + share_percent : 0;
    }
    return first;
}
