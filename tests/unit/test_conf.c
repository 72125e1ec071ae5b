#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "ground/log.h"
#include "unit/capture.h"
#include "unit/conf_fixture.h"

#define URL_FORM \
    "must have the form amqp://user:password@host:port/vhost; within a part, : @ / ? # are written %3A %40 %2F %3F %23"

/* ---- the table ---- */

static void test_rows_are_well_formed(void **state UNUSED)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        assert_ptr_equal(conf_key_find(k->section, k->name), k);
        assert_int_equal(strspn(k->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(k->name));
        assert_true(g_str_has_suffix(k->help, "."));
        assert_int_equal(k->type == CONF_TYPE_CHOICE, k->choices != NULL);
        assert_true(k->min <= k->max);
        assert_true((k->flags & CONF_URL) == 0 || (k->flags & CONF_SECRET) != 0);
        if (i > 0 && strcmp(k->section, conf_keys[i - 1].section) != 0) {
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(k->section, conf_keys[j].section);
            }
        }
    }
}

static void test_a_secret_has_a_twin_that_is_no_key(void **state UNUSED)
{
    size_t secrets = 0;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        g_autofree char *twin = g_strconcat(k->name, "_file", NULL);
        bool secret = (k->flags & CONF_SECRET) != 0;
        secrets += secret ? 1 : 0;
        assert_ptr_equal(conf_key_find_twin(k->section, twin), secret ? k : NULL);
        assert_true(!secret || conf_key_find(k->section, twin) == NULL);
    }
    assert_int_equal(secrets, 3);
}

/* What no row covers in struct conf can only be what the compiler left free behind a bool. */
static void test_every_member_has_a_row(void **state UNUSED)
{
    uint8_t covered[sizeof(struct conf)] = {0};
    for (size_t i = 0; i < conf_keys_count; i++) {
        size_t size = conf_keys[i].type == CONF_TYPE_BOOL ? sizeof(bool) : sizeof(int64_t);
        for (size_t b = 0; b < size; b++) {
            assert_int_equal(covered[conf_keys[i].offset + b], 0);
            covered[conf_keys[i].offset + b] = 1;
        }
    }
    for (size_t word = 0; word < sizeof(covered); word += sizeof(int64_t)) {
        assert_int_equal(covered[word], word == offsetof(struct conf, job_types) ? 0 : 1);
    }
}

/* ---- defaults and sources ---- */

static void test_defaults(void **state UNUSED)
{
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load("");
    assert_string_equal(c->database.host, "127.0.0.1");
    assert_int_equal(c->database.port, 3306);
    assert_int_equal(c->broker.layout, CONF_LAYOUT_LANES);
    assert_string_equal(c->api.listen, "/run/bellman/api.sock");
    assert_int_equal(c->limits.settings_put_per_min, 20);
    assert_int_equal(c->limits.test_email_per_min, 5);
    assert_int_equal(c->limits.cancel_per_min, 10);
    assert_int_equal(c->consumer.lease_ms, 4000);
    assert_false(c->consumer.diagnostics);
    assert_true(c->auth.auto_provision);
    assert_int_equal(c->smtp.tls, CONF_SMTP_TLS_STARTTLS);
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    for (size_t i = 0; i < conf_keys_count; i++) {
        g_autofree char *text = conf_key_text(&conf_keys[i], c);
        assert_string_equal(text, conf_keys[i].def);
    }
}

