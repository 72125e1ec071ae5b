/*
 * pace.h: how long jobs of a type usually run, so that the claimer takes many short jobs at a time but never lets a
 * claimed one wait behind a long one. An exponentially weighted mean (weight 1/8) per type. Not locked: the pipeline's
 * lock guards it.
 */
#ifndef BELLMAN_PACE_H
#define BELLMAN_PACE_H

#include <glib.h>

#include "ground/base.h"

/* What a type that has never run here is taken for: long enough that only idle runners get it. */
#define PACE_UNKNOWN_US (50 * US_PER_MS)

struct pace {
    GHashTable *mean_us; /* job type -> int64_t */
};

void pace_init(struct pace *p);
void pace_release(struct pace *p);
int64_t pace_expect_us(const struct pace *p, const char *job_type);
void pace_record(struct pace *p, const char *job_type, int64_t took_us);

#endif
