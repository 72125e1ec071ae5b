#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

#include "consumer/reserve.h"
#include "ground/clock.h"

#define START_S 100

/* Notes organizations, one letter a second, a capital for a job of its backlog; a dot is a second without any. */
static struct reserve after(const char *seen, int64_t *ret_now_us)
{
    struct reserve r = {.parts = NULL};
    int64_t now_us = START_S * US_PER_S;
    for (const char *c = seen; *c != '\0'; c++, now_us += US_PER_S) {
        const char org[] = {*c, '\0'};
        if (*c != '.') {
            reserve_note(&r, org, g_ascii_islower(*c), now_us);
        }
    }
    *ret_now_us = now_us - US_PER_S; /* of the last letter */
    return r;
}

#define TEN ".........."

static void test_shared_by_more_than_one_within_a_minute(void **state UNUSED)
{
    static const struct {
        const char *seen;
        bool is_shared;
    } rows[] = {
        {".", false},
        {"a", false},
        {"aaaa", false},
        {"ab", true},
        {"abbbbbb", true},
        {"AB", false},
        {"aBA", true},
        {"Ab" TEN TEN TEN TEN TEN ".........A", true},
        {"ab" TEN TEN TEN TEN TEN ".........AB", false},
        {"a" TEN TEN TEN TEN TEN ".........b", true},
        {"a" TEN TEN TEN TEN TEN "..........b", false},
        {"ab" TEN TEN TEN TEN TEN ".........", true},
        {"ab" TEN TEN TEN TEN TEN TEN, false},
        {"abc" TEN TEN TEN TEN TEN "aaaaaaaaaa", true}, /* c, not b, is the other one */
        {"abc" TEN TEN TEN TEN TEN "aaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t now_us = 0;
        struct reserve r = after(rows[i].seen, &now_us);
        if (reserve_is_shared(&r, now_us) != rows[i].is_shared) {
            fail_msg("row %zu", i);
        }
    }
}

#define TWELVE 12
#define NEWCOMER 9

/* Each organization takes what it may, in turns, until none may take more. */
static void fill(struct reserve *r, const struct reserve_rule *rule, uint32_t organizations)
{
    for (bool any = true; any;) {
        any = false;
        for (uint32_t flow = 1; flow <= organizations; flow++) {
            if (reserve_may_start(r, rule, flow)) {
                reserve_claim(r, flow);
                reserve_start(r, flow, true);
                any = true;
            }
        }
    }
}

static void test_none_takes_all_runners(void **state UNUSED)
{
    static const struct {
        size_t runners;
        int64_t percent;
        uint32_t organizations;
        size_t expect; /* running in the end */
    } rows[] = {
        {1, TWELVE, 1, 1},   {3, TWELVE, 1, 3},   {4, TWELVE, 1, 3},    {5, TWELVE, 1, 4},      {8, TWELVE, 1, 7},
        {16, TWELVE, 1, 14}, {32, TWELVE, 1, 28}, {100, TWELVE, 1, 88}, {1000, TWELVE, 1, 880}, {16, 0, 1, 16},
        {16, 50, 1, 8},      {16, 1, 1, 15},      {16, TWELVE, 2, 14},  {16, TWELVE, 3, 15},    {32, TWELVE, 2, 29},
        {32, TWELVE, 3, 30}, {16, TWELVE, 8, 15},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct reserve_rule rule = {rows[i].runners, rows[i].percent};
        struct reserve r;
        reserve_init(&r);
        fill(&r, &rule, rows[i].organizations);
        if (r.running != rows[i].expect) {
            fail_msg("row %zu: %zu", i, r.running);
        }
        assert_int_equal(reserve_may_start(&r, &rule, NEWCOMER), r.running < rows[i].runners);
        for (uint32_t flow = 1; flow <= rows[i].organizations; flow++) {
            size_t part = reserve_part_of(&r, flow).running;
            size_t even = r.running / rows[i].organizations;
            assert_in_range(part, even, even + 1);
        }
        reserve_release(&r);
    }
}

static void test_an_end_lets_the_next_start(void **state UNUSED)
{
    const struct reserve_rule rule = {16, TWELVE};
    struct reserve r;
    reserve_init(&r);
    fill(&r, &rule, 1);
    assert_false(reserve_may_start(&r, &rule, 1));
    reserve_end(&r, 1, true);
    assert_true(reserve_may_start(&r, &rule, 1));
    for (int i = 1; i < 14; i++) {
        reserve_end(&r, 1, true);
    }
    assert_int_equal(g_hash_table_size(r.parts), 0);
    assert_int_equal(r.running + r.slow, 0);
    reserve_release(&r);
}

static void test_what_waits_is_counted(void **state UNUSED)
{
    struct reserve r;
    reserve_init(&r);
    reserve_claim(&r, 1);
    reserve_claim(&r, 1);
    reserve_claim(&r, 2);
    assert_int_equal(r.parts_waiting, 2);
    assert_int_equal(reserve_part_of(&r, 1).waiting, 2);
    reserve_start(&r, 1, false);
    assert_int_equal(r.parts_waiting, 2);
    reserve_drop(&r, 1);
    reserve_start(&r, 2, true);
    assert_int_equal(r.parts_waiting, 0);
    assert_int_equal(r.running, 2);
    assert_int_equal(r.slow, 1);
    reserve_end(&r, 2, true);
    reserve_end(&r, 1, false);
    assert_int_equal(g_hash_table_size(r.parts), 0);
    reserve_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_by_more_than_one_within_a_minute),
        cmocka_unit_test(test_none_takes_all_runners),
        cmocka_unit_test(test_an_end_lets_the_next_start),
        cmocka_unit_test(test_what_waits_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
