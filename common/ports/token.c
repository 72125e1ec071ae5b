#include "ports/token.h"

#include <cjose/cjose.h>
#include <glib.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/json.h"

#define JWKS_MAX_BYTES (1024 * 1024)
#define KEYS_MAX 100
#define ROLES_MAX 64
#define TIME_MAX_S INT64_C(253402300799) /* the end of year 9999 */
#define HS256_KEY_MIN_BYTES 32
#define RSA_MIN_BITS 2048
#define SUB_MAX_CHARACTERS 128

enum alg { ALG_HS256, ALG_RS256, ALG_ES256, ALGS };

static const struct {
    const char *name;
    const char *kty;
    const char *private_member; /* of a JWK that can sign */
} algs[ALGS] = {
    [ALG_HS256] = {.name = "HS256", .kty = "oct", .private_member = "k"},
    [ALG_RS256] = {.name = "RS256", .kty = "RSA", .private_member = "d"},
    [ALG_ES256] = {.name = "ES256", .kty = "EC", .private_member = "d"},
};

static const struct {
    const char *name;
    unsigned bit;
} roles[] = {
    {.name = "SystemAdmin", .bit = TOKEN_ROLE_SYSTEM_ADMIN},
    {.name = "Service", .bit = TOKEN_ROLE_SERVICE},
};

struct key {
    enum alg alg;
    char *kid; /* NULL: the JWK has none */
    cjose_jwk_t *jwk;
    size_t signature_bytes;
    bool can_sign;
};

struct token_keys {
    atomic_int refs;
    size_t n;
    struct key keys[KEYS_MAX];
};

static void header_cleanup(cjose_header_t **header)
{
    if (*header != NULL) {
        cjose_header_release(*header);
    }
}

static void jws_cleanup(cjose_jws_t **jws)
{
    if (*jws != NULL) {
        cjose_jws_release(*jws);
    }
}

static void keys_cleanup(struct token_keys **keys) { token_keys_unref(*keys); }

unsigned token_role_bit(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            return roles[i].bit;
        }
    }
    return 0;
}

const char *token_role_name(unsigned bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        if (roles[i].bit == bit) {
            return roles[i].name;
        }
    }
    return "";
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

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

size_t token_keys_count(const struct token_keys *keys) { return keys->n; }

