/*
 * token_keys.c: a JWK set, read and weighed.
 */
#include <glib.h>
#include <string.h>

#include "ground/json.h"
#include "ports/token_internal.h"

#define JWKS_MAX_BYTES (1024 * 1024)
#define HS256_KEY_MIN_BYTES 32
#define RSA_MIN_BITS 2048

const struct token_alg_row token_algs[TOKEN_ALGS] = {
    [TOKEN_HS256] = {.name = "HS256", .kty = "oct", .private_member = "k"},
    [TOKEN_RS256] = {.name = "RS256", .kty = "RSA", .private_member = "d"},
    [TOKEN_ES256] = {.name = "ES256", .kty = "EC", .private_member = "d"},
};

static void keys_cleanup(struct token_keys **keys)
{
    token_keys_unref(*keys);
}

struct token_keys *token_keys_ref(struct token_keys *keys)
{
    atomic_fetch_add(&keys->refs, 1);
    return keys;
}

void token_keys_unref(struct token_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < keys->n; i++) {
        g_free(keys->keys[i].kid);
        cjose_jwk_release(keys->keys[i].jwk);
    }
    g_free(keys);
}

size_t token_keys_count(const struct token_keys *keys)
{
    return keys->n;
}

/* The algorithm of a JWK, or TOKEN_ALGS when it is of none that we verify. */
static enum token_alg alg_of_jwk(const json_t *jwk)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *alg = json_string_value(json_object_get(jwk, "alg"));
    const char *use = json_string_value(json_object_get(jwk, "use"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    if (kty == NULL || (use != NULL && strcmp(use, "sig") != 0)) {
        return TOKEN_ALGS;
    }
    for (enum token_alg a = TOKEN_HS256; a < TOKEN_ALGS; a++) {
        if (strcmp(token_algs[a].kty, kty) == 0 && (alg == NULL || strcmp(token_algs[a].name, alg) == 0)) {
            bool is_usable = a != TOKEN_ES256 || (crv != NULL && strcmp(crv, "P-256") == 0);
            return is_usable ? a : TOKEN_ALGS;
        }
    }
    return TOKEN_ALGS;
}

/* RFC 7518 section 6: key material is base64url without padding. libcjose asserts where it should refuse what is not.
 */
static bool has_sound_material(const json_t *jwk)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char *const members[] = {"k", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"};
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const json_t *value = json_object_get(jwk, members[i]);
        const char *text = json_string_value(value);
        if (value != NULL && (text == NULL || text[strspn(text, alphabet)] != '\0' || strlen(text) % 4 == 1)) {
            return false;
        }
    }
    return true;
}

static bool check_strength(const struct token_key *key, const char *label, struct err *e)
{
    cjose_err ce;
    size_t bits = cjose_jwk_get_keysize(key->jwk, &ce);
    if (key->alg == TOKEN_HS256 && bits < HS256_KEY_MIN_BYTES * 8) {
        return err_set(e, ERR_INVALID, "key %s: an HS256 key must have at least %d bytes", label, HS256_KEY_MIN_BYTES);
    }
    if (key->alg == TOKEN_RS256 && bits < RSA_MIN_BITS) {
        return err_set(e, ERR_INVALID, "key %s: an RSA key must have at least %d bits", label, RSA_MIN_BITS);
    }
    return true;
}

static size_t signature_bytes(const struct token_key *key)
{
    cjose_err ce;
    const size_t fixed[TOKEN_ALGS] = {[TOKEN_HS256] = 32, [TOKEN_ES256] = 64};
    return key->alg == TOKEN_RS256 ? (cjose_jwk_get_keysize(key->jwk, &ce) + 7) / 8 : fixed[key->alg];
}

static bool has_kid(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].kid != NULL && strcmp(keys->keys[i].kid, kid) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_key(struct token_keys *keys, json_t *jwk, struct err *e)
{
    enum token_alg alg = alg_of_jwk(jwk);
    if (alg == TOKEN_ALGS) {
        return true; /* RFC 7517 section 5: a key that is not understood is passed over */
    }
    const char *kid = json_string_value(json_object_get(jwk, "kid"));
    const char *label = kid != NULL ? kid : "without kid";
    if (keys->n == TOKEN_KEYS_MAX) {
        return err_set(e, ERR_INVALID, "the key set has more than %d keys", TOKEN_KEYS_MAX);
    }
    if (kid != NULL && has_kid(keys, kid)) {
        return err_set(e, ERR_INVALID, "kid %s appears twice in the key set", kid);
    }
    cjose_err ce = {.message = NULL};
    struct token_key *key = &keys->keys[keys->n];
    key->jwk = has_sound_material(jwk) ? cjose_jwk_import_json(jwk, &ce) : NULL;
    if (key->jwk == NULL) {
        return err_set(e, ERR_INVALID, "key %s is not a well-formed %s key", label, token_algs[alg].name);
    }
    key->alg = alg;
    key->kid = g_strdup(kid);
    key->can_sign = json_is_string(json_object_get(jwk, token_algs[alg].private_member));
    key->signature_bytes = signature_bytes(key);
    keys->n++;
    return check_strength(key, label, e);
}

struct token_keys *token_keys_parse(const char *text, size_t length_bytes, struct err *e)
{
    json_auto_t *set = json_parse_limited(text, length_bytes, e);
    if (set == NULL) {
        return NULL;
    }
    json_t *list = json_object_get(set, "keys");
    if (!json_is_array(list)) {
        err_set(e, ERR_INVALID, "the key set is not an object with an array 'keys'");
        return NULL;
    }
    struct token_keys *keys CLEANUP(keys_cleanup) = g_new0(struct token_keys, 1);
    atomic_init(&keys->refs, 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!add_key(keys, json_array_get(list, i), e)) {
            return NULL;
        }
    }
    if (keys->n == 0) {
        err_set(e, ERR_INVALID, "the key set has no key for HS256, RS256 or ES256");
        return NULL;
    }
    return g_steal_pointer(&keys);
}

struct token_keys *token_keys_load(const char *file, struct err *e)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize length_bytes = 0;
    if (!g_file_get_contents(file, &text, &length_bytes, &error)) {
        err_set(e, ERR_NOT_FOUND, "cannot read the key set: %s", error->message);
        return NULL;
    }
    if (length_bytes > JWKS_MAX_BYTES) {
        err_set(e, ERR_INVALID, "%s is larger than %d bytes", file, JWKS_MAX_BYTES);
        return NULL;
    }
    struct err cause = ERR_INIT;
    struct token_keys *keys = token_keys_parse(text, length_bytes, &cause);
    if (keys == NULL) {
        err_set(e, cause.code, "%s: %s", file, cause.text);
    }
    return keys;
}
