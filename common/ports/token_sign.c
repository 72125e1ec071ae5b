/*
 * token_sign.c: tokens of our own making, for people who set up or test an installation.
 */
#include <glib.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/json.h"
#include "ports/token_internal.h"

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

static void keys_cleanup(struct token_keys **keys)
{
    token_keys_unref(*keys);
}

static bool is_wanted(const char *option)
{
    return option != NULL && option[0] != '\0';
}

static const struct token_key *find_signer(const struct token_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i].can_sign) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

static cjose_header_t *make_header(const struct token_key *key)
{
    cjose_err ce;
    cjose_header_t *header = cjose_header_new(&ce);
    bool done = header != NULL && cjose_header_set(header, "alg", token_algs[key->alg].name, &ce) &&
                cjose_header_set(header, "typ", "JWT", &ce) &&
                (key->kid == NULL || cjose_header_set(header, "kid", key->kid, &ce));
    if (!done) {
        header_cleanup(&header);
        return NULL;
    }
    return header;
}

static char *sign_text(const struct token_key *key, const char *text, struct err *e)
{
    cjose_err ce;
    const char *compact = NULL;
    cjose_header_t *header CLEANUP(header_cleanup) = make_header(key);
    cjose_jws_t *jws CLEANUP(jws_cleanup) = header == NULL ? NULL
                                                           : cjose_jws_sign(key->jwk, header, (const uint8_t *)text,
                                                                            strlen(text), &ce);
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
    if (!token_org_is_valid(org) || !g_utf8_validate(sub, -1, NULL) || !token_sub_is_valid(sub) ||
        token_role_bit(role) == 0) {
        err_set(e, ERR_INVALID,
                "no token for that organization, user or role: an organization has 1 to 64 of A-Z a-z "
                "0-9 . _ -, a user 1 to 128 characters, and a role is SystemAdmin or Service");
        return NULL;
    }
    struct token_keys *keys CLEANUP(keys_cleanup) = token_keys_load(jwks_file, e);
    const struct token_key *key = keys == NULL ? NULL : find_signer(keys);
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
