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
            assert_true(dispatch_queue_pop(q, &out));
            assert_int_equal(out.job.ref.attempt, i);
        }
    }
    struct dispatch_entry broadcast = {.kind = DISPATCH_BROADCAST, .body = g_strdup("{}")};
    assert_true(dispatch_queue_push(q, &broadcast));
    assert_int_equal(dispatch_queue_length(q), 3);
    assert_int_equal(dispatch_queue_clear(q), 3);
    assert_false(dispatch_queue_pop(q, &out));
    dispatch_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),      cmocka_unit_test(test_the_oldest_holds_the_window),
        cmocka_unit_test(test_many_rounds), cmocka_unit_test(test_returned),
        cmocka_unit_test(test_clear),       cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
