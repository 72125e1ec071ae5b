/*
 * token_cache.h: tokens whose signature has been verified, so that a client which sends the same one with every request
 * pays for the verification once. Keyed by the token's SHA-256: no token is kept in memory. One cache belongs to one
 * snapshot (state.h), so other keys or another configuration begin with an empty one. Locked inside.
 */
#ifndef BELLMAN_TOKEN_CACHE_H
#define BELLMAN_TOKEN_CACHE_H

#include "ports/token.h"

struct token_cache;

/* Holds at most max_entries; when it is full everything is dropped. */
struct token_cache *token_cache_new(size_t max_entries);
void token_cache_free(struct token_cache *cache); /* NULL is fine */

/* False for a token that was not put, or has expired: now_s >= exp + leeway_s, as token_verify decides it. Of what that
 * checks only the expiry can turn against a token once it was good. */
bool token_cache_get(struct token_cache *cache, const char *jwt, const struct token_opts *opts,
                     struct token_claims *ret);
/* claims are what token_verify gave for jwt. */
void token_cache_put(struct token_cache *cache, const char *jwt, const struct token_claims *claims);

#endif
