#include "lanes.h"

#include <glib.h>

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

enum lane lane_draw_next(struct lane_draw *draw, const bool waiting[LANES], const int64_t share_percent[LANES])
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
        draw->credit_percent[l] = waiting[l] ? draw->credit_percent[l] + share_percent[l] : 0;
    }
    return first;
}

int64_t lane_share_percent(int64_t least_percent, int64_t waited_s, int64_t ageing_s)
{
    if (ageing_s <= 0) {
        return least_percent;
    }
    int64_t aged_s = CLAMP(waited_s, 0, ageing_s);
    return least_percent + (WHOLE_TURN_PERCENT - least_percent) * aged_s / ageing_s;
}

static bool is_of_one(const struct lane_choice *choice)
{
    const uint32_t *first = NULL;
    for (int i = 0; i < TIERS * LANES; i++) {
        const uint32_t *flow = &choice->flow[i / LANES][i % LANES];
        bool waiting = choice->waiting[i / LANES][i % LANES];
        if (waiting && first != NULL && *flow != *first) {
            return false;
        }
        first = waiting ? flow : first;
    }
    return true;
}

/* Within a lane the tiers still take turns: what is delivered and not drawn keeps others from being delivered. */
static enum tier draw_together(struct tier_draw *draw, const struct lane_choice *choice, enum lane *ret_lane)
{
    bool waiting[LANES];
    int64_t share_percent[LANES];
    for (int l = 0; l < LANES; l++) {
        waiting[l] = choice->waiting[TIER_MAIN][l] || choice->waiting[TIER_BACKLOG][l];
        share_percent[l] = MAX(choice->share_percent[TIER_MAIN][l], choice->share_percent[TIER_BACKLOG][l]);
    }
    *ret_lane = lane_draw_next(&draw->together, waiting, share_percent);
    draw->is_backlogs_turn = !draw->is_backlogs_turn;
    enum tier turn = draw->is_backlogs_turn ? TIER_MAIN : TIER_BACKLOG;
    return choice->waiting[turn][*ret_lane] ? turn : TIERS - 1 - turn;
}

bool lane_choice_any(const struct lane_choice *choice)
{
    return highest_waiting(choice->waiting[TIER_MAIN]) != LANES ||
           highest_waiting(choice->waiting[TIER_BACKLOG]) != LANES;
}

bool tier_draw_next(struct tier_draw *draw, const struct lane_choice *choice, enum tier *ret_tier, enum lane *ret_lane)
{
    bool waiting[TIERS];
    for (enum tier t = TIER_MAIN; t < TIERS; t++) {
        waiting[t] = highest_waiting(choice->waiting[t]) != LANES;
    }
    if (!lane_choice_any(choice)) {
        return false;
    }
    bool is_contested = waiting[TIER_MAIN] && waiting[TIER_BACKLOG];
    if (is_contested && is_of_one(choice)) {
        *ret_tier = draw_together(draw, choice, ret_lane);
        return true;
    }
    enum tier tier = waiting[TIER_MAIN] && !(is_contested && draw->is_backlogs_turn) ? TIER_MAIN : TIER_BACKLOG;
    draw->is_backlogs_turn = is_contested && tier == TIER_MAIN;
    *ret_tier = tier;
    *ret_lane = lane_draw_next(&draw->lanes[tier], choice->waiting[tier], choice->share_percent[tier]);
    return true;
}
