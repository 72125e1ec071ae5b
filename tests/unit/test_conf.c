#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "ground/conf_key.h"
#include "ground/log.h"
#include "unit/capture.h"

static char *directory;

static char *path_of(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

/* Writes the file and returns its path. */
static char *write_file(const char *name, const char *text)
{
    char *path = path_of(name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(g_chmod(path, 0600), 0);
    return path;
}

static void forget_environment(void)
{
    g_auto(GStrv) names = g_listenv();
    for (size_t i = 0; names[i] != NULL; i++) {
        if (g_str_has_prefix(names[i], "BELLMAN_")) {
            g_unsetenv(names[i]);
        }
    }
}

static int begin_group(void **state UNUSED)
{
    directory = g_dir_make_tmp("bellman-conf-XXXXXX", NULL);
    return directory == NULL ? -1 : 0;
}

static int end_group(void **state UNUSED)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = path_of(name);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_free(directory);
    return 0;
}

static int begin(void **state UNUSED)
{
    forget_environment();
    return 0;
}

static struct conf *load_text(const char *text, struct err *e)
{
    g_autofree char *path = write_file("bellman.conf", text);
    err_clear(e);
    return conf_load(path, e);
}

static struct conf *must_load(const char *text)
{
    struct err e = ERR_INIT;
    struct conf *conf = load_text(text, &e);
    if (conf == NULL) {
        fail_msg("%s", e.text);
    }
    return conf;
}

/* Loading fails with exactly this text after the file's name. */
static void check_refused(const char *text, const char *wanted)
{
    struct err e = ERR_INIT;
    CLEANUP(conf_cleanup) struct conf *conf = load_text(text, &e);
    g_autofree char *path = path_of("bellman.conf");
    g_autofree char *whole = g_strconcat(path, wanted, NULL);
    assert_null(conf);
    assert_int_not_equal(e.code, ERR_NONE);
    assert_string_equal(e.text, whole);
}

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
        assert_int_equal(covered[word], 1);
    }
}

/* ---- defaults and sources ---- */

static void test_defaults(void **state UNUSED)
{
    CLEANUP(conf_cleanup) struct conf *c = must_load("");
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

/* Another good value for the key than its default and than the other one of the two. */
static char *other_value(const struct conf_key *k, int which)
{
    switch (k->type) {
    case CONF_TYPE_TEXT:
        return g_strdup_printf((k->flags & CONF_URL) != 0 ? "amqps://u:p@other%d/" : "other %d \\n \"=#; \303\244", which);
    case CONF_TYPE_INT:
        return g_strdup_printf("%d", (int)(strcmp(k->name, "renew_ms") == 0             ? 1500 + which
                                           : strcmp(k->name, "payload_max_bytes") == 0 ? 4096 + which
                                           : strcmp(k->name, "base_s") == 0            ? 40 + which
                                           : strcmp(k->name, "lease_ms") == 0          ? 9000 + which
                                                                              : (int)k->max - 1 - which));
    case CONF_TYPE_BOOL:
        return g_strdup((strcmp(k->def, "true") == 0) == (which == 0) ? "false" : "true");
    case CONF_TYPE_CHOICE:
        return g_strdup(k->choices[strcmp(k->def, k->choices[0]) == 0 ? 1 : 0]);
    }
    return NULL;
}

static void test_every_key_from_the_file_and_over_it_from_the_environment(void **state UNUSED)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        g_autofree char *in_file = other_value(k, 0);
        g_autofree char *in_environment = other_value(k, 1);
        g_autofree char *text = g_strdup_printf("# head\n\n[%s]\n  %s =  %s \t\r\n", k->section, k->name, in_file);
        g_autofree char *variable = conf_key_variable(k, "");
        CLEANUP(conf_cleanup) struct conf *from_file = must_load(text);
        g_autofree char *got = conf_key_text(k, from_file);
        assert_string_equal(got, in_file);
        for (size_t j = 0; j < conf_keys_count; j++) {
            g_autofree char *untouched = conf_key_text(&conf_keys[j], from_file);
            assert_true(i == j || strcmp(untouched, conf_keys[j].def) == 0);
        }
        g_setenv(variable, in_environment, TRUE);
        CLEANUP(conf_cleanup) struct conf *over = must_load(text);
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
    CLEANUP(conf_cleanup) struct conf *c = must_load("[database]\nport = 1\n");
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
    } cases[] = {{"true", 1}, {"yes", 1}, {"on", 1},   {"1", 1},  {"false", 0}, {"no", 0}, {"off", 0},
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
        {"[consumer]\n\n# c\nconcurency = 3\n", ":4: unknown key \"concurency\" in [consumer]; did you mean \"concurrency\"?"},
        {"[consumer]\nConcurrency = 3\n", ":2: unknown key \"Concurrency\" in [consumer]; did you mean \"concurrency\"?"},
        {"[smtp]\nconcurrency = 3\n", ":2: unknown key \"concurrency\" in [smtp]; it belongs to [consumer]"},
        {"[smtp]\nquite_other = 3\n", ":2: unknown key \"quite_other\" in [smtp]; --help-config lists them all"},
        {"[database]\npasword = 3\n", ":2: unknown key \"pasword\" in [database]; did you mean \"password\"?"},
        {"[database]\nuser_file = 3\n", ":2: unknown key \"user_file\" in [database]; --help-config lists them all"},
        {"[seal]\n\n[databse]\n", ":3: unknown section [databse]; did you mean [database]?"},
        {"[weather]\nrain = 1\n", ":1: unknown section [weather]; --help-config lists them all"},
        {"[Database]\n", ":1: unknown section [Database]; did you mean [database]?"},
        {"[consumer]\nprefetch = 0\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"0\""},
        {"[consumer]\nprefetch = 1.5\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"1.5\""},
        {"[consumer]\nprefetch = 1 # few\n", ":2: [consumer] prefetch must be a whole number from 1 to 65535, not \"1 # few\""},
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
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_refused(cases[i].text, cases[i].wanted);
    }
}