static void test_every_key_from_the_file_and_over_it_from_the_environment(void **state UNUSED)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        g_autofree char *in_file = fixture_other_value(k, 0);
        g_autofree char *in_environment = fixture_other_value(k, 1);
        g_autofree char *text = g_strdup_printf("# head\n\n[%s]\n  %s =  %s \t\r\n", k->section, k->name, in_file);
        g_autofree char *variable = conf_key_variable(k, "");
        CLEANUP(conf_cleanup) struct conf *from_file = fixture_must_load(text);
        g_autofree char *got = conf_key_text(k, from_file);
        assert_string_equal(got, in_file);
        for (size_t j = 0; j < conf_keys_count; j++) {
            g_autofree char *untouched = conf_key_text(&conf_keys[j], from_file);
            assert_true(i == j || strcmp(untouched, conf_keys[j].def) == 0);
        }
        g_setenv(variable, in_environment, TRUE);
        CLEANUP(conf_cleanup) struct conf *over = fixture_must_load(text);
        g_autofree char *got_over = conf_key_text(k, over);
        assert_string_equal(got_over, in_environment);
        g_unsetenv(variable);
    }
}

static void test_names_of_variables(void **state UNUSED)
{
    g_autofree char *name = conf_key_variable(conf_key_find("api", "body_max_bytes"), "");
    assert_string_equal(name, "BELLMAN_API_BODY_MAX_BYTES");
}

static void test_other_variables_of_ours_do_no_harm(void **state UNUSED)
{
    g_setenv("BELLMAN_URL", "http://127.0.0.1:1", TRUE);
    g_setenv("BELLMAN_API_PID", "12", TRUE);
    g_setenv("BELLMAN_DATABASE_HOST_FILE", "/nowhere", TRUE);
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load("[database]\nport = 1\n");
    assert_int_equal(c->database.port, 1);
}

static void test_both_ends_of_every_range(void **state UNUSED)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        struct conf c = {.log = {.level = 0}};
        struct err e = ERR_INIT;
        if (k->type != CONF_TYPE_INT) {
            continue;
        }
        for (int64_t step = -1; step <= 1; step += 2) {
            int64_t edge = step < 0 ? k->min : k->max;
            g_autofree char *inside = g_strdup_printf("%" G_GINT64_FORMAT, edge);
            g_autofree char *outside = g_strdup_printf("%" G_GINT64_FORMAT, edge + step);
            assert_true(conf_key_assign(k, &c, inside, "here", &e));
            err_clear(&e);
            assert_false(conf_key_assign(k, &c, outside, "here", &e));
            assert_non_null(strstr(e.text, k->name));
            assert_non_null(strstr(e.text, inside));
            err_clear(&e);
        }
    }
}

static void test_words_for_yes_and_no(void **state UNUSED)
{
    static const struct {
        const char *word;
        int value; /* -1: refused */
    } cases[] = {{"true", 1}, {"yes", 1}, {"on", 1},    {"1", 1},  {"false", 0}, {"no", 0},    {"off", 0},
                 {"0", 0},    {"", -1},   {"True", -1}, {"2", -1}, {"y", -1},    {"maybe", -1}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct conf c = {.consumer = {.diagnostics = cases[i].value == 0}};
        struct err e = ERR_INIT;
        bool ok = conf_key_assign(conf_key_find("consumer", "diagnostics"), &c, cases[i].word, "here", &e);
        assert_int_equal(ok, cases[i].value >= 0);
        assert_true(!ok || c.consumer.diagnostics == (cases[i].value == 1));
    }
}

static void test_lengths_of_text(void **state UNUSED)
{
    const struct conf_key *k = conf_key_find("database", "name");
    struct conf c = {.log = {.level = 0}};
    for (size_t length = 0; length < 70; length++) {
        g_autofree char *text = g_strnfill(length, 'n');
        struct err e = ERR_INIT;
        assert_int_equal(conf_key_assign(k, &c, text, "here", &e), length >= 1 && length <= 64);
    }
    g_free(c.database.name);
}

/* ---- refusals ---- */

