#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/settings.h"

#define HOOK "https://hooks.slack.com/services/T1/B1/x"

/* The problems of one JSON text checked against a record, as "pointer code" lines. */
static char *faults_of(const struct record *record, const char *body_text, const char *prefix)
{
    json_auto_t *body = json_loads(body_text, JSON_DECODE_ANY, NULL);
    if (body == NULL) {
        fail_msg("the test's own JSON is wrong: %s", body_text);
    }
    CLEANUP(problems_release) struct problems problems = {0};
    record_check(record, body, prefix, &problems);
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(problems.list); i++) {
        const json_t *p = json_array_get(problems.list, i);
        assert_int_equal(json_object_size(p), 3);
        assert_true(strlen(json_string_value(json_object_get(p, "detail"))) > 0);
        g_string_append_printf(out, "%s%s %s", i > 0 ? "\n" : "", json_string_value(json_object_get(p, "pointer")),
                               json_string_value(json_object_get(p, "code")));
    }
    return g_string_free(out, FALSE);
}

static void expect(const struct record *record, const char *body, const char *prefix, const char *faults)
{
    g_autofree char *found = faults_of(record, body, prefix);
    if (strcmp(found, faults) != 0) {
        fail_msg("%s\n gave \"%s\"\n not  \"%s\"", body, found, faults);
    }
}

/* --- each of the settings' fields: good values and each bad kind -------------------------------------------------- */

/* Values are JSON texts; a code of NULL means accepted. */
struct value_row {
    const char *field;
    const char *value;
    const char *code;
};

#define SWITCH_ROWS(f)                                                                            \
    {f, "true", NULL}, {f, "false", NULL}, {f, "null", NULL}, {f, "1", "type"}, {f, "0", "type"}, \
        {f, "\"true\"", "type"}, {f, "[]", "type"},                                               \
    {                                                                                             \
        f, "{}", "type"                                                                           \
    }
#define TEXT_TYPE_ROWS(f)                                     \
    {f, "1", "type"}, {f, "true", "type"}, {f, "[]", "type"}, \
    {                                                         \
        f, "{}", "type"                                       \
    }
#define HHMM_ROWS(f)                                                                               \
    {f, "\"00:00\"", NULL}, {f, "\"23:59\"", NULL}, {f, "null", NULL}, {f, "\"24:00\"", "format"}, \
        {f, "\"9:00\"", "format"}, {f, "\"\"", "format"}, TEXT_TYPE_ROWS(f)
#define READ_ONLY_ROWS(f)                                \
    {f, "\"x\"", "read_only"}, {f, "null", "read_only"}, \
    {                                                    \
        f, "1", "read_only"                              \
    }
#define CHOICE_ROWS(f) {f, "\"\"", "choice"}, {f, "\"other\"", "choice"}, {f, "null", NULL}, TEXT_TYPE_ROWS(f)
#define TEN "1234567890"
#define EIGHTY TEN TEN TEN TEN TEN TEN TEN TEN
#define TEN_WIDE                                                                       \
    "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80" \
    "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
#define EIGHTY_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE TEN_WIDE
#define ONE_LINE_ROWS(f)                                                                                      \
    {f, "null", NULL}, {f, "\"\"", "length"}, {f, "\"a\\nb\"", "format"}, {f, "\"a\\r\\nBcc: b\"", "format"}, \
        {f, "\"a\\tb\"", "format"}, {f, "\"a\\u0007\"", "format"}, {f, "\"a\\u0085\"", "format"}, TEXT_TYPE_ROWS(f)

