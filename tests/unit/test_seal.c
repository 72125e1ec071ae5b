/*
 * Tests for ports/seal.c: what is sealed opens again, and nothing else does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ports/seal.h"

#define CONTEXT "notification_settings.slack_webhook_url|acme|0189"
#define SECRET "https://hooks.slack.com/services/T0/B0/geh\xc3\xa4im"
#define KEY_A "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define KEY_B "7:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"

struct place {
    char *dir;
    char *file;
};

static int make_place(void **state)
{
    struct place *p = g_new0(struct place, 1);
    p->dir = g_dir_make_tmp("bellman-seal-XXXXXX", NULL);
    p->file = g_build_filename(p->dir, "keyring", NULL);
    *state = p;
    return p->dir == NULL;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    (void)g_unlink(p->file);
    (void)g_rmdir(p->dir);
    g_free(p->dir);
    g_free(p->file);
    g_free(p);
    return 0;
}

static void write_keyring(const struct place *p, const char *text, mode_t mode)
{
    (void)g_unlink(p->file);
    assert_true(g_file_set_contents(p->file, text, -1, NULL));
    assert_int_equal(g_chmod(p->file, mode), 0);
}

static struct seal *open_text(const struct place *p, const char *text)
{
    struct err e = ERR_INIT;
    write_keyring(p, text, 0600);
    struct seal *seal = seal_open_keyring(p->file, &e);
    if (seal == NULL) {
        fail_msg("%s", e.text);
    }
    return seal;
}

static void assert_opens(const struct seal *seal, const char *sealed)
{
    struct err e = ERR_INIT;
    char *plain = seal_decrypt(seal, CONTEXT, sealed, &e);
    assert_non_null(plain);
    assert_string_equal(plain, SECRET);
    seal_text_free(plain);
}

static void assert_refuses(const struct seal *seal, const char *context, const char *sealed, enum err_code code)
{
    struct err e = ERR_INIT;
    char *plain = seal_decrypt(seal, context, sealed, &e);
    assert_null(plain);
    assert_int_equal(e.code, code);
    assert_null(strstr(e.text, "hooks.slack.com"));
}

static char *sealed_secret(const struct seal *seal)
{
    struct err e = ERR_INIT;
    char *sealed = seal_encrypt(seal, CONTEXT, SECRET, &e);
    assert_non_null(sealed);
    return sealed;
}

static void test_created_keyring_seals_and_opens(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    struct stat st;
    assert_true(seal_create_keyring(p->file, &e));
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct seal *seal = seal_open_keyring(p->file, &e);
    assert_non_null(seal);

    char *one = sealed_secret(seal);
    char *two = sealed_secret(seal);
    assert_string_not_equal(one, two);
    assert_null(strstr(one, "slack"));
    assert_opens(seal, one);
    assert_opens(seal, two);
    seal_text_free(one);
    seal_text_free(two);
    seal_free(seal);
}

static void test_keyring_is_never_overwritten(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    write_keyring(p, KEY_A, 0600);
    assert_false(seal_create_keyring(p->file, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(p->file, &text, NULL, NULL));
    assert_string_equal(text, KEY_A);
}

static void test_empty_and_long_texts(void **state)
{
    struct seal *seal = open_text(*state, KEY_A);
    static const size_t lengths[] = {0, 1, 31, 4096, 65536};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        struct err e = ERR_INIT;
        g_autofree char *plain = g_strnfill(lengths[i], 'x');
        char *sealed = seal_encrypt(seal, CONTEXT, plain, &e);
        assert_non_null(sealed);
        char *opened = seal_decrypt(seal, CONTEXT, sealed, &e);
        assert_non_null(opened);
        assert_string_equal(opened, plain);
        seal_text_free(sealed);
        seal_text_free(opened);
    }
    struct err e = ERR_INIT;
    g_autofree char *huge = g_strnfill(65537, 'x');
    assert_null(seal_encrypt(seal, CONTEXT, huge, &e));
    assert_int_equal(e.code, ERR_INVALID);
    seal_free(seal);
}

static void test_other_context_does_not_open(void **state)
{
    struct seal *seal = open_text(*state, KEY_A);
    char *sealed = sealed_secret(seal);
    static const char *const contexts[] = {
        "",
        "notification_settings.slack_webhook_url|acme|0188",
        "notification_settings.slack_webhook_url|other|0189",
        "notification_settings.slack_webhook_ur|acme|0189",
        CONTEXT " ",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(contexts); i++) {
        assert_refuses(seal, contexts[i], sealed, ERR_INVALID);
    }
    seal_text_free(sealed);
    seal_free(seal);
}

/* Every byte of the blob, and every character of its text. */
static void test_tampering_is_noticed(void **state)
{
    struct seal *seal = open_text(*state, KEY_A);
    char *sealed = sealed_secret(seal);
    gsize n = 0;
    g_autofree guchar *blob = g_base64_decode(sealed, &n);
    assert_int_equal(n, 1 + 4 + 24 + strlen(SECRET) + 16);
    for (gsize i = 0; i < n; i++) {
        blob[i] ^= 1;
        g_autofree char *changed = g_base64_encode(blob, n);
        assert_refuses(seal, CONTEXT, changed, i >= 1 && i <= 4 ? ERR_NOT_FOUND : ERR_INVALID);
        blob[i] ^= 1;
    }
    for (gsize kept = 0; kept < n; kept++) {
        g_autofree char *cut = g_base64_encode(blob, kept);
        assert_refuses(seal, CONTEXT, cut, ERR_INVALID);
    }
    static const char *const texts[] = {"", "=", "A", "!!!!", "********", "https://hooks.slack.com/services/x"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_refuses(seal, CONTEXT, texts[i], ERR_INVALID);
    }
    g_autofree char *longer = g_strconcat(sealed, "A", NULL);
    assert_refuses(seal, CONTEXT, longer, ERR_INVALID);
    assert_opens(seal, sealed);
    seal_text_free(sealed);
    seal_free(seal);
}

