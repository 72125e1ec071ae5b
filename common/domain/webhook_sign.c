#include "domain/webhook_sign.h"

#include <glib.h>
#include <string.h>

#define DIGEST_BYTES 32
#define ENCODED_MAX_BYTES 88 /* of the longest key */

struct key {
    guchar bytes[ENCODED_MAX_BYTES];
    size_t size;
};

static bool is_base64(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(text + length, "=");
    return text[length + padding] == '\0' && padding <= 2 && length % 4 != 1 &&
           (padding == 0 || (length + padding) % 4 == 0);
}

static bool read_key(const char *secret, struct key *key)
{
    if (!g_str_has_prefix(secret, WEBHOOK_SECRET_PREFIX)) {
        return false;
    }
    const char *encoded = secret + strlen(WEBHOOK_SECRET_PREFIX);
    if (strlen(encoded) > ENCODED_MAX_BYTES || !is_base64(encoded)) {
        return false;
    }
    gint state = 0;
    guint save = 0;
    key->size = g_base64_decode_step(encoded, strlen(encoded), key->bytes, &state, &save);
    if (strchr(encoded, '=') == NULL && strlen(encoded) % 4 != 0) {
        key->size += g_base64_decode_step("==", 4 - strlen(encoded) % 4, key->bytes + key->size, &state, &save);
    }
    return key->size >= WEBHOOK_KEY_MIN_BYTES && key->size <= WEBHOOK_KEY_MAX_BYTES;
}

bool webhook_secret_check(const char *secret, struct err *e)
{
    struct key key = {.size = 0};
    return read_key(secret, &key) ||
           err_set(e, ERR_INVALID, "must be " WEBHOOK_SECRET_PREFIX " and base64 of %d to %d bytes",
                   WEBHOOK_KEY_MIN_BYTES, WEBHOOK_KEY_MAX_BYTES);
}

static void append_signature(GString *out, const char *secret, const char *signed_head, const char *body,
                             size_t body_bytes)
{
    struct key key = {.size = 0};
    if (!read_key(secret, &key)) {
        return;
    }
    guint8 digest[DIGEST_BYTES];
    gsize size = sizeof(digest);
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, key.bytes, key.size);
    g_hmac_update(hmac, (const guchar *)signed_head, (gssize)strlen(signed_head));
    g_hmac_update(hmac, (const guchar *)body, (gssize)body_bytes);
    g_hmac_get_digest(hmac, digest, &size);
    g_hmac_unref(hmac);
    g_autofree char *encoded = g_base64_encode(digest, size);
    g_string_append_printf(out, "%sv1,%s", out->len > 0 ? " " : "", encoded);
}

char *webhook_sign(const char *secret, const char *previous, const char *id, int64_t timestamp_s, const char *body,
                   size_t body_bytes)
{
    g_autofree char *head = g_strdup_printf("%s.%" G_GINT64_FORMAT ".", id, timestamp_s);
    GString *out = g_string_new(NULL);
    append_signature(out, secret, head, body, body_bytes);
    if (previous != NULL && previous[0] != '\0') {
        append_signature(out, previous, head, body, body_bytes);
    }
    return g_string_free(out, FALSE);
}
