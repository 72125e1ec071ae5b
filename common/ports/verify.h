/*
 * verify.h: signatures of those who call us; the only includer of OpenSSL.
 *
 * Each returns true when the signature, base64 text, is that of the data; false also for keys, certificates and
 * signatures that cannot be read. Nothing here tells a caller which.
 */
#ifndef BELLMAN_VERIFY_H
#define BELLMAN_VERIFY_H

#include "ground/base.h"

#define VERIFY_SIGNATURE_CHARS_MAX 1024
#define VERIFY_KEY_CHARS_MAX 1024

/* HMAC-SHA1 by the key's bytes; compared in constant time. */
bool verify_hmac_sha1(const char *key, const void *data, size_t length_bytes, const char *signature);

/* ECDSA over P-256 with SHA-256, as DER; public_key is a SubjectPublicKeyInfo in base64 without the PEM lines. */
bool verify_ecdsa_p256(const char *public_key, const void *data, size_t length_bytes, const char *signature);

/* RSA PKCS #1 v1.5 by the certificate's key with SHA-256, or SHA-1 for old protocols. The certificate (PEM) must hold
 * at now_s; who it belongs to is for the caller to know from where he has it. */
bool verify_certificate(const char *pem, int64_t now_s, bool is_sha256, const void *data, size_t length_bytes,
                        const char *signature);

#endif
