#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/pace.h"

static void test_unknown_types_are_taken_for_long(void **state UNUSED)
{
    struct pace p;
    pace_init(&p);
    assert_int_equal(pace_expect_us(&p, "noop"), PACE_UNKNOWN_US);
    pace_record(&p, "noop", 10);
    assert_int_equal(pace_expect_us(&p, "noop"), 10);
    assert_int_equal(pace_expect_us(&p, "sleep"), PACE_UNKNOWN_US);
    pace_release(&p);
}

static void test_the_mean_follows_a_change(void **state UNUSED)
{
    struct pace p;
    pace_init(&p);
    pace_record(&p, "sleep", 10);
    for (int i = 0; i < 40; i++) {
        pace_record(&p, "sleep", 100000);
    }
    assert_in_range(pace_expect_us(&p, "sleep"), 95000, 100000);
    pace_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_types_are_taken_for_long),
        cmocka_unit_test(test_the_mean_follows_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
