/*
 * Tests for common/ground/text.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ground/text.h"

static void test_count(void **state UNUSED)
{
    static const struct {
        int64_t number;
        const char *wanted;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {-1000, "-1,000"},
        {123456, "123,456"},
        {INT64_MAX, "9,223,372,036,854,775,807"},
        {INT64_MIN, "-9,223,372,036,854,775,808"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[TEXT_COUNT_BYTES];
        text_count(cases[i].number, text);
        assert_string_equal(text, cases[i].wanted);
    }
}

/* RFC 4648 section 10, and the two characters that differ from plain base64. */
static const struct {
    const char *bytes;
    size_t n;
    const char *text;
} encoded[] = {
    {"", 0, ""},           {"f", 1, "Zg"},          {"fo", 2, "Zm8"},          {"foo", 3, "Zm9v"},
    {"foob", 4, "Zm9vYg"}, {"fooba", 5, "Zm9vYmE"}, {"foobar", 6, "Zm9vYmFy"}, {"\xfb\xff\xfe", 3, "-__-"},
    {"a\0b", 3, "YQBi"},
};

static void test_base64url(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(encoded); i++) {
        size_t n = 99;
        g_autofree char *text = text_base64url(encoded[i].bytes, encoded[i].n);
        g_autofree unsigned char *bytes = text_base64url_decode(encoded[i].text, &n);
        assert_string_equal(text, encoded[i].text);
        assert_int_equal(n, encoded[i].n);
        assert_memory_equal(bytes, encoded[i].bytes, n + 1);
    }
}

static void test_what_is_no_base64url(void **state UNUSED)
{
    static const char *const texts[] = {"Zg==", "Zm+v", "Zm/v", "Zm9v\n", " Zm9v", "Zm9v!", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_t n = 0;
        assert_null(text_base64url_decode(texts[i], &n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_what_is_no_base64url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
