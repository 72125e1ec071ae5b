#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "domain/sms_text.h"

#define EURO "\xe2\x82\xac"      /* extension table: two septets */
#define YA "\xd1\x8f"            /* Cyrillic: UCS-2 */
#define SMILE "\xf0\x9f\x98\x80" /* outside the BMP: two units */
#define DOTS "\xe2\x80\xa6"      /* U+2026: UCS-2 */

/* first, then n times each, then last */
static const struct {
    const char *first;
    size_t n;
    const char *each;
    const char *last;
    const char *encoding;
    size_t length;
    size_t segments;
} measures[] = {
    {"", 0, "", "", "gsm-7", 0, 0},
    {"", 1, "x", "", "gsm-7", 1, 1},
    {"", 160, "x", "", "gsm-7", 160, 1},
    {"", 161, "x", "", "gsm-7", 161, 2},
    {"", 306, "x", "", "gsm-7", 306, 2},
    {"", 307, "x", "", "gsm-7", 307, 3},
    {"", 459, "x", "", "gsm-7", 459, 3},
    {"", 460, "x", "", "gsm-7", 460, 4},
    {"", 612, "x", "", "gsm-7", 612, 4},
    {"", 613, "x", "", "gsm-7", 613, 5},
    {"", 80, EURO, "", "gsm-7", 160, 1},
    {"", 81, EURO, "", "gsm-7", 162, 2},
    /* 153 is odd: a character of two septets leaves one unused in each segment */
    {"", 152, EURO, "", "gsm-7", 304, 2},
    {"", 153, EURO, "", "gsm-7", 306, 3},
    {"x", 152, EURO, "", "gsm-7", 305, 2},
    {"x", 152, EURO, "x", "gsm-7", 306, 2},
    {"x", 152, EURO, "xx", "gsm-7", 307, 3},
    {"", 70, YA, "", "ucs-2", 70, 1},
    {"", 71, YA, "", "ucs-2", 71, 2},
    {"", 134, YA, "", "ucs-2", 134, 2},
    {"", 135, YA, "", "ucs-2", 135, 3},
    {"", 35, SMILE, "", "ucs-2", 70, 1},
    {"", 36, SMILE, "", "ucs-2", 72, 2},
    {"", 66, SMILE, "", "ucs-2", 132, 2},
    {"", 67, SMILE, "", "ucs-2", 134, 3}, /* 67 is odd too */
    {"", 69, "x", YA, "ucs-2", 70, 1},
    {"", 69, "x", DOTS, "ucs-2", 70, 1},
    {"", 70, "x", DOTS, "ucs-2", 71, 2},
};

static char *text_of(const char *first, size_t n, const char *each, const char *last)
{
    GString *text = g_string_new(first);
    for (size_t i = 0; i < n; i++) {
        g_string_append(text, each);
    }
    g_string_append(text, last);
    return g_string_free(text, FALSE);
}

static void test_measures(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(measures); i++) {
        struct sms_measure m;
        g_autofree char *text = text_of(measures[i].first, measures[i].n, measures[i].each, measures[i].last);
        sms_measure(text, &m);
        if (strcmp(m.encoding, measures[i].encoding) != 0 || m.length != measures[i].length ||
            m.segments != measures[i].segments) {
            fail_msg("row %zu: %s, %zu, %zu", i, m.encoding, m.length, m.segments);
        }
    }
}

/* 3GPP TS 23.038 6.2.1 and 6.2.1.1, the escape character aside. */
static const char gsm_basic[] =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
static const char gsm_extended[] = "\f^{}\\[~]|€";

static size_t length_of(const char *text)
{
    struct sms_measure m;
    sms_measure(text, &m);
    return strcmp(m.encoding, "gsm-7") == 0 ? m.length : 0;
}

static void test_the_alphabet(void **state UNUSED)
{
    assert_int_equal(g_utf8_strlen(gsm_basic, -1), 127);
    assert_int_equal(length_of(gsm_basic), 127);
    assert_int_equal(length_of(gsm_extended), 20);
    assert_int_equal(length_of("`"), 0);
    assert_int_equal(length_of("\xc3\xa7"), 0); /* the small c with cedilla; the capital is there */
    assert_int_equal(length_of("\t"), 0);
    assert_int_equal(length_of("\xe2\x80\x9c"), 0);
}

static const struct {
    const char *first;
    size_t n;
    const char *each;
    size_t max_segments;
    size_t kept; /* of each; the ellipsis follows unless it is all */
    size_t segments;
} fits[] = {
    {"", 160, "x", 1, 160, 1},   {"", 161, "x", 1, 157, 1},
    {"", 70, YA, 1, 70, 1},      {"", 71, YA, 1, 67, 1},
    {"", 612, "x", 4, 612, 4},   {"", 613, "x", 4, 609, 4},
    {"", 5000, "x", 4, 609, 4},  {"", 304, EURO, 4, 304, 4},
    {"", 305, EURO, 4, 303, 4}, /* 4 * 76 fit; the last one makes room */
    {"", 268, YA, 4, 268, 4},    {"", 269, YA, 4, 265, 4},
    {"", 132, SMILE, 4, 132, 4}, {"", 133, SMILE, 4, 131, 4}, /* 33 in each segment, the last unit of each unused */
};

static void test_what_is_too_long_is_cut(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(fits); i++) {
        struct sms_measure m;
        g_autofree char *text = text_of(fits[i].first, fits[i].n, fits[i].each, "");
        g_autofree char *wanted = text_of(fits[i].first, fits[i].kept, fits[i].each,
                                          fits[i].kept == fits[i].n ? "" : "...");
        g_autofree char *sent = sms_fit(text, fits[i].max_segments);
        sms_measure(sent, &m);
        if (strcmp(sent, wanted) != 0 || m.segments != fits[i].segments) {
            fail_msg("row %zu: %zu characters, %zu segments", i, (size_t)g_utf8_strlen(sent, -1), m.segments);
        }
    }
}

static void test_blanks(void **state UNUSED)
{
    g_autofree char *tabs = sms_fit("a\tb\t \n", 1);
    assert_string_equal(tabs, "a b");
    g_autofree char *words = text_of("", 155, "x", "  yyyyyyyy");
    g_autofree char *cut = sms_fit(words, 1);
    g_autofree char *wanted = text_of("", 155, "x", "...");
    assert_string_equal(cut, wanted);
    g_autofree char *far = text_of("", 612, "x", "xx" YA); /* what is cut away says nothing of the rest */
    g_autofree char *kept = sms_fit(far, 4);
    assert_int_equal(strlen(kept), 612);
    g_autofree char *none = sms_fit("", 1);
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measures),
        cmocka_unit_test(test_the_alphabet),
        cmocka_unit_test(test_what_is_too_long_is_cut),
        cmocka_unit_test(test_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
