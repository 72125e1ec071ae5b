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
static int64_t ready;
static int readings;
static bool is_away;
static struct org_load *adding_meanwhile; /* not NULL: somebody adds 5 jobs while the number is being read */

static int64_t test_clock(void)
{
    return now_us;
}

static bool test_read(struct db *db UNUSED, const struct org_kind *kind, int64_t *ret, struct err *e)
{
    readings++;
    if (is_away) {
        return err_set(e, ERR_UNAVAILABLE, "the database is away");
    }
    if (adding_meanwhile != NULL) {
        org_load_add(adding_meanwhile, &(struct org_kind){kind->organization_id, "noop", 0}, 5);
    }
    *ret = counted;
    return true;
}

static bool test_read_ready(struct db *db UNUSED, const struct org_kind *kind UNUSED, int64_t *ret,
                            struct err *e UNUSED)
{
    *ret = ready;
    return true;
}

static struct org_load *made(size_t max_organizations)
{
    return org_load_new_from(&(struct org_load_sources){test_read, test_read_ready, test_clock, max_organizations});
}

static int reset(void **state UNUSED)
{
    now_us = 1000000;
    counted = 0;
    ready = 1000000;
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

static void add(struct org_load *load, const char *org, int64_t n)
{
    org_load_add(load, &(struct org_kind){org, "noop", 0}, n);
}

static enum tier tier(struct org_load *load, const char *type, int64_t priority, int64_t threshold)
{
    return org_load_tier(load, NULL, &(struct org_kind){"a", type, priority}, threshold);
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
    struct org_load *load = made(10);
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
    struct org_load *load = made(10);
    counted = 10;
    assert_int_equal(queued(load, "a"), 10);
    add(load, "a", 3);
    add(load, "b", 50);
    add(load, "a", -1);
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
    struct org_load *load = made(10);
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
    struct org_load *load = made(10);
    is_away = true;
    counted = 5000;
    assert_int_equal(queued(load, "a"), -1);
    assert_int_equal(tier(load, "noop", 0, 1000), TIER_MAIN);
    is_away = false;
    assert_int_equal(queued(load, "a"), 5000);
    assert_int_equal(readings, 3);
    org_load_free(load);
}

static void test_the_tier_is_that_of_more_than_the_threshold(void **state UNUSED)
{
    static const struct {
        int64_t counted;
        int64_t ready;
        int64_t threshold;
        enum tier expect;
    } rows[] = {
        {0, 0, 0, TIER_MAIN},
        {1, 1, 0, TIER_BACKLOG},
        {100, 100, 100, TIER_MAIN},
        {101, 101, 100, TIER_BACKLOG},
        {101, 101, 1000000000, TIER_MAIN},
        {5000, 3, 100, TIER_MAIN}, /* the others are scheduled */
        {5000, 101, 100, TIER_BACKLOG},
    };
    struct org_load *load = made(10);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        now_us += 250 * US_PER_MS;
        counted = rows[i].counted;
        ready = rows[i].ready;
        assert_int_equal(tier(load, "noop", 0, rows[i].threshold), rows[i].expect);
    }
    org_load_free(load);
}

static void test_each_type_and_priority_has_its_own_number(void **state UNUSED)
{
    struct org_load *load = made(10);
    add(load, "a", 1);
    assert_int_equal(tier(load, "noop", 0, 3), TIER_MAIN);
    add(load, "a", 5);
    assert_int_equal(tier(load, "noop", 0, 3), TIER_BACKLOG);
    assert_int_equal(tier(load, "noop", 1, 3), TIER_MAIN);
    assert_int_equal(tier(load, "other", 0, 3), TIER_MAIN);
    assert_int_equal(queued(load, "a"), 0); /* read just now */
    org_load_free(load);
}

static void test_what_other_processes_add_shows_before_the_threshold(void **state UNUSED)
{
    struct org_load *load = made(10);
    int added = 0;
    ready = 0;
    while (tier(load, "noop", 0, 100) == TIER_MAIN && added < 200) {
        add(load, "a", 1);
        added++;
        counted += 2; /* another process adds as many */
        ready += 2;
    }
    assert_in_range(added, 51, 51 + 25);
    int before = readings;
    for (int i = 0; i < 100; i++) {
        add(load, "a", 1);
        assert_int_equal(tier(load, "noop", 0, 100), TIER_BACKLOG);
    }
    assert_int_equal(readings, before); /* beyond it nothing depends on it */
    org_load_free(load);
}

static void test_the_number_of_organizations_is_bounded(void **state UNUSED)
{
    struct org_load *load = made(3);
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
        cmocka_unit_test_setup(test_each_type_and_priority_has_its_own_number, reset),
        cmocka_unit_test_setup(test_what_other_processes_add_shows_before_the_threshold, reset),
        cmocka_unit_test_setup(test_the_number_of_organizations_is_bounded, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
