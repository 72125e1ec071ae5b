#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/token.h"
#include "ports/token_create.h"

#define NOW_S INT64_C(1800000000)
#define LEEWAY_S 30
#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "fedcba9876543210fedcba9876543210"
/* SECRET and OTHER_SECRET in base64url */
#define K "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define OTHER_K "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA"
#define KEYS "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"alg\":\"HS256\",\"k\":\"" K "\"}]}"
#define TWO_KEYS                                                                                                     \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"k\":\"" K "\"},{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"" OTHER_K \
    "\"}]}"
#define GOOD_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"one\"}"
#define GOOD "\"org\":\"acme\",\"sub\":\"u1\",\"roles\":[\"SystemAdmin\"]"
#define EXP ",\"exp\":1800000600"

static const struct token_opts plain_opts = {.leeway_s = LEEWAY_S, .now_s = NOW_S};

static char *base64url(const void *bytes, size_t n)
{
    char *text = g_base64_encode(bytes, n);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    text[strcspn(text, "=")] = '\0';
    return text;
}

static char *hmac(const void *key, size_t key_bytes, const char *text)
{
    guint8 digest[32];
    gsize n = sizeof(digest);
    GHmac *h = g_hmac_new(G_CHECKSUM_SHA256, key, key_bytes);
    g_hmac_update(h, (const guchar *)text, -1);
    g_hmac_get_digest(h, digest, &n);
    g_hmac_unref(h);
    return base64url(digest, n);
}

/* A token of any header and body, with a right HS256 signature by key. */
static char *forge(const char *header, const char *body, const void *key, size_t key_bytes)
{
    g_autofree char *h = base64url(header, strlen(header));
    g_autofree char *b = base64url(body, strlen(body));
    g_autofree char *signed_text = g_strconcat(h, ".", b, NULL);
    g_autofree char *signature = hmac(key, key_bytes, signed_text);
    return g_strconcat(signed_text, ".", signature, NULL);
}

static char *make(const char *header, const char *body)
{
    return forge(header, body, SECRET, strlen(SECRET));
}

static struct token_keys *parse_keys(const char *text)
{
    struct err e = ERR_INIT;
    struct token_keys *keys = token_keys_parse(text, strlen(text), &e);
    if (keys == NULL) {
        fail_msg("keys refused: %s", e.text);
    }
    return keys;
}

static bool accepts(const struct token_keys *keys, const char *jwt, const struct token_opts *opts)
{
    struct token_claims claims = {.org = "untouched"};
    struct err e = ERR_INIT;
    bool ok = token_verify(keys, jwt, opts, &claims, &e);
    if (!ok) {
        assert_int_equal(e.code, ERR_DENIED);
        assert_string_equal(claims.org, "untouched");
    }
    return ok;
}

/* --- claims ----------------------------------------------------------------------------------------------------- */

static void test_good_token_gives_its_claims(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    struct token_claims claims;
    struct err e = ERR_INIT;
    g_autofree char *jwt = make(GOOD_HEADER,
                                "{\"org\":\"acme\",\"sub\":\"u1\",\"roles\":[\"Service\",\"Cook\"]" EXP "}");
    assert_true(token_verify(keys, jwt, &plain_opts, &claims, &e));
    assert_string_equal(claims.org, "acme");
    assert_string_equal(claims.sub, "u1");
    assert_int_equal(claims.roles, TOKEN_ROLE_SERVICE);
    assert_int_equal(claims.exp_s, 1800000600);
    token_keys_unref(keys);
}

