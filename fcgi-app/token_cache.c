#include "token_cache.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "ports/seal.h"

#define HASH_BYTES 32

struct entry {
    unsigned char hash[HASH_BYTES];
    char org[TOKEN_ORG_BYTES];
    unsigned roles;
    int64_t exp_s;
    char sub[]; /* as long as it is: most are a tenth of what they may be */
};

struct token_cache {
    pthread_mutex_t lock;
    GHashTable *entries; /* struct entry, its hash being the key */
    size_t max_entries;
};

/* Any part of a SHA-256 is a good hash. */
static guint hash_entry(gconstpointer key)
{
    guint head = 0;
    memcpy(&head, key, sizeof(head));
    return head;
}

static gboolean same_entry(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, HASH_BYTES) == 0;
}

struct token_cache *token_cache_new(size_t max_entries)
{
    struct token_cache *cache = g_new0(struct token_cache, 1);
    pthread_mutex_init(&cache->lock, NULL);
    cache->entries = g_hash_table_new_full(hash_entry, same_entry, NULL, g_free);
    cache->max_entries = max_entries;
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    g_hash_table_unref(cache->entries);
    pthread_mutex_destroy(&cache->lock);
    g_free(cache);
}

bool token_cache_get(struct token_cache *cache, const char *jwt, const struct token_opts *opts,
                     struct token_claims *ret)
{
    unsigned char hash[HASH_BYTES];
    seal_sha256(jwt, strlen(jwt), hash);
    pthread_mutex_lock(&cache->lock);
    const struct entry *entry = g_hash_table_lookup(cache->entries, hash);
    bool is_good = entry != NULL && opts->now_s < entry->exp_s + opts->leeway_s;
    if (is_good) {
        ret->roles = entry->roles;
        ret->exp_s = entry->exp_s;
        g_strlcpy(ret->org, entry->org, sizeof(ret->org));
        g_strlcpy(ret->sub, entry->sub, sizeof(ret->sub));
    }
    pthread_mutex_unlock(&cache->lock);
    return is_good;
}

void token_cache_put(struct token_cache *cache, const char *jwt, const struct token_claims *claims)
{
    size_t sub_bytes = strlen(claims->sub) + 1;
    struct entry *entry = g_malloc0(sizeof(*entry) + sub_bytes);
    seal_sha256(jwt, strlen(jwt), entry->hash);
    entry->roles = claims->roles;
    entry->exp_s = claims->exp_s;
    g_strlcpy(entry->org, claims->org, sizeof(entry->org));
    g_strlcpy(entry->sub, claims->sub, sub_bytes);
    pthread_mutex_lock(&cache->lock);
    if (g_hash_table_size(cache->entries) >= cache->max_entries) {
        g_hash_table_remove_all(cache->entries);
    }
    /* replace, not insert: the key is inside the value, and the old value goes. */
    g_hash_table_replace(cache->entries, entry->hash, entry);
    pthread_mutex_unlock(&cache->lock);
}
