#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "etag.h"

static const struct {
    const char *header;
    bool well_formed;
    bool strong; /* matches version 17 */
    bool weak;
} rows[] = {
    {"\"17\"", true, true, true},
    {"  \"17\"  ", true, true, true},
    {"\"16\", \"17\"", true, true, true},
    {"\"16\",\"17\"", true, true, true},
    {"\"16\"", true, false, false},
    {"W/\"17\"", true, false, true},
    {"W/\"17\", \"18\"", true, false, true},
    {"*", true, true, true},
    {" * ", true, true, true},
    {"\"\"", true, false, false},
    {"\"017\"", true, false, false},
    {"\"17x\"", true, false, false},
    {"\"-1\"", true, false, false},
    {"\"99999999999999999999\"", true, false, false},
    {"\"a,b\", \"17\"", true, true, true},
    {"17", false, false, false},
    {"\"17", false, false, false},
    {"\"17\",", false, false, false},
    {"\"17\" \"18\"", false, false, false},
    {"w/\"17\"", false, false, false},
    {"*, \"17\"", false, false, false},
    {"\"1 7\"", false, false, false},
    {"", false, false, false},
    {"\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"17\"", false,
     false, false},
};

static void test_headers(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct etag_list list = {.any = false};
        if (etag_parse(rows[i].header, &list) != rows[i].well_formed) {
            fail_msg("%s: well-formed should be %d", rows[i].header, rows[i].well_formed);
        }
        if (rows[i].well_formed &&
            (etag_matches_strongly(&list, 17) != rows[i].strong || etag_matches_weakly(&list, 17) != rows[i].weak)) {
            fail_msg("%s: matches should be %d and %d", rows[i].header, rows[i].strong, rows[i].weak);
        }
    }
}

static void test_own_tags_match_themselves(void **state UNUSED)
{
    const int64_t versions[] = {1, 9, 10, INT64_C(123456789012345678)};
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        char tag[ETAG_BYTES];
        struct etag_list list;
        etag_format(versions[i], tag);
        assert_true(etag_parse(tag, &list));
        assert_true(etag_matches_strongly(&list, versions[i]));
        assert_false(etag_matches_strongly(&list, versions[i] + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_own_tags_match_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
