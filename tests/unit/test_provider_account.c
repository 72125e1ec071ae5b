/*
 * provider_open.c, provider_config.c, provider_fields.c: which accounts are used in which order, and what
 * configurations become.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "domain/provider_account.h"

#define OWN(provider, more) "{\"organization_id\": \"a\", \"provider\": \"" provider "\"" more "}"
#define SHARED(provider, more) "{\"organization_id\": \"\", \"provider\": \"" provider "\"" more "}"
#define GOOD ", \"enabled\": true, \"paused\": false"
#define PAUSED ", \"enabled\": true, \"paused\": true"
#define OFF ", \"enabled\": false, \"paused\": false"

static void test_order(void **state UNUSED)
{
    static const struct {
        const char *accounts; /* by position */
        const char *settings;
        enum notify_channel channel;
        const char *order;
        bool has_any;
    } cases[] = {
        {"[]", "{}", NOTIFY_EMAIL, "", false},
        {"[" OWN("smtp", GOOD) "," OWN("ses", GOOD) "]", "{}", NOTIFY_EMAIL, "a:smtp a:ses ", true},
        {"[" OWN("smtp", GOOD) "," OWN("ses", GOOD) "]", "{\"email_provider\": \"ses\"}", NOTIFY_EMAIL, "a:ses a:smtp ",
         true},
        {"[" OWN("smtp", GOOD) "," OWN("ses", GOOD) "]", "{\"email_provider\": \"sendgrid\"}", NOTIFY_EMAIL,
         "a:smtp a:ses ", true},
        {"[" OWN("smtp", PAUSED) "," OWN("ses", GOOD) "]", "{\"email_provider\": \"smtp\"}", NOTIFY_EMAIL, "a:ses ",
         true},
        {"[" SHARED("ses", GOOD) "," OWN("smtp", GOOD) "]", "{\"email_provider\": \"ses\"}", NOTIFY_EMAIL, "a:smtp ",
         true},
        {"[" SHARED("ses", GOOD) "," OWN("smtp", PAUSED) "]", "{}", NOTIFY_EMAIL, "", true},
        {"[" SHARED("ses", GOOD) "," OWN("smtp", OFF) "]", "{}", NOTIFY_EMAIL, ":ses ", true},
        {"[" SHARED("ses", GOOD) "," OWN("twilio", GOOD) "]", "{}", NOTIFY_EMAIL, ":ses ", true},
        {"[" SHARED("ses", GOOD) "," OWN("twilio", GOOD) "]", "{\"sms_provider\": \"twilio\"}", NOTIFY_SMS, "a:twilio ",
         true},
        {"[" OWN("pigeon", GOOD) "]", "{}", NOTIFY_EMAIL, "", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const json_t *chosen[8];
        bool has_any = false;
        json_auto_t *accounts = json_loads(cases[i].accounts, 0, NULL);
        json_auto_t *settings = json_loads(cases[i].settings, 0, NULL);
        size_t n = provider_accounts_choose(accounts, settings, cases[i].channel, chosen, 8, &has_any);
        g_autoptr(GString) order = g_string_new(NULL);
        for (size_t k = 0; k < n; k++) {
            g_string_append_printf(order, "%s:%s ", json_string_value(json_object_get(chosen[k], "organization_id")),
                                   json_string_value(json_object_get(chosen[k], "provider")));
        }
        if (strcmp(order->str, cases[i].order) != 0 || has_any != cases[i].has_any) {
            fail_msg("case %zu: %s, %d", i, order->str, has_any);
        }
    }
}

static void test_rules_of_configurations(void **state UNUSED)
{
    static const struct {
        const char *provider;
        const char *config;
        bool allow_private;
        const char *faults; /* pointers, in order */
    } cases[] = {
        {"smtp", "{\"host\": \"mail.example\"}", false, ""},
        {"smtp", "{}", false, "/host "},
        {"smtp", "{\"host\": \"10.0.0.1\"}", false, "/host "},
        {"smtp", "{\"host\": \"::ffff:10.0.0.1\"}", false, "/host "},
        {"smtp", "{\"host\": \"10.0.0.1\"}", true, ""},
        {"smtp", "{\"host\": \"mail.example/x\"}", true, "/host "},
        {"smtp", "{\"host\": \"m.example\", \"security\": \"none\"}", false, "/security "},
        {"smtp", "{\"host\": \"m.example\", \"username\": \"u\"}", false, "/password "},
        {"sendgrid", "{\"api_key\": \"SG.x\", \"endpoint\": \"https://api.eu.sendgrid.com\"}", false, ""},
        {"sendgrid", "{\"api_key\": \"SG.x\", \"endpoint\": \"https://api.eu.sendgrid.com/v3\"}", false, "/endpoint "},
        {"sendgrid", "{\"api_key\": \"SG.x\", \"endpoint\": \"http://127.0.0.1:1\"}", false, "/endpoint "},
        {"sendgrid", "{\"api_key\": \"SG.x\", \"endpoint\": \"http://127.0.0.1:1\"}", true, ""},
        {"ses", "{\"access_key_id\": \"AKIA0123456789012345\", \"secret_access_key\": \"s\"}", false, "/region "},
        {"ses", "{\"region\": \"eu/..\", \"access_key_id\": \"AKIA0123456789012345\", \"secret_access_key\": \"s\"}",
         false, "/region "},
        {"webhook", "{\"url\": \"https://example.com/x?y=1\", \"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}",
         false, ""},
        {"webhook", "{\"url\": \"https://example.com/\", \"secret\": \"short\"}", false, "/secret "},
        {"slack", "{}", false, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct provider_kind *kind = provider_kind_find(cases[i].provider);
        json_auto_t *given = json_loads(cases[i].config, 0, NULL);
        json_auto_t *config = provider_config_merge(kind, NULL, given);
        struct problems problems = {0};
        provider_config_check(kind, config, cases[i].allow_private, "", &problems);
        g_autoptr(GString) faults = g_string_new(NULL);
        for (size_t k = 0; k < json_array_size(problems.list); k++) {
            const json_t *fault = json_array_get(problems.list, k);
            g_string_append_printf(faults, "%s ", json_string_value(json_object_get(fault, "pointer")));
        }
        problems_release(&problems);
        if (strcmp(faults->str, cases[i].faults) != 0) {
            fail_msg("case %zu: %s", i, faults->str);
        }
    }
}

static void test_masks_and_diffs_tell_no_secret(void **state UNUSED)
{
    const struct provider_kind *kind = provider_kind_find("smtp");
    json_auto_t *first = json_pack("{s:s, s:s, s:s}", "host", "m.example", "username", "u", "password", "canary-1");
    json_auto_t *second = json_pack("{s:s}", "password", "canary-2");
    json_auto_t *before = provider_config_merge(kind, NULL, first);
    json_auto_t *after = provider_config_merge(kind, before, second);
    json_auto_t *masked = provider_config_mask(kind, after);
    json_auto_t *diff = provider_config_diff(kind, before, after);
    assert_string_equal(json_string_value(json_object_get(after, "password")), "canary-2");
    assert_string_equal(json_string_value(json_object_get(masked, "password")), FIELD_MASK);
    assert_int_equal(json_object_size(diff), 1);
    char *shown = json_dumps(diff, 0);
    assert_null(strstr(shown, "canary"));
    assert_non_null(strstr(shown, "config.password"));
    free(shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_rules_of_configurations),
        cmocka_unit_test(test_masks_and_diffs_tell_no_secret),
    };
    return cmocka_run_group_tests_name("provider_account", tests, NULL, NULL);
}
