/*
 * webhook_sign.h: the signature of Standard Webhooks (standardwebhooks/standard-webhooks, spec/standard-webhooks.md).
 * Pure.
 *
 *     webhook-id         the same on every attempt
 *     webhook-timestamp  seconds since 1970, of this attempt
 *     webhook-signature  "v1," base64 of HMAC-SHA256(secret, "<id>.<timestamp>.<body>"); while a secret is being
 *                        replaced two of them, parted by a space, and a receiver takes either
 */
#ifndef BELLMAN_WEBHOOK_SIGN_H
#define BELLMAN_WEBHOOK_SIGN_H

#include "ground/base.h"
#include "ground/err.h"

#define WEBHOOK_SECRET_PREFIX "whsec_"
#define WEBHOOK_KEY_MIN_BYTES 24
#define WEBHOOK_KEY_MAX_BYTES 64

/* ERR_INVALID unless the secret is the prefix and base64 (with or without "=") of 24 to 64 bytes. The text names no
 * part of it. */
bool webhook_secret_check(const char *secret, struct err *e);

/* The value of webhook-signature by one or two secrets that webhook_secret_check has passed; previous may be NULL or
 * empty. New, for g_free. */
char *webhook_sign(const char *secret, const char *previous, const char *id, int64_t timestamp_s, const char *body,
                   size_t body_bytes);

#endif
