/*
 * The sections [job_type NAME] and the registry that they make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "domain/job_types.h"
#include "unit/capture.h"
#include "unit/conf_fixture.h"

#define EXEC "[job_type report]\nexec = /usr/bin/python3 /opt/report.py\n"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define HTTP "[job_type call]\nhttp = https://example.com/jobs\nhttp_secret = " SECRET "\n"

/* ---- the table ---- */

static void test_rows_are_well_formed(void **state UNUSED)
{
    uint8_t covered[sizeof(struct conf_job_type)] = {0};
    for (size_t i = 0; i < conf_job_type_keys_count; i++) {
        const struct conf_key *k = &conf_job_type_keys[i];
        assert_string_equal(k->section, CONF_JOB_TYPE);
        assert_true(g_str_has_suffix(k->help, "."));
        assert_int_equal(k->type == CONF_TYPE_CHOICE, k->choices != NULL);
        assert_true((k->flags & CONF_INHERIT) == 0 || (k->type != CONF_TYPE_TEXT && k->type != CONF_TYPE_BOOL));
        for (size_t b = 0; b < sizeof(int64_t); b++) {
            assert_int_equal(covered[k->offset + b], 0);
            covered[k->offset + b] = 1;
        }
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(k->name, conf_job_type_keys[j].name);
        }
    }
    for (size_t at = offsetof(struct conf_job_type, help); at < sizeof(covered); at++) {
        assert_int_equal(covered[at], 1);
    }
}

static const struct conf_job_type *type_of(const struct conf *conf, guint i)
{
    assert_in_range(i, 0, conf->job_types->len - 1);
    return g_ptr_array_index(conf->job_types, i);
}

static void test_defaults(void **state UNUSED)
{
    CLEANUP(conf_cleanup) struct conf *none = fixture_must_load("");
    assert_int_equal(none->job_types->len, 0);
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(EXEC "[job_type noop]\n");
    assert_int_equal(c->job_types->len, 2);
    const struct conf_job_type *t = type_of(c, 0);
    assert_string_equal(t->name, "report");
    assert_string_equal(t->exec, "/usr/bin/python3 /opt/report.py");
    assert_int_equal(t->timeout_s, CONF_UNSET);
    assert_int_equal(t->retry_curve, CONF_UNSET);
    assert_int_equal(t->keep_completed_h, 0);
    assert_string_equal(t->workdir, "/");
    assert_int_equal(t->stop_grace_s, 5);
    assert_string_equal(type_of(c, 1)->name, "noop");
}

static void test_a_section_may_come_in_parts(void **state UNUSED)
{
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(EXEC "[log]\nlevel = warn\n[job_type report]\nnice = 7\n");
    assert_int_equal(c->job_types->len, 1);
    assert_int_equal(type_of(c, 0)->nice, 7);
}

static void test_values(void **state UNUSED)
{
    CLEANUP(conf_cleanup)
    struct conf *c = fixture_must_load(
        "[job_type a.b_c-9]\nexec = \"/opt/my program\" 'it''s' \\\"x\\\" $HOME;\ntimeout_s = 86400\nmax_retries = 0\n"
        "retry_curve = linear\nretry_base_s = 0\nretry_cap_s = 5\nretry_jitter_percent = 0\nkeep_failed_h = 24\n"
        "env_pass = TZ, HTTP_PROXY  X\npermanent_exits = 1, 2 255\nretry_exits =\nmemory_mb = 512\n");
    const struct conf_job_type *t = type_of(c, 0);
    g_auto(GStrv) argv = conf_job_type_argv(t);
    assert_int_equal(g_strv_length(argv), 4);
    assert_string_equal(argv[0], "/opt/my program");
    assert_string_equal(argv[1], "its");
    assert_string_equal(argv[2], "\"x\"");
    assert_string_equal(argv[3], "$HOME;");
    g_auto(GStrv) names = conf_job_type_env_pass(t);
    assert_int_equal(g_strv_length(names), 3);
    assert_string_equal(names[1], "HTTP_PROXY");
    assert_int_equal(t->max_retries, 0);
    assert_int_equal(t->retry_curve, CONF_RETRY_LINEAR);
    assert_int_equal(t->memory_mb, 512);
}