/* The algorithm of a JWK, or ALGS when it is of none that we verify. */
static enum alg alg_of_jwk(const json_t *jwk)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *alg = json_string_value(json_object_get(jwk, "alg"));
    const char *use = json_string_value(json_object_get(jwk, "use"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    if (kty == NULL || (use != NULL && strcmp(use, "sig") != 0)) {
        return ALGS;
    }
    for (enum alg a = ALG_HS256; a < ALGS; a++) {
        if (strcmp(algs[a].kty, kty) == 0 && (alg == NULL || strcmp(algs[a].name, alg) == 0)) {
            bool is_usable = a != ALG_ES256 || (crv != NULL && strcmp(crv, "P-256") == 0);
            return is_usable ? a : ALGS;
        }
    }
    return ALGS;
}

static bool check_strength(const struct key *key, const char *label, struct err *e)
{
    cjose_err ce;
    size_t bits = cjose_jwk_get_keysize(key->jwk, &ce);
    if (key->alg == ALG_HS256 && bits < HS256_KEY_MIN_BYTES * 8) {
        return err_set(e, ERR_INVALID, "key %s: an HS256 key must have at least %d bytes", label, HS256_KEY_MIN_BYTES);
    }
    if (key->alg == ALG_RS256 && bits < RSA_MIN_BITS) {
        return err_set(e, ERR_INVALID, "key %s: an RSA key must have at least %d bits", label, RSA_MIN_BITS);
    }
    return true;
}

static size_t signature_bytes(const struct key *key)
{
    cjose_err ce;
    const size_t fixed[ALGS] = {[ALG_HS256] = 32, [ALG_ES256] = 64};
    return key->alg == ALG_RS256 ? (cjose_jwk_get_keysize(key->jwk, &ce) + 7) / 8 : fixed[key->alg];
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
    enum alg alg = alg_of_jwk(jwk);
    if (alg == ALGS) {
        return true; /* RFC 7517 section 5: a key that is not understood is passed over */
    }
    const char *kid = json_string_value(json_object_get(jwk, "kid"));
    const char *label = kid != NULL ? kid : "without kid";
    if (keys->n == KEYS_MAX) {
        return err_set(e, ERR_INVALID, "the key set has more than %d keys", KEYS_MAX);
    }
    if (kid != NULL && has_kid(keys, kid)) {
        return err_set(e, ERR_INVALID, "kid %s appears twice in the key set", kid);
    }
    cjose_err ce = {.message = NULL};
    struct key *key = &keys->keys[keys->n];
    key->jwk = cjose_jwk_import_json(jwk, &ce);
    if (key->jwk == NULL) {
        return err_set(e, ERR_INVALID, "key %s is not a well-formed %s key", label, algs[alg].name);
    }
    key->alg = alg;
    key->kid = g_strdup(kid);
    key->can_sign = json_is_string(json_object_get(jwk, algs[alg].private_member));
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

/* --- verify: the outside ------------------------------------------------------------------------------------------- */

static int base64url_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

/* Only the alphabet, no padding, and no bits set that the last character does not need: each value has one spelling. */
static bool is_base64url(const char *text, size_t n)
{
    static const int unused_bits[4] = {[0] = 0, [1] = 63, [2] = 15, [3] = 3};
    if (n == 0 || n % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (base64url_value(text[i]) < 0) {
            return false;
        }
    }
    return (base64url_value(text[n - 1]) & unused_bits[n % 4]) == 0;
}

struct parts {
    const char *start[3];
    size_t length[3];
};

static bool split(const char *jwt, struct parts *parts)
{
    const char *at = jwt;
    for (int i = 0; i < 3; i++) {
        const char *end = i < 2 ? strchr(at, '.') : at + strlen(at);
        if (end == NULL || !is_base64url(at, (size_t)(end - at))) {
            return false;
        }
        parts->start[i] = at;
        parts->length[i] = (size_t)(end - at);
        at = end + 1;
    }
    return true;
}

static json_t *decode_object(const char *text, size_t n, struct err *e)
{
    cjose_err ce;
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!cjose_base64url_decode(text, n, &bytes, &length, &ce)) {
        err_set(e, ERR_DENIED, "the token is not base64url");
        return NULL;
    }
    g_autofree char *copy = g_strndup((const char *)bytes, length);
    cjose_get_dealloc()(bytes);
    struct err cause = ERR_INIT;
    json_t *value = strlen(copy) == length ? json_parse_limited(copy, length, &cause) : NULL;
    if (!json_is_object(value)) {
        json_decref(value);
        err_set(e, ERR_DENIED, "the token does not hold JSON objects");
        return NULL;
    }
    return value;
}

/* --- verify: the header -------------------------------------------------------------------------------------------- */

static bool check_header(const json_t *header, struct err *e)
{
    static const char *const refused[] = {"crit", "b64", "jwk", "jku", "x5c", "x5u"};
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        if (json_object_get(header, refused[i]) != NULL) {
            return err_set(e, ERR_DENIED, "the token's header holds '%s'", refused[i]);
        }
    }
    const json_t *typ = json_object_get(header, "typ");
    const char *name = json_string_value(typ);
    if (typ != NULL && (name == NULL || (g_ascii_strcasecmp(name, "JWT") != 0 &&
                                         g_ascii_strcasecmp(name, "at+jwt") != 0))) {
        return err_set(e, ERR_DENIED, "the token is not of type JWT");
    }
    return true;
}

static enum alg alg_of_header(const json_t *header)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    for (enum alg a = ALG_HS256; name != NULL && a < ALGS; a++) {
        if (strcmp(algs[a].name, name) == 0) {
            return a;
        }
    }
    return ALGS;
}

static const struct key *find_by_kid(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].kid != NULL && strcmp(keys->keys[i].kid, kid) == 0) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static const struct key *find_only(const struct token_keys *keys, enum alg alg)
{
    const struct key *found = NULL;
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].alg != alg) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = &keys->keys[i];
    }
    return found;
}

static const struct key *choose_key(const struct token_keys *keys, const json_t *header, struct err *e)
{
    enum alg alg = alg_of_header(header);
    if (alg == ALGS) {
        err_set(e, ERR_DENIED, "the token's algorithm is none of HS256, RS256 and ES256");
        return NULL;
    }
    const json_t *kid = json_object_get(header, "kid");
    if (kid != NULL && !json_is_string(kid)) {
        err_set(e, ERR_DENIED, "the token's kid is not a string");
        return NULL;
    }
    const struct key *key = kid != NULL ? find_by_kid(keys, json_string_value(kid)) : find_only(keys, alg);
    if (key == NULL || key->alg != alg) {
        err_set(e, ERR_DENIED, "no key fits the token's kid and algorithm");
        return NULL;
    }
    return key;
}