static const struct {
    const char *body;
    bool ok;
} bodies[] = {
    {"{" GOOD EXP "}", true},
    {"{" GOOD ",\"exp\":1800000600.5}", true},
    {"{" GOOD ",\"exp\":1799999980}", true},  /* expired within the leeway */
    {"{" GOOD ",\"exp\":1799999970}", false}, /* expired, leeway over */
    {"{" GOOD ",\"exp\":1}", false},
    {"{" GOOD ",\"exp\":-1}", false},
    {"{" GOOD ",\"exp\":1e300}", false},
    {"{" GOOD ",\"exp\":\"1800000600\"}", false},
    {"{" GOOD ",\"exp\":null}", false},
    {"{" GOOD "}", false},
    {"{" GOOD EXP ",\"nbf\":1800000020}", true},
    {"{" GOOD EXP ",\"nbf\":1800000031}", false},
    {"{" GOOD EXP ",\"nbf\":\"x\"}", false},
    {"{" GOOD EXP ",\"iat\":1800000020}", true},
    {"{" GOOD EXP ",\"iat\":1800000031}", false},
    {"{\"sub\":\"u1\",\"roles\":[\"Service\"]" EXP "}", false},
    {"{\"org\":\"\",\"sub\":\"u1\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"a b\",\"sub\":\"u1\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"a/../b\",\"sub\":\"u1\",\"roles\":[]" EXP "}", false},
    {"{\"org\":[\"acme\"],\"sub\":\"u1\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"a\\nb\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"a\\u0085b\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"a\\u0000b\",\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"Zoë\",\"roles\":[]" EXP "}", true},
    {"{\"org\":\"acme\",\"sub\":7,\"roles\":[]" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"u1\"" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"u1\",\"roles\":\"SystemAdmin\"" EXP "}", false},
    {"{\"org\":\"acme\",\"sub\":\"u1\",\"roles\":[7]" EXP "}", false},
    {"{\"org\":\"acme\",\"org\":\"evil\",\"sub\":\"u1\",\"roles\":[]" EXP "}", false},
    {"[]", false},
    {"\"x\"", false},
    {"{" GOOD EXP "} ", true},
    {"{" GOOD EXP "} {}", false},
    {"{" GOOD EXP, false},
};

static void test_claims(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        g_autofree char *jwt = make(GOOD_HEADER, bodies[i].body);
        if (accepts(keys, jwt, &plain_opts) != bodies[i].ok) {
            fail_msg("%s should be %s", bodies[i].body, bodies[i].ok ? "accepted" : "refused");
        }
    }
    token_keys_unref(keys);
}

static void test_lengths(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    static const struct {
        int org;
        int sub;
        bool ok;
    } rows[] = {{64, 128, true}, {65, 1, false}, {1, 129, false}, {1, 6000, false}, {1, 9000, false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *org = g_strnfill((gsize)rows[i].org, 'o');
        g_autofree char *sub = g_strnfill((gsize)rows[i].sub, 's');
        g_autofree char *body = g_strdup_printf("{\"org\":\"%s\",\"sub\":\"%s\",\"roles\":[]" EXP "}", org, sub);
        g_autofree char *jwt = make(GOOD_HEADER, body);
        assert_int_equal(accepts(keys, jwt, &plain_opts), rows[i].ok);
    }
    token_keys_unref(keys);
}

static void test_issuer_and_audience(void **state UNUSED)
{
    static const struct {
        const char *body;
        bool ok;
    } rows[] = {
        {"{" GOOD EXP ",\"iss\":\"idp\",\"aud\":\"bellman\"}", true},
        {"{" GOOD EXP ",\"iss\":\"idp\",\"aud\":[\"x\",\"bellman\"]}", true},
        {"{" GOOD EXP ",\"iss\":\"idp\",\"aud\":[\"x\"]}", false},
        {"{" GOOD EXP ",\"iss\":\"idp\",\"aud\":[]}", false},
        {"{" GOOD EXP ",\"iss\":\"idp\"}", false},
        {"{" GOOD EXP ",\"iss\":\"idp2\",\"aud\":\"bellman\"}", false},
        {"{" GOOD EXP ",\"iss\":7,\"aud\":\"bellman\"}", false},
        {"{" GOOD EXP ",\"aud\":\"bellman\"}", false},
    };
    struct token_keys *keys = parse_keys(KEYS);
    struct token_opts opts = plain_opts;
    opts.issuer = "idp";
    opts.audience = "bellman";
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *jwt = make(GOOD_HEADER, rows[i].body);
        if (accepts(keys, jwt, &opts) != rows[i].ok) {
            fail_msg("%s", rows[i].body);
        }
    }
    token_keys_unref(keys);
}

