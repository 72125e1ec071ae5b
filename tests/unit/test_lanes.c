#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "consumer/lanes.h"

static const int64_t ten[LANES] = {10, 10, 10};

static void test_strict_without_pressure(void **state UNUSED)
{
    struct lane_draw draw = {{0}};
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, false, false}, ten), LANES);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, true, true}, ten), LANE_HIGH);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, true, true}, ten), LANE_NORMAL);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, false, true}, ten), LANE_LOW);
}

static void count_draws(const bool waiting[LANES], const int64_t share[LANES], int draws, int counts[LANES])
{
    struct lane_draw draw = {{0}};
    for (int i = 0; i < draws; i++) {
        counts[lane_draw_next(&draw, waiting, share)]++;
    }
}

static void test_every_waiting_lane_gets_its_share(void **state UNUSED)
{
    static const struct {
        bool waiting[LANES];
        int64_t share[LANES];
        int expect[LANES];
    } rows[] = {
        {{true, false, true}, {10, 10, 10}, {1000, 0, 100}},
        {{true, true, true}, {10, 10, 10}, {1000, 100, 100}},
        {{true, true, true}, {0, 0, 0}, {1200, 0, 0}},
        {{true, true, true}, {10, 10, 100}, {1000, 100, 1000}}, /* an aged lane has every other start */
        {{true, false, true}, {10, 10, 55}, {1000, 0, 550}},
        {{false, true, true}, {25, 25, 25}, {0, 1000, 250}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int counts[LANES] = {0};
        int draws = rows[i].expect[0] + rows[i].expect[1] + rows[i].expect[2];
        count_draws(rows[i].waiting, rows[i].share, draws, counts);
        for (int l = 0; l < LANES; l++) {
            assert_in_range(counts[l] + 12, rows[i].expect[l] + 10, rows[i].expect[l] + 14);
        }
    }
}

static void test_an_empty_lane_keeps_no_credit(void **state UNUSED)
{
    struct lane_draw draw = {{0}};
    for (int i = 0; i < 9; i++) {
        assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, ten), LANE_HIGH);
    }
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, false}, ten), LANE_HIGH);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, ten), LANE_HIGH);
    }
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, ten), LANE_LOW);
}

static void test_the_share_grows_with_the_wait(void **state UNUSED)
{
    static const struct {
        int64_t least_percent;
        int64_t waited_s;
        int64_t ageing_s;
        int64_t expect;
    } rows[] = {
        {10, 0, 300, 10},
        {10, 30, 300, 19},
        {10, 150, 300, 55},
        {10, 299, 300, 99},
        {10, 300, 300, 100},
        {10, 86400, 300, 100}, /* no further */
        {10, -5, 300, 10},     /* the publisher's clock is ahead */
        {10, 86400, 0, 10},    /* off */
        {0, 0, 300, 0},
        {0, 150, 300, 50},
        {50, 150, 300, 75},
        {10, 1, 1, 100},
        {10, INT64_MAX / 2, 86400, 100},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(lane_share_percent(rows[i].least_percent, rows[i].waited_s, rows[i].ageing_s), rows[i].expect);
    }
}

/* One letter for each draw: H, N, L of the main tier, h, n, l of the backlog. */
static void draws(const struct lane_choice *choice, size_t n, struct tier_draw *draw, char *ret)
{
    for (size_t i = 0; i < n; i++) {
        enum tier tier = TIERS;
        enum lane lane = LANES;
        bool any = tier_draw_next(draw, choice, &tier, &lane);
        ret[i] = any ? (tier == TIER_MAIN ? "HNL" : "hnl")[lane] : '-';
    }
    ret[n] = '\0';
}

