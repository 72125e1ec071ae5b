#include "ratelimit.h"

#include <glib.h>

#define WINDOW_US (RATELIMIT_WINDOW_S * US_PER_S)
#define TRIES 8

static const struct {
    const char *name;
    size_t offset; /* of the limit in struct conf */
} limits[LIMITS] = {
    [LIMIT_SETTINGS_PUT] = {.name = "settings_put", .offset = offsetof(struct conf, limits.settings_put_per_min)},
    [LIMIT_TEST_EMAIL] = {.name = "test_email", .offset = offsetof(struct conf, limits.test_email_per_min)},
    [LIMIT_TEST_SMS] = {.name = "test_sms", .offset = offsetof(struct conf, limits.test_email_per_min)},
    [LIMIT_TEST_SLACK] = {.name = "test_slack", .offset = offsetof(struct conf, limits.test_email_per_min)},
    [LIMIT_TEST_WEBHOOK] = {.name = "test_webhook", .offset = offsetof(struct conf, limits.test_email_per_min)},
    [LIMIT_CHECK] = {.name = "check", .offset = offsetof(struct conf, limits.test_email_per_min)},
    [LIMIT_CANCEL] = {.name = "cancel", .offset = offsetof(struct conf, limits.cancel_per_min)},
};

int64_t limit_per_minute(enum limit limit, const struct conf *conf)
{
    if (limit == LIMIT_NONE || limit >= LIMITS) {
        return 0;
    }
    const void *at = (const char *)conf + limits[limit].offset;
    return *(const int64_t *)at;
}

static int64_t ceil_s(int64_t us)
{
    return us <= 0 ? 0 : (us + US_PER_S - 1) / US_PER_S;
}

void ratelimit_describe(int64_t tat_us, int64_t now_us, bool allowed, int64_t quota, struct limit_state *ret)
{
    int64_t step_us = WINDOW_US / quota;
    int64_t ahead_us = CLAMP(tat_us - now_us, 0, WINDOW_US);
    *ret = (struct limit_state){
        .allowed = allowed,
        .quota = quota,
        .remaining = allowed ? MIN((WINDOW_US - ahead_us) / step_us, quota) : 0,
        .reset_s = ceil_s(ahead_us),
        .retry_after_s = MAX(ceil_s(ahead_us + step_us - WINDOW_US), 1),
    };
}

/* The row's own values are on the right-hand sides: assignments are made from left to right, and `allowed` is used by
 * those after it. */
static const char take_sql[] =
    "INSERT INTO rate_limits (bucket, tat_us, allowed, expires_at)"
    " VALUES (?, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) + ?, 1,"
    " UTC_TIMESTAMP(6) + INTERVAL 2 MINUTE)"
    " ON DUPLICATE KEY UPDATE"
    " allowed = GREATEST(tat_us, VALUES(tat_us) - ?) + ? <= VALUES(tat_us) - ? + ?,"
    " tat_us = LEAST(IF(allowed = 1, GREATEST(tat_us, VALUES(tat_us) - ?) + ?, tat_us), VALUES(tat_us) - ? + ?),"
    " expires_at = VALUES(expires_at)"
    " RETURNING tat_us, allowed, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

static bool take_once(struct db *db, const char *bucket, int64_t step_us, struct db_result *r, struct err *e)
{
    return db_run(db, r, e, take_sql,
                  DB_PARAMS(db_text(bucket), DB_INT(step_us), DB_INT(step_us), DB_INT(step_us), DB_INT(step_us),
                            DB_INT(WINDOW_US), DB_INT(step_us), DB_INT(step_us), DB_INT(step_us), DB_INT(WINDOW_US)));
}

bool ratelimit_take(struct db *db, enum limit limit, const struct conf *conf, const char *org, const char *sub,
                    struct limit_state *ret, struct err *e)
{
    int64_t quota = limit_per_minute(limit, conf);
    if (quota <= 0) {
        return err_set(e, ERR_INTERNAL, "this call has no limit to take from");
    }
    int64_t step_us = WINDOW_US / quota;
    g_autofree char *bucket = g_strconcat(limits[limit].name, "|", org, "|", sub, NULL);
    struct db_result r CLEANUP(db_result_release) = {0};
    bool done = take_once(db, bucket, step_us, &r, e);
    for (int i = 1; !done && e->code == ERR_LOCKED && i < TRIES; i++) {
        err_clear(e);
        done = take_once(db, bucket, step_us, &r, e);
    }
    if (!done) {
        return false;
    }
    if (r.rows != 1) {
        return err_set(e, ERR_INTERNAL, "the rate limit's statement returned %zu rows", r.rows);
    }
    ratelimit_describe(db_cell_int(&r, 0, 0), db_cell_int(&r, 0, 2), db_cell_int(&r, 0, 1) != 0, quota, ret);
    return true;
}

bool ratelimit_cleanup(struct db *db, struct err *e)
{
    return db_run(db, NULL, e, "DELETE FROM rate_limits WHERE expires_at < UTC_TIMESTAMP(6) LIMIT 1000", DB_NO_PARAMS);
}