/* --- headers ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *header;
    bool ok;
} headers[] = {
    {GOOD_HEADER, true},
    {"{\"alg\":\"HS256\",\"kid\":\"one\"}", true},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"typ\":\"at+JWT\"}", true},
    {"{\"alg\":\"HS256\"}", true}, /* one key of that algorithm */
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"typ\":\"dpop+jwt\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"typ\":7}", false},
    {"{\"alg\":\"none\",\"kid\":\"one\"}", false},
    {"{\"alg\":\"None\",\"kid\":\"one\"}", false},
    {"{\"alg\":\"hs256\",\"kid\":\"one\"}", false},
    {"{\"alg\":\"HS512\",\"kid\":\"one\"}", false},
    {"{\"alg\":\"RS256\",\"kid\":\"one\"}", false},
    {"{\"alg\":\"ES256\",\"kid\":\"one\"}", false},
    {"{\"alg\":7,\"kid\":\"one\"}", false},
    {"{\"kid\":\"one\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"two\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":7}", false},
    {"{\"alg\":\"HS256\",\"kid\":null}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"crit\":[\"exp\"]}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"b64\":false}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"jku\":\"https://evil.example/jwks\"}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"x5c\":[]}", false},
    {"{\"alg\":\"HS256\",\"kid\":\"one\",\"jwk\":{\"kty\":\"oct\",\"k\":\"" OTHER_K "\"}}", false},
    {"{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"one\"}", false},
    {"[\"HS256\"]", false},
};

static void test_headers(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        g_autofree char *jwt = make(headers[i].header, "{" GOOD EXP "}");
        if (accepts(keys, jwt, &plain_opts) != headers[i].ok) {
            fail_msg("%s should be %s", headers[i].header, headers[i].ok ? "accepted" : "refused");
        }
    }
    token_keys_unref(keys);
}

static void test_without_kid_only_when_one_key_fits(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(TWO_KEYS);
    g_autofree char *without = make("{\"alg\":\"HS256\"}", "{" GOOD EXP "}");
    g_autofree char *first = make("{\"alg\":\"HS256\",\"kid\":\"one\"}", "{" GOOD EXP "}");
    g_autofree char *wrong = make("{\"alg\":\"HS256\",\"kid\":\"two\"}", "{" GOOD EXP "}");
    g_autofree char *second = forge("{\"alg\":\"HS256\",\"kid\":\"two\"}", "{" GOOD EXP "}", OTHER_SECRET,
                                    strlen(OTHER_SECRET));
    assert_false(accepts(keys, without, &plain_opts));
    assert_true(accepts(keys, first, &plain_opts));
    assert_false(accepts(keys, wrong, &plain_opts));
    assert_true(accepts(keys, second, &plain_opts));
    token_keys_unref(keys);
}

static void test_embedded_key_is_not_used(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    g_autofree char *jwt = forge("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"" OTHER_K "\"}}",
                                 "{" GOOD EXP "}", OTHER_SECRET, strlen(OTHER_SECRET));
    assert_false(accepts(keys, jwt, &plain_opts));
    token_keys_unref(keys);
}

/* --- the outside ------------------------------------------------------------------------------------------------ */

static void test_no_signature(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    g_autofree char *none = base64url("{\"alg\":\"none\"}", 14);
    g_autofree char *body = base64url("{" GOOD EXP "}", strlen("{" GOOD EXP "}"));
    g_autofree char *empty = g_strconcat(none, ".", body, ".", NULL);
    g_autofree char *two = g_strconcat(none, ".", body, NULL);
    g_autofree char *five = g_strconcat(none, ".", body, ".AAAA.AAAA.AAAA", NULL);
    assert_false(accepts(keys, empty, &plain_opts));
    assert_false(accepts(keys, two, &plain_opts));
    assert_false(accepts(keys, five, &plain_opts));
    assert_false(accepts(keys, "", &plain_opts));
    assert_false(accepts(keys, "..", &plain_opts));
    assert_false(accepts(keys, "not a token", &plain_opts));
    token_keys_unref(keys);
}

