#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/field.h"

static const char *const colours[] = {"red", "green", NULL};
static const struct field fields[] = {
    {.name = "skip", .type = FIELD_INT, .min = 0, .max = 1000, .def = "0"},
    {.name = "big", .type = FIELD_INT, .flags = FIELD_NULLABLE},
    {.name = "colour", .type = FIELD_ENUM, .choices = colours},
    {.name = "flag", .type = FIELD_BOOL, .def = "true"},
    {.name = "after", .type = FIELD_TIME},
    {.name = "cursor", .type = FIELD_STRING, .flags = FIELD_CURSOR},
    {.name = "type", .type = FIELD_STRING, .flags = FIELD_ONE_LINE, .min = 1, .max = 5},
};
static const struct record record = {.name = "Query", .fields = fields, .n = ARRAY_SIZE(fields)};

static json_t *parse_pair(const char *name, const char *value, struct problems *problems)
{
    json_auto_t *pairs = json_object();
    if (name != NULL) {
        json_object_set_new(pairs, name, json_string(value));
    }
    return record_parse_query(&record, pairs, problems);
}

static void test_good_values(void **state UNUSED)
{
    static const struct {
        const char *name;
        const char *value;
        const char *json;
    } rows[] = {
        {"skip", "0", "0"},
        {"skip", "1000", "1000"},
        {"skip", "", "0"},
        {"big", "-9223372036854775808", "-9223372036854775808"},
        {"big", "9223372036854775807", "9223372036854775807"},
        {"big", "", "null"},
        {"colour", "green", "\"green\""},
        {"colour", "", "null"},
        {"flag", "false", "false"},
        {"flag", "true", "true"},
        {"flag", "", "true"},
        {"after", "2026-11-23T16:00:00Z", "\"2026-11-23T16:00:00Z\""},
        {"cursor", "b3BhcXVl.-_", "\"b3BhcXVl.-_\""},
        {"type", "a/b~c", "\"a/b~c\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(problems_release) struct problems problems = {0};
        json_auto_t *out = parse_pair(rows[i].name, rows[i].value, &problems);
        json_auto_t *wanted = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        if (problems_any(&problems) || !json_equal(json_object_get(out, rows[i].name), wanted)) {
            fail_msg("%s=%s", rows[i].name, rows[i].value);
        }
    }
}

static void test_defaults(void **state UNUSED)
{
    CLEANUP(problems_release) struct problems problems = {0};
    json_auto_t *out = parse_pair(NULL, NULL, &problems);
    assert_false(problems_any(&problems));
    char *dump = json_dumps(out, JSON_COMPACT);
    assert_string_equal(dump, "{\"skip\":0,\"big\":null,\"colour\":null,\"flag\":true,\"after\":null,\"cursor\":null,"
                              "\"type\":null}");
    free(dump);
}

static void test_bad_values(void **state UNUSED)
{
    static const struct {
        const char *name;
        const char *value;
        const char *code;
    } rows[] = {
        {"skip", "1001", "range"},
        {"skip", "-1", "range"},
        {"skip", "9223372036854775808", "range"},
        {"skip", "99999999999999999999999999", "range"},
        {"skip", "1.0", "type"},
        {"skip", "1e3", "type"},
        {"skip", "0x10", "type"},
        {"skip", "010", "type"},
        {"skip", "+1", "type"},
        {"skip", " 1", "type"},
        {"skip", "1 ", "type"},
        {"skip", "-", "type"},
        {"skip", "-0", "type"},
        {"skip", "--1", "type"},
        {"skip", "abc", "type"},
        {"skip", "\xD9\xA1", "type"},
        {"flag", "1", "type"},
        {"flag", "True", "type"},
        {"flag", "yes", "type"},
        {"colour", "Red", "choice"},
        {"colour", "red,green", "choice"},
        {"after", "2026-11-23", "format"},
        {"after", "2026-11-23T16:00:00 02:00", "format"},
        {"after", "1700000000", "format"},
        {"cursor", "a\nb", "format"},
        {"type", "123456", "length"},
        {"type", "a\tb", "format"},
        {"nope", "1", "unknown_field"},
        {"SKIP", "1", "unknown_field"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(problems_release) struct problems problems = {0};
        json_auto_t *out = parse_pair(rows[i].name, rows[i].value, &problems);
        assert_non_null(out);
        const json_t *first = json_array_get(problems.list, 0);
        g_autofree char *pointer = g_strconcat("?", rows[i].name, NULL);
        if (json_array_size(problems.list) != 1) {
            fail_msg("%s=%s: %zu problems", rows[i].name, rows[i].value, json_array_size(problems.list));
        }
        assert_string_equal(json_string_value(json_object_get(first, "pointer")), pointer);
        assert_string_equal(json_string_value(json_object_get(first, "code")), rows[i].code);
    }
}

static void test_cursor_length(void **state UNUSED)
{
    for (size_t length = FIELD_CURSOR_BYTES_MAX; length <= FIELD_CURSOR_BYTES_MAX + 1; length++) {
        CLEANUP(problems_release) struct problems problems = {0};
        g_autofree char *cursor = g_strnfill(length, 'c');
        json_auto_t *out = parse_pair("cursor", cursor, &problems);
        assert_non_null(out);
        assert_int_equal(problems_any(&problems), length > FIELD_CURSOR_BYTES_MAX);
    }
}

static void test_required(void **state UNUSED)
{
    static const struct field must[] = {{.name = "id", .type = FIELD_UUID, .flags = FIELD_REQUIRED}};
    static const struct record needy = {.name = "Needy", .fields = must, .n = 1};
    json_auto_t *none = json_object();
    json_auto_t *blank = json_pack("{ss}", "id", "");
    const json_t *const inputs[] = {none, blank};
    for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
        CLEANUP(problems_release) struct problems problems = {0};
        json_auto_t *out = record_parse_query(&needy, inputs[i], &problems);
        assert_non_null(out);
        assert_string_equal(json_string_value(json_object_get(json_array_get(problems.list, 0), "code")), "required");
    }
}

static void test_a_long_unknown_name_is_cut(void **state UNUSED)
{
    CLEANUP(problems_release) struct problems problems = {0};
    g_autofree char *name = g_strnfill(5000, 'n');
    json_auto_t *out = parse_pair(name, "1", &problems);
    assert_non_null(out);
    assert_true(json_string_length(json_object_get(json_array_get(problems.list, 0), "pointer")) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_values), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_values),  cmocka_unit_test(test_cursor_length),
        cmocka_unit_test(test_required),    cmocka_unit_test(test_a_long_unknown_name_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
