#include "ports/token_create.h"

#include <cjose/cjose.h>
#include <string.h>

#include "ground/ids.h"

#define HMAC_BITS 256
#define RSA_BITS 3072

static cjose_jwk_t *create_oct(cjose_err *error)
{
    return cjose_jwk_create_oct_random(HMAC_BITS, error);
}

static cjose_jwk_t *create_ec(cjose_err *error)
{
    return cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, error);
}

static cjose_jwk_t *create_rsa(cjose_err *error)
{
    static const uint8_t exponent[] = {1, 0, 1};
    return cjose_jwk_create_RSA_random(RSA_BITS, exponent, sizeof(exponent), error);
}

static const struct kind {
    const char *alg;
    cjose_jwk_t *(*create)(cjose_err *error);
} kinds[] = {
    {"HS256", create_oct},
    {"ES256", create_ec},
    {"RS256", create_rsa},
};

static void jwk_cleanup(cjose_jwk_t **jwk)
{
    if (*jwk != NULL) {
        (void)cjose_jwk_release(*jwk);
    }
}

static void text_cleanup(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        cjose_get_dealloc()(*text);
    }
}

static json_t *describe(const cjose_jwk_t *jwk, const char *alg, cjose_err *error)
{
    char kid[UUID_TEXT_BYTES];
    CLEANUP(text_cleanup) char *text = cjose_jwk_to_json(jwk, true, error);
    json_t *key = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (key != NULL) {
        uuid7_new(kid);
        json_object_set_new(key, "kid", json_string(kid));
        json_object_set_new(key, "alg", json_string(alg));
        json_object_set_new(key, "use", json_string("sig"));
    }
    return key;
}

static bool create(const struct kind *kind, json_t **ret, struct err *e)
{
    cjose_err error = {.code = CJOSE_ERR_NONE, .message = "unknown"};
    CLEANUP(jwk_cleanup) cjose_jwk_t *jwk = kind->create(&error);
    json_t *key = jwk == NULL ? NULL : describe(jwk, kind->alg, &error);
    if (key == NULL) {
        return err_set(e, ERR_INTERNAL, "Cannot make a key for %s: %s", kind->alg, error.message);
    }
    *ret = json_pack("{s:[o]}", "keys", key);
    return true;
}

bool token_create_keys(const char *alg, json_t **ret, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].alg, alg) == 0) {
            return create(&kinds[i], ret, e);
        }
    }
    return err_set(e, ERR_INVALID, "No keys can be made for \"%s\": HS256, ES256 and RS256 are known", alg);
}
