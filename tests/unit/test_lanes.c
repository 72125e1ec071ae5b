#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/lanes.h"

static void test_strict_without_pressure(void **state UNUSED)
{
    struct lane_draw draw = {{0}};
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, false, false}, 10), LANES);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, true, true}, 10), LANE_HIGH);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, true, true}, 10), LANE_NORMAL);
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){false, false, true}, 10), LANE_LOW);
}

static void count_draws(const bool waiting[LANES], int64_t share, int draws, int counts[LANES])
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
        int64_t share;
        int expect[LANES];
    } rows[] = {
        {{true, false, true}, 10, {1000, 0, 100}},
        {{true, true, true}, 10, {1000, 100, 100}},
        {{true, true, true}, 0, {1200, 0, 0}},
        {{false, true, true}, 25, {0, 1000, 250}},
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
        assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, 10), LANE_HIGH);
    }
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, false}, 10), LANE_HIGH);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, 10), LANE_HIGH);
    }
    assert_int_equal(lane_draw_next(&draw, (bool[LANES]){true, false, true}, 10), LANE_LOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_without_pressure),
        cmocka_unit_test(test_every_waiting_lane_gets_its_share),
        cmocka_unit_test(test_an_empty_lane_keeps_no_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