static void test_last_key_seals_and_all_open(void **state)
{
    struct seal *old = open_text(*state, KEY_A);
    char *by_old = sealed_secret(old);
    struct seal *both = open_text(*state, "# first\n" KEY_A "\n" KEY_B);
    char *by_new = sealed_secret(both);
    assert_opens(both, by_old);
    assert_opens(both, by_new);
    assert_refuses(old, CONTEXT, by_new, ERR_NOT_FOUND);

    struct seal *rotated = open_text(*state, KEY_B);
    assert_opens(rotated, by_new);
    assert_refuses(rotated, CONTEXT, by_old, ERR_NOT_FOUND);
    seal_text_free(by_old);
    seal_text_free(by_new);
    seal_free(old);
    seal_free(both);
    seal_free(rotated);
}

static void test_same_id_other_key_does_not_open(void **state)
{
    struct seal *seal = open_text(*state, KEY_A);
    char *sealed = sealed_secret(seal);
    struct seal *other = open_text(*state, "1:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n");
    assert_refuses(other, CONTEXT, sealed, ERR_INVALID);
    seal_text_free(sealed);
    seal_free(seal);
    seal_free(other);
}

static void test_bad_keyrings_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "no key"},
        {"# nothing\n\n", "no key"},
        {"1:short\n", "line 1"},
        {"1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n", "line 1"},
        {"1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==\n", "line 1"},
        {KEY_A "2:%%%%\n", "line 2"},
        {KEY_A KEY_A, "twice"},
        {"0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "line 1"},
        {"4294967296:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "line 1"},
        {"-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "line 1"},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "line 1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct err e = ERR_INIT;
        write_keyring(*state, cases[i].text, 0600);
        assert_null(seal_open_keyring(((struct place *)*state)->file, &e));
        assert_int_equal(e.code, ERR_INVALID);
        assert_non_null(strstr(e.text, cases[i].said));
        assert_null(strstr(e.text, "AAECAw"));
    }
}

static void test_open_modes_are_refused(void **state)
{
    struct place *p = *state;
    static const mode_t refused[] = {0640, 0604, 0644, 0620, 0666, 0610};
    static const mode_t fine[] = {0600, 0400, 0700};
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        struct err e = ERR_INIT;
        write_keyring(p, KEY_A, refused[i]);
        assert_null(seal_open_keyring(p->file, &e));
        assert_int_equal(e.code, ERR_DENIED);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
        struct err e = ERR_INIT;
        write_keyring(p, KEY_A, fine[i]);
        struct seal *seal = seal_open_keyring(p->file, &e);
        assert_non_null(seal);
        seal_free(seal);
    }
}

static void test_missing_file_and_directory(void **state)
{
    struct place *p = *state;
    struct err missing = ERR_INIT;
    assert_null(seal_open_keyring(p->file, &missing));
    assert_int_equal(missing.code, ERR_NOT_FOUND);
    struct err directory = ERR_INIT;
    assert_null(seal_open_keyring(p->dir, &directory));
    assert_int_equal(directory.code, ERR_INVALID);
}

static void test_sha256(void **state)
{
    (void)state;
    unsigned char digest[32];
    seal_sha256("abc", 3, digest);
    static const unsigned char wanted[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea}; /* FIPS 180-2, B.1 */
    assert_memory_equal(digest, wanted, sizeof(wanted));
}

#define PLACED(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(test_created_keyring_seals_and_opens),
        PLACED(test_keyring_is_never_overwritten),
        PLACED(test_empty_and_long_texts),
        PLACED(test_other_context_does_not_open),
        PLACED(test_tampering_is_noticed),
        PLACED(test_last_key_seals_and_all_open),
        PLACED(test_same_id_other_key_does_not_open),
        PLACED(test_bad_keyrings_are_refused),
        PLACED(test_open_modes_are_refused),
        PLACED(test_missing_file_and_directory),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
