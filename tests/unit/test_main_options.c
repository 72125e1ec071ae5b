#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ground/main_options.h"
#include "unit/capture.h"

#define NO_EXIT (-1)

struct outcome {
    struct conf *conf;
    int exit_code; /* NO_EXIT when it was not set */
    int left;      /* arguments left, with the program's name */
    char *last;    /* of them */
    char *out;
    char *err;
};

static char *config_file;

static int begin_group(void **state UNUSED)
{
    g_autofree char *directory = g_dir_make_tmp("bellman-options-XXXXXX", NULL);
    config_file = g_build_filename(directory, "bellman.conf", NULL);
    return directory == NULL ? -1 : 0;
}

static int end_group(void **state UNUSED)
{
    g_autofree char *directory = g_path_get_dirname(config_file);
    g_unlink(config_file);
    g_rmdir(directory);
    g_free(config_file);
    return 0;
}

static int begin(void **state UNUSED)
{
    g_unsetenv("BELLMAN_CONFIG");
    return g_file_set_contents(config_file, "[database]\nport = 4711\npassword = s3cret\n", -1, NULL) ? 0 : -1;
}

/* Runs a command line, in which FILE stands for the configuration file. */
static void run(const char *line, const GOptionEntry *extra, struct outcome *o)
{
    struct main_options options = {.takes_arguments = extra != NULL};
    struct capture out;
    struct capture err;
    g_auto(GStrv) words = g_strsplit(line, " ", 0);
    int argc = (int)g_strv_length(words);
    g_autofree char **argv = g_new0(char *, (gsize)argc + 1);
    for (int i = 0; i < argc; i++) {
        argv[i] = strcmp(words[i], "FILE") == 0 ? config_file : words[i];
    }
    char **left = argv;
    o->exit_code = NO_EXIT;
    capture_begin(&out, STDOUT_FILENO);
    capture_begin(&err, STDERR_FILENO);
    o->conf = main_options_handle(&options, "what it does", extra, &argc, &left, &o->exit_code);
    o->err = capture_end(&err);
    o->out = capture_end(&out);
    o->left = argc;
    o->last = g_strdup(left[argc - 1]);
    main_options_release(&options);
}

static void outcome_cleanup(struct outcome *o)
{
    conf_free(o->conf);
    g_free(o->last);
    g_free(o->out);
    g_free(o->err);
}

static void test_a_configuration_to_run_with(void **state UNUSED)
{
    static const char *const lines[] = {"/usr/bin/prog --config FILE", "prog -c FILE", "prog"};
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP(outcome_cleanup) struct outcome o;
        if (i == 2) {
            g_setenv("BELLMAN_CONFIG", config_file, TRUE);
        }
        run(lines[i], NULL, &o);
        assert_non_null(o.conf);
        assert_int_equal(o.conf->database.port, 4711);
        assert_int_equal(o.exit_code, NO_EXIT);
        assert_string_equal(o.out, "");
        assert_string_equal(o.err, "");
    }
}

/* One command line each: the exit code, and what must be part of standard output and standard error. */
static void test_options_that_end_the_program(void **state UNUSED)
{
    static const struct {
        const char *line;
        int exit_code;
        const char *out;
        const char *err;
    } cases[] = {
        {"/usr/bin/prog --help", EX_OK, "what it does", ""},
        {"prog -h", EX_OK, "--check-config", ""},
        {"prog --version", EX_OK, "prog " BELLMAN_VERSION "\n", ""},
        {"prog --help-config", EX_OK, "lease_ms = 4000", ""},
        {"prog -c FILE --check-config", EX_OK, "prog: the configuration is fine\n", ""},
        {"prog -c FILE --print-config", EX_OK, "port = 4711\n", ""},
        {"prog --print-config --config=FILE", EX_CONFIG, "", "prog: FILE: No such file"},
        {"prog -c /nowhere/x", EX_CONFIG, "", "prog: /nowhere/x: No such file"},
        {"prog -c /nowhere/x --check-config", EX_CONFIG, "", "prog: /nowhere/x: No such file"},
        {"prog --help -c /nowhere/x", EX_OK, "Usage", ""},
        {"prog --bogus", EX_USAGE, "", "prog: Unknown option --bogus\nTry prog --help.\n"},
        {"prog -c", EX_USAGE, "", "Try prog --help.\n"},
        {"prog -c FILE stray", EX_USAGE, "", "prog: unexpected argument \"stray\"\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(outcome_cleanup) struct outcome o;
        run(cases[i].line, NULL, &o);
        assert_null(o.conf);
        if (o.exit_code != cases[i].exit_code || strstr(o.out, cases[i].out) == NULL ||
            strstr(o.err, cases[i].err) == NULL || (*cases[i].out == '\0') != (*o.out == '\0') ||
            (*cases[i].err == '\0') != (*o.err == '\0')) {
            fail_msg("%s: exit %d\n%s\n%s", cases[i].line, o.exit_code, o.out, o.err);
        }
        assert_null(strstr(o.out, "s3cret"));
    }
}

static void test_a_bad_file_is_told_on_one_line(void **state UNUSED)
{
    CLEANUP(outcome_cleanup) struct outcome o;
    assert_true(g_file_set_contents(config_file, "[consumer]\nconcurency = 3\n", -1, NULL));
    run("prog -c FILE --check-config", NULL, &o);
    g_autofree char *wanted = g_strdup_printf(
        "prog: %s:2: unknown key \"concurency\" in [consumer]; did you mean \"concurrency\"?\n", config_file);
    assert_int_equal(o.exit_code, EX_CONFIG);
    assert_string_equal(o.err, wanted);
    assert_string_equal(o.out, "");
}

static void test_a_program_with_options_and_arguments_of_its_own(void **state UNUSED)
{
    g_autofree char *org = NULL;
    const GOptionEntry extra[] = {
        {"org", 0, 0, G_OPTION_ARG_STRING, &org, "The organization", "ID"},
        {.long_name = NULL},
    };
    CLEANUP(outcome_cleanup) struct outcome o;
    run("prog --config FILE token --org demo", extra, &o);
    assert_non_null(o.conf);
    assert_string_equal(org, "demo");
    assert_int_equal(o.left, 2);
    assert_string_equal(o.last, "token");
    CLEANUP(outcome_cleanup) struct outcome help;
    run("prog --help", extra, &help);
    assert_non_null(strstr(help.out, "--org=ID"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_configuration_to_run_with, begin),
        cmocka_unit_test_setup(test_options_that_end_the_program, begin),
        cmocka_unit_test_setup(test_a_bad_file_is_told_on_one_line, begin),
        cmocka_unit_test_setup(test_a_program_with_options_and_arguments_of_its_own, begin),
    };
    return cmocka_run_group_tests(tests, begin_group, end_group);
}
