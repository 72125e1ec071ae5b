#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/settings.h"

#define HOOK "https://hooks.slack.com/services/T1/B1/x"

/* A row of defaults, as a new organization has it. */
static json_t *defaults(void)
{
    json_t *row = json_object();
    for (size_t i = 0; i < settings_record.n; i++) {
        const struct field *field = &settings_record.fields[i];
        if ((field->flags & FIELD_INTERNAL) == 0) {
            json_object_set_new(row, field->name, field_default(field));
        }
    }
    return row;
}

static json_t *with(const char *changes_text)
{
    json_auto_t *row = defaults();
    json_auto_t *changes = json_loads(changes_text, 0, NULL);
    assert_non_null(changes);
    return settings_merge(row, changes);
}

static void test_defaults(void **state UNUSED)
{
    json_auto_t *row = defaults();
    char *dump = json_dumps(row, JSON_COMPACT);
    assert_int_equal(json_object_size(row), 32);
    assert_string_equal(
        dump, "{\"id\":null,\"organization_id\":null,\"email_enabled\":true,\"email_provider\":\"smtp\","
              "\"email_from_address\":null,\"email_from_name\":null,\"email_on_employee_created\":true,"
              "\"email_on_leave_request\":true,\"email_on_payroll\":true,\"email_on_alert\":true,\"sms_enabled\":false,"
              "\"sms_provider\":\"twilio\",\"sms_from_number\":null,\"sms_on_leave_approval\":false,"
              "\"sms_on_payroll\":false,\"sms_on_alert\":false,\"slack_enabled\":false,\"slack_webhook_url\":null,"
              "\"slack_channel\":null,\"slack_on_critical_alert\":false,\"digest_enabled\":false,"
              "\"digest_frequency\":\"daily\",\"digest_time\":\"09:00\",\"quiet_hours_start\":null,"
              "\"quiet_hours_end\":null,\"dnd_enabled\":false,\"timezone\":\"UTC\",\"custom_settings\":{},"
              "\"created_by\":null,\"updated_by\":null,\"created_at\":null,\"updated_at\":null}");
    free(dump);
}

static void test_rules(void **state UNUSED)
{
    static const struct {
        const char *changes;
        const char *pointer; /* NULL: fits */
        const char *code;
    } rows[] = {
        {"{}", NULL, NULL},
        {"{\"quiet_hours_start\": \"22:00\", \"quiet_hours_end\": \"07:00\"}", NULL, NULL},
        {"{\"quiet_hours_start\": \"07:00\", \"quiet_hours_end\": \"22:00\"}", NULL, NULL},
        {"{\"quiet_hours_start\": \"22:00\"}", "/quiet_hours_end", "required"},
        {"{\"quiet_hours_end\": \"22:00\"}", "/quiet_hours_start", "required"},
        {"{\"quiet_hours_start\": \"22:00\", \"quiet_hours_end\": null}", "/quiet_hours_end", "required"},
        {"{\"quiet_hours_start\": \"22:00\", \"quiet_hours_end\": \"22:00\"}", "/quiet_hours_end", "range"},
        {"{\"sms_enabled\": true}", "/sms_from_number", "required"},
        {"{\"sms_enabled\": true, \"sms_from_number\": \"+4412345\"}", NULL, NULL},
        {"{\"sms_enabled\": true, \"sms_provider\": \"sns\"}", NULL, NULL},
        {"{\"sms_from_number\": null}", NULL, NULL},
        {"{\"slack_enabled\": true}", "/slack_webhook_url", "required"},
        {"{\"slack_enabled\": true, \"slack_webhook_url\": \"" HOOK "\"}", NULL, NULL},
        {"{\"slack_enabled\": true, \"slack_webhook_url\": null}", "/slack_webhook_url", "required"},
        {"{\"email_enabled\": true, \"email_from_address\": null}", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_auto_t *merged = with(rows[i].changes);
        CLEANUP(problems_release) struct problems problems = {0};
        settings_check_rules(merged, &problems);
        if (json_array_size(problems.list) != (rows[i].pointer != NULL ? 1 : 0)) {
            fail_msg("%s: %zu problems", rows[i].changes, json_array_size(problems.list));
        }
        if (rows[i].pointer != NULL) {
            const json_t *first = json_array_get(problems.list, 0);
            assert_string_equal(json_string_value(json_object_get(first, "pointer")), rows[i].pointer);
            assert_string_equal(json_string_value(json_object_get(first, "code")), rows[i].code);
        }
    }
}

static void test_each_broken_rule_is_told(void **state UNUSED)
{
    json_auto_t *merged = with("{\"sms_enabled\": true, \"slack_enabled\": true, \"quiet_hours_start\": \"01:00\"}");
    CLEANUP(problems_release) struct problems problems = {0};
    settings_check_rules(merged, &problems);
    assert_int_equal(json_array_size(problems.list), 3);
}

static void test_merge(void **state UNUSED)
{
    static const struct {
        const char *field;
        const char *before;
        const char *change;
        const char *after;
    } rows[] = {
        {"email_enabled", "true", "false", "false"},
        {"email_enabled", "false", "null", "true"},
        {"email_provider", "\"ses\"", "null", "\"smtp\""},
        {"email_from_name", "\"HR\"", "null", "null"},
        {"timezone", "\"Europe/Paris\"", "null", "\"UTC\""},
        {"custom_settings", "{\"a\": 1}", "null", "{}"},
        {"custom_settings", "{\"a\": 1}", "{}", "{\"a\": 1}"},
        {"custom_settings", "{\"a\": 1, \"b\": 2}", "{\"a\": null, \"c\": 3}", "{\"b\": 2, \"c\": 3}"},
        {"custom_settings", "{\"a\": {\"b\": {\"c\": 1, \"d\": 2}}}", "{\"a\": {\"b\": {\"c\": null}}}",
         "{\"a\": {\"b\": {\"d\": 2}}}"},
        {"custom_settings", "{\"a\": [1, 2]}", "{\"a\": [null]}", "{\"a\": [null]}"},
        {"custom_settings", "{\"a\": [1, 2]}", "{\"a\": {\"b\": null, \"c\": 1}}", "{\"a\": {\"c\": 1}}"},
        {"custom_settings", "{\"a\": {\"b\": 1}}", "{\"a\": 7}", "{\"a\": 7}"},
        {"custom_settings", "{}", "{\"a\": {\"b\": {\"c\": null}}}", "{\"a\": {\"b\": {}}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_auto_t *row = defaults();
        json_object_set_new(row, rows[i].field, json_loads(rows[i].before, JSON_DECODE_ANY, NULL));
        json_auto_t *row_before = json_deep_copy(row);
        json_auto_t *changes = json_object();
        json_object_set_new(changes, rows[i].field, json_loads(rows[i].change, JSON_DECODE_ANY, NULL));
        json_auto_t *changes_before = json_deep_copy(changes);
        json_auto_t *wanted = json_loads(rows[i].after, JSON_DECODE_ANY, NULL);
        json_auto_t *merged = settings_merge(row, changes);
        if (!json_equal(json_object_get(merged, rows[i].field), wanted)) {
            fail_msg("%s: %s with %s", rows[i].field, rows[i].before, rows[i].change);
        }
        assert_true(json_equal(row, row_before));
        assert_true(json_equal(changes, changes_before));
        json_object_set(merged, rows[i].field, json_object_get(row, rows[i].field));
        assert_true(json_equal(merged, row));
    }
}

static void test_merged_custom_settings_are_measured(void **state UNUSED)
{
    g_autofree char *half = g_strnfill(40000, 'x');
    json_auto_t *row = defaults();
    json_object_set_new(row, "custom_settings", json_pack("{ss}", "a", half));
    json_auto_t *more = json_pack("{s{ss}}", "custom_settings", "b", half);
    json_auto_t *instead = json_pack("{s{sssn}}", "custom_settings", "b", half, "a");
    CLEANUP(problems_release) struct problems problems = {0};
    json_auto_t *fits = settings_merge(row, instead);
    settings_check_rules(fits, &problems);
    assert_false(problems_any(&problems));
    json_auto_t *too_large = settings_merge(row, more);
    settings_check_rules(too_large, &problems);
    assert_int_equal(json_array_size(problems.list), 1);
    const json_t *first = json_array_get(problems.list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "pointer")), "/custom_settings");
    assert_string_equal(json_string_value(json_object_get(first, "code")), "length");
}