static const struct value_row value_rows[] = {
    READ_ONLY_ROWS("id"),
    READ_ONLY_ROWS("organization_id"),
    SWITCH_ROWS("email_enabled"),
    {"email_provider", "\"smtp\"", NULL},
    {"email_provider", "\"sendgrid\"", NULL},
    {"email_provider", "\"ses\"", NULL},
    {"email_provider", "\"SMTP\"", "choice"},
    CHOICE_ROWS("email_provider"),
    {"email_from_address", "\"hr@example.org\"", NULL},
    {"email_from_address", "null", NULL},
    {"email_from_address", "\"\"", "format"},
    {"email_from_address", "\"hr\"", "format"},
    {"email_from_address", "\"hr@localhost\"", "format"},
    {"email_from_address", "\"hr@example.org\\r\\nBcc: x@y.org\"", "format"},
    TEXT_TYPE_ROWS("email_from_address"),
    {"email_from_name", "\"HR \xC3\xBC\"", NULL},
    {"email_from_name", "\"" EIGHTY TEN TEN "\"", NULL},
    {"email_from_name", "\"" EIGHTY_WIDE TEN_WIDE TEN_WIDE "\"", NULL},
    {"email_from_name", "\"" EIGHTY TEN TEN "1\"", "length"},
    {"email_from_name", "\"" EIGHTY_WIDE TEN_WIDE TEN_WIDE "1\"", "length"},
    ONE_LINE_ROWS("email_from_name"),
    SWITCH_ROWS("email_on_employee_created"),
    SWITCH_ROWS("email_on_leave_request"),
    SWITCH_ROWS("email_on_payroll"),
    SWITCH_ROWS("email_on_alert"),
    SWITCH_ROWS("sms_enabled"),
    {"sms_provider", "\"twilio\"", NULL},
    {"sms_provider", "\"sns\"", NULL},
    {"sms_provider", "\"smtp\"", "choice"},
    CHOICE_ROWS("sms_provider"),
    {"sms_from_number", "\"+442071838750\"", NULL},
    {"sms_from_number", "null", NULL},
    {"sms_from_number", "\"\"", "format"},
    {"sms_from_number", "\"02071838750\"", "format"},
    {"sms_from_number", "\"+1234567890123456\"", "format"},
    TEXT_TYPE_ROWS("sms_from_number"),
    SWITCH_ROWS("sms_on_leave_approval"),
    SWITCH_ROWS("sms_on_payroll"),
    SWITCH_ROWS("sms_on_alert"),
    SWITCH_ROWS("slack_enabled"),
    {"slack_webhook_url", "\"" HOOK "\"", NULL},
    {"slack_webhook_url", "null", NULL},
    {"slack_webhook_url", "\"\"", "format"},
    {"slack_webhook_url", "\"http://hooks.slack.com/services/T1/B1/x\"", "format"},
    {"slack_webhook_url", "\"https://169.254.169.254/services/T1/B1/x\"", "format"},
    {"slack_webhook_url", "\"" FIELD_MASK "\"", "masked"},
    {"slack_webhook_url", "\"https://hooks.slack.com/services/" FIELD_MASK "\"", "masked"},
    TEXT_TYPE_ROWS("slack_webhook_url"),
    {"slack_channel", "\"#alerts\"", NULL},
    {"slack_channel", "\"" FIELD_MASK "\"", NULL},
    {"slack_channel", "\"" EIGHTY "\"", NULL},
    {"slack_channel", "\"" EIGHTY "1\"", "length"},
    ONE_LINE_ROWS("slack_channel"),
    SWITCH_ROWS("slack_on_critical_alert"),
    SWITCH_ROWS("digest_enabled"),
    {"digest_frequency", "\"hourly\"", NULL},
    {"digest_frequency", "\"daily\"", NULL},
    {"digest_frequency", "\"weekly\"", NULL},
    {"digest_frequency", "\"monthly\"", "choice"},
    CHOICE_ROWS("digest_frequency"),
    HHMM_ROWS("digest_time"),
    HHMM_ROWS("quiet_hours_start"),
    HHMM_ROWS("quiet_hours_end"),
    SWITCH_ROWS("dnd_enabled"),
    {"timezone", "\"Europe/Paris\"", NULL},
    {"timezone", "null", NULL},
    {"timezone", "\"Mars/Olympus\"", "format"},
    {"timezone", "\"+05:00\"", "format"},
    {"timezone", "\"\"", "format"},
    TEXT_TYPE_ROWS("timezone"),
    {"custom_settings", "{}", NULL},
    {"custom_settings", "{\"a\": [1, null, {\"b\": 2.5}]}", NULL},
    {"custom_settings", "null", NULL},
    {"custom_settings", "[]", "type"},
    {"custom_settings", "\"{}\"", "type"},
    {"custom_settings", "1", "type"},
    READ_ONLY_ROWS("created_by"),
    READ_ONLY_ROWS("updated_by"),
    READ_ONLY_ROWS("created_at"),
    READ_ONLY_ROWS("updated_at"),
    {"version", "1", "unknown_field"},
};

