#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ports/mail_headers.h"

static void test_text_is_safe(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool safe;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"Z\xc3\xbcrich \xe2\x82\xac", true},
        {"a\nb", false},
        {"a\rb", false},
        {"a\tb", false},
        {"a\x7f", false},
        {"a\x1b[0m", false},
        {"a\xc2\x85"
         "b",
         false}, /* NEL */
        {"a\xc2\x9f", false},
        {"a\xc2\xa0", true},
        {"a\xff", false},
        {"a\xc3", false},
        {"a\xed\xa0\x80", false}, /* a surrogate */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (mail_text_is_safe(cases[i].text) != cases[i].safe) {
            fail_msg("case %zu: %s", i, cases[i].text);
        }
    }
}

static void test_address_is_safe(void **state UNUSED)
{
    g_autofree char *local = g_strnfill(243, 'a');
    g_autofree char *longest = g_strconcat(local, "@bcdef.ghi", NULL);
    g_autofree char *too_long = g_strconcat(local, "@bcdef.ghijk", NULL);
    assert_int_equal(strlen(longest), 253);
    const struct {
        const char *address;
        bool safe;
    } cases[] = {
        {"a@b", true},          {"a.b+c@example.org", true},
        {"\"x\"@b", true},      {longest, true},
        {too_long, false},      {"", false},
        {"a", false},           {"@b", false},
        {"a@", false},          {"a b@c", false},
        {"a@b\r\n", false},     {"<a@b>", false},
        {"a@b>", false},        {"\xc3\xbc@b", false},
        {"a\t@b", false},       {"\"a b\"@c", true},
        {"\"a b\"@c d", false}, {"\"a>b\"@c", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (mail_address_is_safe(cases[i].address) != cases[i].safe) {
            fail_msg("case %zu: %s", i, cases[i].address);
        }
    }
}

static void test_domain(void **state UNUSED)
{
    assert_string_equal(mail_address_domain("a@b.c"), "b.c");
    assert_string_equal(mail_address_domain("\"a@x\"@b.c"), "b.c");
    assert_string_equal(mail_address_domain("a"), "localhost");
    assert_string_equal(mail_address_domain("a@"), "localhost");
}

static void assert_unstructured(const char *text, const char *wanted)
{
    g_autoptr(GString) out = g_string_new("Subject: ");
    mail_append_unstructured(out, text, out->len);
    assert_string_equal(out->str + strlen("Subject: "), wanted);
}

static void test_unstructured(void **state UNUSED)
{
    assert_unstructured("", "");
    assert_unstructured("Your payslip for May", "Your payslip for May");
    assert_unstructured("Gr\xc3\xbc\xc3\x9f"
                        "e",
                        "=?UTF-8?B?R3LDvMOfZQ==?=");
    assert_unstructured("=?UTF-8?Q?trick?=", "=?UTF-8?B?PT9VVEYtOD9RP3RyaWNrPz0=?=");
    assert_unstructured(" outer ", "=?UTF-8?B?IG91dGVyIA==?=");
    assert_unstructured("sixty characters of a subject that goes on for longer than one line of a mail may",
                        "sixty characters of a subject that goes on for longer than one line\r\n of a mail may");
    assert_unstructured("two  spaces", "two  spaces");
}

/* What a reader gets back: folds and the blanks between encoded words vanish. */
static char *decode_words(const char *value)
{
    GString *out = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(value, "\r\n ", -1);
    for (size_t i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '\0') {
            continue;
        }
        assert_true(g_str_has_prefix(lines[i], "=?UTF-8?B?") && g_str_has_suffix(lines[i], "?="));
        assert_true(strlen(lines[i]) <= 75);
        g_autofree char *base64 = g_strndup(lines[i] + 10, strlen(lines[i]) - 12);
        gsize n = 0;
        g_autofree guchar *bytes = g_base64_decode(base64, &n);
        assert_true(g_utf8_validate((const char *)bytes, (gssize)n, NULL)); /* no character is split */
        g_string_append_len(out, (const char *)bytes, (gssize)n);
    }
    return g_string_free(out, FALSE);
}

