/* Confirms in every order that RabbitMQ sends them in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "domain/dispatch_queue.h"
#include "domain/outstanding.h"

#define CAPACITY 8

struct seen {
    char text[200]; /* attempts in the order they were settled; r: returned */
};

static void note(void *arg, const struct dispatch_entry *entry, bool is_returned)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->text);
    (void)g_snprintf(seen->text + used, sizeof(seen->text) - used, "%lld%s ", (long long)entry->job.ref.attempt,
                     is_returned ? "r" : "");
}

static struct dispatch_entry job(int64_t number)
{
    struct dispatch_entry entry = {.kind = DISPATCH_JOB, .job.ref.attempt = number};
    g_strlcpy(entry.job.ref.id, "id", sizeof(entry.job.ref.id));
    return entry;
}

static void add(struct outstanding *o, uint64_t first, uint64_t last)
{
    for (uint64_t s = first; s <= last; s++) {
        struct dispatch_entry entry = job((int64_t)s);
        outstanding_add(o, s, &entry, (int64_t)s * 10);
    }
}

static void settles(struct outstanding *o, uint64_t tag, bool multiple, const char *expected)
{
    struct seen seen = {""};
    outstanding_settle(o, tag, multiple, note, &seen);
    assert_string_equal(seen.text, expected);
}

static void test_orders(void **state UNUSED)
{
    struct outstanding *o = outstanding_new(CAPACITY);
    assert_int_equal(outstanding_oldest_us(o), INT64_MAX);
    add(o, 1, 8);
    assert_false(outstanding_has_room(o));
    settles(o, 6, false, "6 "); /* a nack overtakes */
    settles(o, 6, false, "");   /* nothing is settled twice */
    settles(o, 4, true, "1 2 3 4 ");
    assert_int_equal(outstanding_oldest_us(o), 50);
    assert_int_equal(outstanding_count(o), 3);
    settles(o, 4, true, "");
    settles(o, 99, true, ""); /* never published */
    settles(o, 7, true, "5 7 ");
    settles(o, 0, true, "8 ");
    assert_int_equal(outstanding_count(o), 0);
    assert_int_equal(outstanding_oldest_us(o), INT64_MAX);
    outstanding_free(o);
}

static void test_the_oldest_holds_the_window(void **state UNUSED)
{
    struct outstanding *o = outstanding_new(CAPACITY);
    add(o, 1, 8);
    settles(o, 2, false, "2 ");
    assert_false(outstanding_has_room(o));
    settles(o, 1, false, "1 ");
    assert_true(outstanding_has_room(o));
    add(o, 9, 10);
    assert_false(outstanding_has_room(o));
    settles(o, 10, true, "3 4 5 6 7 8 9 10 ");
    outstanding_free(o);
}

static void test_many_rounds(void **state UNUSED)
{
    struct outstanding *o = outstanding_new(CAPACITY);
    for (uint64_t s = 1; s < 10000; s += 5) {
        struct seen seen = {""};
        add(o, s, s + 4);
        assert_int_equal(outstanding_settle(o, s + 4, true, note, &seen), 5);
    }
    assert_int_equal(outstanding_count(o), 0);
    outstanding_free(o);
}

static void test_returned(void **state UNUSED)
{
    struct outstanding *o = outstanding_new(CAPACITY);
    add(o, 1, 3);
    outstanding_returned(o, "id", 2);
    outstanding_returned(o, "other", 3);
    settles(o, 3, true, "1 2r 3 ");
    outstanding_free(o);
}

static void test_clear(void **state UNUSED)
{
    struct outstanding *o = outstanding_new(CAPACITY);
    add(o, 1, 3);
    assert_int_equal(outstanding_clear(o), 3);
    settles(o, 3, true, ""); /* a tag of the former connection */
    add(o, 1, 8);
    settles(o, 1, false, "1 ");
    outstanding_free(o);
}

