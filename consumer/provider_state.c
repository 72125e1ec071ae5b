#include "provider_state.h"

#include <glib.h>
#include <pthread.h>

#include "ground/clock.h"

#define STATES_MAX 20000 /* then all are forgotten: they begin as good ones */
#define TRIP_MAX_MS (3600 * MS_PER_S)
#define BURST_SHARE 10

/* --- one ---------------------------------------------------------------------------------------------------------- */

static int64_t wait_ms(int64_t until_us, int64_t now_us)
{
    return until_us <= now_us ? 0 : (until_us - now_us + US_PER_MS - 1) / US_PER_MS;
}

int64_t provider_breaker_ask(struct provider_breaker *b, const struct provider_rule *rule, int64_t now_us)
{
    if (b->open_until_us == 0) {
        return 0;
    }
    int64_t wait = MAX(wait_ms(b->open_until_us, now_us), wait_ms(b->probe_until_us, now_us));
    if (wait == 0) {
        b->probe_until_us = now_us + rule->delay_ms * US_PER_MS;
    }
    return wait;
}

void provider_breaker_ok(struct provider_breaker *b)
{
    *b = (struct provider_breaker){0};
}

void provider_breaker_fail(struct provider_breaker *b, const struct provider_rule *rule, int64_t now_us)
{
    b->failures++;
    b->probe_until_us = 0;
    if (b->failures >= rule->failures) {
        provider_breaker_trip(b, rule->delay_ms, now_us);
    }
}

void provider_breaker_trip(struct provider_breaker *b, int64_t ms, int64_t now_us)
{
    b->probe_until_us = 0;
    b->open_until_us = MAX(b->open_until_us, now_us + MIN(ms, TRIP_MAX_MS) * US_PER_MS);
}

int64_t provider_rate_ask(struct provider_rate *r, int64_t max_per_second, int64_t now_us)
{
    if (max_per_second <= 0) {
        return 0;
    }
    int64_t interval_us = US_PER_S / max_per_second;
    int64_t burst_us = interval_us * (max_per_second / BURST_SHARE);
    int64_t tat_us = MAX(r->tat_us, now_us);
    if (tat_us - now_us <= burst_us) {
        r->tat_us = tat_us + interval_us;
        return 0;
    }
    r->promised_us = MAX(r->promised_us, tat_us) + interval_us;
    return MAX(wait_ms(r->promised_us, now_us), 1);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

struct provider_states {
    pthread_mutex_t lock;
    GHashTable *breakers; /* text -> struct provider_breaker, both owned */
    GHashTable *rates;    /* text -> struct provider_rate */
};

struct provider_states *provider_states_new(void)
{
    struct provider_states *s = g_new0(struct provider_states, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->breakers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    s->rates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return s;
}

void provider_states_free(struct provider_states *s)
{
    if (s == NULL) {
        return;
    }
    g_hash_table_unref(s->breakers);
    g_hash_table_unref(s->rates);
    pthread_mutex_destroy(&s->lock);
    g_free(s);
}

static void *find(GHashTable *table, const char *key, size_t size_bytes)
{
    void *found = g_hash_table_lookup(table, key);
    if (found == NULL) {
        if (g_hash_table_size(table) >= STATES_MAX) {
            g_hash_table_remove_all(table);
        }
        found = g_malloc0(size_bytes);
        g_hash_table_insert(table, g_strdup(key), found);
    }
    return found;
}

int64_t provider_states_ask(struct provider_states *s, const char *key, const char *rate_key,
                            const struct provider_rule *rule, bool *ret_is_open)
{
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&s->lock);
    struct provider_breaker *breaker = find(s->breakers, key, sizeof(*breaker));
    struct provider_rate *rate = find(s->rates, rate_key, sizeof(*rate));
    struct provider_breaker before = *breaker;
    int64_t wait = provider_breaker_ask(breaker, rule, now_us);
    *ret_is_open = wait > 0;
    if (wait == 0) {
        wait = provider_rate_ask(rate, rule->max_per_second, now_us);
        *breaker = wait > 0 ? before : *breaker; /* who waits for the rate tries nothing */
    }
    pthread_mutex_unlock(&s->lock);
    return wait;
}

void provider_states_tell(struct provider_states *s, const char *key, const struct provider_rule *rule,
                          enum provider_told what, int64_t ms)
{
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&s->lock);
    struct provider_breaker *breaker = find(s->breakers, key, sizeof(*breaker));
    switch (what) {
    case PROVIDER_TOLD_OK:
        provider_breaker_ok(breaker);
        break;
    case PROVIDER_TOLD_FAILURE:
        provider_breaker_fail(breaker, rule, now_us);
        break;
    case PROVIDER_TOLD_TRIP:
        provider_breaker_trip(breaker, ms, now_us);
        break;
    case PROVIDER_TOLD_NOTHING:
        breaker->probe_until_us = 0;
        break;
    }
    pthread_mutex_unlock(&s->lock);
}
