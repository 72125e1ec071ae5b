#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "domain/org_load.h"
#include "ground/clock.h"

/* What the database would say, and how often it was asked. */
static int64_t now_us;
static int64_t counted;
static int readings;
static bool is_away;
static struct org_load *adding_meanwhile; /* not NULL: somebody adds 5 jobs while the number is being read */

static int64_t test_clock(void)
{
    return now_us;
}

static bool test_read(struct db *db UNUSED, const char *org, int64_t *ret, struct err *e)
{
    readings++;
    if (is_away) {
        return err_set(e, ERR_UNAVAILABLE, "the database is away");
    }
    if (adding_meanwhile != NULL) {
        org_load_add(adding_meanwhile, org, 5);
    }
    *ret = counted;
    return true;
}

static int reset(void **state UNUSED)
{
    now_us = 1000000;
    counted = 0;
    readings = 0;
    is_away = false;
    adding_meanwhile = NULL;
    return 0;
}

static int64_t queued(struct org_load *load, const char *org)
{
    struct err e = ERR_INIT;
    int64_t n = -1;
    return org_load_queued(load, NULL, org, &n, &e) ? n : -1;
}

static void test_a_reading_lasts_250_ms(void **state UNUSED)
{
    static const struct {
        int64_t after_ms;
        int64_t counted;
        int64_t expect;
        int readings;
    } rows[] = {
        {0, 7, 7, 1}, {249, 9, 7, 1}, {1, 9, 9, 2}, {0, 3, 9, 2}, {250, 3, 3, 3},
    };
    struct org_load *load = org_load_new_from(test_read, test_clock, 10);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        now_us += rows[i].after_ms * US_PER_MS;
        counted = rows[i].counted;
        assert_int_equal(queued(load, "a"), rows[i].expect);
        assert_int_equal(readings, rows[i].readings);
    }
    org_load_free(load);
    org_load_free(NULL);
}

static void test_what_is_added_shows_at_once_and_until_the_next_reading(void **state UNUSED)
{
    struct org_load *load = org_load_new_from(test_read, test_clock, 10);
    counted = 10;
    assert_int_equal(queued(load, "a"), 10);
    org_load_add(load, "a", 3);
    org_load_add(load, "b", 50);
    org_load_add(load, "a", -1);
    assert_int_equal(queued(load, "a"), 12);
    now_us += 250 * US_PER_MS;
    counted = 11;
    assert_int_equal(queued(load, "a"), 11);
    /* b was never read: what was added before is in what is read. */
    assert_int_equal(queued(load, "b"), 11);
    org_load_free(load);
}

static void test_what_is_added_during_a_reading_is_not_lost(void **state UNUSED)
{
    struct org_load *load = org_load_new_from(test_read, test_clock, 10);
    adding_meanwhile = load;
    counted = 10;
    (void)queued(load, "a");
    adding_meanwhile = NULL;
    assert_int_equal(queued(load, "a"), 15);
    now_us += 250 * US_PER_MS;
    assert_int_equal(queued(load, "a"), 10);
    org_load_free(load);
}

static void test_a_failed_reading_is_tried_again(void **state UNUSED)
{
    struct org_load *load = org_load_new_from(test_read, test_clock, 10);
    is_away = true;
    counted = 5000;
    assert_int_equal(queued(load, "a"), -1);
    assert_int_equal(org_load_tier(load, NULL, "a", 1000), TIER_MAIN);
    is_away = false;
    assert_int_equal(queued(load, "a"), 5000);
    assert_int_equal(readings, 3);
    org_load_free(load);
}

static void test_the_tier_is_that_of_more_than_the_threshold(void **state UNUSED)
{
    static const struct {
        int64_t counted;
        int64_t threshold;
        enum tier expect;
    } rows[] = {
        {0, 0, TIER_MAIN},          {1, 0, TIER_BACKLOG},          {1000, 1000, TIER_MAIN},
        {1001, 1000, TIER_BACKLOG}, {1001, 1000000000, TIER_MAIN},
    };
    struct org_load *load = org_load_new_from(test_read, test_clock, 10);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        now_us += 250 * US_PER_MS;
        counted = rows[i].counted;
        assert_int_equal(org_load_tier(load, NULL, "a", rows[i].threshold), rows[i].expect);
    }
    org_load_free(load);
}

static void test_the_number_of_organizations_is_bounded(void **state UNUSED)
{
    struct org_load *load = org_load_new_from(test_read, test_clock, 3);
    counted = 1;
    static const struct {
        const char *org;
        int readings;
    } rows[] = {{"a", 1}, {"b", 2}, {"c", 3}, {"a", 3}, {"d", 4}, {"d", 4}, {"a", 5}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(queued(load, rows[i].org), 1);
        assert_int_equal(readings, rows[i].readings);
    }
    org_load_free(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_reading_lasts_250_ms, reset),
        cmocka_unit_test_setup(test_what_is_added_shows_at_once_and_until_the_next_reading, reset),
        cmocka_unit_test_setup(test_what_is_added_during_a_reading_is_not_lost, reset),
        cmocka_unit_test_setup(test_a_failed_reading_is_tried_again, reset),
        cmocka_unit_test_setup(test_the_tier_is_that_of_more_than_the_threshold, reset),
        cmocka_unit_test_setup(test_the_number_of_organizations_is_bounded, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
