#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>

#include "domain/cache.h"
#include "ground/clock.h"

#define LONG_MS 3600000

static void put(struct cache *c, const char *key, int value)
{
    json_auto_t *v = json_pack("{s:i}", "value", value);
    cache_put(c, key, v);
}

/* The value under key, or -1. */
static int get(struct cache *c, const char *key)
{
    json_auto_t *v = cache_get(c, key);
    return v == NULL ? -1 : (int)json_integer_value(json_object_get(v, "value"));
}

static void test_put_get_drop_flush(void **state UNUSED)
{
    struct cache *c = cache_new(10, LONG_MS);
    assert_int_equal(get(c, "a"), -1);
    put(c, "a", 1);
    put(c, "b", 2);
    put(c, "a", 3);
    assert_int_equal(get(c, "a"), 3);
    assert_int_equal(get(c, "b"), 2);
    cache_drop(c, "a");
    cache_drop(c, "nowhere");
    assert_int_equal(get(c, "a"), -1);
    assert_int_equal(get(c, "b"), 2);
    assert_int_equal(cache_flush(c), 1);
    assert_int_equal(cache_flush(c), 0);
    assert_int_equal(get(c, "b"), -1);
    cache_free(c);
    cache_free(NULL);
}

static void test_what_is_held_cannot_be_changed_from_outside(void **state UNUSED)
{
    struct cache *c = cache_new(10, LONG_MS);
    json_auto_t *given = json_pack("{s:{s:i}}", "inner", "n", 1);
    cache_put(c, "k", given);
    json_object_set_new(json_object_get(given, "inner"), "n", json_integer(2));
    json_auto_t *first = cache_get(c, "k");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "inner"), "n")), 1);
    json_object_set_new(json_object_get(first, "inner"), "n", json_integer(3));
    json_auto_t *second = cache_get(c, "k");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(second, "inner"), "n")), 1);
    cache_free(c);
}

static void test_age_ends_an_entry(void **state UNUSED)
{
    struct cache *c = cache_new(10, 20);
    put(c, "a", 1);
    int64_t put_us = clock_mono_us();
    for (;;) {
        int64_t before_us = clock_mono_us();
        if (get(c, "a") == -1) {
            break;
        }
        assert_true(before_us < put_us + 20 * US_PER_MS);
    }
    assert_true(clock_mono_us() - put_us >= 19 * US_PER_MS);
    assert_int_equal(cache_flush(c), 0);
    put(c, "a", 2);
    assert_int_equal(get(c, "a"), 2);
    cache_free(c);
}

static void test_no_age_holds_nothing(void **state UNUSED)
{
    struct cache *c = cache_new(10, 0);
    put(c, "a", 1);
    assert_int_equal(get(c, "a"), -1);
    cache_free(c);
}

static void test_it_never_holds_more_than_it_may(void **state UNUSED)
{
    for (size_t most = 0; most < 8; most++) {
        struct cache *c = cache_new(most, LONG_MS);
        for (int i = 0; i < 100; i++) {
            g_autofree char *key = g_strdup_printf("key %d", i);
            put(c, key, i);
            assert_int_equal(get(c, key), most == 0 ? -1 : i);
        }
        size_t held = cache_flush(c);
        assert_true(held <= most);
        assert_int_equal(held > 0, most > 0);
        cache_free(c);
    }
}

static void test_a_full_cache_still_takes_a_known_key(void **state UNUSED)
{
    struct cache *c = cache_new(2, LONG_MS);
    put(c, "a", 1);
    put(c, "b", 2);
    put(c, "b", 3);
    assert_int_equal(get(c, "a"), 1);
    assert_int_equal(get(c, "b"), 3);
    cache_free(c);
}

struct worker {
    pthread_t thread;
    struct cache *cache;
    int number;
    int wrong;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 5000; i++) {
        g_autofree char *key = g_strdup_printf("%d", (i + w->number) % 40);
        int got = get(w->cache, key);
        if (got != -1 && got % 40 != (i + w->number) % 40) {
            w->wrong++;
        }
        put(w->cache, key, i + w->number);
        if (i % 100 == 0) {
            cache_drop(w->cache, key);
        }
        if (i % 1000 == 0) {
            cache_flush(w->cache);
        }
    }
    return NULL;
}

static void test_many_threads(void **state UNUSED)
{
    struct worker workers[8];
    struct cache *c = cache_new(32, LONG_MS);
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){.cache = c, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_true(cache_flush(c) <= 32);
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_drop_flush),
        cmocka_unit_test(test_what_is_held_cannot_be_changed_from_outside),
        cmocka_unit_test(test_age_ends_an_entry),
        cmocka_unit_test(test_no_age_holds_nothing),
        cmocka_unit_test(test_it_never_holds_more_than_it_may),
        cmocka_unit_test(test_a_full_cache_still_takes_a_known_key),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
