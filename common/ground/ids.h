/*
 * ids.h: identifiers. Jobs and requests get a UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix
 * milliseconds, then a counter and random bits, so that ids made by one process rise.
 */
#ifndef BELLMAN_IDS_H
#define BELLMAN_IDS_H

#include "ground/base.h"

#define UUID_TEXT_BYTES 37 /* 36 characters and the NUL */

/* A new UUIDv7 in lower case. Safe from any thread. */
void uuid7_new(char out[UUID_TEXT_BYTES]);

/* True for exactly 36 characters of hyphenated hex. */
bool uuid_is_valid(const char *text);

#endif
