#include "domain/backoff.h"

#include <jansson.h>
#include <string.h>

#include "ground/conf_key.h"

/* From here on n^4 alone is over any cap; it keeps the power within 64 bits. */
#define RETRY_NUMBER_MAX 10000
#define RANDOM_MIDDLE (INT64_C(1) << 31)
#define DELAY_MAX_S (INT64_MAX / MS_PER_S / 4)

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* base is at most DELAY_MAX_S / 2, n from 1 to RETRY_NUMBER_MAX; each result is at most INT64_MAX. */
static int64_t polynomial(int64_t base_s, int64_t n)
{
    return base_s + n * n * n * n;
}

static int64_t exponential(int64_t base_s, int64_t n)
{
    int64_t delay_s = base_s;
    for (int64_t i = 1; i < n && delay_s > 0 && delay_s < DELAY_MAX_S; i++) {
        delay_s *= 2;
    }
    return delay_s;
}

static int64_t linear(int64_t base_s, int64_t n)
{
    return base_s > DELAY_MAX_S / n ? DELAY_MAX_S : base_s * n;
}

static int64_t fixed(int64_t base_s, int64_t n UNUSED)
{
    return base_s;
}

static int64_t (*const curves[])(int64_t base_s, int64_t n) = {
    [CONF_RETRY_POLYNOMIAL] = polynomial,
    [CONF_RETRY_EXPONENTIAL] = exponential,
    [CONF_RETRY_LINEAR] = linear,
    [CONF_RETRY_FIXED] = fixed,
};

int64_t backoff_delay_ms(const struct backoff *b, int64_t retry_number, uint32_t random)
{
    int64_t n = clamp(retry_number, 1, RETRY_NUMBER_MAX);
    int64_t base_s = clamp(b->base_s, 0, DELAY_MAX_S / 2);
    int64_t delay_s = clamp(curves[b->curve](base_s, n), 0, clamp(b->cap_s, 0, DELAY_MAX_S));
    int64_t spread_ms = delay_s * 10 * clamp(b->jitter_percent, 0, 100); /* s * 1000 / 100 */
    double deviation = (double)((int64_t)random - RANDOM_MIDDLE) / (double)RANDOM_MIDDLE;
    return clamp(delay_s * MS_PER_S + (int64_t)((double)spread_ms * deviation), 0, INT64_MAX);
}

struct backoff backoff_of_conf(const struct conf *conf)
{
    return (struct backoff){
        .base_s = conf->retry.base_s,
        .cap_s = conf->retry.cap_s,
        .jitter_percent = conf->retry.jitter_percent,
        .curve = (enum conf_retry_curve)conf->retry.curve,
    };
}

static void overlay_int(int64_t *member, const json_t *policy, const char *name)
{
    const json_t *value = json_object_get(policy, name);
    if (json_is_integer(value)) {
        *member = json_integer_value(value);
    }
}

void backoff_overlay(struct backoff *b, const char *policy)
{
    json_auto_t *object = policy == NULL ? NULL : json_loads(policy, 0, NULL);
    const char *curve = json_string_value(json_object_get(object, "curve"));
    for (size_t i = 0; curve != NULL && conf_retry_curves[i] != NULL; i++) {
        if (strcmp(conf_retry_curves[i], curve) == 0) {
            b->curve = (enum conf_retry_curve)i;
        }
    }
    overlay_int(&b->base_s, object, "base_s");
    overlay_int(&b->cap_s, object, "cap_s");
    overlay_int(&b->jitter_percent, object, "jitter_percent");
}
