#include "ports/verify.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define SHA1_BYTES 20
#define RSA_BITS_MIN 2048

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}
static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}
static void free_digest(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

/* NULL: empty, too long, or no base64. */
static guchar *decode(const char *text, size_t chars_max, gsize *ret_n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t length = text == NULL ? 0 : strlen(text);
    if (length == 0 || length > chars_max || length % 4 != 0 || strspn(text, alphabet) != length) {
        return NULL;
    }
    return g_base64_decode(text, ret_n);
}

bool verify_hmac_sha1(const char *key, const void *data, size_t length_bytes, const char *signature)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_bytes = 0;
    gsize n = 0;
    g_autofree guchar *given = decode(signature, VERIFY_SIGNATURE_CHARS_MAX, &n);
    return given != NULL && n == SHA1_BYTES &&
           HMAC(EVP_sha1(), key, (int)strlen(key), data, length_bytes, digest, &digest_bytes) != NULL &&
           digest_bytes == SHA1_BYTES && CRYPTO_memcmp(given, digest, SHA1_BYTES) == 0;
}

static bool verify_by(EVP_PKEY *key, const EVP_MD *md, const void *data, size_t length_bytes, const char *signature)
{
    gsize n = 0;
    g_autofree guchar *given = decode(signature, VERIFY_SIGNATURE_CHARS_MAX, &n);
    CLEANUP(free_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    return given != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, given, n, data, length_bytes) == 1;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[64] = "";
    size_t n = 0;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

bool verify_ecdsa_p256(const char *public_key, const void *data, size_t length_bytes, const char *signature)
{
    gsize n = 0;
    g_autofree guchar *der = decode(public_key, VERIFY_KEY_CHARS_MAX, &n);
    const unsigned char *at = der;
    CLEANUP(free_key) EVP_PKEY *key = der == NULL ? NULL : d2i_PUBKEY(NULL, &at, (long)n);
    return key != NULL && is_p256(key) && verify_by(key, EVP_sha256(), data, length_bytes, signature);
}

static bool holds_at(const X509 *certificate, int64_t now_s)
{
    time_t now = (time_t)now_s;
    return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

bool verify_certificate(const char *pem, int64_t now_s, bool is_sha256, const void *data, size_t length_bytes,
                        const char *signature)
{
    CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem, -1);
    CLEANUP(free_certificate) X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
           holds_at(certificate, now_s) &&
           verify_by(key, is_sha256 ? EVP_sha256() : EVP_sha1(), data, length_bytes, signature);
}
