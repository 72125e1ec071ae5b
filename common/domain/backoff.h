/*
 * backoff.h: how long to wait before the next attempt. Pure: the random number is a parameter.
 */
#ifndef BELLMAN_BACKOFF_H
#define BELLMAN_BACKOFF_H

#include "ground/base.h"
#include "ground/conf.h"

struct backoff {
    int64_t base_s;
    int64_t cap_s;
    int64_t jitter_percent;
    enum conf_retry_curve curve;
};

/* The wait before retry n (from 1), in milliseconds: min(cap, f(n)) seconds, give or take jitter_percent by random
 * (0..UINT32_MAX, the middle is no jitter). f: polynomial base + n^4 (Sidekiq's curve, job_retry.rb: count^4 + 15),
 * exponential base * 2^(n-1), linear base * n, fixed base. Saturates, never overflows. */
int64_t backoff_delay_ms(const struct backoff *b, int64_t retry_number, uint32_t random);

/* The policy of [retry]. */
struct backoff backoff_of_conf(const struct conf *conf);
/* Lays a policy's JSON text ({curve, base_s, cap_s, jitter_percent}, all optional) over b: a job's own over its type's.
 * NULL, and what is not such an object, changes nothing. */
void backoff_overlay(struct backoff *b, const char *policy);

#endif
