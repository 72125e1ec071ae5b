/*
 * Tests for ctl/output.c: what people see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdlib.h>

#include "output.h"

static const struct output_column columns[] = {
    {"id", "Id", OUTPUT_PLAIN, false},
    {"status", "Status", OUTPUT_STATUS, false},
    {"jobs", "Jobs", OUTPUT_COUNT, false},
    {"error", "Error", OUTPUT_PLAIN, true},
};

#define ROWS                                                                     \
    "[{\"id\": \"a\", \"status\": \"failed\", \"jobs\": 1200, \"error\": null}," \
    " {\"id\": \"日本\", \"status\": \"completed\", \"jobs\": 7, \"error\": \"no such\\nhost\\u001b[2J in sight\"}]"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

static void test_table(void **state UNUSED)
{
    static const struct {
        struct output output;
        const char *wanted;
    } cases[] = {
        {{.width = 0},
         "Id    Status      Jobs  Error\n"
         "a     failed     1,200  -\n"
         "日本  completed      7  no such host?[2J in sight\n"},
        {{.width = 40},
         "Id    Status      Jobs  Error\n"
         "a     failed     1,200  -\n"
         "日本  completed      7  no such host?[2…\n"},
        {{.width = 10}, /* nothing gives way below eight columns */
         "Id    Status      Jobs  Error\n"
         "a     failed     1,200  -\n"
         "日本  completed      7  no such…\n"},
        {{.width = 0, .colour = true},
         "\033[1mId\033[0m    \033[1mStatus\033[0m      \033[1mJobs\033[0m  \033[1mError\033[0m\n"
         "a     \033[31mfailed\033[0m     1,200  -\n"
         "日本  \033[32mcompleted\033[0m      7  no such host?[2J in sight\n"},
    };
    json_auto_t *rows = parse(ROWS);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = output_table_text(&cases[i].output, columns, ARRAY_SIZE(columns), rows, "No jobs");
        assert_string_equal(text, cases[i].wanted);
    }
}

static void test_columns_are_left_out(void **state UNUSED)
{
    static const struct output_column narrow[] = {
        {"id", "Id", OUTPUT_PLAIN, OUTPUT_STAYS},
        {"status", "Status", OUTPUT_STATUS, OUTPUT_GOES},
        {"error", "Error", OUTPUT_PLAIN, OUTPUT_SHRINKS},
        {"jobs", "Jobs", OUTPUT_COUNT, OUTPUT_GOES},
    };
    static const struct {
        int width;
        const char *wanted;
    } cases[] = {
        {32, "Id    Status     Error      Jobs\n"
             "a     failed     -         1,200\n"
             "日本  completed  no such…      7\n"},
        {31, "Id    Status     Error\n"
             "a     failed     -\n"
             "日本  completed  no such host?…\n"},
        {24, "Id    Error\n"
             "a     -\n"
             "日本  no such host?[2J …\n"},
    };
    json_auto_t *rows = parse(ROWS);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct output o = {.width = cases[i].width};
        g_autofree char *text = output_table_text(&o, narrow, ARRAY_SIZE(narrow), rows, "No jobs");
        assert_string_equal(text, cases[i].wanted);
    }
}

static void test_empty_table(void **state UNUSED)
{
    const struct output o = {.width = 80};
    json_auto_t *rows = json_array();
    g_autofree char *text = output_table_text(&o, columns, ARRAY_SIZE(columns), rows, "No jobs");
    assert_string_equal(text, "No jobs\n");
}

static void test_pairs(void **state UNUSED)
{
    const struct output o = {.width = 0};
    json_auto_t *object = parse("{\"id\": \"a\", \"jobs\": -1234567, \"error\": null}");
    g_autofree char *text = output_pairs_text(&o, columns, ARRAY_SIZE(columns), object);
    assert_string_equal(text, "Id      a\nJobs    -1,234,567\n");
}

static void test_formats(void **state UNUSED)
{
    static const struct {
        enum output_format format;
        const char *value;
        const char *wanted;
    } cases[] = {
        {OUTPUT_PLAIN, "\"x\"", "x"},
        {OUTPUT_PLAIN, "12", "12"},
        {OUTPUT_PLAIN, "true", "true"},
        {OUTPUT_PLAIN, "{\"a\": [1, 2]}", "{\"a\":[1,2]}"},
        {OUTPUT_COUNT, "0", "0"},
        {OUTPUT_COUNT, "999", "999"},
        {OUTPUT_COUNT, "1000", "1,000"},
        {OUTPUT_COUNT, "123456", "123,456"},
        {OUTPUT_COUNT, "-9223372036854775808", "-9,223,372,036,854,775,808"},
        {OUTPUT_PERCENT, "45", "45 %"},
        {OUTPUT_TIME, "\"2026-11-23T16:00:01.987654Z\"", "2026-11-23 16:00:01"},
        {OUTPUT_TIME, "\"later\"", "later"},
        {OUTPUT_SECONDS, "0", "0.0 s"},
        {OUTPUT_SECONDS, "1.55", "1.6 s"},
        {OUTPUT_SECONDS, "59", "59 s"},
        {OUTPUT_SECONDS, "60", "1 min 00 s"},
        {OUTPUT_SECONDS, "3599", "59 min 59 s"},
        {OUTPUT_SECONDS, "7500", "2 h 05 min"},
        {OUTPUT_SECONDS, "180000", "2 d 02 h"},
    };
    const struct output o = {.width = 0};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct output_column column = {"v", "V", cases[i].format, false};
        json_auto_t *object = json_pack("{s:o}", "v", parse(cases[i].value));
        g_autofree char *text = output_pairs_text(&o, &column, 1, object);
        g_autofree char *wanted = g_strdup_printf("V  %s\n", cases[i].wanted);
        assert_string_equal(text, wanted);
    }
}

static void test_width(void **state UNUSED)
{
    assert_int_equal(output_text_width(""), 0);
    assert_int_equal(output_text_width("abc"), 3);
    assert_int_equal(output_text_width("é"), 1);
    assert_int_equal(output_text_width("e\xcc\x81"), 1); /* a combining accent */
    assert_int_equal(output_text_width("日本"), 4);
}

static void test_progress(void **state UNUSED)
{
    static const struct {
        int64_t percent;
        const char *text;
        int width;
        const char *wanted;
    } cases[] = {
        {-1, "waiting", 0, "waiting"},
        {0, "x", 0, "[                        ]   0 %  x"},
        {50, "cancelled 5 of 10", 0, "[############            ]  50 %  cancelled 5 of 10"},
        {100, "x", 0, "[########################] 100 %  x"},
        {400, "x", 0, "[########################] 100 %  x"},
        {50, "cancelled 5 of 10", 40, "[############            ]  50 %  cance…"},
        {-1, "a\033[2Jb", 0, "a?[2Jb"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = progress_text(cases[i].percent, cases[i].text, cases[i].width);
        assert_string_equal(text, cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_columns_are_left_out),
        cmocka_unit_test(test_empty_table), cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_formats),     cmocka_unit_test(test_width),
        cmocka_unit_test(test_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
