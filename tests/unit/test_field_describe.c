#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/retry_policy.h"
#include "domain/settings.h"

static const char *const colours[] = {"red", "green", NULL};
static const struct record inner = {.name = "Inner"};
static const struct field fields[] = {
    {.name = "flag", .type = FIELD_BOOL, .def = "true", .help = "A switch"},
    {.name = "n", .type = FIELD_INT, .flags = FIELD_REQUIRED, .min = -1, .max = 5},
    {.name = "line", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1, .max = 9},
    {.name = "colour", .type = FIELD_ENUM, .choices = colours, .flags = FIELD_NULLABLE},
    {.name = "at", .type = FIELD_TIME, .flags = FIELD_READONLY},
    {.name = "secret", .type = FIELD_SLACK_URL, .flags = FIELD_NULLABLE | FIELD_SECRET},
    {.name = "inner", .type = FIELD_INT, .flags = FIELD_INTERNAL},
    {.name = "object", .type = FIELD_OBJECT, .max = 100, .def = "{}", .help = "Things"},
    {.name = "any", .type = FIELD_ANY},
    {.name = "list", .type = FIELD_STRINGS, .min = 1, .max = 3},
    {.name = "mail", .type = FIELD_EMAIL},
    {.name = "dry", .type = FIELD_BOOL, .flags = FIELD_INPUT_ONLY},
    {.name = "one", .type = FIELD_RECORD, .record = &inner, .flags = FIELD_INPUT_ONLY, .help = "An inner one"},
    {.name = "none", .type = FIELD_RECORD, .record = &inner, .flags = FIELD_INPUT_ONLY | FIELD_NULLABLE},
    {.name = "many", .type = FIELD_RECORDS, .record = &inner, .flags = FIELD_INPUT_ONLY, .min = 1, .max = 7},
};
static const struct record record = {.name = "R", .fields = fields, .n = ARRAY_SIZE(fields), .help = "A thing"};

static void expect_property(const json_t *schema, const char *name, const char *wanted_text)
{
    json_auto_t *wanted = json_loads(wanted_text, 0, NULL);
    assert_non_null(wanted);
    const json_t *found = json_object_get(json_object_get(schema, "properties"), name);
    if (!json_equal(found, wanted)) {
        char *dump = json_dumps(found, JSON_COMPACT);
        fail_msg("%s is %s", name, dump != NULL ? dump : "absent");
    }
}

static void test_input(void **state UNUSED)
{
    json_auto_t *schema = record_describe(&record, true);
    json_auto_t *required = json_pack("[s]", "n");
    assert_string_equal(json_string_value(json_object_get(schema, "type")), "object");
    assert_string_equal(json_string_value(json_object_get(schema, "description")), "A thing");
    assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
    assert_true(json_equal(json_object_get(schema, "required"), required));
    assert_int_equal(json_object_size(json_object_get(schema, "properties")), 13);
    expect_property(schema, "flag",
                    "{\"type\": [\"boolean\", \"null\"], \"default\": true, \"description\": \"A switch\"}");
    expect_property(schema, "n", "{\"type\": \"integer\", \"minimum\": -1, \"maximum\": 5}");
    expect_property(schema, "line",
                    "{\"type\": [\"string\", \"null\"], \"pattern\": \"^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\","
                    " \"minLength\": 1, \"maxLength\": 9}");
    expect_property(schema, "colour", "{\"type\": [\"string\", \"null\"], \"enum\": [\"red\", \"green\", null]}");
    expect_property(schema, "object",
                    "{\"type\": [\"object\", \"null\"], \"default\": {},"
                    " \"description\": \"Things; at most 100 bytes as compact JSON\"}");
    expect_property(schema, "any", "{}");
    expect_property(schema, "list",
                    "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 3, \"items\": {\"type\": \"string\","
                    " \"minLength\": 1, \"maxLength\": 255,"
                    " \"pattern\": \"^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\"}}");
    expect_property(schema, "mail", "{\"type\": \"string\", \"format\": \"email\", \"maxLength\": 254}");
    expect_property(schema, "dry", "{\"type\": \"boolean\"}");
    expect_property(schema, "one", "{\"$ref\": \"#/components/schemas/Inner\", \"description\": \"An inner one\"}");
    expect_property(schema, "none", "{\"anyOf\": [{\"$ref\": \"#/components/schemas/Inner\"}, {\"type\": \"null\"}]}");
    expect_property(schema, "many",
                    "{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 7,"
                    " \"items\": {\"$ref\": \"#/components/schemas/Inner\"}}");
    const json_t *secret = json_object_get(json_object_get(schema, "properties"), "secret");
    assert_non_null(json_object_get(secret, "pattern"));
}

static void test_output(void **state UNUSED)
{
    json_auto_t *schema = record_describe(&record, false);
    assert_int_equal(json_object_size(json_object_get(schema, "properties")), 10);
    assert_int_equal(json_array_size(json_object_get(schema, "required")), 10);
    assert_null(json_object_get(schema, "additionalProperties"));
    expect_property(schema, "at", "{\"type\": \"string\", \"format\": \"date-time\", \"readOnly\": true}");
    expect_property(schema, "secret", "{\"type\": [\"string\", \"null\"]}");
    expect_property(schema, "line", "{\"type\": [\"string\", \"null\"], \"maxLength\": 9}");
    expect_property(schema, "flag", "{\"type\": \"boolean\", \"default\": true, \"description\": \"A switch\"}");
    assert_null(json_object_get(json_object_get(schema, "properties"), "inner"));
}

static void test_an_empty_record(void **state UNUSED)
{
    static const struct record empty = {.name = "Empty"};
    json_auto_t *schema = record_describe(&empty, true);
    json_auto_t *wanted = json_pack("{ss s{} sb}", "type", "object", "properties", "additionalProperties", 0);
    assert_true(json_equal(schema, wanted));
}

/* Every shown field of the real records says what it is. */
static void test_real_records_have_help(void **state UNUSED)
{
    static const struct record *const all[] = {&settings_record, &job_record,    &job_attempt_record,
                                               &job_create_body, &job_bulk_body, &retry_policy_record};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        json_auto_t *schema = record_describe(all[i], false);
        const char *name;
        json_t *property;
        json_object_foreach(json_object_get(schema, "properties"), name, property)
        {
            if (!json_is_string(json_object_get(property, "description"))) {
                fail_msg("%s.%s has no help", all[i]->name, name);
            }
        }
    }
    json_auto_t *settings = record_describe(&settings_record, false);
    assert_int_equal(json_object_size(json_object_get(settings, "properties")), 32);
    json_auto_t *input = record_describe(&settings_record, true);
    assert_int_equal(json_object_size(json_object_get(input, "properties")), 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_an_empty_record),
        cmocka_unit_test(test_real_records_have_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