static void check_tampering(const struct token_keys *keys, const char *jwt, const struct token_opts *opts)
{
    size_t n = strlen(jwt);
    assert_true(accepts(keys, jwt, opts));
    for (size_t i = 0; i < n; i++) {
        g_autofree char *copy = g_strdup(jwt);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        if (accepts(keys, copy, opts)) {
            fail_msg("a token with another character at %zu of %zu is accepted", i, n);
        }
        g_autofree char *shorter = g_strndup(jwt, i);
        assert_false(accepts(keys, shorter, opts));
    }
    static const char *const tails[] = {"A", "AAAA", "=", " ", "\n", ".", ".AAAA"};
    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        g_autofree char *longer = g_strconcat(jwt, tails[i], NULL);
        assert_false(accepts(keys, longer, opts));
    }
}

static void test_tampered_hmac_token(void **state UNUSED)
{
    struct token_keys *keys = parse_keys(KEYS);
    g_autofree char *jwt = make(GOOD_HEADER, "{" GOOD EXP "}");
    check_tampering(keys, jwt, &plain_opts);
    token_keys_unref(keys);
}

/* --- real key pairs --------------------------------------------------------------------------------------------- */

struct pair {
    char *file;
    json_t *set;
    struct token_keys *keys;
};

static void pair_init(struct pair *pair, const char *alg)
{
    struct err e = ERR_INIT;
    assert_true(token_create_keys(alg, &pair->set, &e));
    int fd = g_file_open_tmp("bellman-test-XXXXXX", &pair->file, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(json_dump_file(pair->set, pair->file, 0), 0);
    pair->keys = token_keys_load(pair->file, &e);
    assert_non_null(pair->keys);
}

static void pair_release(struct pair *pair)
{
    g_unlink(pair->file);
    g_free(pair->file);
    json_decref(pair->set);
    token_keys_unref(pair->keys);
}

static char *sign(const struct pair *pair)
{
    struct err e = ERR_INIT;
    char *jwt = token_sign(pair->file, "idp", "bellman", "acme", "u1", "SystemAdmin", 60, &e);
    assert_non_null(jwt);
    return jwt;
}

static struct token_opts opts_of_today(void)
{
    return (struct token_opts){
        .issuer = "idp", .audience = "bellman", .leeway_s = 5, .now_s = clock_wall_us() / US_PER_S};
}

static void test_signed_tokens_of_each_algorithm(void **state UNUSED)
{
    static const char *const names[] = {"HS256", "ES256", "RS256"};
    struct token_opts opts = opts_of_today();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct pair pair;
        pair_init(&pair, names[i]);
        g_autofree char *jwt = sign(&pair);
        check_tampering(pair.keys, jwt, &opts);
        pair_release(&pair);
    }
}

