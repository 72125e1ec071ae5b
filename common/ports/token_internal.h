/*
 * token_internal.h: a key as the files of token.h see it.
 */
#ifndef BELLMAN_TOKEN_INTERNAL_H
#define BELLMAN_TOKEN_INTERNAL_H

#include <cjose/cjose.h>
#include <stdatomic.h>

#include "ports/token.h"

#define TOKEN_KEYS_MAX 100

enum token_alg { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256, TOKEN_ALGS };

struct token_alg_row {
    const char *name;
    const char *kty;
    const char *private_member; /* of a JWK that can sign */
};
extern const struct token_alg_row token_algs[TOKEN_ALGS];

struct token_key {
    enum token_alg alg;
    char *kid; /* NULL: the JWK has none */
    cjose_jwk_t *jwk;
    size_t signature_bytes;
    bool can_sign;
};

struct token_keys {
    atomic_int refs;
    size_t n;
    struct token_key keys[TOKEN_KEYS_MAX];
};

bool token_org_is_valid(const char *org);
/* 1 to 128 characters without control characters; s is UTF-8. */
bool token_sub_is_valid(const char *s);

#endif
