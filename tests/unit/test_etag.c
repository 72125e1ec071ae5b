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

/* Versions of texts fit a tag, and the least change gives another one. */
static void test_hashes(void **state UNUSED)
{
    char text[100];
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    memset(text, 'a', sizeof(text));
    for (size_t length = 0; length <= sizeof(text); length++) {
        int64_t version = etag_hash(text, length);
        assert_in_range(version, 1, INT64_C(999999999999999999));
        assert_int_equal(version, etag_hash(text, length));
        assert_true(g_hash_table_add(seen, g_memdup2(&version, sizeof(version))));
    }
    for (size_t i = 0; i < sizeof(text) * 8; i++) {
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        int64_t version = etag_hash(text, sizeof(text));
        assert_true(g_hash_table_add(seen, g_memdup2(&version, sizeof(version))));
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_own_tags_match_themselves),
        cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
