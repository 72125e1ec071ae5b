/*
 * What a program tells: lines out of pieces, the objects of descriptor 3, exit codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "exec_report.h"

/* ---- lines ---- */

static void note_line(void *arg, const char *line, bool is_cut)
{
    g_string_append_printf(arg, "<%s%s>", line, is_cut ? "..." : "");
}

static void test_lines_come_out_whole_however_they_go_in(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"", ""},
        {"a", "<a>"},
        {"a\n", "<a>"},
        {"a\nb", "<a><b>"},
        {"\n\na\n", "<><><a>"},
        {"1234567\n", "<1234567>"},
        {"12345678\n9", "<1234567...><9>"},
        {"123456789012345678901", "<1234567...>"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t step = 1; step < 24; step++) {
            char line[8];
            struct exec_lines l = {.line = line, .size = sizeof(line)};
            g_autoptr(GString) seen = g_string_new(NULL);
            size_t length = strlen(cases[i].text);
            for (size_t at = 0; at < length; at += step) {
                exec_lines_feed(&l, cases[i].text + at, MIN(step, length - at), note_line, seen);
            }
            exec_lines_end(&l, note_line, seen);
            assert_string_equal(seen->str, cases[i].wanted);
        }
    }
}

static void test_a_nul_ends_no_line(void **state UNUSED)
{
    char line[8];
    struct exec_lines l = {.line = line, .size = sizeof(line)};
    g_autoptr(GString) seen = g_string_new(NULL);
    exec_lines_feed(&l, "a\0b\n", 4, note_line, seen);
    assert_string_equal(seen->str, "<a b>");
}

/* ---- reports ---- */

static void test_reports(void **state UNUSED)
{
    static const struct {
        const char *line;
        bool wanted;
        struct exec_report report;
    } cases[] = {
        {"{\"progress\":40,\"message\":\"half\"}", true, {.has_progress = true, .percent = 40, .message = "half"}},
        {"{\"progress\":0}", true, {.has_progress = true}},
        {"{\"progress\":99.9}", true, {.has_progress = true, .percent = 99}},
        {"{\"progress\":100,\"message\":7}", true, {.has_progress = true, .percent = 100}},
        {"{\"progress\":101}", false, {0}},
        {"{\"progress\":-1}", false, {0}},
        {"{\"progress\":\"40\"}", false, {0}},
        {"{\"progress\":true}", false, {0}},
        {"{\"message\":\"x\"}", false, {0}},
        {"{\"log\":\"read\"}", true, {.has_log = true, .level = LOG_LEVEL_INFO, .text = "read"}},
        {"{\"log\":\"bad\",\"level\":\"error\"}", true, {.has_log = true, .level = LOG_LEVEL_ERROR, .text = "bad"}},
        {"{\"log\":\"x\",\"level\":\"loud\"}", true, {.has_log = true, .level = LOG_LEVEL_INFO, .text = "x"}},
        {"{\"log\":5}", false, {0}},
        {"{\"snooze_s\":60}", true, {.snooze_ms = 60000}},
        {"{\"snooze_s\":0}", true, {.snooze_ms = 1}},
        {"{\"snooze_s\":0.5}", true, {.snooze_ms = 500}},
        {"{\"snooze_s\":-5}", false, {0}},
        {"{\"snooze_s\":1e300}", false, {0}},
        {"{\"retry_after_s\":30}", true, {.retry_after_ms = 30000}},
        {"{\"log\":\"a\",\"progress\":1,\"retry_after_s\":2,\"x\":[]}",
         true,
         {.has_log = true,
          .level = LOG_LEVEL_INFO,
          .text = "a",
          .has_progress = true,
          .percent = 1,
          .retry_after_ms = 2000}},
        {" {\"log\":\"a\"} \r", true, {.has_log = true, .level = LOG_LEVEL_INFO, .text = "a"}},
        {"", false, {0}},
        {"{}", false, {0}},
        {"[]", false, {0}},
        {"7", false, {0}},
        {"progress 40", false, {0}},
        {"{\"progress\":40", false, {0}},
        {"{\"progress\":40}{}", false, {0}},
        {"{\"log\":\"\xff\"}", false, {0}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exec_report *wanted = &cases[i].report;
        struct exec_report r;
        if (exec_report_parse(cases[i].line, &r) != cases[i].wanted) {
            fail_msg("%s", cases[i].line);
        }
        if (!cases[i].wanted) {
            continue;
        }
        assert_int_equal(r.has_progress, wanted->has_progress);
        assert_int_equal(r.percent, wanted->percent);
        assert_string_equal(r.message, wanted->message);
        assert_int_equal(r.has_log, wanted->has_log);
        assert_true(!r.has_log || r.level == wanted->level);
        assert_string_equal(r.text, wanted->text);
        assert_int_equal(r.snooze_ms, wanted->snooze_ms);
        assert_int_equal(r.retry_after_ms, wanted->retry_after_ms);
    }
}

static void test_long_texts_are_cut(void **state UNUSED)
{
    struct exec_report r;
    g_autofree char *text = g_strnfill(5000, 'x');
    g_autofree char *line = g_strdup_printf("{\"log\":\"%s\",\"progress\":1,\"message\":\"%s\"}", text, text);
    assert_true(exec_report_parse(line, &r));
    assert_int_equal(strlen(r.text), JOB_LOG_LINE_BYTES_MAX);
    assert_int_equal(strlen(r.message), 200);
}

/* ---- exit codes ---- */

static void test_exit_codes(void **state UNUSED)
{
    static char usual_permanent[] = "65,78";
    static char usual_retry[] = "75";
    static char all[] = "*";
    static char none[] = "";
    static const struct {
        char *permanent;
        char *retry;
        int code;
        enum job_outcome wanted;
    } cases[] = {
        {usual_permanent, usual_retry, 1, JOB_RETRY},
        {usual_permanent, usual_retry, 65, JOB_PERMANENT},
        {usual_permanent, usual_retry, 78, JOB_PERMANENT},
        {usual_permanent, usual_retry, 75, JOB_RETRY},
        {all, usual_retry, 75, JOB_RETRY},
        {all, usual_retry, 1, JOB_PERMANENT},
        {all, all, 1, JOB_RETRY},
        {none, none, 65, JOB_RETRY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct conf_job_type t = {.permanent_exits = cases[i].permanent, .retry_exits = cases[i].retry};
        assert_int_equal(exec_exit_outcome(&t, cases[i].code), cases[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_out_whole_however_they_go_in),
        cmocka_unit_test(test_a_nul_ends_no_line),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