static void test_exit_lists(void **state UNUSED)
{
    static const struct {
        const char *list;
        int code;
        bool wanted;
    } cases[] = {{"65,78", 65, true}, {"65,78", 78, true},    {"65,78", 6, false}, {"", 1, false},
                 {"*", 1, true},      {" 3 , , 4 ", 4, true}, {"255", 255, true},  {"255", 25, false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(conf_exits_contain(cases[i].list, cases[i].code), cases[i].wanted);
    }
}

/* ---- what is refused ---- */

static void test_wrong_sections(void **state UNUSED)
{
    static const char name_rule[] =
        ": a job type's name has 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or digit";
    static const char *const names[] = {"job_type",     "job_type ",   "job_type A",
                                        "job_type a b", "job_type -x", "job_type a/b"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        g_autofree char *text = g_strdup_printf("\n[%s]\nexec = /bin/true\n", names[i]);
        g_autofree char *wanted = g_strdup_printf(":2: [%s]%s", names[i], name_rule);
        fixture_check_refused(text, wanted);
    }
    g_autofree char *name = g_strnfill(65, 'x');
    g_autofree char *text = g_strdup_printf("[job_type %s]\n", name);
    g_autofree char *wanted = g_strdup_printf(":1: [job_type %s]%s", name, name_rule);
    fixture_check_refused(text, wanted);
    fixture_check_refused("[jobtype x]\n", ":1: unknown section [jobtype x]; did you mean [job_type NAME]?");
    fixture_check_refused("[job_types]\n", ":1: unknown section [job_types]; did you mean [job_type NAME]?");
}

static void test_wrong_keys(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {EXEC "exec_ = 1\n", ":3: unknown key \"exec_\" in [job_type report]; did you mean \"exec\"?"},
        {EXEC "memry_mb = 1\n", ":3: unknown key \"memry_mb\" in [job_type report]; did you mean \"memory_mb\"?"},
        {EXEC "colour = red\n", ":3: unknown key \"colour\" in [job_type report]; --help-config lists them all"},
        {EXEC "exec = /bin/true\n", ":3: [job_type report] exec was already given on line 2"},
        {EXEC "timeout_s = 0\n",
         ":3: [job_type report] timeout_s must be a whole number from 1 to 86400, or nothing, not \"0\""},
        {EXEC "retry_curve = round\n",
         ":3: [job_type report] retry_curve must be one of polynomial, exponential, linear, fixed, or nothing, not "
         "\"round\""},
        {EXEC "workdir = tmp\n", ":3: [job_type report] workdir must be an absolute path"},
        {EXEC "permanent_exits = 256\n",
         ":3: [job_type report] permanent_exits must be numbers from 1 to 255 separated by commas, or *"},
        {EXEC "retry_exits = x\n",
         ":3: [job_type report] retry_exits must be numbers from 1 to 255 separated by commas, or *"},
        {EXEC "env_pass = TZ,BELLMAN_DATABASE_PASSWORD\n",
         ":3: [job_type report] env_pass must be names of variables, none of them beginning with BELLMAN_"},
        {EXEC "retry_base_s = 10\nretry_cap_s = 9\n",
         ":3: [job_type report] retry_base_s must not be more than retry_cap_s"},
        {EXEC "http_secret = x\n", ":3: [job_type report] http_secret is for types that have http"},
        {EXEC "http = https://x/\nhttp_secret = x\n",
         ":3: [job_type report] http cannot be given beside exec: a type runs a program or calls an address"},
        {HTTP "nice = 1\n", ":4: [job_type call] nice is for types that have exec"},
        {"[job_type noop]\nmemory_mb = 1\n", ":2: [job_type noop] memory_mb is for types that have exec"},
        {"[job_type call]\nhttp = https://x/\n",
         ":2: [job_type call] http needs http_secret (or http_secret_file), which requests are signed with"},
        {"[job_type call]\nhttp = ftp://x/\nhttp_secret = x\n",
         ":2: [job_type call] http must begin with https:// or http://"},
        {"[job_type x]\nexec = report.py\n",
         ":2: [job_type x] exec must be a program's absolute path and its arguments, with every quote closed"},
        {"[job_type x]\nexec = /bin/sh -c 'x\n",
         ":2: [job_type x] exec must be a program's absolute path and its arguments, with every quote closed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fixture_check_refused(cases[i].text, cases[i].wanted);
    }
}

static char *printed(const struct conf *conf)
{
    struct capture out;
    capture_begin(&out, STDOUT_FILENO);
    conf_print(conf, stdout);
    return capture_end(&out);
}

static void test_secrets(void **state UNUSED)
{
    g_autofree char *path = fixture_write("secret", "from file\n");
    g_autofree char *text = g_strdup_printf(
        "[job_type call]\nhttp = https://example.com/\nhttp_secret_file = %s\nhttp_secret_previous = s3cret\n", path);
    CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(text);
    assert_string_equal(type_of(c, 0)->http_secret, "from file");
    g_autofree char *text_of_it = printed(c);
    assert_null(strstr(text_of_it, "s3cret"));
    assert_null(strstr(text_of_it, "from file"));
    assert_non_null(strstr(text_of_it, "\n[job_type call]\n"));
    assert_non_null(strstr(text_of_it, "http_secret = ********\nhttp_secret_previous = ********\n"));
    assert_non_null(strstr(text_of_it, "\ntimeout_s =\n"));
}

/* Keys that its kind does not take are left out, for a file may not set them. */
static void test_what_is_printed_loads_again(void **state UNUSED)
{
    CLEANUP(conf_cleanup)
    struct conf *first = fixture_must_load(EXEC "nice = 3\nretry_curve = fixed\nhelp = One\n"
                                                "[job_type noop]\nkeep_completed_h = 2\n");
    g_autofree char *once = printed(first);
    CLEANUP(conf_cleanup) struct conf *second = fixture_must_load(once);
    g_autofree char *twice = printed(second);
    assert_string_equal(once, twice);
    assert_non_null(strstr(once, "\n[job_type report]\nhelp = One\nexec = /usr/bin/python3 /opt/report.py\n"));
    assert_non_null(strstr(once, "\nnice = 3\n"));
    assert_non_null(strstr(once, "\n[job_type noop]\n"));
}

static void test_the_reference_explains_each_key(void **state UNUSED)
{
    struct capture out;
    capture_begin(&out, STDOUT_FILENO);
    conf_print_reference(stdout);
    g_autofree char *text = capture_end(&out);
    for (size_t i = 0; i < conf_job_type_keys_count; i++) {
        g_autofree char *line = g_strdup_printf("\n# %s =", conf_job_type_keys[i].name);
        assert_non_null(strstr(text, conf_job_type_keys[i].help));
        assert_non_null(strstr(text, line));
    }
}

/* ---- the registry ---- */

static void test_sections_that_fit_no_type(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"\n[job_type emial.send]\n",
         ":2: [job_type emial.send] needs exec or http, for it is no built-in type; did you mean "
         "[job_type email.send]?"},
        {"[job_type zzzz]\n", ":1: [job_type zzzz] needs exec or http, for it is no built-in type"},
        {"[job_type noop]\nexec = /bin/true\n",
         ":1: [job_type noop] may have neither exec nor http: it is a built-in type"},
        {"[job_type call]\nhttp = https://10.0.0.1/\nhttp_secret = " SECRET "\n",
         ":1: [job_type call] http: 10.0.0.1 is a private address"},
        {"[job_type call]\nhttp = http://example.com/\nhttp_secret = " SECRET "\n",
         ":1: [job_type call] http: the URL must begin with https://"},
        {"[job_type call]\nhttp = https://example.com/\nhttp_secret = s3cret\n",
         ":1: [job_type call] http_secret: must be whsec_ and base64 of 24 to 64 bytes"},
        {HTTP "http_secret_previous = whsec_s3cret\n",
         ":1: [job_type call] http_secret_previous: must be whsec_ and base64 of 24 to 64 bytes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = ERR_INIT;
        CLEANUP(conf_cleanup) struct conf *c = fixture_must_load(cases[i].text);
        assert_false(job_types_check(c, &e));
        assert_true(g_str_has_suffix(e.text, cases[i].wanted));
    }
}