static bool check_signature(const struct key *key, const char *jwt, const struct parts *parts, struct err *e)
{
    cjose_err ce;
    if (parts->length[2] * 3 / 4 != key->signature_bytes) {
        return err_set(e, ERR_DENIED, "the token's signature is wrong");
    }
    cjose_jws_t *jws CLEANUP(jws_cleanup) = cjose_jws_import(jwt, strlen(jwt), &ce);
    if (jws == NULL || !cjose_jws_verify(jws, key->jwk, &ce)) {
        return err_set(e, ERR_DENIED, "the token's signature is wrong");
    }
    return true;
}

/* --- verify: the claims -------------------------------------------------------------------------------------------- */

/* A NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction. */
static bool read_time(const json_t *claims, const char *name, bool required, int64_t *ret_s, struct err *e)
{
    const json_t *value = json_object_get(claims, name);
    if (value == NULL) {
        return !required || err_set(e, ERR_DENIED, "the token has no '%s'", name);
    }
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > (double)TIME_MAX_S) {
        return err_set(e, ERR_DENIED, "the token's '%s' is not a time", name);
    }
    *ret_s = (int64_t)seconds;
    return true;
}

static bool check_times(const json_t *claims, const struct token_opts *o, int64_t *ret_exp_s, struct err *e)
{
    int64_t exp_s = 0;
    int64_t nbf_s = 0;
    int64_t iat_s = 0;
    if (!read_time(claims, "exp", true, &exp_s, e) || !read_time(claims, "nbf", false, &nbf_s, e) ||
        !read_time(claims, "iat", false, &iat_s, e)) {
        return false;
    }
    if (o->now_s >= exp_s + o->leeway_s) {
        return err_set(e, ERR_DENIED, "the token has expired");
    }
    if (nbf_s > o->now_s + o->leeway_s) {
        return err_set(e, ERR_DENIED, "the token is not valid yet");
    }
    if (iat_s > o->now_s + o->leeway_s) {
        return err_set(e, ERR_DENIED, "the token was issued in the future");
    }
    *ret_exp_s = exp_s;
    return true;
}

static bool is_wanted(const char *option) { return option != NULL && option[0] != '\0'; }

static bool equals(const json_t *value, const char *wanted)
{
    return json_is_string(value) && strcmp(json_string_value(value), wanted) == 0;
}

static bool has_audience(const json_t *aud, const char *wanted)
{
    for (size_t i = 0; i < json_array_size(aud); i++) {
        if (equals(json_array_get(aud, i), wanted)) {
            return true;
        }
    }
    return equals(aud, wanted);
}

static bool check_parties(const json_t *claims, const struct token_opts *o, struct err *e)
{
    if (is_wanted(o->issuer) && !equals(json_object_get(claims, "iss"), o->issuer)) {
        return err_set(e, ERR_DENIED, "the token is from another issuer");
    }
    if (is_wanted(o->audience) && !has_audience(json_object_get(claims, "aud"), o->audience)) {
        return err_set(e, ERR_DENIED, "the token is for another audience");
    }
    return true;
}

static bool is_org(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n < TOKEN_ORG_BYTES && s[n] == '\0';
}

static bool is_sub(const char *s)
{
    glong characters = g_utf8_strlen(s, -1);
    for (const unsigned char *at = (const unsigned char *)s; *at != '\0'; at++) {
        bool is_c1 = at[0] == 0xC2 && at[1] < 0xA0;
        if (*at < 0x20 || *at == 0x7F || is_c1) {
            return false;
        }
    }
    return characters > 0 && characters <= SUB_MAX_CHARACTERS;
}

static bool read_identity(const json_t *claims, struct token_claims *ret, struct err *e)
{
    const char *org = json_string_value(json_object_get(claims, "org"));
    const char *sub = json_string_value(json_object_get(claims, "sub"));
    if (org == NULL || !is_org(org)) {
        return err_set(e, ERR_DENIED, "the token's 'org' is missing or not an organization id");
    }
    if (sub == NULL || !is_sub(sub)) {
        return err_set(e, ERR_DENIED, "the token's 'sub' is missing or not a user id");
    }
    g_strlcpy(ret->org, org, sizeof(ret->org));
    g_strlcpy(ret->sub, sub, sizeof(ret->sub));
    return true;
}

