#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ground/json.h"

static json_t *parse(const char *text, struct err *e)
{
    err_clear(e);
    return json_parse_limited(text, strlen(text), e);
}

static void test_values_of_every_kind(void **state UNUSED)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-12",
        "1.5",
        "\"x\"",
        "\"\"",
        "[]",
        "{}",
        "[1,\"a\",null]",
        "{\"a\":{\"b\":[]}}",
        "{\"a\":1,\"b\":1}",
        "\"\303\244\"",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct err e = ERR_INIT;
        json_auto_t *value = parse(texts[i], &e);
        if (value == NULL) {
            fail_msg("%s: %s", texts[i], e.text);
        }
        assert_int_equal(e.code, ERR_NONE);
        char *again = json_dump_canonical(value);
        assert_string_equal(again, texts[i]);
        free(again);
    }
}

static void test_what_is_refused(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"", "line 1"},
        {"   ", "line 1"},
        {"{\n  \"a\": }", "line 2"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":{\"b\":1,\"b\":1}}", "duplicate"},
        {"\"\\u0000\"", "\\u0000"},
        {"{\"\\u0000\":1}", "\\u0000"},
        {"\"\377\"", "decode byte"},
        {"\"\300\200\"", "decode byte"},
        {"\"\355\240\200\"", "decode byte"},
        {"[1] x", "end of file"},
        {"1 2", "end of file"},
        {"[1,]", "line 1"},
        {"{'a':1}", "line 1"},
        {"nul", "line 1"},
        {"\"open", "line 1"},
        {"\"\\", "line 1"},
        {"123456789012345678901234567890", "too big"},
        {"1e999", "overflow"},
        {"NaN", "line 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = ERR_INIT;
        assert_null(parse(cases[i].text, &e));
        assert_int_equal(e.code, ERR_INVALID);
        if (strstr(e.text, cases[i].wanted) == NULL) {
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, e.text, cases[i].wanted);
        }
    }
}

static void test_a_nul_byte_is_no_end(void **state UNUSED)
{
    static const char text[] = "[1]\0[2]";
    struct err e = ERR_INIT;
    assert_null(json_parse_limited(text, sizeof(text) - 1, &e));
    assert_int_equal(e.code, ERR_INVALID);
}

static char *nested(const char *open, const char *middle, const char *close, int depth)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < depth; i++) {
        g_string_append(text, open);
    }
    g_string_append(text, middle);
    for (int i = 0; i < depth; i++) {
        g_string_append(text, close);
    }
    return g_string_free(text, FALSE);
}

static void test_the_limit_of_depth_is_exact(void **state UNUSED)
{
    static const struct {
        const char *open;
        const char *close;
        int levels;
    } kinds[] = {{"[", "]", 1}, {"{\"a\":", "}", 1}, {"[{\"[\":", "}]", 2}};
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (int depth = 1; depth < 50; depth++) {
            g_autofree char *text = nested(kinds[k].open, "1", kinds[k].close, depth);
            struct err e = ERR_INIT;
            json_auto_t *value = parse(text, &e);
            if ((value != NULL) != (depth * kinds[k].levels <= JSON_DEPTH_MAX)) {
                fail_msg("%s: %s", text, e.text);
            }
            if (value == NULL) {
                assert_non_null(strstr(e.text, "nested deeper than 32 levels"));
            }
        }
    }
}

static void test_a_million_brackets_cost_nothing(void **state UNUSED)
{
    enum { N = 1000000 };
    g_autofree char *text = g_strnfill(N, '[');
    struct err e = ERR_INIT;
    assert_null(json_parse_limited(text, N, &e));
    assert_string_equal(e.text, "line 1, column 33: nested deeper than 32 levels");
}

static void test_the_place_of_the_bracket_is_told(void **state UNUSED)
{
    g_autofree char *inner = nested("[", "", "]", JSON_DEPTH_MAX);
    g_autofree char *text = g_strdup_printf("{\n  \"a\": 1,\n  \"b\": %s\n}", inner);
    struct err e = ERR_INIT;
    assert_null(parse(text, &e));
    assert_string_equal(e.text, "line 3, column 39: nested deeper than 32 levels");
}

static void test_brackets_in_strings_do_not_count(void **state UNUSED)
{
    g_autofree char *brackets = nested("[{", "\\\"[\\\\", "", 100);
    g_autofree char *text = g_strdup_printf("{\"%s\": [\"%s\", \"\\\\\", 1]}", brackets, brackets);
    struct err e = ERR_INIT;
    json_auto_t *value = parse(text, &e);
    assert_non_null(value);
}

static void test_one_after_the_other_is_not_deep(void **state UNUSED)
{
    g_autofree char *text = nested("[[],[[]],{}],", "", "", 200);
    g_autofree char *list = g_strdup_printf("[%s1]", text);
    struct err e = ERR_INIT;
    json_auto_t *value = parse(list, &e);
    assert_non_null(value);
    assert_int_equal(json_array_size(value), 201);
}

/* Random bytes from the alphabet of JSON: never a crash, never an error without a text, and what is read is stable. */
static void test_random_texts(void **state UNUSED)
{
    static const char alphabet[] = "[]{}\",:\\u0041 truefalsn-1.e\n\303\244\377";
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t length = (size_t)g_rand_int_range(random, 0, sizeof(text));
        for (size_t b = 0; b < length; b++) {
            text[b] = alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)];
        }
        struct err e = ERR_INIT;
        json_auto_t *value = json_parse_limited(text, length, &e);
        assert_int_equal(value == NULL, e.code == ERR_INVALID);
        assert_int_equal(value == NULL, *e.text != '\0');
        assert_true(g_utf8_validate(e.text, -1, NULL));
        if (value != NULL) {
            char *once = json_dump_canonical(value);
            json_auto_t *again = parse(once, &e);
            assert_non_null(again);
            assert_true(json_equal(value, again));
            free(once);
        }
    }
}

static void test_canonical_text_does_not_depend_on_order(void **state UNUSED)
{
    struct err e = ERR_INIT;
    json_auto_t *a = parse("{\"b\": {\"y\": 1, \"x\": [3, 1]}, \"a\": 0.5, \"B\": null}", &e);
    json_auto_t *b = parse("{\"B\":null,\"a\":5e-1,\"b\":{\"x\":[3,1],\"y\":1}}", &e);
    char *text_a = json_dump_canonical(a);
    char *text_b = json_dump_canonical(b);
    assert_string_equal(text_a, "{\"B\":null,\"a\":0.5,\"b\":{\"x\":[3,1],\"y\":1}}");
    assert_string_equal(text_a, text_b);
    free(text_a);
    free(text_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_of_every_kind),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_a_nul_byte_is_no_end),
        cmocka_unit_test(test_the_limit_of_depth_is_exact),
        cmocka_unit_test(test_a_million_brackets_cost_nothing),
        cmocka_unit_test(test_the_place_of_the_bracket_is_told),
        cmocka_unit_test(test_brackets_in_strings_do_not_count),
        cmocka_unit_test(test_one_after_the_other_is_not_deep),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_canonical_text_does_not_depend_on_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
