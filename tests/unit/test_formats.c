#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "domain/field.h"

struct row {
    const char *text;
    bool good;
};

static void check_rows(bool (*format)(const char *), const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (format(rows[i].text) != rows[i].good) {
            fail_msg("\"%s\" should be %s", rows[i].text, rows[i].good ? "accepted" : "refused");
        }
    }
}
#define CHECK_ROWS(format, rows) check_rows(format, rows, ARRAY_SIZE(rows))

static void test_email(void **state UNUSED)
{
    static const struct row rows[] = {
        {"a@b.co", true},
        {"first.last+tag@mail.example.org", true},
        {"!#$%&'*+-/=?^_`{|}~@example.org", true},
        {"\"two words\"@example.org", true},
        {"\"a\\\"b@c\"@example.org", true},
        {"\"\"@example.org", true},
        {"a@xn--bcher-kva.example", true},
        {"a@1.2.3.example", true},
        {"a@b.c0m", true},
        {"", false},
        {"a", false},
        {"@example.org", false},
        {"a@", false},
        {"a@localhost", false},
        {"a@b..org", false},
        {"a@.b.org", false},
        {"a@b.org.", false},
        {"a@-b.org", false},
        {"a@b-.org", false},
        {"a@b_c.org", false},
        {"a@10.0.0.1", false},
        {"a@[10.0.0.1]", false},
        {".a@b.org", false},
        {"a.@b.org", false},
        {"a..b@b.org", false},
        {"a b@b.org", false},
        {" a@b.org", false},
        {"a@b.org ", false},
        {"a@b@c.org", false},
        {"a@b.org\nBcc: c@d.org", false},
        {"a@b.org\r\n", false},
        {"\"a\nb\"@b.org", false},
        {"\"a\\\nb\"@b.org", false},
        {"\"a@b.org", false},
        {"\"a@c.org>\"@b.org", false},
        {"\"a\\<\"@b.org", false},
        {"\"a\"b@b.org", false},
        {"\"a\\", false},
        {"<a@b.org>", false},
        {"A <a@b.org>", false},
        {"b\xC3\xBC"
         "cher@b.org",
         false},
        {"a@b\xC3\xBC"
         "cher.org",
         false},
        {"a@b.org,c@d.org", false},
    };
    CHECK_ROWS(format_is_email, rows);
}

/* local "@" labels of 63 and a rest, so that the whole has the wanted length. */
static char *email_of(size_t local, size_t whole)
{
    GString *s = g_string_new(NULL);
    for (size_t i = 0; i < local; i++) {
        g_string_append_c(s, 'a');
    }
    g_string_append_c(s, '@');
    while (s->len + 3 < whole) {
        size_t label = MIN(63, whole - 3 - s->len);
        for (size_t i = 0; i < label; i++) {
            g_string_append_c(s, 'b');
        }
        if (s->len + 3 < whole) {
            g_string_append_c(s, '.');
        }
    }
    g_string_append(s, ".de");
    return g_string_free(s, FALSE);
}