static bool read_roles(const json_t *claims, unsigned *ret, struct err *e)
{
    const json_t *list = json_object_get(claims, "roles");
    unsigned bits = 0;
    if (!json_is_array(list) || json_array_size(list) > ROLES_MAX) {
        return err_set(e, ERR_DENIED, "the token's 'roles' is missing or not a list");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL) {
            return err_set(e, ERR_DENIED, "the token's 'roles' holds something that is not a string");
        }
        bits |= token_role_bit(name);
    }
    *ret = bits;
    return true;
}

bool token_verify(const struct token_keys *keys, const char *jwt, const struct token_opts *opts,
                  struct token_claims *ret, struct err *e)
{
    struct parts parts;
    struct token_claims claims = {.roles = 0};
    if (strnlen(jwt, TOKEN_MAX_BYTES + 1) > TOKEN_MAX_BYTES || !split(jwt, &parts)) {
        return err_set(e, ERR_DENIED, "the token is not a signed JSON Web Token of at most %d bytes", TOKEN_MAX_BYTES);
    }
    json_auto_t *header = decode_object(parts.start[0], parts.length[0], e);
    if (header == NULL || !check_header(header, e)) {
        return false;
    }
    const struct key *key = choose_key(keys, header, e);
    if (key == NULL || !check_signature(key, jwt, &parts, e)) {
        return false;
    }
    json_auto_t *body = decode_object(parts.start[1], parts.length[1], e);
    if (body == NULL || !check_times(body, opts, &claims.exp_s, e) || !check_parties(body, opts, e) ||
        !read_identity(body, &claims, e) || !read_roles(body, &claims.roles, e)) {
        return false;
    }
    *ret = claims;
    return true;
}

/* --- sign ----------------------------------------------------------------------------------------------------------- */

static const struct key *find_signer(const struct token_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].can_sign) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static cjose_header_t *make_header(const struct key *key)
{
    cjose_err ce;
    cjose_header_t *header = cjose_header_new(&ce);
    bool done = header != NULL && cjose_header_set(header, "alg", algs[key->alg].name, &ce) &&
                cjose_header_set(header, "typ", "JWT", &ce) &&
                (key->kid == NULL || cjose_header_set(header, "kid", key->kid, &ce));
    if (!done) {
        header_cleanup(&header);
        return NULL;
    }
    return header;
}

static char *sign_text(const struct key *key, const char *text, struct err *e)
{
    cjose_err ce;
    const char *compact = NULL;
    cjose_header_t *header CLEANUP(header_cleanup) = make_header(key);
    cjose_jws_t *jws CLEANUP(jws_cleanup) =
        header == NULL ? NULL : cjose_jws_sign(key->jwk, header, (const uint8_t *)text, strlen(text), &ce);
    if (jws == NULL || !cjose_jws_export(jws, &compact, &ce)) {
        err_set(e, ERR_INTERNAL, "the key could not sign");
        return NULL;
    }
    return g_strdup(compact);
}

static json_t *make_claims(const char *org, const char *sub, const char *role, int64_t ttl_s)
{
    int64_t now_s = clock_wall_us() / US_PER_S;
    return json_pack("{s:s, s:s, s:[s], s:I, s:I}", "org", org, "sub", sub, "roles", role, "iat", (json_int_t)now_s,
                     "exp", (json_int_t)(now_s + ttl_s));
}

char *token_sign(const char *jwks_file, const char *issuer, const char *audience, const char *org, const char *sub,
                 const char *role, int64_t ttl_s, struct err *e)
{
    if (!is_org(org) || !g_utf8_validate(sub, -1, NULL) || !is_sub(sub) || token_role_bit(role) == 0) {
        err_set(e, ERR_INVALID, "no token for that organization, user or role: an organization has 1 to 64 of A-Z a-z "
                                "0-9 . _ -, a user 1 to 128 characters, and a role is SystemAdmin or Service");
        return NULL;
    }
    struct token_keys *keys CLEANUP(keys_cleanup) = token_keys_load(jwks_file, e);
    const struct key *key = keys == NULL ? NULL : find_signer(keys);
    if (key == NULL) {
        err_set(e, ERR_NOT_FOUND, "%s holds no private key", jwks_file);
        return NULL;
    }
    json_auto_t *claims = make_claims(org, sub, role, ttl_s);
    if (is_wanted(issuer)) {
        json_object_set_new(claims, "iss", json_string(issuer));
    }
    if (is_wanted(audience)) {
        json_object_set_new(claims, "aud", json_string(audience));
    }
    g_autofree char *text = json_dump_canonical(claims);
    return sign_text(key, text, e);
}
