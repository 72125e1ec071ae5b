#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "domain/event.h"
#include "domain/sms_text.h"
#include "domain/template.h"
#include "domain/template_fields.h"
#include "domain/template_key.h"

/* --- locales and keys --------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *wanted; /* NULL: none */
} locales[] = {
    {"", ""},
    {"de", "de"},
    {"DE-ch", "de-CH"},
    {"ZH-hant-tw", "zh-Hant-TW"},
    {"gsw", "gsw"},
    {"es-419", "es-419"},
    {"de-1996", "de-1996"},
    {"en-x-private", "en-x-private"},
    {"d", NULL},
    {"de-", NULL},
    {"-de", NULL},
    {"de--CH", NULL},
    {"de_CH", NULL},
    {"1e", NULL},
    {"de.CH", NULL},
    {"de CH", NULL},
    {"de-\n", NULL},
    {"languagetoolong", NULL},
    {"d1", NULL},
    {"aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", "aaaaaaaa-bbbbbbbb-cccccccc-dddddddd"},
    {"aaaaaaaa-bbbbbbbb-cccccccc-dddddddd-e", NULL},
};

static void test_locales(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(locales); i++) {
        char locale[TEMPLATE_LOCALE_BYTES] = "?";
        bool ok = template_locale(locales[i].text, locale);
        if (ok != (locales[i].wanted != NULL) || strcmp(locale, ok ? locales[i].wanted : "?") != 0) {
            fail_msg("%s: %d %s", locales[i].text, ok, locale);
        }
    }
}

static const struct {
    const char *locale;
    const char *wanted[TEMPLATE_LOCALES_MAX];
} chains[] = {
    {NULL, {"", "", "", ""}},
    {"", {"", "", "", ""}},
    {"de_CH", {"", "", "", ""}},
    {"de", {"de", "", "", ""}},
    {"de-ch", {"de-CH", "de", "", ""}},
    {"zh-Hant-TW", {"zh-Hant-TW", "zh-Hant", "zh", ""}},
    {"en-x-private", {"en-x-private", "en", "", ""}}, /* RFC 4647 3.4: x goes with what it introduces */
    {"aa-bb-cc-dd-ee", {"aa-BB-CC-DD-EE", "aa-BB-CC-DD", "aa", ""}},
};

static void test_locale_chains(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        struct template_locales found;
        template_locales_of(chains[i].locale, &found);
        for (size_t n = 0; n < TEMPLATE_LOCALES_MAX; n++) {
            if (strcmp(found.names[n], chains[i].wanted[n]) != 0) {
                fail_msg("%s, %zu: %s", chains[i].locale, n, found.names[n]);
            }
        }
    }
}

static const struct {
    const char *text;
    const char *wanted; /* NULL: no key */
} keys[] = {
    {"payroll.email", "payroll.email"},
    {"payroll.email.DE-ch", "payroll.email.de-CH"},
    {"digest.email.de", "digest.email.de"},
    {"alert.slack", "alert.slack"},
    {"", NULL},
    {"payroll", NULL},
    {"payroll.", NULL},
    {".email", NULL},
    {"payroll.email.", NULL},
    {"payroll.email.de.CH", NULL},
    {"payroll.email.de.", NULL},
    {"payroll.webhook", NULL},
    {"payroll.slack", NULL},
    {"digest.sms", NULL},
    {"nothing.email", NULL},
    {"payroll.email.de_CH", NULL},
    {"PAYROLL.email", NULL},
};

static void test_keys(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct template_key key;
        char text[TEMPLATE_KEY_BYTES] = "";
        bool ok = template_key_parse(keys[i].text, &key);
        if (ok) {
            template_key_format(&key, text);
        }
        if (ok != (keys[i].wanted != NULL) || (ok && strcmp(text, keys[i].wanted) != 0)) {
            fail_msg("%s: %d %s", keys[i].text, ok, text);
        }
    }
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static json_t *values_of(const char *delivery_text)
{
    const struct template_about about = {.organization = "Acme & Co", .zone = "Europe/Berlin"};
    json_auto_t *delivery = json_loads(delivery_text, 0, NULL);
    assert_non_null(delivery);
    return template_values(delivery, &about);
}

static const char *value(const json_t *values, const char *name)
{
    return json_string_value(json_object_get(values, name));
}

