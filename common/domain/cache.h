/*
 * cache.h: a small map from text to JSON with an age limit, for what a process may remember between requests. Locked
 * inside.
 */
#ifndef BELLMAN_CACHE_H
#define BELLMAN_CACHE_H

#include <jansson.h>

#include "ground/base.h"

struct cache;

/* Holds at most max_entries (the whole map is dropped when it is full), each for ttl_ms. */
struct cache *cache_new(size_t max_entries, int64_t ttl_ms);
void cache_free(struct cache *c);
/* A deep copy the caller owns, or NULL. */
json_t *cache_get(struct cache *c, const char *key);
void cache_put(struct cache *c, const char *key, const json_t *value);
void cache_drop(struct cache *c, const char *key);
/* Drops everything; returns how many entries there were. */
size_t cache_flush(struct cache *c);

#endif
