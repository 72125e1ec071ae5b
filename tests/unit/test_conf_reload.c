#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "unit/capture.h"
#include "unit/conf_fixture.h"

/* ---- secrets ---- */

static void test_a_secret_by_file(void **state UNUSED)
{
    static const struct {
        const char *content;
        const char *wanted;
    } cases[] = {{"secret", "secret"}, {"secret\n", "secret"}, {" edge \n", " edge "}, {"", ""}, {"\n", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = fixture_write("secret", cases[i].content);
        g_autofree char *text = g_strdup_printf("[database]\npassword_file = %s\n", path);
        CLEANUP(conf_cleanup) struct conf *from_file = fixture_must_load(text);
        assert_string_equal(from_file->database.password, cases[i].wanted);
        g_setenv("BELLMAN_DATABASE_PASSWORD_FILE", path, TRUE);
        CLEANUP(conf_cleanup) struct conf *from_variable = fixture_must_load("[database]\npassword = in file\n");
        assert_string_equal(from_variable->database.password, cases[i].wanted);
        g_unsetenv("BELLMAN_DATABASE_PASSWORD_FILE");
    }
}

static void test_a_variable_beats_the_twin_in_the_file(void **state UNUSED)
{
    g_autofree char *path = fixture_write("secret", "from twin");
    g_autofree char *text = g_strdup_printf("[smtp]\npassword_file = %s\n", path);
    g_setenv("BELLMAN_SMTP_PASSWORD", "from variable", TRUE);
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(text);
    assert_string_equal(c->smtp.password, "from variable");
}

static void test_secrets_are_never_told(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autofree char *two_lines = fixture_write("secret", "s3cret\ns3cret\n");
    g_autofree char *text = g_strdup_printf("[smtp]\npassword_file = %s\n", two_lines);
    CLEANUP(conf_cleanup) struct conf *one = fixture_load(text, &e);
    assert_null(one);
    assert_null(strstr(e.text, "s3cret"));
    assert_non_null(strstr(e.text, ":2: [smtp] password must be at most 1024 bytes of text"));
    CLEANUP(conf_cleanup) struct conf *two = fixture_load("[broker]\nurl = http://u:s3cret@h/\n", &e);
    assert_null(two);
    assert_null(strstr(e.text, "s3cret"));
}

static void test_a_missing_secret_file_is_named(void **state UNUSED)
{
    fixture_check_refused("[database]\npassword_file = /nowhere\n",
                          ":2: [database] password_file: /nowhere: No such file or directory");
    struct err e = ERR_INIT;
    g_setenv("BELLMAN_BROKER_URL_FILE", "/nowhere", TRUE);
    CLEANUP(conf_cleanup) struct conf *conf = fixture_load("", &e);
    assert_null(conf);
    assert_string_equal(e.text,
                        "environment variable BELLMAN_BROKER_URL_FILE: [broker] url_file: /nowhere: No such file or "
                        "directory");
    g_setenv("BELLMAN_BROKER_URL", "amqp://x/", TRUE);
    CLEANUP(conf_cleanup) struct conf *both = fixture_load("", &e);
    assert_null(both);
    assert_non_null(strstr(e.text, "BELLMAN_BROKER_URL_FILE"));
}

static void test_a_public_secret_file_is_a_warning(void **state UNUSED)
{
    g_autofree char *path = fixture_write("secret", "s3cret");
    g_autofree char *text = g_strdup_printf("[database]\npassword_file = %s\n", path);
    for (mode_t mode = 0600; mode <= 0604; mode += 4) {
        struct capture c;
        assert_int_equal(g_chmod(path, mode), 0);
        capture_begin(&c, STDERR_FILENO);
        CLEANUP(conf_cleanup) struct conf *conf = fixture_must_load(text);
        g_autofree char *log = capture_end(&c);
        assert_string_equal(conf->database.password, "s3cret");
        assert_int_equal(strstr(log, "config.secret_readable") != NULL, mode == 0604);
        assert_null(strstr(log, "s3cret"));
    }
}

/* ---- printing ---- */

static char *printed(const struct conf *conf)
{
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    if (conf == NULL) {
        conf_print_reference(stdout);
    } else {
        conf_print(conf, stdout);
    }
    return capture_end(&c);
}

static void test_the_reference_is_a_file_of_defaults(void **state UNUSED)
{
    g_autofree char *text = printed(NULL);
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(text);
    for (size_t i = 0; i < conf_keys_count; i++) {
        g_autofree char *got = conf_key_text(&conf_keys[i], c);
        g_autofree char *variable = conf_key_variable(&conf_keys[i], "");
        assert_string_equal(got, conf_keys[i].def);
        assert_non_null(strstr(text, conf_keys[i].help));
        assert_non_null(strstr(text, variable));
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    for (size_t i = 0; lines[i] != NULL; i++) {
        assert_false(g_str_has_suffix(lines[i], " "));
    }
}

static void test_what_is_printed_loads_again(void **state UNUSED)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < conf_keys_count; i++) {
        g_autofree char *value = fixture_other_value(&conf_keys[i], 0);
        if ((conf_keys[i].flags & CONF_SECRET) == 0) {
            g_string_append_printf(text, "[%s]\n%s=%s\n", conf_keys[i].section, conf_keys[i].name, value);
        }
    }
    CLEANUP(conf_cleanup) struct conf *first = fixture_must_load(text->str);
    g_autofree char *out = printed(first);
    CLEANUP(conf_cleanup) struct conf *second = fixture_must_load(out);
    for (size_t i = 0; i < conf_keys_count; i++) {
        g_autofree char *a = conf_key_text(&conf_keys[i], first);
        g_autofree char *b = conf_key_text(&conf_keys[i], second);
        assert_true((conf_keys[i].flags & CONF_SECRET) != 0 || strcmp(a, b) == 0);
    }
    g_string_free(text, TRUE);
}