static void test_values_of_a_delivery(void **state UNUSED)
{
    json_auto_t *v = values_of(
        "{\"event\": \"alert\", \"severity\": \"critical\", \"recipient\": \"ada\", \"created_at\":"
        " \"2026-11-25T08:30:59.9Z\", \"data\": {\"title\": \"T\", \"event\": \"x\", \"organization\": \"y\","
        " \"unsubscribe_url\": \"https://evil.example/\"}}");
    assert_true(json_is_null(json_object_get(v, "unsubscribe_url")));
    assert_string_equal(value(v, "event"), "alert"); /* data cannot pretend */
    assert_string_equal(value(v, "organization"), "Acme & Co");
    assert_string_equal(value(v, "title"), "T");
    assert_string_equal(value(v, "recipient"), "ada");
    assert_string_equal(value(v, "time"), "2026-11-25 09:30");
    assert_true(json_is_true(json_object_get(v, "critical")));
    json_auto_t *own_zone = values_of("{\"event\": \"alert\", \"severity\": \"info\", \"timezone\": \"Asia/Tokyo\","
                                      " \"created_at\": \"2026-11-25 08:30:59.900000\", \"data\": {}}");
    assert_string_equal(value(own_zone, "time"), "2026-11-25 17:30");
    assert_false(json_is_true(json_object_get(own_zone, "critical")));
}

static const struct {
    const char *url;
    const char *wanted; /* NULL: not there */
} urls[] = {
    {"https://a.example/x?y=1&z=%20#f", "https://a.example/x?y=1&z=%20#f"},
    {"HTTP://a.example", "HTTP://a.example"},
    {"https://a.example/\xc3\xa4 \"<>|\r\n\x7f'", "https://a.example/%C3%A4%20%22%3C%3E%7C%0D%0A%7F'"},
    {"javascript:alert(1)", NULL},
    {"java\nscript:alert(1)", NULL},
    {" https://a.example", NULL},
    {"data:text/html,x", NULL},
    {"//a.example", NULL},
    {"/path", NULL},
    {"https://", NULL},
    {"https:///x", NULL},
    {"", NULL},
};

static void test_urls(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        json_auto_t *delivery = json_pack("{s:{s:s, s:s}}", "data", "url", urls[i].url, "other", urls[i].url);
        json_auto_t *v = template_values(delivery, &(const struct template_about){.organization = "o"});
        if (g_strcmp0(value(v, "url"), urls[i].wanted) != 0) {
            fail_msg("%s: %s", urls[i].url, value(v, "url"));
        }
        assert_string_equal(value(v, "other"), urls[i].url);
    }
    json_auto_t *number = json_pack("{s:{s:i}}", "data", "url", 1);
    json_auto_t *v = template_values(number, &(const struct template_about){.organization = "o"});
    assert_true(json_is_null(json_object_get(v, "url")));
}

static void test_values_of_a_digest(void **state UNUSED)
{
    json_auto_t *v = values_of(
        "{\"event\": \"digest\", \"severity\": \"info\", \"recipient\": \"ada\", \"members_n\": 205,"
        " \"members\": [{\"event\": \"alert\", \"severity\": \"warning\", \"subject\": \"S\","
        " \"created_at\": \"2026-11-25 08:30:00.000000\"}]}");
    assert_int_equal(json_integer_value(json_object_get(v, "count")), 205);
    assert_int_equal(json_integer_value(json_object_get(v, "more")), 204);
    const json_t *item = json_array_get(json_object_get(v, "items"), 0);
    assert_string_equal(value(item, "subject"), "S");
    assert_string_equal(value(item, "time"), "2026-11-25 09:30");
}

/* --- the product's templates -------------------------------------------------------------------------------------- */

static void test_every_message_has_a_default(void **state UNUSED)
{
    for (int event = 0; event < TEMPLATE_EVENTS; event++) {
        for (int channel = 0; channel < NOTIFY_WEBHOOK; channel++) {
            bool carried = template_is_carried(event, (enum notify_channel)channel);
            assert_int_equal(template_default_find(event, (enum notify_channel)channel, "") != NULL, carried);
            assert_int_equal(template_default_find(event, (enum notify_channel)channel, "de") != NULL, carried);
        }
    }
}

static json_t *body_of(const struct template_texts *texts)
{
    return json_pack("{s:s?, s:s?, s:s?}", "subject", texts->subject, "text", texts->text, "html", texts->html);
}

static void test_defaults_pass_the_checks(void **state UNUSED)
{
    for (size_t i = 0; i < template_defaults_n; i++) {
        const struct template_default *d = &template_defaults[i];
        struct problems problems CLEANUP(problems_release) = {0};
        json_auto_t *body = body_of(&d->texts);
        template_check(d->event, d->channel, body, true, &problems);
        if (problems_any(&problems)) {
            g_autofree char *faults = json_dumps(problems.list, 0);
            fail_msg("%s over %s in %s: %s", template_event_names[d->event], template_channel_names[d->channel],
                     d->locale, faults);
        }
        assert_int_equal(d->texts.html != NULL, d->channel == NOTIFY_EMAIL);
    }
}

