/*
 * ratelimit.h: how often a user may make a call, counted in MariaDB and so the same over all processes and hosts.
 *
 * GCRA (ITU-T I.371, as the leaky bucket "virtual scheduling"): a bucket is one number, the theoretical arrival time
 * tat. Each call moves tat by window/limit; a call that would move it further than one window ahead of now is refused
 * and changes nothing. So the whole limit may be used at once, and one call comes back every window/limit. The
 * database's clock decides.
 */
#ifndef BELLMAN_RATELIMIT_H
#define BELLMAN_RATELIMIT_H

#include "ground/conf.h"
#include "ports/db.h"

#define RATELIMIT_WINDOW_S 60

enum limit {
    LIMIT_NONE,
    LIMIT_SETTINGS_PUT,
    LIMIT_TEST_EMAIL,
    LIMIT_TEST_SMS,
    LIMIT_TEST_SLACK,
    LIMIT_TEST_WEBHOOK,
    LIMIT_CHECK,
    LIMIT_CANCEL,
    LIMITS
};

/* Calls a minute; 0 for LIMIT_NONE. */
int64_t limit_per_minute(enum limit limit, const struct conf *conf);

struct limit_state {
    bool allowed;
    int64_t quota;
    int64_t remaining;
    int64_t reset_s;       /* until the whole quota is there again */
    int64_t retry_after_s; /* until the next call is allowed; at least 1 */
};

/* Pure: what a bucket's row says. */
void ratelimit_describe(int64_t tat_us, int64_t now_us, bool allowed, int64_t quota, struct limit_state *ret);

/* Counts one call of the user. */
bool ratelimit_take(struct db *db, enum limit limit, const struct conf *conf, const char *org, const char *sub,
                    struct limit_state *ret, struct err *e) MUST_CHECK;

/* Deletes some buckets that are full again. */
bool ratelimit_cleanup(struct db *db, struct err *e) MUST_CHECK;

#endif