static void test_queue(void **state UNUSED)
{
    struct dispatch_queue *q = dispatch_queue_new(3);
    struct dispatch_entry out = {0};
    for (int64_t round = 0; round < 5; round++) {
        for (int64_t i = 0; i < 3; i++) {
            struct dispatch_entry entry = job(i);
            assert_true(dispatch_queue_push(q, &entry));
        }
        struct dispatch_entry one_more = job(9);
        assert_false(dispatch_queue_push(q, &one_more));
        for (int64_t i = 0; i < (round == 4 ? 1 : 3); i++) {
            assert_true(dispatch_queue_pop(q, false, &out));
            assert_int_equal(out.job.ref.attempt, i);
        }
    }
    struct dispatch_entry broadcast = {.kind = DISPATCH_BROADCAST, .body = g_strdup("{}")};
    assert_true(dispatch_queue_push(q, &broadcast));
    assert_int_equal(dispatch_queue_length(q, false), 3);
    assert_int_equal(dispatch_queue_clear(q), 3);
    assert_false(dispatch_queue_pop(q, false, &out));
    dispatch_queue_free(q);
}

static struct dispatch_entry of_tier(enum tier tier, int64_t number)
{
    struct dispatch_entry entry = job(number);
    entry.job.ref.tier = tier;
    return entry;
}

/* Takes all there is; the numbers in their order. */
static void takes(struct dispatch_queue *q, bool main_only, const char *expected)
{
    struct seen seen = {""};
    struct dispatch_entry out = {0};
    while (dispatch_queue_pop(q, main_only, &out)) {
        note(&seen, &out, false);
    }
    assert_string_equal(seen.text, expected);
}

static void test_the_tiers_of_the_queue_take_turns(void **state UNUSED)
{
    static const struct {
        int tiers[8]; /* of the jobs 1, 2... in the order of their coming; -1 ends */
        const char *all;
        const char *main_only;
    } rows[] = {
        {{TIER_MAIN, TIER_MAIN, -1}, "1 2 ", "1 2 "},
        {{TIER_BACKLOG, TIER_BACKLOG, -1}, "1 2 ", ""},
        {{TIER_BACKLOG, TIER_BACKLOG, TIER_BACKLOG, TIER_MAIN, TIER_MAIN, -1}, "4 1 5 2 3 ", "4 5 "},
        {{TIER_BACKLOG, TIER_MAIN, TIER_MAIN, TIER_MAIN, -1}, "2 1 3 4 ", "2 3 4 "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
        bool main_only = i % 2 == 1;
        struct dispatch_queue *q = dispatch_queue_new(3);
        struct dispatch_entry out = of_tier(TIER_BACKLOG, 0);
        assert_true(dispatch_queue_push(q, &out) && dispatch_queue_pop(q, false, &out));
        for (int n = 0; rows[i / 2].tiers[n] >= 0; n++) {
            struct dispatch_entry entry = of_tier((enum tier)rows[i / 2].tiers[n], n + 1);
            assert_true(dispatch_queue_push(q, &entry));
        }
        takes(q, main_only, main_only ? rows[i / 2].main_only : rows[i / 2].all);
        assert_int_equal(dispatch_queue_length(q, true), 0);
        dispatch_queue_free(q);
    }
}

static void test_a_full_tier_refuses_nobody_else(void **state UNUSED)
{
    struct dispatch_queue *q = dispatch_queue_new(1);
    struct dispatch_entry heavy = of_tier(TIER_BACKLOG, 1);
    struct dispatch_entry light = of_tier(TIER_MAIN, 2);
    assert_true(dispatch_queue_push(q, &heavy));
    assert_false(dispatch_queue_push(q, &heavy));
    assert_true(dispatch_queue_push(q, &light));
    assert_int_equal(dispatch_queue_length(q, true), 1);
    assert_int_equal(dispatch_queue_room(q, TIER_MAIN), 0);
    assert_int_equal(dispatch_queue_clear(q), 2);
    dispatch_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_the_oldest_holds_the_window),
        cmocka_unit_test(test_many_rounds),
        cmocka_unit_test(test_returned),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_the_tiers_of_the_queue_take_turns),
        cmocka_unit_test(test_a_full_tier_refuses_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