static void test_encoded_words_come_back(void **state UNUSED)
{
    for (size_t column = 0; column < 90; column++) {
        for (size_t n = 1; n < 120; n += 7) {
            g_autoptr(GString) text = g_string_new(NULL);
            for (size_t i = 0; i < n; i++) {
                g_string_append(
                    text, (const char *[]){"\xf0\x9f\x8e\x81", "\xe2\x82\xac", "\xc3\xbc", "a"}[(i + column) % 4]);
            }
            g_string_append(text, "\xc3\xbc");
            g_autoptr(GString) out = g_string_new(NULL);
            mail_append_unstructured(out, text->str, column);
            assert_true(column + strcspn(out->str, "\r") <= 78 || column >= 78);
            g_autofree char *back = decode_words(out->str);
            assert_string_equal(back, text->str);
        }
    }
}

static void test_folding_changes_nothing_else(void **state UNUSED)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < 30; i++) {
        g_string_append_printf(text, "%sword%d%s", i == 0 ? "" : " ", i, i % 5 == 0 ? " " : "");
    }
    g_autoptr(GString) out = g_string_new(NULL);
    mail_append_unstructured(out, text->str, 9);
    g_auto(GStrv) lines = g_strsplit(out->str, "\r\n", -1);
    assert_true(g_strv_length(lines) > 2);
    for (size_t i = 0; lines[i] != NULL; i++) {
        assert_true(strlen(lines[i]) <= 78);
        assert_true(i == 0 || lines[i][0] == ' ');
    }
    g_autofree char *back = g_strjoinv("", lines);
    assert_string_equal(back, text->str);
}

static void assert_mailbox(const char *name, const char *wanted)
{
    g_autoptr(GString) out = g_string_new("From: ");
    mail_append_mailbox(out, name, "a@b.c", out->len);
    assert_string_equal(out->str + strlen("From: "), wanted);
}

static void test_mailbox(void **state UNUSED)
{
    assert_mailbox(NULL, "a@b.c");
    assert_mailbox("", "a@b.c");
    assert_mailbox("Bellman", "\"Bellman\" <a@b.c>");
    assert_mailbox("Smith, \"Jo\" \\", "\"Smith, \\\"Jo\\\" \\\\\" <a@b.c>");
    assert_mailbox("Z\xc3\xbcrich", "=?UTF-8?B?WsO8cmljaA==?= <a@b.c>");
    assert_mailbox("evil <x@y.z>", "\"evil <x@y.z>\" <a@b.c>");
    assert_mailbox("a name so long that the address no longer fits on its line of the mail",
                   "\"a name so long that the address no longer fits on its line of the mail\"\r\n <a@b.c>");
}

static void test_date(void **state UNUSED)
{
    static const struct {
        int64_t wall_s;
        const char *text;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {1709210096, "Thu, 29 Feb 2024 12:34:56 +0000"},
        {1795449600, "Mon, 23 Nov 2026 16:00:00 +0000"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        mail_append_date(out, cases[i].wall_s * US_PER_S + 999999);
        assert_string_equal(out->str, cases[i].text);
    }
}

static void test_crlf(void **state UNUSED)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"a", "a\r\n"},
        {"a\n", "a\r\n"},
        {"a\r\n", "a\r\n"},
        {"\n\n", "\r\n\r\n"},
        {"a\rb", "a\r\nb\r\n"},
        {"a\r\r\nb", "a\r\n\r\nb\r\n"},
        {"a\n\rb", "a\r\n\r\nb\r\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t length = 0;
        g_autofree char *out = mail_crlf(cases[i][0], &length);
        assert_string_equal(out, cases[i][1]);
        assert_int_equal(length, strlen(cases[i][1]));
    }
}

static void test_make_printable(void **state UNUSED)
{
    char out[8];
    mail_make_printable(out, sizeof(out), "a\r\nb\tc");
    assert_string_equal(out, "a  b c");
    mail_make_printable(out, sizeof(out), "12345678");
    assert_string_equal(out, "1234567");
    mail_make_printable(out, sizeof(out), "123456\xc3\xbc"); /* the last one has no room */
    assert_string_equal(out, "123456");
    mail_make_printable(out, sizeof(out),
                        "a\xff"
                        "b");
    assert_true(g_utf8_validate(out, -1, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_safe),
        cmocka_unit_test(test_address_is_safe),
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_unstructured),
        cmocka_unit_test(test_encoded_words_come_back),
        cmocka_unit_test(test_folding_changes_nothing_else),
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_crlf),
        cmocka_unit_test(test_make_printable),
    };
    return cmocka_run_group_tests_name("mail_headers", tests, NULL, NULL);
}
