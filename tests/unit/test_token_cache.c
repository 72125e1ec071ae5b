#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>

#include "token_cache.h"

static const struct token_claims alice = {.org = "acme", .sub = "alice", .roles = TOKEN_ROLE_SERVICE, .exp_s = 1000};

static bool holds(struct token_cache *cache, const char *jwt, int64_t now_s, int64_t leeway_s)
{
    struct token_claims got = {.roles = 0};
    const struct token_opts opts = {.now_s = now_s, .leeway_s = leeway_s};
    return token_cache_get(cache, jwt, &opts, &got);
}

static void test_gives_back_what_was_put(void **state UNUSED)
{
    struct token_cache *cache = token_cache_new(10);
    const struct token_opts opts = {.now_s = 999};
    struct token_claims got = {.roles = 0};
    assert_false(token_cache_get(cache, "a.b.c", &opts, &got));
    token_cache_put(cache, "a.b.c", &alice);
    assert_true(token_cache_get(cache, "a.b.c", &opts, &got));
    assert_string_equal(got.org, "acme");
    assert_string_equal(got.sub, "alice");
    assert_int_equal(got.roles, TOKEN_ROLE_SERVICE);
    assert_int_equal(got.exp_s, 1000);
    assert_false(holds(cache, "a.b.C", 999, 0));
    assert_false(holds(cache, "a.b.", 999, 0));
    token_cache_free(cache);
}

static void test_expires_as_the_token_does(void **state UNUSED)
{
    static const struct {
        int64_t now_s;
        int64_t leeway_s;
        bool good;
    } cases[] = {{999, 0, true}, {1000, 0, false}, {1000, 1, true}, {1059, 60, true}, {1060, 60, false}};
    struct token_cache *cache = token_cache_new(10);
    token_cache_put(cache, "a.b.c", &alice);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(holds(cache, "a.b.c", cases[i].now_s, cases[i].leeway_s), cases[i].good);
    }
    token_cache_free(cache);
}

static void test_never_holds_more_than_it_may(void **state UNUSED)
{
    struct token_cache *cache = token_cache_new(3);
    for (int i = 0; i < 100; i++) {
        g_autofree char *jwt = g_strdup_printf("token.%d", i);
        token_cache_put(cache, jwt, &alice);
        assert_true(holds(cache, jwt, 0, 0));
    }
    int held = 0;
    for (int i = 0; i < 100; i++) {
        g_autofree char *jwt = g_strdup_printf("token.%d", i);
        held += holds(cache, jwt, 0, 0) ? 1 : 0;
    }
    assert_in_range(held, 1, 3);
    token_cache_free(cache);
}

static void test_the_last_claims_win(void **state UNUSED)
{
    struct token_cache *cache = token_cache_new(3);
    struct token_claims later = alice;
    later.exp_s = 2000;
    token_cache_put(cache, "a.b.c", &alice);
    token_cache_put(cache, "a.b.c", &later);
    assert_true(holds(cache, "a.b.c", 1500, 0));
    token_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_what_was_put),
        cmocka_unit_test(test_expires_as_the_token_does),
        cmocka_unit_test(test_never_holds_more_than_it_may),
        cmocka_unit_test(test_the_last_claims_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
