#include "domain/gather.h"

#include <glib.h>

#define WINDOW_US (100 * US_PER_MS)
#define BUSY 100                   /* messages in a window: from a thousand a second on they go together */
#define GATHER_US (10 * US_PER_MS) /* the longest wait */
#define ENOUGH 64                  /* so many go at once */

void gather_note(struct gather *g, size_t n, int64_t now_us)
{
    int64_t age_us = now_us - g->window_us;
    if (age_us >= WINDOW_US) {
        g->before = age_us < 2 * WINDOW_US ? g->count : 0;
        g->count = 0;
        g->window_us = now_us;
    }
    g->count += n;
    g->last_us = now_us;
}

static bool is_busy(const struct gather *g, int64_t now_us)
{
    int64_t age_us = now_us - g->window_us;
    return (age_us < WINDOW_US && g->before >= BUSY) || (age_us < 2 * WINDOW_US && g->count >= BUSY);
}

int64_t gather_wait_us(const struct gather *g, size_t n, int64_t now_us)
{
    if (n == 0 || n >= ENOUGH || !is_busy(g, now_us)) {
        return 0;
    }
    return MAX(0, g->last_us + GATHER_US - now_us);
}
