/*
 * field_write.c against jansson: what is written must be what a tree of the same row would dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/field.h"

static const struct field fields[] = {
    {.name = "text", .type = FIELD_STRING}, {.name = "inner", .type = FIELD_INT, .flags = FIELD_INTERNAL},
    {.name = "on", .type = FIELD_BOOL},     {.name = "n", .type = FIELD_INT},
    {.name = "at", .type = FIELD_TIME},     {.name = "input", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY},
    {.name = "any", .type = FIELD_ANY},     {.name = "id", .type = FIELD_UUID},
    {.name = "kind", .type = FIELD_ENUM},   {.name = "list", .type = FIELD_STRINGS},
    {.name = "zone", .type = FIELD_ZONE},
};
static const struct record record = {.name = "R", .fields = fields, .n = ARRAY_SIZE(fields)};

/* Column 0 is somebody else's. */
static char *dump(char *cells[], size_t n, bool as_tree)
{
    size_t lengths[16] = {0};
    const struct db_result r = {.rows = 1, .columns = n, .cells = cells, .lengths_bytes = lengths};
    if (as_tree) {
        json_auto_t *row = record_row_json(&record, &r, 0, 1);
        return json_dumps(row, JSON_COMPACT);
    }
    g_autoptr(GString) out = g_string_new(NULL);
    assert_int_equal(record_row_write(out, &record, &r, 0, 1), n);
    return strdup(out->str);
}

static void assert_as_jansson(const char *text, const char *on, const char *n, const char *at, const char *any)
{
    char *cells[] = {(char[]){"skipped"},
                     g_strdup(text),
                     g_strdup(on),
                     g_strdup(n),
                     g_strdup(at),
                     g_strdup(any),
                     g_strdup("01a20e6e-06ef-7230-b7c1-32737fdd21d2"),
                     g_strdup("queued"),
                     g_strdup("[\"a\"]"),
                     NULL};
    char *wanted = dump(cells, ARRAY_SIZE(cells), true);
    char *got = dump(cells, ARRAY_SIZE(cells), false);
    assert_string_equal(got, wanted);
    free(wanted);
    free(got);
    for (size_t i = 1; i < ARRAY_SIZE(cells); i++) {
        g_free(cells[i]);
    }
}

static void test_writes_what_jansson_dumps(void **state UNUSED)
{
    static const char *const texts[] = {
        "",
        "plain",
        "a \"quoted\" word",
        "back\\slash",
        "\xC3\xBC \xF0\x9F\x98\x80",
        "\x01\x1f end",
        "\x7f",
        "</script>",
        "\"",
        "ends with \\",
        "%s%n",
        NULL,
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_as_jansson(texts[i], "1", "-9223372036854775808", "2026-11-23 16:00:00.012300", "{\"b\":1,\"a\":[]}");
    }
    assert_as_jansson("x", "0", "0", NULL, "12");
    assert_as_jansson("x", NULL, NULL, "2026-01-01 00:00:00.000000", NULL);
}

/* jansson has short escapes for some control characters; both forms are the same JSON. */
static void test_control_characters_are_escaped(void **state UNUSED)
{
    char text[] = "a\nb\tc\rd\be\f";
    char *cells[] = {NULL, text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    char *got = dump(cells, ARRAY_SIZE(cells), false);
    json_auto_t *tree = json_loads(got, 0, NULL);
    assert_non_null(tree);
    assert_string_equal(json_string_value(json_object_get(tree, "text")), text);
    free(got);
}

static void test_a_time_of_another_form_is_null(void **state UNUSED)
{
    char at[] = "2026-11-23";
    char *cells[] = {NULL, NULL, NULL, NULL, at, NULL, NULL, NULL, NULL, NULL};
    char *got = dump(cells, ARRAY_SIZE(cells), false);
    assert_non_null(strstr(got, "\"at\":null"));
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_what_jansson_dumps),
        cmocka_unit_test(test_control_characters_are_escaped),
        cmocka_unit_test(test_a_time_of_another_form_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