static void test_the_registry(void **state UNUSED)
{
    struct err e = ERR_INIT;
    assert_ptr_equal(job_type_find("noop"), job_type_at(3));
    assert_null(job_type_find("report"));
    assert_null(job_type_at(job_types_n));

    CLEANUP(conf_cleanup)
    struct conf *c = fixture_must_load(EXEC "retry_curve = linear\n" HTTP
                                            "timeout_s = 9\n[job_type noop]\nmax_retries = 7\nkeep_failed_h = 2\n"
                                            "[retry]\nbase_s = 3\ncurve = fixed\n");
    assert_true(job_types_check(c, &e));
    job_types_register(c);
    const struct job_type *report = job_type_find("report");
    const struct job_type *call = job_type_find("call");
    const struct job_type *noop = job_type_find("noop");
    assert_int_equal(report->kind, JOB_TYPE_EXEC);
    assert_int_equal(report->timeout_s, 60);
    assert_int_equal(report->retry.curve, CONF_RETRY_LINEAR);
    assert_int_equal(report->retry.base_s, 3);
    assert_null(report->payload);
    assert_int_equal(call->kind, JOB_TYPE_HTTP);
    assert_int_equal(call->timeout_s, 9);
    assert_int_equal(call->retry.curve, CONF_RETRY_FIXED);
    assert_int_equal(noop->kind, JOB_TYPE_BUILT_IN);
    assert_int_equal(noop->max_retries, 7);
    assert_int_equal(noop->timeout_s, 30);
    assert_int_equal(noop->keep_failed_h, 2);
    assert_non_null(noop->payload);
    assert_null(job_type_find("sleep")->conf);
    assert_int_equal(job_type_find("sleep")->retry.base_s, 3);
    size_t n = 0;
    while (job_type_at(n) != NULL) {
        n++;
    }
    assert_int_equal(n, job_types_n + 2);

    CLEANUP(conf_cleanup) struct conf *next = fixture_must_load(HTTP);
    job_types_register(next);
    assert_null(job_type_find("report"));
    assert_non_null(job_type_find("call"));
    assert_int_equal(job_type_find("noop")->max_retries, 3);
    assert_string_equal(report->name, "report");
}

static void test_payloads_of_configured_types(void **state UNUSED)
{
    const struct job_type any = {.name = "report"};
    static const struct {
        const char *payload;
        bool is_fine;
    } cases[] = {{"{}", true}, {"{\"a\":[1]}", true}, {"[]", false}, {"1", false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problems problems = {0};
        json_auto_t *payload = json_loads(cases[i].payload, JSON_DECODE_ANY, NULL);
        job_payload_check(&any, payload, "/payload", &problems);
        assert_int_equal(problems_any(&problems), !cases[i].is_fine);
        problems_release(&problems);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, fixture_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_are_well_formed),
        TEST(test_defaults),
        TEST(test_a_section_may_come_in_parts),
        TEST(test_values),
        TEST(test_exit_lists),
        TEST(test_wrong_sections),
        TEST(test_wrong_keys),
        TEST(test_secrets),
        TEST(test_what_is_printed_loads_again),
        TEST(test_the_reference_explains_each_key),
        TEST(test_sections_that_fit_no_type),
        TEST(test_the_registry),
        TEST(test_payloads_of_configured_types),
    };
    return cmocka_run_group_tests(tests, fixture_begin_group, fixture_end_group);
}