static void fill(const struct template_default *d, const json_t *delivery, struct template_message *ret)
{
    struct err e = ERR_INIT;
    json_auto_t *values = template_values(delivery, &(const struct template_about){.organization = "Acme"});
    if (!template_fill_message(d->event, d->channel, &d->texts, values, ret, &e)) {
        fail_msg("%s", e.text);
    }
}

static bool has_leftovers(const char *text)
{
    return text != NULL && (strstr(text, "{{") != NULL || strstr(text, "}}") != NULL || strstr(text, "\n\n\n") != NULL);
}

/* With every field, and with none: whole sentences, no tag left, and a text message that costs one segment. */
static void test_defaults_render(void **state UNUSED)
{
    for (size_t i = 0; i < template_defaults_n; i++) {
        const struct template_default *d = &template_defaults[i];
        json_auto_t *full = template_sample(d->event, d->channel);
        json_auto_t *empty = json_pack("{s:s, s:s, s:{}}", "event", template_event_names[d->event], "severity", "info",
                                       "data");
        const json_t *const deliveries[] = {full, empty};
        for (size_t n = 0; n < ARRAY_SIZE(deliveries); n++) {
            CLEANUP(template_message_release) struct template_message m = {0};
            struct sms_measure measure;
            fill(d, deliveries[n], &m);
            assert_false(has_leftovers(m.subject) || has_leftovers(m.text) || has_leftovers(m.html));
            assert_true(m.text[0] != '\0' && g_ascii_isspace(m.text[0]) == 0);
            sms_measure(m.text, &measure);
            if (d->channel == NOTIFY_SMS) {
                assert_int_equal(measure.segments, 1);
                assert_string_equal(measure.encoding, "gsm-7");
            }
        }
    }
}

/* Both parts of mail lead to where it ends, in the words of its language; what is critical has nothing to leave. */
static void test_defaults_of_mail_can_be_left(void **state UNUSED)
{
    for (size_t i = 0; i < template_defaults_n; i++) {
        const struct template_default *d = &template_defaults[i];
        bool is_mail = d->channel == NOTIFY_EMAIL;
        bool is_german = strcmp(d->locale, "de") == 0;
        CLEANUP(template_message_release) struct template_message with = {0};
        CLEANUP(template_message_release) struct template_message without = {0};
        json_auto_t *sample = template_sample(d->event, d->channel);
        const char *url = json_string_value(json_object_get(sample, "unsubscribe_url"));
        assert_int_equal(url != NULL, is_mail);
        fill(d, sample, &with);
        if (is_mail) {
            g_autofree char *link = g_strdup_printf("href=\"%s\">%s</a>", url,
                                                    is_german ? "Abbestellen" : "Unsubscribe");
            g_autofree char *line = g_strdup_printf(
                "\n\n%s: %s\n", is_german ? "Solche Nachrichten abbestellen" : "Unsubscribe from such messages", url);
            assert_non_null(strstr(with.html, link));
            assert_true(g_str_has_suffix(with.text, line));
            json_object_del(sample, "unsubscribe_url");
            fill(d, sample, &without);
            assert_null(strstr(without.html, "nsubscribe"));
            assert_null(strstr(without.html, "bbestellen"));
            assert_null(strstr(without.text, is_german ? "abbestellen" : "Unsubscribe"));
        } else {
            assert_null(strstr(with.text, "nsubscribe"));
        }
    }
}

/* --- filling in --------------------------------------------------------------------------------------------------- */

static void fill_texts(enum notify_channel channel, const struct template_texts *texts, const char *title,
                       struct template_message *ret)
{
    struct err e = ERR_INIT;
    json_auto_t *values = json_pack("{s:s}", "title", title);
    if (!template_fill_message(NOTIFY_ALERT, channel, texts, values, ret, &e)) {
        fail_msg("%s", e.text);
    }
}

static void test_no_message_is_empty(void **state UNUSED)
{
    CLEANUP(template_message_release) struct template_message m = {0};
    const struct template_texts texts = {"{{title}}", "{{title}}", "<p>{{title}}</p>"};
    fill_texts(NOTIFY_EMAIL, &texts, "\r\n \xe2\x80\xae", &m);
    assert_string_equal(m.subject, "alert");
    assert_string_equal(m.text, "alert");
}