static void test_a_bad_variable_is_named(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_setenv("BELLMAN_CONSUMER_PREFETCH", "many", TRUE);
    CLEANUP(conf_cleanup) struct conf *conf = load_text("", &e);
    assert_null(conf);
    assert_string_equal(e.text, "environment variable BELLMAN_CONSUMER_PREFETCH: [consumer] prefetch must be a whole number "
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
    CLEANUP(conf_cleanup) struct conf *is_directory = conf_load(directory, &e);
    assert_null(is_directory);
    assert_non_null(strstr(e.text, "directory"));
}

static void test_the_file_of_the_environment(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autofree char *path = write_file("named.conf", "[database]\nport = 77\n");
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
    g_autofree char *path = path_of("odd.conf");
    assert_true(g_file_set_contents(path, "[log]\n\0x", 8, NULL));
    assert_null(conf_load(path, &e));
    assert_non_null(strstr(e.text, "not a text file"));
    err_clear(&e);
    g_autofree char *huge = g_strnfill(2 * 1048576, '#');
    g_autofree char *huge_path = write_file("huge.conf", huge);
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
        CLEANUP(conf_cleanup) struct conf *conf = load_text(bad, &e);
        assert_int_equal(conf == NULL, e.code != ERR_NONE);
        assert_int_equal(conf == NULL, *e.text != '\0');
        assert_null(strchr(e.text, '\n'));
        refused += conf == NULL ? 1 : 0;
    }
    assert_true(refused > 100);
}

/* ---- secrets ---- */