static void test_settings_values(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        g_autofree char *body = g_strdup_printf("{\"%s\": %s}", row->field, row->value);
        g_autofree char *fault = row->code != NULL ? g_strdup_printf("/%s %s", row->field, row->code) : g_strdup("");
        expect(&settings_record, body, "", fault);
    }
}

static void test_settings_values_name_every_field(void **state UNUSED)
{
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        bool writable = (field->flags & (FIELD_READONLY | FIELD_INTERNAL)) == 0;
        size_t good = 0;
        size_t bad = 0;
        for (size_t k = 0; k < ARRAY_SIZE(value_rows); k++) {
            if (strcmp(value_rows[k].field, field->name) == 0) {
                *(value_rows[k].code == NULL ? &good : &bad) += 1;
            }
        }
        if (bad == 0 || (good > 0) != writable) {
            fail_msg("%s: %zu good rows, %zu bad rows", field->name, good, bad);
        }
    }
}

static void test_custom_settings_size(void **state UNUSED)
{
    g_autofree char *fill = g_strnfill(65536 - strlen("{\"a\":\"\"}"), 'x');
    g_autofree char *largest = g_strdup_printf("{\"custom_settings\": {\"a\" :  \"%s\"}}", fill);
    g_autofree char *larger = g_strdup_printf("{\"custom_settings\": {\"a\":\"%sx\"}}", fill);
    expect(&settings_record, largest, "", "");
    expect(&settings_record, larger, "", "/custom_settings length");
}

/* --- bodies ------------------------------------------------------------------------------------------------------- */

static const char *const colours[] = {"red", "green", NULL};
static const struct field sample_fields[] = {
    {.name = "a/b~c", .type = FIELD_INT, .min = -2, .max = 5},
    {.name = "free", .type = FIELD_INT, .flags = FIELD_NULLABLE},
    {.name = "must", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .min = 2, .max = 4},
    {.name = "lines", .type = FIELD_STRING},
    {.name = "colour", .type = FIELD_ENUM, .choices = colours, .def = "\"red\""},
    {.name = "when", .type = FIELD_TIME},
    {.name = "who", .type = FIELD_UUID},
    {.name = "list", .type = FIELD_STRINGS, .min = 1, .max = 2},
    {.name = "any", .type = FIELD_ANY, .max = 10},
    {.name = "hidden", .type = FIELD_INT, .flags = FIELD_INTERNAL},
};
static const struct record sample = {.name = "Sample", .fields = sample_fields, .n = ARRAY_SIZE(sample_fields)};
static const struct record empty = {.name = "Empty"};

static const struct field outer_fields[] = {
    {.name = "one", .type = FIELD_RECORD, .flags = FIELD_NULLABLE, .record = &sample},
    {.name = "many", .type = FIELD_RECORDS, .record = &sample, .min = 1, .max = 3},
};
static const struct record outer = {.name = "Outer", .fields = outer_fields, .n = ARRAY_SIZE(outer_fields)};

