/*
 * provider_state.h: how a provider has been doing in this process, and how fast it may be used: a circuit breaker and a
 * rate.
 *
 * The breaker opens after so many failures in a row: nothing is sent for a while, then one message may try; when it
 * passes all may, else it is a while again. The rate is GCRA (as ratelimit.h): messages are spread evenly, with a tenth
 * of a second's worth at once. Whoever must wait is promised a time of its own, so that those who wait do not all come
 * back together.
 */
#ifndef BELLMAN_PROVIDER_STATE_H
#define BELLMAN_PROVIDER_STATE_H

#include "ground/base.h"

struct provider_rule {
    int64_t failures;       /* in a row that open the breaker */
    int64_t delay_ms;       /* for which it stays open */
    int64_t max_per_second; /* 0: any number */
};

/* --- one, pure; times are monotonic microseconds ------------------------------------------------------------------ */

struct provider_breaker {
    int64_t failures;
    int64_t open_until_us;
    int64_t probe_until_us; /* one message tries, and has until then to tell; 0: none does */
};
/* 0: go; else milliseconds to wait. */
int64_t provider_breaker_ask(struct provider_breaker *b, const struct provider_rule *rule, int64_t now_us);
void provider_breaker_ok(struct provider_breaker *b);
void provider_breaker_fail(struct provider_breaker *b, const struct provider_rule *rule, int64_t now_us);
/* Open for at least ms, whatever was counted: the provider asked for it, or nothing can pass. */
void provider_breaker_trip(struct provider_breaker *b, int64_t ms, int64_t now_us);

struct provider_rate {
    int64_t tat_us;
    int64_t promised_us;
};
/* The same; 0 takes a turn. */
int64_t provider_rate_ask(struct provider_rate *r, int64_t max_per_second, int64_t now_us);

/* --- all of a process, safe from any thread ----------------------------------------------------------------------- */

struct provider_states;
struct provider_states *provider_states_new(void);
void provider_states_free(struct provider_states *s);

enum provider_told {
    PROVIDER_TOLD_OK,      /* it took the message, or refused it for what it is */
    PROVIDER_TOLD_FAILURE, /* it is not well */
    PROVIDER_TOLD_TRIP,    /* not before ms */
    PROVIDER_TOLD_NOTHING, /* the try was broken off */
};

/* The breaker is found by key, the rate by rate_key. ret_is_open: the breaker says so, not the rate. */
int64_t provider_states_ask(struct provider_states *s, const char *key, const char *rate_key,
                            const struct provider_rule *rule, bool *ret_is_open);
void provider_states_tell(struct provider_states *s, const char *key, const struct provider_rule *rule,
                          enum provider_told what, int64_t ms);

#endif
