/*
 * token_create.h: new signing keys for token.h.
 */
#ifndef BELLMAN_TOKEN_CREATE_H
#define BELLMAN_TOKEN_CREATE_H

#include <jansson.h>

#include "ground/base.h"
#include "ground/err.h"

/* A JWK set (RFC 7517) with one new private key for alg ("HS256": 256 random bits; "ES256": P-256; "RS256": RSA 3072)
 * and a random kid. ERR_INVALID for another alg. New reference. */
bool token_create_keys(const char *alg, json_t **ret, struct err *e) MUST_CHECK;

#endif