static void test_long_parts(void **state UNUSED)
{
    const struct template_texts texts = {"{{title}}", "{{title}}{{title}}",
                                         "{{title}}{{title}}{{title}}{{title}}{{title}}"};
    g_autofree char *title = g_strnfill(99999, '"');
    CLEANUP(template_message_release) struct template_message mail = {0};
    fill_texts(NOTIFY_EMAIL, &texts, title, &mail);
    assert_int_equal(strlen(mail.subject), TEMPLATE_SUBJECT_BYTES_MAX);
    assert_true(g_str_has_suffix(mail.subject, "\"\u2026"));
    assert_int_equal(strlen(mail.text), TEMPLATE_TEXT_BYTES_MAX);
    assert_null(mail.html);
    CLEANUP(template_message_release) struct template_message slack = {0};
    fill_texts(NOTIFY_SLACK, &texts, title, &slack);
    assert_int_equal(strlen(slack.text), TEMPLATE_SLACK_BYTES_MAX);
    assert_null(slack.subject);
    CLEANUP(template_message_release) struct template_message sms = {0};
    fill_texts(NOTIFY_SMS, &texts, title, &sms);
    assert_int_equal(strlen(sms.text), 612);
}

static const struct {
    enum notify_channel channel;
    struct template_texts texts;
    const char *cause;
} broken[] = {
    {NOTIFY_EMAIL, {"{{", "x", NULL}, "The template's subject cannot be read: 1:1: "},
    {NOTIFY_EMAIL, {"a\nb", "x", NULL}, "The template's subject cannot be read: "},
    {NOTIFY_EMAIL, {"x", "a\n{{#x}}", NULL}, "The template's text cannot be read: 2:1: "},
    {NOTIFY_EMAIL, {"x", "x", "<script>{{x}}"}, "The template's html cannot be read: 1:9: "},
    {NOTIFY_EMAIL, {NULL, "x", NULL}, "The template has no text or no subject"},
    {NOTIFY_SMS, {NULL, NULL, NULL}, "The template has no text or no subject"},
};

static void test_broken_templates_say_why(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        CLEANUP(template_message_release) struct template_message m = {0};
        struct err e = ERR_INIT;
        json_auto_t *values = json_object();
        assert_false(template_fill_message(NOTIFY_ALERT, broken[i].channel, &broken[i].texts, values, &m, &e));
        assert_int_equal(e.code, ERR_INVALID);
        assert_true(g_str_has_prefix(e.text, broken[i].cause));
        assert_true(m.subject == NULL && m.text == NULL && m.html == NULL);
    }
}

/* --- what may be named -------------------------------------------------------------------------------------------- */

static void test_every_field_of_an_event_may_be_named(void **state UNUSED)
{
    for (int event = 0; event < NOTIFY_EVENTS; event++) {
        const struct record *data = event_data_record((enum notify_event)event);
        json_auto_t *sample = template_sample(event, NOTIFY_EMAIL);
        for (size_t i = 0; i < data->n; i++) {
            assert_true(template_knows(event, NOTIFY_EMAIL, data->fields[i].name, false));
            if (json_object_get(json_object_get(sample, "data"), data->fields[i].name) == NULL) {
                fail_msg("no sample of %s", data->fields[i].name);
            }
        }
        assert_true(template_knows(event, NOTIFY_EMAIL, "organization", false));
        assert_false(template_knows(event, NOTIFY_EMAIL, "items", false));
        assert_false(template_knows(event, NOTIFY_EMAIL, "salary", false));
        assert_true(template_knows(event, NOTIFY_EMAIL, "unsubscribe_url", false));
        assert_false(template_knows(event, NOTIFY_SMS, "unsubscribe_url", false));
    }
    assert_true(template_knows(TEMPLATE_DIGEST, NOTIFY_EMAIL, "items", false) &&
                template_knows(TEMPLATE_DIGEST, NOTIFY_EMAIL, "subject", true));
    assert_false(template_knows(TEMPLATE_DIGEST, NOTIFY_EMAIL, "subject", false) ||
                 template_knows(TEMPLATE_DIGEST, NOTIFY_EMAIL, "title", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locales),
        cmocka_unit_test(test_locale_chains),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_values_of_a_delivery),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_values_of_a_digest),
        cmocka_unit_test(test_every_message_has_a_default),
        cmocka_unit_test(test_defaults_pass_the_checks),
        cmocka_unit_test(test_defaults_render),
        cmocka_unit_test(test_defaults_of_mail_can_be_left),
        cmocka_unit_test(test_no_message_is_empty),
        cmocka_unit_test(test_long_parts),
        cmocka_unit_test(test_broken_templates_say_why),
        cmocka_unit_test(test_every_field_of_an_event_may_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