static void test_email_lengths(void **state UNUSED)
{
    static const struct {
        size_t local;
        size_t whole;
        bool good;
    } rows[] = {{64, 254, true}, {64, 255, false}, {65, 100, false}, {1, 254, true}, {1, 255, false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *email = email_of(rows[i].local, rows[i].whole);
        assert_int_equal(strlen(email), rows[i].whole);
        assert_int_equal(format_is_email(email), rows[i].good);
    }
    g_autofree char *label = g_strnfill(64, 'x');
    g_autofree char *email = g_strdup_printf("a@%s.org", label);
    assert_false(format_is_email(email));
    g_autofree char *fits = g_strdup_printf("a@%s.org", label + 1);
    assert_true(format_is_email(fits));
}

static void test_phone(void **state UNUSED)
{
    static const struct row rows[] = {
        {"+442071838750", true},
        {"+12", true},
        {"+123456789012345", true},
        {"+1234567890123456", false},
        {"+1", false},
        {"+", false},
        {"", false},
        {"442071838750", false},
        {"+0442071838750", false},
        {"+44 2071838750", false},
        {"+44-207", false},
        {"++44207", false},
        {"+44207a", false},
        {"0044207", false},
        {"+44207\n", false},
        {"+\xD9\xA1\xD9\xA2\xD9\xA3", false},
    };
    CHECK_ROWS(format_is_phone, rows);
}

static void test_zone(void **state UNUSED)
{
    static const struct row rows[] = {
        {"UTC", true},
        {"Europe/Paris", true},
        {"America/Argentina/Buenos_Aires", true},
        {"America/Port-au-Prince", true},
        {"Etc/GMT+5", true},
        {"Etc/UTC", true},
        {"EST5EDT", true},
        {"GMT", true},
        {"Asia/Kathmandu", true},
        {"", false},
        {"Z", false},
        {"Mars/Olympus", false},
        {"Europe", false},
        {"Europe/", false},
        {"europe/paris", false},
        {"EUROPE/PARIS", false},
        {"+05:00", false},
        {"+05", false},
        {"-03", false},
        {"05", false},
        {"UTC+3", false},
        {"AAA3", false},
        {"AAA3BBB", false},
        {"CET-1CEST,M3.5.0,M10.5.0/3", false},
        {"<+03>-3", false},
        {"../../etc/passwd", false},
        {"/etc/localtime", false},
        {"/usr/share/zoneinfo/Europe/Paris", false},
        {"Europe/../Europe/Paris", false},
        {":Europe/Paris", false},
        {"Europe/Paris ", false},
        {"Europe/Paris\n", false},
        {"localtime", false},
        {"leapseconds", false},
        {"posixrules", false},
        {"posix/Europe/Paris", false},
        {"right/Europe/Paris", false},
        {"tzdata.zi", false},
        {"Factory", false},
    };
    CHECK_ROWS(format_is_zone, rows);
    g_autofree char *longer = g_strnfill(70, 'A');
    assert_false(format_is_zone(longer));
}

static void test_hhmm(void **state UNUSED)
{
    static const struct row rows[] = {
        {"00:00", true},     {"09:30", true},  {"19:59", true},   {"23:59", true},  {"24:00", false}, {"29:00", false},
        {"23:60", false},    {"9:30", false},  {"09:3", false},   {"0930", false},  {"", false},      {"09-30", false},
        {"09:30:00", false}, {" 9:30", false}, {"09:30 ", false}, {"0a:30", false}, {"-1:30", false}, {"9:300", false},
    };
    CHECK_ROWS(format_is_hhmm, rows);
}

#define HOOK "https://hooks.slack.com/services/"

static void test_slack_url(void **state UNUSED)
{
    static const struct row rows[] = {
        {HOOK "T00000000/B00000000/abcDEF0123456789abcDEF01", true},
        {"https://hooks.slack-gov.com/services/T1/B1/x", true},
        {"http://hooks.slack.com/services/T1/B1/x", false},
        {"HTTPS://hooks.slack.com/services/T1/B1/x", false},
        {"https://hooks.slack.com:443/services/T1/B1/x", false},
        {"https://hooks.slack.com.evil.org/services/T1/B1/x", false},
        {"https://evil.org/hooks.slack.com/services/T1/B1/x", false},
        {"https://hooks.slack.com@evil.org/services/T1/B1/x", false},
        {"https://u:p@hooks.slack.com/services/T1/B1/x", false},
        {"https://hooks.slack.com/workflows/T1/A1/1/x", false},
        {HOOK, false},
        {HOOK "T1/B1", false},
        {HOOK "T1/B1/", false},
        {HOOK "T1//x", false},
        {HOOK "/B1/x", false},
        {HOOK "T/B1/x", false},
        {HOOK "T1/B/x", false},
        {HOOK "B1/T1/x", false},
        {HOOK "T1/B1/x/", false},
        {HOOK "T1/B1/x/y", false},
        {HOOK "T1/B1/x?y=1", false},
        {HOOK "T1/B1/x#y", false},
        {HOOK "T1/B1/x%2f..", false},
        {HOOK "T1/B1/../x", false},
        {HOOK "T1/B1/x\n", false},
        {HOOK "T1/B1/x\r\nHost: evil.org", false},
        {" " HOOK "T1/B1/x", false},
        {"", false},
    };
    CHECK_ROWS(format_is_slack_url, rows);
    g_autofree char *x = g_strnfill(300 - strlen(HOOK "T1/B1/"), 'x');
    g_autofree char *longest = g_strconcat(HOOK "T1/B1/", x, NULL);
    g_autofree char *longer = g_strconcat(longest, "x", NULL);
    assert_true(format_is_slack_url(longest));
    assert_false(format_is_slack_url(longer));
}

static void test_control(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool in_lines;
        bool in_line;
    } rows[] = {
        {"", false, false},
        {"plain", false, false},
        {"a\tb\nc\r\n", false, true},
        {"a\x01", true, true},
        {"\x1b[31m", true, true},
        {"a\x7f", true, true},
        {"a\xC2\x80", true, true},
        {"a\xC2\x85", true, true},
        {"a\xC2\x9F", true, true},
        {"a\xC2\xA0", false, false},
        {"\xC3\x84\xC3\x9F", false, false},
        {"\xF0\x9F\x98\x80", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(format_has_control(rows[i].text, true), rows[i].in_lines);
        assert_int_equal(format_has_control(rows[i].text, false), rows[i].in_line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_email),   cmocka_unit_test(test_email_lengths), cmocka_unit_test(test_phone),
        cmocka_unit_test(test_zone),    cmocka_unit_test(test_hhmm),          cmocka_unit_test(test_slack_url),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