static void test_records_in_records(void **state UNUSED)
{
    static const struct {
        const char *body;
        const char *faults;
    } rows[] = {
        {"{\"one\": {\"must\": \"ab\"}, \"many\": [{\"must\": \"ab\"}]}", ""},
        {"{\"one\": null}", ""},
        {"{\"one\": {\"a/b~c\": 6}}", "/one/a~1b~0c range\n/one/must required"},
        {"{\"one\": 5, \"many\": {}}", "/one type\n/many type"},
        {"{\"many\": []}", "/many length"},
        {"{\"many\": [1, 2, 3, 4]}", "/many length"},
        {"{\"many\": [{\"must\": \"ab\"}, {}, 7]}", "/many/1/must required\n/many/2 type"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        expect(&outer, rows[i].body, "", rows[i].faults);
    }
}

static void test_bodies(void **state UNUSED)
{
    static const struct {
        const char *body;
        const char *faults;
    } rows[] = {
        {"{\"must\": \"abc\"}", ""},
        {"{}", "/must required"},
        {"{\"must\": null}", "/must null"},
        {"{\"must\": \"a\"}", "/must length"},
        {"{\"must\": \"abcde\"}", "/must length"},
        {"{\"must\": \"ab\", \"nope\": 1, \"x/y~z\": 2}", "/nope unknown_field\n/x~1y~0z unknown_field"},
        {"{\"must\": \"ab\", \"a/b~c\": 5}", ""},
        {"{\"must\": \"ab\", \"a/b~c\": -2}", ""},
        {"{\"must\": \"ab\", \"a/b~c\": 6}", "/a~1b~0c range"},
        {"{\"must\": \"ab\", \"a/b~c\": -3}", "/a~1b~0c range"},
        {"{\"must\": \"ab\", \"a/b~c\": 1.0}", "/a~1b~0c type"},
        {"{\"must\": \"ab\", \"a/b~c\": \"1\"}", "/a~1b~0c type"},
        {"{\"must\": \"ab\", \"a/b~c\": true}", "/a~1b~0c type"},
        {"{\"must\": \"ab\", \"a/b~c\": null}", "/a~1b~0c null"},
        {"{\"must\": \"ab\", \"free\": 9223372036854775807}", ""},
        {"{\"must\": \"ab\", \"free\": null}", ""},
        {"{\"must\": \"ab\", \"lines\": \"\"}", ""},
        {"{\"must\": \"ab\", \"lines\": \"a\\n\\tb\"}", ""},
        {"{\"must\": \"ab\", \"lines\": \"a\\u0001\"}", "/lines format"},
        {"{\"must\": \"ab\", \"colour\": null}", ""},
        {"{\"must\": \"ab\", \"colour\": \"blue\"}", "/colour choice"},
        {"{\"must\": \"ab\", \"when\": \"2026-11-23T16:00:00.5+01:00\"}", ""},
        {"{\"must\": \"ab\", \"when\": \"2026-11-23 16:00:00\"}", "/when format"},
        {"{\"must\": \"ab\", \"when\": \"2026-02-30T16:00:00Z\"}", "/when format"},
        {"{\"must\": \"ab\", \"when\": 5}", "/when type"},
        {"{\"must\": \"ab\", \"who\": \"0190163d-8694-739b-aea5-966c26f8ad91\"}", ""},
        {"{\"must\": \"ab\", \"who\": \"0190163d8694739baea5966c26f8ad91\"}", "/who format"},
        {"{\"must\": \"ab\", \"list\": [\"x\"]}", ""},
        {"{\"must\": \"ab\", \"list\": \"x\"}", "/list type"},
        {"{\"must\": \"ab\", \"list\": []}", "/list length"},
        {"{\"must\": \"ab\", \"list\": [\"1\", \"2\", \"3\"]}", "/list length"},
        {"{\"must\": \"ab\", \"list\": [\"\", 7]}", "/list/0 length\n/list/1 type"},
        {"{\"must\": \"ab\", \"list\": [\"a\\n\"]}", "/list/0 format"},
        {"{\"must\": \"ab\", \"any\": [1, 2, 3]}", ""},
        {"{\"must\": \"ab\", \"any\": \"12345678\"}", ""},
        {"{\"must\": \"ab\", \"any\": \"123456789\"}", "/any length"},
        {"{\"must\": \"ab\", \"hidden\": 1}", "/hidden unknown_field"},
        {"{\"nope\": 1, \"a/b~c\": 9, \"colour\": 1}",
         "/nope unknown_field\n/a~1b~0c range\n/colour type\n/must required"},
        {"{\"must\": \"ab\", \"\": 1}", "/ unknown_field"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        expect(&sample, rows[i].body, "", rows[i].faults);
    }
}

static void test_not_an_object_and_prefix(void **state UNUSED)
{
    static const char *const others[] = {"[]", "1", "\"x\"", "null", "true"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        expect(&sample, others[i], "", " type");
        expect(&sample, others[i], "/payload", "/payload type");
    }
    expect(&sample, "{\"a/b~c\": 9}", "/payload", "/payload/a~1b~0c range\n/payload/must required");
    expect(&empty, "{}", "", "");
    expect(&empty, "{\"a\": 1}", "", "/a unknown_field");
}

static void test_problems_are_capped(void **state UNUSED)
{
    json_auto_t *body = json_object();
    for (int i = 0; i < PROBLEMS_MAX + 20; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);
        json_object_set_new(body, name, json_true());
    }
    CLEANUP(problems_release) struct problems problems = {0};
    record_check(&sample, body, "", &problems);
    assert_int_equal(json_array_size(problems.list), PROBLEMS_MAX);
}

static void test_a_long_unknown_name_is_cut_between_characters(void **state UNUSED)
{
    g_autoptr(GString) name = g_string_new(NULL);
    for (int i = 0; i < 2000; i++) {
        g_string_append(name, "\xE2\x82\xAC");
    }
    json_auto_t *body = json_object();
    json_object_set_new(body, name->str, json_true());
    CLEANUP(problems_release) struct problems problems = {0};
    record_check(&empty, body, "", &problems);
    const char *pointer = json_string_value(json_object_get(json_array_get(problems.list, 0), "pointer"));
    assert_true(strlen(pointer) < 300);
    assert_int_equal((strlen(pointer) - 1) % 3, 0);
}

static void test_problem_text_is_made_valid(void **state UNUSED)
{
    CLEANUP(problems_release) struct problems problems = {0};
    assert_false(problems_any(&problems));
    problems_add(&problems, "/a", "format", "bad \xFF byte %d", 7);
    assert_true(problems_any(&problems));
    assert_string_equal(json_string_value(json_object_get(json_array_get(problems.list, 0), "detail")),
                        "bad \xEF\xBF\xBD byte 7");
}

/* --- defaults, SQL ------------------------------------------------------------------------------------------------ */

static void check_table(const struct record *record)
{
    for (size_t i = 0; i < record->n; i++) {
        const struct field *field = &record->fields[i];
        assert_ptr_equal(record_field(record, field->name), field);
        json_auto_t *value = field_default(field);
        if (field->def != NULL && json_is_null(value)) {
            fail_msg("%s: its default is no JSON", field->name);
        }
        CLEANUP(problems_release) struct problems problems = {0};
        if (!json_is_null(value)) {
            field_check_value(field, value, "", &problems);
        }
        assert_false(problems_any(&problems));
        assert_true(record->table == NULL || field->sql != NULL || field->derived != NULL);
        assert_true((field->type == FIELD_ENUM) == (field->choices != NULL));
    }
    assert_null(record_field(record, "no_such_field"));
}

static void test_tables_are_sound(void **state UNUSED)
{
    static const struct record *const all[] = {&settings_record, &job_record, &job_attempt_record, &job_create_body};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        check_table(all[i]);
    }
}

