/*
 * token.c: whether a token is to be trusted, and what it says.
 */
#include "ports/token.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "ground/json.h"
#include "ports/token_internal.h"

#define ROLES_MAX 64
#define TIME_MAX_S INT64_C(253402300799) /* the end of year 9999 */
#define SUB_MAX_CHARACTERS 128

static const struct {
    const char *name;
    unsigned bit;
} roles[] = {
    {.name = "SystemAdmin", .bit = TOKEN_ROLE_SYSTEM_ADMIN},
    {.name = "Service", .bit = TOKEN_ROLE_SERVICE},
};

static void jws_cleanup(cjose_jws_t **jws)
{
    if (*jws != NULL) {
        cjose_jws_release(*jws);
    }
}

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

/* --- verify: the outside ---------------------------------------------------------------------------------------- */

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

/* --- verify: the header ----------------------------------------------------------------------------------------- */

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
    if (typ != NULL &&
        (name == NULL || (g_ascii_strcasecmp(name, "JWT") != 0 && g_ascii_strcasecmp(name, "at+jwt") != 0))) {
        return err_set(e, ERR_DENIED, "the token is not of type JWT");
    }
    return true;
}

static enum token_alg alg_of_header(const json_t *header)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    for (enum token_alg a = TOKEN_HS256; name != NULL && a < TOKEN_ALGS; a++) {
        if (strcmp(token_algs[a].name, name) == 0) {
            return a;
        }
    }
    return TOKEN_ALGS;
}

static const struct token_key *find_by_kid(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].kid != NULL && strcmp(keys->keys[i].kid, kid) == 0) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static const struct token_key *find_only(const struct token_keys *keys, enum token_alg alg)
{
    const struct token_key *found = NULL;
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

static const struct token_key *choose_key(const struct token_keys *keys, const json_t *header, struct err *e)
{
    enum token_alg alg = alg_of_header(header);
    if (alg == TOKEN_ALGS) {
        err_set(e, ERR_DENIED, "the token's algorithm is none of HS256, RS256 and ES256");
        return NULL;
    }
    const json_t *kid = json_object_get(header, "kid");
    if (kid != NULL && !json_is_string(kid)) {
        err_set(e, ERR_DENIED, "the token's kid is not a string");
        return NULL;
    }
    const struct token_key *key = kid != NULL ? find_by_kid(keys, json_string_value(kid)) : find_only(keys, alg);
    if (key == NULL || key->alg != alg) {
        err_set(e, ERR_DENIED, "no key fits the token's kid and algorithm");
        return NULL;
    }
    return key;
}

static bool check_signature(const struct token_key *key, const char *jwt, const struct parts *parts, struct err *e)
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

/* --- verify: the claims ----------------------------------------------------------------------------------------- */

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

static bool is_wanted(const char *option)
{
    return option != NULL && option[0] != '\0';
}

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

bool token_org_is_valid(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n < TOKEN_ORG_BYTES && s[n] == '\0';
}

bool token_sub_is_valid(const char *s)
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
    if (org == NULL || !token_org_is_valid(org)) {
        return err_set(e, ERR_DENIED, "the token's 'org' is missing or not an organization id");
    }
    if (sub == NULL || !token_sub_is_valid(sub)) {
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
    const struct token_key *key = choose_key(keys, header, e);
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
