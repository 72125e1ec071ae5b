/*
 * Tokens and key sets. The first byte chooses:
 *   'r'  the rest is a token as it came; nobody but us has the key, so none may be trusted
 *   's'  the rest is "header LF claims", which is signed with our HMAC key: what the claims say is reached
 *   'k'  the rest is a key set
 */
#include "fuzz.h"

#include <string.h>

#include "ports/token.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static const char key_set[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\","
    "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"},"
    "{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static const struct token_opts opts = {.leeway_s = 60, .now_s = 1700000000};

static struct token_keys *our_keys(void)
{
    static struct token_keys *keys;
    struct err e = {0};
    if (keys == NULL) {
        keys = token_keys_parse(key_set, strlen(key_set), &e);
        if (keys == NULL) {
            g_printerr("%s\n", e.text);
        }
        MUST_HOLD(keys != NULL);
    }
    return keys;
}

static char *base64url(const void *bytes, size_t n)
{
    char *text = g_base64_encode(bytes, n);
    text[strcspn(text, "=")] = '\0';
    return g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
}

static char *sign(const char *header, const char *claims)
{
    guint8 digest[32];
    gsize digest_bytes = sizeof(digest);
    g_autofree char *first = base64url(header, strlen(header));
    g_autofree char *second = base64url(claims, strlen(claims));
    g_autofree char *signed_part = g_strconcat(first, ".", second, NULL);
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)SECRET, strlen(SECRET));
    g_hmac_update(hmac, (const guchar *)signed_part, -1);
    g_hmac_get_digest(hmac, digest, &digest_bytes);
    g_hmac_unref(hmac);
    g_autofree char *signature = base64url(digest, digest_bytes);
    return g_strconcat(signed_part, ".", signature, NULL);
}

static void verify_signed(char *text)
{
    struct token_claims claims = {0};
    struct err e = {0};
    char *body = strchr(text, '\n');
    if (body == NULL) {
        return;
    }
    *body++ = '\0';
    g_autofree char *token = sign(text, body);
    if (token_verify(our_keys(), token, &opts, &claims, &e)) {
        MUST_HOLD(claims.org[0] != '\0' && claims.sub[0] != '\0');
        MUST_HOLD(memchr(claims.org, '\0', sizeof(claims.org)) != NULL);
        MUST_HOLD(g_utf8_validate(claims.sub, -1, NULL));
        MUST_HOLD(claims.exp_s + opts.leeway_s >= opts.now_s);
    }
}

static void verify_raw(const char *token)
{
    struct token_claims claims = {.roles = 12345};
    struct err e = {0};
    MUST_HOLD(!token_verify(our_keys(), token, &opts, &claims, &e));
    MUST_HOLD(e.code == ERR_DENIED && claims.roles == 12345);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    g_autofree char *rest = g_strndup((const char *)data + 1, bytes - 1);
    struct err e = {0};
    switch (data[0]) {
    case 'r':
        verify_raw(rest);
        break;
    case 's':
        verify_signed(rest);
        break;
    case 'k':
        token_keys_unref(token_keys_parse((const char *)data + 1, bytes - 1, &e));
        break;
    default:
        break;
    }
    return 0;
}