static void test_a_secret_by_file(void **state UNUSED)
{
    static const struct {
        const char *content;
        const char *wanted;
    } cases[] = {{"secret", "secret"}, {"secret\n", "secret"}, {" edge \n", " edge "}, {"", ""}, {"\n", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = write_file("secret", cases[i].content);
        g_autofree char *text = g_strdup_printf("[database]\npassword_file = %s\n", path);
        CLEANUP(conf_cleanup) struct conf *from_file = must_load(text);
        assert_string_equal(from_file->database.password, cases[i].wanted);
        g_setenv("BELLMAN_DATABASE_PASSWORD_FILE", path, TRUE);
        CLEANUP(conf_cleanup) struct conf *from_variable = must_load("[database]\npassword = in file\n");
        assert_string_equal(from_variable->database.password, cases[i].wanted);
        g_unsetenv("BELLMAN_DATABASE_PASSWORD_FILE");
    }
}

static void test_a_variable_beats_the_twin_in_the_file(void **state UNUSED)
{
    g_autofree char *path = write_file("secret", "from twin");
    g_autofree char *text = g_strdup_printf("[smtp]\npassword_file = %s\n", path);
    g_setenv("BELLMAN_SMTP_PASSWORD", "from variable", TRUE);
    CLEANUP(conf_cleanup) struct conf *c = must_load(text);
    assert_string_equal(c->smtp.password, "from variable");
}

static void test_secrets_are_never_told(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autofree char *two_lines = write_file("secret", "s3cret\ns3cret\n");
    g_autofree char *text = g_strdup_printf("[smtp]\npassword_file = %s\n", two_lines);
    CLEANUP(conf_cleanup) struct conf *one = load_text(text, &e);
    assert_null(one);
    assert_null(strstr(e.text, "s3cret"));
    assert_non_null(strstr(e.text, ":2: [smtp] password must be at most 1024 bytes of text"));
    CLEANUP(conf_cleanup) struct conf *two = load_text("[broker]\nurl = http://u:s3cret@h/\n", &e);
    assert_null(two);
    assert_null(strstr(e.text, "s3cret"));
}

static void test_a_missing_secret_file_is_named(void **state UNUSED)
{
    check_refused("[database]\npassword_file = /nowhere\n",
                  ":2: [database] password_file: /nowhere: No such file or directory");
    struct err e = ERR_INIT;
    g_setenv("BELLMAN_BROKER_URL_FILE", "/nowhere", TRUE);
    CLEANUP(conf_cleanup) struct conf *conf = load_text("", &e);
    assert_null(conf);
    assert_string_equal(e.text, "environment variable BELLMAN_BROKER_URL_FILE: [broker] url_file: /nowhere: No such file or "
                                "directory");
    g_setenv("BELLMAN_BROKER_URL", "amqp://x/", TRUE);
    CLEANUP(conf_cleanup) struct conf *both = load_text("", &e);
    assert_null(both);
    assert_non_null(strstr(e.text, "BELLMAN_BROKER_URL_FILE"));
}

static void test_a_public_secret_file_is_a_warning(void **state UNUSED)
{
    g_autofree char *path = write_file("secret", "s3cret");
    g_autofree char *text = g_strdup_printf("[database]\npassword_file = %s\n", path);
    for (mode_t mode = 0600; mode <= 0604; mode += 4) {
        struct capture c;
        assert_int_equal(g_chmod(path, mode), 0);
        capture_begin(&c, STDERR_FILENO);
        CLEANUP(conf_cleanup) struct conf *conf = must_load(text);
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
    CLEANUP(conf_cleanup) struct conf *c = must_load(text);
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
        g_autofree char *value = other_value(&conf_keys[i], 0);
        if ((conf_keys[i].flags & CONF_SECRET) == 0) {
            g_string_append_printf(text, "[%s]\n%s=%s\n", conf_keys[i].section, conf_keys[i].name, value);
        }
    }
    CLEANUP(conf_cleanup) struct conf *first = must_load(text->str);
    g_autofree char *out = printed(first);
    CLEANUP(conf_cleanup) struct conf *second = must_load(out);
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
        {"amqps://u:s3@cret@h/", "amqps://u:********@h/"},
        {"amqp://u:s3:cret@h", "amqp://u:********@h"},
        {"amqp://h:5672/s3cret", "********"},
        {"amqp://s3cret@h:5672/", "********"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = g_strdup_printf("[broker]\nurl = %s\n[database]\npassword = s3cret\n", cases[i].url);
        g_autofree char *line = g_strdup_printf("url = %s\n", cases[i].masked);
        CLEANUP(conf_cleanup) struct conf *c = must_load(text);
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
    CLEANUP(conf_cleanup) struct conf *current = must_load("");
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        struct err e = ERR_INIT;
        bool reloads = (k->flags & CONF_RELOAD) != 0;
        g_autofree char *value = other_value(k, 0);
        g_autofree char *text = g_strdup_printf("[%s]\n%s = %s\n", k->section, k->name, value);
        g_autofree char *path = write_file("reload.conf", text);
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
    static const char *const no[] = {"database.socket", "broker.url",           "api.threads",       "api.listen",
                                     "auth.jwks_file",  "consumer.concurrency", "consumer.prefetch", "consumer.batch_max",
                                     "seal.key_file"};
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
    CLEANUP(conf_cleanup) struct conf *current = must_load("");
    g_autofree char *path = write_file("reload.conf", "[limits]\ncancel_per_min = 0\n");
    char *needs_restart = NULL;
    assert_null(conf_reload(current, path, &needs_restart, &e));
    assert_null(needs_restart);
    assert_int_equal(e.code, ERR_INVALID);
    err_clear(&e);
    g_autofree char *good = write_file("reload.conf", "[limits]\ncancel_per_min = 7\n[database]\nport=1\n[api]\nthreads=2\n");
    CLEANUP(conf_cleanup) struct conf *fresh = conf_reload(current, good, &needs_restart, &e);
    assert_int_equal(fresh->limits.cancel_per_min, 7);
    assert_string_equal(needs_restart, "database.port,api.threads");
    g_free(needs_restart);
    CLEANUP(conf_cleanup) struct conf *silent = conf_reload(current, good, NULL, &e);
    assert_int_equal(silent->database.port, 3306);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

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
    return cmocka_run_group_tests(tests, begin_group, end_group);
}
