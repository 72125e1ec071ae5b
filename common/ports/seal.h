/*
 * seal.h: secrets at rest, the only includer of libsodium.
 *
 * XChaCha20-Poly1305 (IETF, 24-byte random nonce). Blob: version 1 (1 byte) | key id (4 bytes, big endian) | nonce (24)
 * | ciphertext and tag; stored as base64 text. The context ("table.column|organization|row") is authenticated, so that
 * a blob copied to another row does not open. Keyring file, mode 0600: one "id:base64(32 bytes)" a line; the last line
 * seals, every line opens.
 */
#ifndef BELLMAN_SEAL_H
#define BELLMAN_SEAL_H

#include "ground/base.h"
#include "ground/err.h"

struct seal;

struct seal *seal_open_keyring(const char *file, struct err *e) MUST_CHECK;
void seal_free(struct seal *seal); /* wipes the keys */
/* Writes a new keyring with one key (refuses to overwrite). */
bool seal_create_keyring(const char *file, struct err *e) MUST_CHECK;
/* Adds a key behind the others, so that it seals from now on for whoever opens the keyring anew; the file is replaced
 * whole. ret_id names it. */
bool seal_add_key(const char *file, uint32_t *ret_id, struct err *e) MUST_CHECK;

/* Both return new NUL-terminated text to be freed with seal_text_free, or NULL. */
char *seal_encrypt(const struct seal *seal, const char *context, const char *plain, struct err *e) MUST_CHECK;
char *seal_decrypt(const struct seal *seal, const char *context, const char *sealed, struct err *e) MUST_CHECK;
void seal_text_free(char *text); /* wipes first */
/* Whether the key that seals now has sealed it. */
bool seal_is_newest(const struct seal *seal, const char *sealed);

#define SEAL_MAC_BYTES 16
/* A keyed hash (BLAKE2b) of context and text by the newest key; seal_mac_check takes one by any key of the ring, in
 * constant time. */
void seal_mac(const struct seal *seal, const char *context, const char *text, unsigned char out[SEAL_MAC_BYTES]);
bool seal_mac_check(const struct seal *seal, const char *context, const char *text,
                    const unsigned char mac[SEAL_MAC_BYTES]);

void seal_sha256(const void *data, size_t length_bytes, unsigned char out[32]);

#endif
