#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "ground/err.h"

static const enum err_code all_codes[] = {
    ERR_NONE,   ERR_INVALID,     ERR_NOT_FOUND, ERR_CONFLICT,        ERR_DUPLICATE, ERR_DENIED,
    ERR_LOCKED, ERR_UNAVAILABLE, ERR_TIMEOUT,   ERR_UNKNOWN_OUTCOME, ERR_INTERNAL,
};

static void test_the_first_cause_wins(void **state UNUSED)
{
    struct err e = ERR_INIT;
    assert_false(err_set(&e, ERR_TIMEOUT, "read took %d ms", 3000));
    assert_false(err_set(&e, ERR_INTERNAL, "later"));
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_string_equal(e.text, "read took 3000 ms");
    err_clear(&e);
    assert_int_equal(e.code, ERR_NONE);
    assert_string_equal(e.text, "");
    err_set(&e, ERR_INTERNAL, "later");
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_string_equal(e.text, "later");
}

static void test_an_error_without_a_code_is_still_one(void **state UNUSED)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_NONE, "forgot the code");
    assert_int_equal(e.code, ERR_INTERNAL);
}

static void test_codes_have_names_of_their_own(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(all_codes); i++) {
        assert_string_not_equal(err_code_name(all_codes[i]), "unknown");
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(err_code_name(all_codes[i]), err_code_name(all_codes[j]));
        }
    }
    assert_string_equal(err_code_name(ERR_UNAVAILABLE), "unavailable");
    assert_string_equal(err_code_name((enum err_code)99), "unknown");
}

/* Texts of every length around the limit, of characters of one to four bytes: the result is always whole UTF-8. */
static void test_long_texts_are_cut_to_valid_text(void **state UNUSED)
{
    static const char *const letters[] = {"a", "\303\244", "\342\202\254", "\360\237\223\254"};
    for (size_t l = 0; l < ARRAY_SIZE(letters); l++) {
        for (size_t shift = 0; shift < 4; shift++) {
            GString *text = g_string_new(NULL);
            g_string_append_printf(text, "%.*s", (int)shift, "xxx");
            while (text->len < 2 * (size_t)ERR_TEXT_BYTES) {
                g_string_append(text, letters[l]);
            }
            struct err e = ERR_INIT;
            err_set(&e, ERR_INVALID, "%s", text->str);
            assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
            assert_true(g_utf8_validate(e.text, -1, NULL));
            assert_memory_equal(e.text, text->str, ERR_TEXT_BYTES - 4);
            g_string_free(text, TRUE);
        }
    }
}

static void test_control_characters_and_bad_bytes_do_not_pass(void **state UNUSED)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_INVALID, "%s", "one\ntwo\r\033[2J\177 \377\300\200 three");
    assert_string_equal(e.text, "one two  [2J  ??? three");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_cause_wins),
        cmocka_unit_test(test_an_error_without_a_code_is_still_one),
        cmocka_unit_test(test_codes_have_names_of_their_own),
        cmocka_unit_test(test_long_texts_are_cut_to_valid_text),
        cmocka_unit_test(test_control_characters_and_bad_bytes_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