static void test_passwords_are_masked(void **state UNUSED)
{
    static const struct {
        const char *url;
        const char *masked;
    } cases[] = {
        {"amqp://bellman:s3cret@mq.example.com:5672/%2F", "amqp://bellman:********@mq.example.com:5672/%2F"},
        {"amqps://u:s3%40cret@h/", "amqps://u:********@h/"},
        {"amqp://u:s3%3Acret@h", "amqp://u:********@h"},
        {"amqp://h:5672/s3cret", "********"},
        {"amqp://s3cret@h:5672/", "********"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = g_strdup_printf("[broker]\nurl = %s\n[database]\npassword = s3cret\n", cases[i].url);
        g_autofree char *line = g_strdup_printf("url = %s\n", cases[i].masked);
        CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(text);
        g_autofree char *out = printed(c);
        assert_string_equal(c->broker.url, cases[i].url);
        assert_null(strstr(out, "s3"));
        assert_non_null(strstr(out, line));
        assert_non_null(strstr(out, "password = ********\n"));
        assert_non_null(strstr(out, "[smtp]\n"));
    }
}

/* ---- reload ---- */

static void test_each_key_reloads_as_its_row_says(void **state UNUSED)
{
    CLEANUP(conf_cleanup) struct conf *current = fixture_must_load("");
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        struct err e = ERR_INIT;
        bool reloads = (k->flags & CONF_RELOAD) != 0;
        g_autofree char *value = fixture_other_value(k, 0);
        g_autofree char *text = g_strdup_printf("[%s]\n%s = %s\n", k->section, k->name, value);
        g_autofree char *path = fixture_write("reload.conf", text);
        g_autofree char *needs_restart = NULL;
        CLEANUP(conf_cleanup) struct conf *fresh = conf_reload(current, path, &needs_restart, &e);
        assert_non_null(fresh);
        g_autofree char *got = conf_key_text(k, fresh);
        g_autofree char *name = g_strdup_printf("%s.%s", k->section, k->name);
        assert_string_equal(got, reloads ? value : k->def);
        assert_string_equal(needs_restart, reloads ? "" : name);
    }
}

static void test_which_keys_reload(void **state UNUSED)
{
    static const char *const yes[] = {"limits.cancel_per_min", "retry.base_s", "log.level", "smtp.host",
                                      "consumer.low_share_percent"};
    static const char *const no[] = {"database.socket",   "broker.url",         "api.threads",
                                     "api.listen",        "auth.jwks_file",     "consumer.concurrency",
                                     "consumer.prefetch", "consumer.batch_max", "seal.key_file"};
    for (size_t i = 0; i < ARRAY_SIZE(yes) + ARRAY_SIZE(no); i++) {
        bool reloads = i < ARRAY_SIZE(yes);
        g_auto(GStrv) parts = g_strsplit(reloads ? yes[i] : no[i - ARRAY_SIZE(yes)], ".", 2);
        const struct conf_key *k = conf_key_find(parts[0], parts[1]);
        assert_non_null(k);
        assert_int_equal((k->flags & CONF_RELOAD) != 0, reloads);
    }
}

static void test_a_bad_file_is_not_taken_over(void **state UNUSED)
{
    struct err e = ERR_INIT;
    CLEANUP(conf_cleanup) struct conf *current = fixture_must_load("");
    g_autofree char *path = fixture_write("reload.conf", "[limits]\ncancel_per_min = 0\n");
    char *needs_restart = NULL;
    assert_null(conf_reload(current, path, &needs_restart, &e));
    assert_null(needs_restart);
    assert_int_equal(e.code, ERR_INVALID);
    err_clear(&e);
    g_autofree char *good = fixture_write("reload.conf",
                                          "[limits]\ncancel_per_min = 7\n[database]\nport=1\n[api]\nthreads=2\n");
    CLEANUP(conf_cleanup) struct conf *fresh = conf_reload(current, good, &needs_restart, &e);
    assert_int_equal(fresh->limits.cancel_per_min, 7);
    assert_string_equal(needs_restart, "database.port,api.threads");
    g_free(needs_restart);
    CLEANUP(conf_cleanup) struct conf *silent = conf_reload(current, good, NULL, &e);
    assert_int_equal(silent->database.port, 3306);
}

#define TEST(f) cmocka_unit_test_setup(f, fixture_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_secret_by_file),
        TEST(test_a_variable_beats_the_twin_in_the_file),
        TEST(test_secrets_are_never_told),
        TEST(test_a_missing_secret_file_is_named),
        TEST(test_a_public_secret_file_is_a_warning),
        TEST(test_the_reference_is_a_file_of_defaults),
        TEST(test_what_is_printed_loads_again),
        TEST(test_passwords_are_masked),
        TEST(test_each_key_reloads_as_its_row_says),
        TEST(test_which_keys_reload),
        TEST(test_a_bad_file_is_not_taken_over),
    };
    return cmocka_run_group_tests(tests, fixture_begin_group, fixture_end_group);
}
