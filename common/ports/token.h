/*
 * token.h: JSON Web Tokens (RFC 7519) signed by the keys of a JWK set (RFC 7517); the only includer of cjose.
 *
 * The algorithm comes from the key, never from the token: a key is HS256, RS256 or ES256 by its kty (and alg, when
 * it has one), and a token whose header says anything else is refused before a signature is computed (RFC 8725 3.1).
 * A token may not bring its key along (jwk, jku, x5c, x5u) nor ask for extensions (crit, b64).
 */
#ifndef BELLMAN_TOKEN_H
#define BELLMAN_TOKEN_H

#include "ground/base.h"
#include "ground/err.h"

#define TOKEN_MAX_BYTES 8192
#define TOKEN_ORG_BYTES 65  /* 64 of A-Z a-z 0-9 . _ - and the NUL */
#define TOKEN_SUB_BYTES 513 /* 128 characters of UTF-8 and the NUL */

/* Bits of struct token_claims.roles; names that are none of these are passed over. */
enum token_role { TOKEN_ROLE_SYSTEM_ADMIN = 1 << 0, TOKEN_ROLE_SERVICE = 1 << 1 };

/* 0 when there is no such role. */
unsigned token_role_bit(const char *name);
/* The name of one bit. */
const char *token_role_name(unsigned bit);

/* The keys of one file; never changes once loaded, so any number of threads may verify with it. */
struct token_keys;

/* Keys for encryption or of other algorithms are passed over; ERR_INVALID for a file that is not a JWK set, a weak key
 * (HMAC below 32 bytes, RSA below 2048 bits), the same kid twice, or no usable key at all. */
struct token_keys *token_keys_load(const char *file, struct err *e) MUST_CHECK;
/* The same from text; for tests. */
struct token_keys *token_keys_parse(const char *text, size_t length_bytes, struct err *e) MUST_CHECK;
struct token_keys *token_keys_ref(struct token_keys *keys);
void token_keys_unref(struct token_keys *keys); /* NULL is fine */
size_t token_keys_count(const struct token_keys *keys);

struct token_opts {
    const char *issuer;   /* NULL or empty: not checked */
    const char *audience; /* NULL or empty: not checked */
    int64_t leeway_s;     /* for exp, nbf and iat */
    int64_t now_s;        /* seconds since 1970 */
};

struct token_claims {
    char org[TOKEN_ORG_BYTES];
    char sub[TOKEN_SUB_BYTES];
    unsigned roles; /* enum token_role */
    int64_t exp_s;
};

/* ERR_DENIED with the reason for every token that is not to be trusted; *ret is then untouched. A token without kid is
 * tried with the one key of its algorithm, and refused when there are several. */
bool token_verify(const struct token_keys *keys, const char *jwt, const struct token_opts *opts,
                  struct token_claims *ret, struct err *e) MUST_CHECK;

/* A token signed with the first key of the file that can sign. issuer and audience may be NULL or empty. The caller
 * frees it with g_free. */
char *token_sign(const char *jwks_file, const char *issuer, const char *audience, const char *org, const char *sub,
                 const char *role, int64_t ttl_s, struct err *e) MUST_CHECK;

#endif
