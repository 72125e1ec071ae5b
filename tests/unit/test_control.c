/*
 * Tests for the pure part of common/domain/control.c: what a counter rose within the last minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/control.h"

static void test_minute(void **state UNUSED)
{
    struct control_minute m = {.n = 0};
    assert_int_equal(control_minute_add(&m, 0, 0), 0);
    assert_int_equal(control_minute_add(&m, 2 * US_PER_S, 10), 10);
    for (int64_t s = 4; s <= 60; s += 2) { /* five a second */
        assert_int_equal(control_minute_add(&m, s * US_PER_S, s * 5), s * 5);
    }
    for (int64_t s = 62; s <= 1000; s += 2) {
        assert_int_equal(control_minute_add(&m, s * US_PER_S, s * 5), 300);
    }
    assert_int_equal(control_minute_add(&m, 2000 * US_PER_S, 9000), 0); /* nothing to compare with any more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_minute)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