static void test_columns(void **state UNUSED)
{
    static const struct field fields[] = {
        {.name = "a", .type = FIELD_INT},
        {.name = "b", .type = FIELD_INT, .flags = FIELD_INTERNAL},
        {.name = "c", .type = FIELD_INT, .flags = FIELD_INPUT_ONLY},
        {.name = "d", .type = FIELD_INT},
    };
    static const struct record record = {.name = "R", .fields = fields, .n = ARRAY_SIZE(fields)};
    g_autoptr(GString) out = g_string_new("SELECT ");
    record_columns(out, &record, "j.", false);
    assert_string_equal(out->str, "SELECT j.a, j.d");
    g_string_truncate(out, 0);
    record_columns(out, &record, "", true);
    assert_string_equal(out->str, "a, b, d");
}

static void test_row_to_json(void **state UNUSED)
{
    static const struct field fields[] = {
        {.name = "on", .type = FIELD_BOOL},     {.name = "inner", .type = FIELD_INT, .flags = FIELD_INTERNAL},
        {.name = "off", .type = FIELD_BOOL},    {.name = "n", .type = FIELD_INT},
        {.name = "at", .type = FIELD_TIME},     {.name = "text", .type = FIELD_STRING},
        {.name = "none", .type = FIELD_STRING}, {.name = "object", .type = FIELD_OBJECT},
        {.name = "any", .type = FIELD_ANY},     {.name = "broken", .type = FIELD_ANY},
    };
    static const struct record record = {.name = "R", .fields = fields, .n = ARRAY_SIZE(fields)};
    char skipped[] = "skipped";
    char one[] = "1";
    char zero[] = "0";
    char n[] = "-9223372036854775808";
    char at[] = "2026-11-23 16:00:00.012300";
    char text[] = "\xC3\xBC";
    char object[] = "{\"b\":1,\"a\":[]}";
    char any[] = "\"x\"";
    char broken[] = "{";
    char *cells[] = {skipped, one, zero, n, at, text, NULL, object, any, broken};
    size_t lengths[ARRAY_SIZE(cells)];
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
        lengths[i] = cells[i] != NULL ? strlen(cells[i]) : 0;
    }
    struct db_result r = {.rows = 1, .columns = ARRAY_SIZE(cells), .cells = cells, .lengths_bytes = lengths};
    json_auto_t *row = record_row_json(&record, &r, 0, 1);
    char *dump = json_dumps(row, JSON_COMPACT);
    assert_string_equal(dump, "{\"on\":true,\"off\":false,\"n\":-9223372036854775808,"
                              "\"at\":\"2026-11-23T16:00:00.012300Z\",\"text\":\"\xC3\xBC\",\"none\":null,"
                              "\"object\":{\"b\":1,\"a\":[]},\"any\":\"x\",\"broken\":null}");
    free(dump);
}