static void test_what_is_refused_and_how_it_is_told(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"[consumer]\n\n# c\nconcurency = 3\n",
         ":4: unknown key \"concurency\" in [consumer]; did you mean \"concurrency\"?"},
        {"[consumer]\nConcurrency = 3\n",
         ":2: unknown key \"Concurrency\" in [consumer]; did you mean \"concurrency\"?"},
        {"[smtp]\nconcurrency = 3\n", ":2: unknown key \"concurrency\" in [smtp]; it belongs to [consumer]"},
        {"[smtp]\nquite_other = 3\n", ":2: unknown key \"quite_other\" in [smtp]; --help-config lists them all"},
        {"[database]\npasword = 3\n", ":2: unknown key \"pasword\" in [database]; did you mean \"password\"?"},
        {"[database]\nuser_file = 3\n", ":2: unknown key \"user_file\" in [database]; --help-config lists them all"},
        {"[seal]\n\n[databse]\n", ":3: unknown section [databse]; did you mean [database]?"},
        {"[weather]\nrain = 1\n", ":1: unknown section [weather]; --help-config lists them all"},
        {"[Database]\n", ":1: unknown section [Database]; did you mean [database]?"},
        {"[consumer]\nprefetch = 0\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"0\""},
        {"[consumer]\nprefetch = 1.5\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"1.5\""},
        {"[consumer]\nprefetch = 1 # few\n",
         ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"1 # few\""},
        {"[consumer]\nprefetch =\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"\""},
        {"[consumer]\nprefetch = 99999999999999999999\n",
         ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"99999999999999999999\""},
        {"[broker]\nlayout = lane\n", ":2: [broker] layout must be one of lanes, priority, not \"lane\""},
        {"[log]\nlevel = INFO\n", ":2: [log] level must be one of debug, info, warn, error, not \"INFO\""},
        {"[auth]\nauto_provision = maybe\n", ":2: [auth] auto_provision must be true or false, not \"maybe\""},
        {"[database]\nhost =\n", ":2: [database] host must be 1 to 255 bytes of text, not \"\""},
        {"[database]\nport = 1\nuser = x\nport = 1\n", ":4: [database] port was already given on line 2"},
        {"[database]\nport = 1\n[smtp]\n[database]\nport = 2\n", ":5: [database] port was already given on line 2"},
        {"[database]\npassword = x\npassword_file = y\n", ":3: [database] password was already given on line 2"},
        {"port = 1\n", ":1: a key must stand below a [section]"},
        {"[database]\n; old habit\n", ":2: expected [section], key = value or # comment"},
        {"[database]\nport\n", ":2: expected [section], key = value or # comment"},
        {"[database]\n= 5\n", ":2: expected [section], key = value or # comment"},
        {"[database\n", ":1: expected [section], key = value or # comment"},
        {"[]\n", ":1: expected [section], key = value or # comment"},
        {"# fine\n[database]\nhost = \377\n", ":3: not UTF-8"},
        {"[database]\nhost = a\001b\n", ":2: [database] host must be 1 to 255 bytes of text, not \"a b\""},
        {"[consumer]\nlease_ms = 1999\n",
         ": [consumer] renew_ms must be at most half of lease_ms, or one late renewal loses the job"},
        {"[consumer]\nlease_ms = 2000\nrenew_ms = 1001\n",
         ":3: [consumer] renew_ms must be at most half of lease_ms, or one late renewal loses the job"},
        {"[api]\npayload_max_bytes = 1048577\n", ":2: [api] payload_max_bytes must not be more than body_max_bytes"},
        {"[retry]\ncap_s = 60\nbase_s = 61\n", ":3: [retry] base_s must not be more than cap_s"},
        {"[broker]\nurl = http://x/\n", ":2: [broker] url must begin with amqp:// or amqps://"},
        {"[broker]\nurl = amqp://u:p@h:99999/\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p@h:/\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p@q@h/\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p/q@h/\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p:q@h/\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p@h/a/b\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p@h/?x=y\n", ":2: [broker] url " URL_FORM},
        {"[broker]\nurl = amqp://u:p@/\n", ":2: [broker] url " URL_FORM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fixture_check_refused(cases[i].text, cases[i].wanted);
    }
}

