/*
 * backoff.h: how long to wait before the next attempt. Pure: the random number is a parameter.
 */
#ifndef BELLMAN_BACKOFF_H
#define BELLMAN_BACKOFF_H

#include "ground/base.h"

struct backoff {
    int64_t base_s;
    int64_t cap_s;
    int64_t jitter_percent;
};

/* min(cap, base + n^4) seconds, n = retry number from 1, with +-jitter_percent by random (0..UINT32_MAX, the middle is
 * no jitter), in milliseconds. The curve is Sidekiq's (job_retry.rb: count^4 + 15); saturates, never overflows. */
int64_t backoff_delay_ms(const struct backoff *b, int64_t retry_number, uint32_t random);

#endif