static void test_params(void **state UNUSED)
{
    static const struct {
        enum field_type type;
        const char *value;
        enum db_param_type param;
        int64_t num;
        const char *text;
    } rows[] = {
        {FIELD_BOOL, "true", DB_PARAM_INT, 1, NULL},
        {FIELD_BOOL, "false", DB_PARAM_INT, 0, NULL},
        {FIELD_BOOL, "null", DB_PARAM_NULL, 0, NULL},
        {FIELD_INT, "-7", DB_PARAM_INT, -7, NULL},
        {FIELD_STRING, "\"a'b\"", DB_PARAM_TEXT, 0, "a'b"},
        {FIELD_STRING, "null", DB_PARAM_NULL, 0, NULL},
        {FIELD_TIME, "\"2026-11-23T16:00:00.5+01:00\"", DB_PARAM_TEXT, 0, "2026-11-23 15:00:00.500000"},
        {FIELD_OBJECT, "{\"b\": 1, \"a\": [ ]}", DB_PARAM_TEXT, 0, "{\"b\":1,\"a\":[]}"},
        {FIELD_STRINGS, "[\"x\", \"y\"]", DB_PARAM_TEXT, 0, "[\"x\",\"y\"]"},
        {FIELD_RECORD, "{\"x\": 1}", DB_PARAM_TEXT, 0, "{\"x\":1}"},
        {FIELD_ANY, "\"x\"", DB_PARAM_TEXT, 0, "\"x\""},
        {FIELD_ANY, "null", DB_PARAM_NULL, 0, NULL},
    };
    g_autoptr(GStringChunk) arena = g_string_chunk_new(256);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct field field = {.name = "f", .type = rows[i].type};
        json_auto_t *value = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);
        struct db_param param = field_to_param(&field, value, arena);
        assert_int_equal(param.type, rows[i].param);
        assert_int_equal(param.type == DB_PARAM_INT ? param.num : 0, rows[i].num);
        if (rows[i].text != NULL) {
            assert_string_equal(param.text, rows[i].text);
            assert_int_equal(param.length_bytes, strlen(rows[i].text));
        }
    }
    struct field field = {.name = "f", .type = FIELD_STRING};
    assert_int_equal(field_to_param(&field, NULL, arena).type, DB_PARAM_NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_values),
        cmocka_unit_test(test_settings_values_name_every_field),
        cmocka_unit_test(test_custom_settings_size),
        cmocka_unit_test(test_records_in_records),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_not_an_object_and_prefix),
        cmocka_unit_test(test_problems_are_capped),
        cmocka_unit_test(test_a_long_unknown_name_is_cut_between_characters),
        cmocka_unit_test(test_problem_text_is_made_valid),
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_row_to_json),
        cmocka_unit_test(test_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