static void test_a_bad_variable_is_named(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_setenv("BELLMAN_CONSUMER_PREFETCH", "many", TRUE);
    CLEANUP(conf_cleanup) struct conf *conf = fixture_load("", &e);
    assert_null(conf);
    assert_string_equal(e.text,
                        "environment variable BELLMAN_CONSUMER_PREFETCH: [consumer] prefetch must be a whole number "
                        "from 1 to 65535, not \"many\"");
}

static void test_a_missing_file_is_named(void **state UNUSED)
{
    struct err e = ERR_INIT;
    CLEANUP(conf_cleanup) struct conf *none = conf_load("/nowhere/bellman.conf", &e);
    assert_null(none);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.text, "/nowhere/bellman.conf: No such file or directory");
    err_clear(&e);
    CLEANUP(conf_cleanup) struct conf *is_directory = conf_load("/", &e);
    assert_null(is_directory);
    assert_non_null(strstr(e.text, "directory"));
}

static void test_the_file_of_the_environment(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autofree char *path = fixture_write("named.conf", "[database]\nport = 77\n");
    g_setenv("BELLMAN_CONFIG", path, TRUE);
    CLEANUP(conf_cleanup) struct conf *c = conf_load(NULL, &e);
    assert_non_null(c);
    assert_int_equal(c->database.port, 77);
    CLEANUP(conf_cleanup) struct conf *empty = conf_load("/dev/null", &e);
    assert_non_null(empty);
    assert_int_equal(empty->database.port, 3306);
}

static void test_files_that_are_no_configuration(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autofree char *path = fixture_path("odd.conf");
    assert_true(g_file_set_contents(path, "[log]\n\0x", 8, NULL));
    assert_null(conf_load(path, &e));
    assert_non_null(strstr(e.text, "not a text file"));
    err_clear(&e);
    g_autofree char *huge = g_strnfill(2 * 1048576, '#');
    g_autofree char *huge_path = fixture_write("huge.conf", huge);
    assert_null(conf_load(huge_path, &e));
    assert_non_null(strstr(e.text, "larger than 1048576 bytes"));
}

/* The reference with a few bytes changed: loads, or says why on one line. */
static void test_damaged_files(void **state UNUSED)
{
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    conf_print_reference(stdout);
    g_autofree char *good = capture_end(&c);
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    size_t length = strlen(good);
    int refused = 0;
    for (int i = 0; i < 1500; i++) {
        g_autofree char *bad = g_strdup(good);
        for (int n = g_rand_int_range(random, 1, 4); n > 0; n--) {
            bad[g_rand_int_range(random, 0, (gint32)length)] = "\n=[]#\\ x\377"[g_rand_int_range(random, 0, 9)];
        }
        struct err e = ERR_INIT;
        CLEANUP(conf_cleanup) struct conf *conf = fixture_load(bad, &e);
        assert_int_equal(conf == NULL, e.code != ERR_NONE);
        assert_int_equal(conf == NULL, *e.text != '\0');
        assert_null(strchr(e.text, '\n'));
        refused += conf == NULL ? 1 : 0;
    }
    assert_true(refused > 100);
}

#define TEST(f) cmocka_unit_test_setup(f, fixture_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_are_well_formed),
        TEST(test_a_secret_has_a_twin_that_is_no_key),
        TEST(test_every_member_has_a_row),
        TEST(test_defaults),
        TEST(test_every_key_from_the_file_and_over_it_from_the_environment),
        TEST(test_names_of_variables),
        TEST(test_other_variables_of_ours_do_no_harm),
        TEST(test_both_ends_of_every_range),
        TEST(test_words_for_yes_and_no),
        TEST(test_lengths_of_text),
        TEST(test_what_is_refused_and_how_it_is_told),
        TEST(test_a_bad_variable_is_named),
        TEST(test_a_missing_file_is_named),
        TEST(test_the_file_of_the_environment),
        TEST(test_files_that_are_no_configuration),
        TEST(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, fixture_begin_group, fixture_end_group);
}