/* RFC 8725 2.1: an HMAC whose key is what everybody knows of an RSA key. */
static void test_public_key_is_no_hmac_key(void **state UNUSED)
{
    struct pair pair;
    pair_init(&pair, "RS256");
    struct token_opts opts = opts_of_today();
    json_t *jwk = json_array_get(json_object_get(pair.set, "keys"), 0);
    const char *kid = json_string_value(json_object_get(jwk, "kid"));
    const char *n = json_string_value(json_object_get(jwk, "n"));
    g_autofree char *body = g_strdup_printf("{" GOOD ",\"iss\":\"idp\",\"aud\":\"bellman\",\"exp\":%lld}",
                                            (long long)opts.now_s + 60);
    g_autofree char *with_kid = g_strdup_printf("{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
    g_autofree char *standard = g_strdup(n);
    g_strdelimit(standard, "-", '+');
    g_strdelimit(standard, "_", '/');
    gsize modulus_bytes = 0;
    g_autofree guchar *modulus = g_base64_decode(standard, &modulus_bytes);
    g_autofree char *by_text = forge(with_kid, body, n, strlen(n));
    g_autofree char *by_bytes = forge(with_kid, body, modulus, modulus_bytes);
    g_autofree char *without_kid = forge("{\"alg\":\"HS256\"}", body, modulus, modulus_bytes);
    assert_false(accepts(pair.keys, by_text, &opts));
    assert_false(accepts(pair.keys, by_bytes, &opts));
    assert_false(accepts(pair.keys, without_kid, &opts));
    pair_release(&pair);
}

static void test_key_of_another_set(void **state UNUSED)
{
    struct pair mine;
    struct pair theirs;
    pair_init(&mine, "ES256");
    pair_init(&theirs, "ES256");
    struct token_opts opts = opts_of_today();
    g_autofree char *jwt = sign(&theirs);
    assert_false(accepts(mine.keys, jwt, &opts));
    pair_release(&mine);
    pair_release(&theirs);
}

static void test_what_sign_refuses(void **state UNUSED)
{
    struct pair pair;
    pair_init(&pair, "HS256");
    static const struct {
        const char *org;
        const char *sub;
        const char *role;
    } rows[] = {{"", "u", "Service"},    {"a b", "u", "Service"}, {"a", "", "Service"},
                {"a", "u\n", "Service"}, {"a", "u", "Cook"},      {"a", "\xff", "Service"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = ERR_INIT;
        assert_null(token_sign(pair.file, NULL, NULL, rows[i].org, rows[i].sub, rows[i].role, 60, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    pair_release(&pair);
}

/* --- key sets --------------------------------------------------------------------------------------------------- */

#define RSA_1024                                                                                                  \
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\""                                           \
    "w4RvNqUuvUNDpbtlcyoTxVdnYJDnsFjZsq2P7mBnd6wqGzJ5vh0HZKgYmfHoeLqXAVX4tDK2EMoVcqVYvJ0K0Q0c3T4Y0mFQ0d3bmVFVE1X" \
    "c1m8mJqkJwUu1mVfJQdVhH0v0yqJ9J3o8s2vZqkC8s5nH2qzY8m0kVQX1Zy3m1\"}]}"

static const struct {
    const char *text;
    size_t n; /* usable keys; 0: refused */
} sets[] = {
    {KEYS, 1},
    {TWO_KEYS, 2},
    {"{\"keys\":[]}", 0},
    {"{}", 0},
    {"[]", 0},
    {"nonsense", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"short\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZg\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K "\"},{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" OTHER_K
     "\"}]}",
     0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K "\",\"use\":\"enc\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K "\",\"alg\":\"HS512\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K "\",\"alg\":\"RS256\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"new\",\"kid\":\"x\"},{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"" K "\"}]}", 1},
    {RSA_1024, 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"padded\",\"k\":\"" K "=\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\"A===\"}]}", 0},
    {"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":5}]}", 0},
    {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\",\"kid\":\"e\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}", 0},
};

static void test_key_sets(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct err e = ERR_INIT;
        struct token_keys *keys = token_keys_parse(sets[i].text, strlen(sets[i].text), &e);
        size_t n = keys == NULL ? 0 : token_keys_count(keys);
        if (n != sets[i].n || (keys == NULL && e.code != ERR_INVALID)) {
            fail_msg("%s: %zu usable keys, %s", sets[i].text, n, e.text);
        }
        token_keys_unref(keys);
    }
}

static void test_missing_key_file(void **state UNUSED)
{
    struct err e = ERR_INIT;
    assert_null(token_keys_load("/nonexistent/jwks.json", &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_token_gives_its_claims),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_issuer_and_audience),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_without_kid_only_when_one_key_fits),
        cmocka_unit_test(test_embedded_key_is_not_used),
        cmocka_unit_test(test_no_signature),
        cmocka_unit_test(test_tampered_hmac_token),
        cmocka_unit_test(test_signed_tokens_of_each_algorithm),
        cmocka_unit_test(test_public_key_is_no_hmac_key),
        cmocka_unit_test(test_key_of_another_set),
        cmocka_unit_test(test_what_sign_refuses),
        cmocka_unit_test(test_key_sets),
        cmocka_unit_test(test_missing_key_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
