#include "domain/cache.h"

#include <glib.h>
#include <pthread.h>

#include "ground/clock.h"

struct cache {
    pthread_mutex_t lock;
    GHashTable *entries; /* key -> struct entry, both owned */
    size_t max_entries;
    int64_t ttl_us;
};

struct entry {
    json_t *value;
    int64_t expires_us; /* monotonic */
};

static void entry_free(void *entry)
{
    struct entry *en = entry;
    json_decref(en->value);
    g_free(en);
}

struct cache *cache_new(size_t max_entries, int64_t ttl_ms)
{
    struct cache *c = g_new0(struct cache, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    c->max_entries = max_entries;
    c->ttl_us = ttl_ms * US_PER_MS;
    return c;
}

void cache_free(struct cache *c)
{
    if (c == NULL) {
        return;
    }
    g_hash_table_unref(c->entries);
    pthread_mutex_destroy(&c->lock);
    g_free(c);
}

/* Copies are made under the lock: two threads may not walk one json_t, even to read it. */
json_t *cache_get(struct cache *c, const char *key)
{
    json_t *copy = NULL;
    pthread_mutex_lock(&c->lock);
    const struct entry *en = g_hash_table_lookup(c->entries, key);
    if (en != NULL && clock_mono_us() >= en->expires_us) {
        g_hash_table_remove(c->entries, key);
    } else if (en != NULL) {
        copy = json_deep_copy(en->value);
    }
    pthread_mutex_unlock(&c->lock);
    return copy;
}

void cache_put(struct cache *c, const char *key, const json_t *value)
{
    if (c->max_entries == 0) {
        return;
    }
    struct entry *en = g_new0(struct entry, 1);
    en->value = json_deep_copy(value);
    en->expires_us = clock_mono_us() + c->ttl_us;
    pthread_mutex_lock(&c->lock);
    if (g_hash_table_size(c->entries) >= c->max_entries && !g_hash_table_contains(c->entries, key)) {
        g_hash_table_remove_all(c->entries);
    }
    g_hash_table_replace(c->entries, g_strdup(key), en);
    pthread_mutex_unlock(&c->lock);
}

void cache_drop(struct cache *c, const char *key)
{
    pthread_mutex_lock(&c->lock);
    g_hash_table_remove(c->entries, key);
    pthread_mutex_unlock(&c->lock);
}

size_t cache_flush(struct cache *c)
{
    pthread_mutex_lock(&c->lock);
    size_t count = g_hash_table_size(c->entries);
    g_hash_table_remove_all(c->entries);
    pthread_mutex_unlock(&c->lock);
    return count;
}