static void test_diff(void **state UNUSED)
{
    json_auto_t *before = defaults();
    json_auto_t *after = with("{\"email_enabled\": false, \"timezone\": \"Asia/Tokyo\","
                              " \"slack_webhook_url\": \"" HOOK "\"}");
    json_auto_t *diff = settings_diff(before, after);
    json_auto_t *wanted = json_pack("{s{sbsb} s{ssss} s{snss}}", "email_enabled", "from", 1, "to", 0, "timezone",
                                    "from", "UTC", "to", "Asia/Tokyo", "slack_webhook_url", "from", "to",
                                    SETTINGS_MASK);
    assert_true(json_equal(diff, wanted));
    json_auto_t *back = settings_diff(after, after);
    assert_int_equal(json_object_size(back), 0);
}

static void test_diff_shortens_between_characters(void **state UNUSED)
{
    g_autoptr(GString) value = g_string_new(NULL);
    for (int i = 0; i < 1000; i++) {
        g_string_append(value, "\xE2\x82\xAC");
    }
    json_auto_t *before = defaults();
    json_auto_t *after = defaults();
    json_object_set_new(after, "custom_settings", json_pack("{ss}", "k", value->str));
    json_auto_t *diff = settings_diff(before, after);
    const json_t *to = json_object_get(json_object_get(diff, "custom_settings"), "to");
    assert_true(json_string_length(to) > 990);
    assert_true(json_string_length(to) <= 1003);
    assert_true(g_str_has_suffix(json_string_value(to), "\xE2\x82\xAC\xE2\x80\xA6"));
}

static void test_mask(void **state UNUSED)
{
    json_auto_t *unset = defaults();
    settings_mask(unset);
    assert_true(json_is_null(json_object_get(unset, "slack_webhook_url")));
    json_auto_t *set = with("{\"slack_webhook_url\": \"" HOOK "\", \"slack_channel\": \"#a\"}");
    settings_mask(set);
    assert_string_equal(json_string_value(json_object_get(set, "slack_webhook_url")), SETTINGS_MASK);
    assert_string_equal(json_string_value(json_object_get(set, "slack_channel")), "#a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_each_broken_rule_is_told),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merged_custom_settings_are_measured),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_shortens_between_characters),
        cmocka_unit_test(test_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