static void test_tiers_take_turns(void **state UNUSED)
{
    static const struct {
        bool waiting[TIERS][LANES];
        const char *expect;
    } rows[] = {
        {{{false, false, false}, {false, false, false}}, "--------"},
        {{{false, true, false}, {false, false, false}}, "NNNNNNNN"},
        {{{false, false, false}, {false, true, false}}, "nnnnnnnn"},
        {{{false, true, false}, {false, true, false}}, "NnNnNnNn"},
        {{{false, false, true}, {true, false, false}}, "LhLhLhLh"},
        {{{true, true, false}, {true, false, false}}, "HhHhHhHh"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lane_choice choice = {.share_percent = {{10, 10, 10}, {10, 10, 10}}, .flow = {{1, 1, 1}, {2, 2, 2}}};
        struct tier_draw draw = {0};
        char drawn[9];
        memcpy(choice.waiting, rows[i].waiting, sizeof(choice.waiting));
        draws(&choice, 8, &draw, drawn);
        assert_string_equal(drawn, rows[i].expect);
    }
}

static void test_who_comes_to_a_backlog_goes_next(void **state UNUSED)
{
    const struct lane_choice backlog = {.waiting = {{false, false, false}, {false, true, false}}};
    const struct lane_choice both = {.waiting = {{false, true, false}, {false, true, false}}, .flow = {{1, 1, 1}}};
    struct tier_draw draw = {0};
    char drawn[9];
    for (size_t n = 0; n < 4; n++) {
        draws(&backlog, n, &draw, drawn);
        draws(&both, 3, &draw, drawn);
        assert_string_equal(drawn, "NnN");
        draws(&backlog, 1, &draw, drawn);
    }
}

static void test_each_tier_keeps_the_shares_of_its_lanes(void **state UNUSED)
{
    const struct lane_choice choice = {
        .waiting = {{true, false, true}, {false, true, true}},
        .share_percent = {{10, 10, 10}, {10, 10, 50}},
        .flow = {{1, 1, 1}, {2, 2, 2}},
    };
    struct tier_draw draw = {0};
    int counts[128] = {0};
    char drawn[1201];
    draws(&choice, 1200, &draw, drawn);
    for (const char *c = drawn; *c != '\0'; c++) {
        counts[(unsigned char)*c]++;
    }
    assert_in_range(counts['L'], 53, 56); /* 600 starts, one low after ten high ones */
    assert_in_range(counts['l'], 198, 202);
    assert_int_equal(counts['H'] + counts['L'], 600);
}

static void test_one_organization_knows_priorities_only(void **state UNUSED)
{
    static const struct {
        bool waiting[TIERS][LANES];
        uint32_t flow[TIERS][LANES];
        const char *expect;
    } rows[] = {
        {{{false, false, true}, {true, false, false}}, {{7, 7, 7}, {7, 7, 7}}, "hhhhLhhhhL"},
        {{{true, false, false}, {false, false, true}}, {{7, 7, 7}, {7, 7, 7}}, "HHHHlHHHHl"},
        {{{false, true, false}, {false, true, false}}, {{7, 7, 7}, {7, 7, 7}}, "NnNnNnNnNn"},
        {{{false, false, true}, {true, false, false}},
         {{1, 2, 7}, {7, 3, 4}},
         "hhhhLhhhhL"}, /* the others do not wait */
        {{{true, false, true}, {true, false, false}}, {{8, 7, 7}, {7, 7, 7}}, "HhHhHhHhLh"},
        {{{false, false, true}, {true, false, false}}, {{7, 7, 7}, {8, 7, 7}}, "LhLhLhLhLh"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lane_choice choice = {.share_percent = {{25, 25, 25}, {25, 25, 25}}};
        struct tier_draw draw = {0};
        char drawn[11];
        memcpy(choice.waiting, rows[i].waiting, sizeof(choice.waiting));
        memcpy(choice.flow, rows[i].flow, sizeof(choice.flow));
        draws(&choice, 10, &draw, drawn);
        assert_string_equal(drawn, rows[i].expect);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_without_pressure),
        cmocka_unit_test(test_every_waiting_lane_gets_its_share),
        cmocka_unit_test(test_an_empty_lane_keeps_no_credit),
        cmocka_unit_test(test_the_share_grows_with_the_wait),
        cmocka_unit_test(test_tiers_take_turns),
        cmocka_unit_test(test_who_comes_to_a_backlog_goes_next),
        cmocka_unit_test(test_one_organization_knows_priorities_only),
        cmocka_unit_test(test_each_tier_keeps_the_shares_of_its_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
