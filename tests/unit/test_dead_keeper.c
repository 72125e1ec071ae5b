/*
 * Tests for the pure parts of consumer/dead_keeper.c and common/domain/dead_sync.c: ids and their slices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dead_keeper.h"
#include "domain/dead_letters.h"

static void test_digits(void **state UNUSED)
{
    static const struct {
        int64_t rows;
        unsigned digits;
    } cases[] = {
        {0, 0}, {1, 0}, {200000, 0}, {200001, 1}, {3200000, 1}, {3200001, 2}, {51200000, 2}, {INT64_MAX, 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(dead_slice_digits(cases[i].rows), cases[i].digits);
    }
}

/* Every id is in exactly one slice. */
static void test_slices(void **state UNUSED)
{
    static const char id[] = "01990000-0000-7000-8000-0000000000aF";
    static const char *const suffixes[] = {"", "f", "af"};
    for (unsigned digits = 0; digits <= 2; digits++) {
        struct dead_slice slice;
        unsigned holders = 0;
        unsigned i = 0;
        for (; dead_slice_suffix(digits, i, slice.suffix); i++) {
            if (dead_slice_has(&slice, id)) {
                assert_string_equal(slice.suffix, suffixes[digits]);
                holders++;
            }
        }
        assert_int_equal(i, 1U << (4 * digits));
        assert_int_equal(holders, 1);
    }
}

static void test_ids(void **state UNUSED)
{
    static const char id[] = "0199abcd-ef01-7234-8567-89abcdef0123";
    struct dead_id parsed;
    char text[UUID_TEXT_BYTES];
    assert_true(dead_id_parse(id, &parsed));
    assert_memory_equal(parsed.bytes, "\x01\x99\xab\xcd\xef\x01\x72\x34\x85\x67\x89\xab\xcd\xef\x01\x23", 16);
    dead_id_print(&parsed, text);
    assert_string_equal(text, id);
    assert_true(dead_id_parse("0199ABCD-EF01-7234-8567-89ABCDEF0123", &parsed));
    dead_id_print(&parsed, text);
    assert_string_equal(text, id);
    static const char *const wrong[] = {"", "x", "0199abcd-ef01-7234-8567-89abcdef012",
                                        "0199abcdef017234856789abcdef0123", "0199abcd-ef01-7234-8567-89abcdef012g"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(dead_id_parse(wrong[i], &parsed));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
