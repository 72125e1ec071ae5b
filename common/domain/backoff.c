#include "domain/backoff.h"

#include "ground/base.h"

/* From here on n^4 alone is over any cap; it keeps the power within 64 bits. */
#define RETRY_NUMBER_MAX 10000
#define RANDOM_MIDDLE (INT64_C(1) << 31)
#define DELAY_MAX_S (INT64_MAX / MS_PER_S / 4)

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int64_t backoff_delay_ms(const struct backoff *b, int64_t retry_number, uint32_t random)
{
    int64_t n = clamp(retry_number, 1, RETRY_NUMBER_MAX);
    int64_t base_s = clamp(b->base_s, 0, DELAY_MAX_S / 2);
    int64_t delay_s = clamp(base_s + n * n * n * n, 0, clamp(b->cap_s, 0, DELAY_MAX_S));
    int64_t spread_ms = delay_s * 10 * clamp(b->jitter_percent, 0, 100); /* s * 1000 / 100 */
    double deviation = (double)((int64_t)random - RANDOM_MIDDLE) / (double)RANDOM_MIDDLE;
    return clamp(delay_s * MS_PER_S + (int64_t)((double)spread_ms * deviation), 0, INT64_MAX);
}
