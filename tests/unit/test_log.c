#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ground/err.h"
#include "ground/log.h"
#include "unit/capture.h"

static struct capture captured;

static int begin(void **state UNUSED)
{
    log_init("test-service", LOG_LEVEL_DEBUG);
    capture_begin(&captured, STDERR_FILENO);
    return 0;
}

/* The one line that was written, as JSON. */
static json_t *end_line(void)
{
    g_autofree char *text = capture_end(&captured);
    size_t length = strlen(text);
    assert_true(length > 0);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (line == NULL) {
        fail_msg("not JSON: %s", text);
    }
    return line;
}

static const char *str(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void test_a_line_has_its_frame_and_its_fields(void **state UNUSED)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_TIMEOUT, "too slow");
    int64_t before = clock_wall_us();
    log_warn("job.finished", LSTR("job_id", "abc"), LINT("attempt", -3), LREAL("took_s", 0.25), LBOOL("late", true),
             LBOOL("lost", false), LSTR("org", NULL), LINT("big", INT64_MIN), LERR(&e));
    json_auto_t *line = end_line();
    int64_t ts;
    assert_true(clock_parse_rfc3339(str(line, "ts"), &ts));
    assert_true(ts >= before && ts <= clock_wall_us());
    assert_string_equal(str(line, "level"), "warn");
    assert_string_equal(str(line, "event"), "job.finished");
    assert_string_equal(str(line, "service"), "test-service");
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), getpid());
    assert_string_equal(str(line, "job_id"), "abc");
    assert_int_equal(json_integer_value(json_object_get(line, "attempt")), -3);
    assert_true(json_real_value(json_object_get(line, "took_s")) == 0.25);
    assert_true(json_is_true(json_object_get(line, "late")));
    assert_true(json_is_false(json_object_get(line, "lost")));
    assert_true(json_is_null(json_object_get(line, "org")));
    assert_true(json_integer_value(json_object_get(line, "big")) == INT64_MIN);
    assert_string_equal(str(line, "error_code"), "timeout");
    assert_string_equal(str(line, "error"), "too slow");
    assert_int_equal(json_object_size(line), 14);
}

static void test_no_fields(void **state UNUSED)
{
    log_info("service.started", LNONE);
    json_auto_t *line = end_line();
    assert_int_equal(json_object_size(line), 5);
}

static void test_levels_filter(void **state UNUSED)
{
    static const enum log_level levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR};
    for (size_t least = 0; least < ARRAY_SIZE(levels); least++) {
        struct capture c;
        capture_begin(&c, STDERR_FILENO);
        log_set_level(levels[least]);
        for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
            assert_int_equal(log_wants(levels[i]), i >= least);
            LOG_AT(levels[i], "event", LINT("n", i));
        }
        g_autofree char *text = capture_end(&c);
        size_t lines = 0;
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
            lines++;
        }
        assert_int_equal(lines, ARRAY_SIZE(levels) - least);
    }
    g_autofree char *nothing = capture_end(&captured);
    assert_string_equal(nothing, "");
}

/* Writes text as a field and returns it as a reader of the log gets it; raw is the line itself. */
static char *through_the_log(const char *text, char **raw)
{
    struct capture c;
    capture_begin(&c, STDERR_FILENO);
    log_info("x", LSTR("text", text));
    *raw = capture_end(&c);
    json_auto_t *line = json_loads(*raw, 0, NULL);
    if (line == NULL) {
        fail_msg("not JSON: %s", *raw);
    }
    return g_strdup(str(line, "text"));
}

static void test_texts_survive(void **state UNUSED)
{
    static const char *const texts[] = {
        "",
        "plain",
        "\"quoted\"",
        "back\\slash\\",
        "a\nb\tc\rd\be\ff",
        "\001\002\037\177",
        "\303\244\342\202\254\360\237\223\254",
        "C1 \302\233 and \302\205",
        "{\"json\":[1]}",
        "</script>",
        "\342\200\250",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        g_autofree char *raw = NULL;
        g_autofree char *got = through_the_log(texts[i], &raw);
        assert_string_equal(got, texts[i]);
    }
    g_autofree char *rest = capture_end(&captured);
    assert_string_equal(rest, "");
}

static void test_nothing_in_a_line_steers_a_terminal(void **state UNUSED)
{
    for (gunichar c = 1; c < 0x120; c++) {
        char text[8] = {0};
        g_unichar_to_utf8(c, text);
        g_autofree char *raw = NULL;
        g_autofree char *got = through_the_log(text, &raw);
        assert_string_equal(got, text);
        raw[strlen(raw) - 1] = '\0';
        for (char *at = raw; *at != '\0'; at = g_utf8_next_char(at)) {
            assert_false(g_unichar_iscntrl(g_utf8_get_char(at)));
        }
    }
    g_free(capture_end(&captured));
}

static void test_bad_utf8_is_replaced(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *wanted;
    } cases[] = {
        {"a\377b", "a\357\277\275b"},
        {"a\303", "a\357\277\275"},
        {"\342\202", "\357\277\275\357\277\275"},
        {"\300\200", "\357\277\275\357\277\275"},
        {"\355\240\200x", "\357\277\275\357\277\275\357\277\275x"},
        {"\200", "\357\277\275"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *raw = NULL;
        g_autofree char *got = through_the_log(cases[i].text, &raw);
        assert_string_equal(got, cases[i].wanted);
    }
    g_free(capture_end(&captured));
}

static void test_random_bytes_always_make_a_line(void **state UNUSED)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    for (int i = 0; i < 5000; i++) {
        char text[64];
        size_t length = (size_t)g_rand_int_range(random, 0, sizeof(text));
        for (size_t b = 0; b < length; b++) {
            text[b] = (char)g_rand_int_range(random, 1, 256);
        }
        text[length] = '\0';
        g_autofree char *raw = NULL;
        g_autofree char *got = through_the_log(text, &raw);
        g_autofree char *wanted = g_utf8_make_valid(text, -1);
        assert_string_equal(got, wanted);
        assert_ptr_equal(strchr(raw, '\n'), raw + strlen(raw) - 1);
    }
    g_free(capture_end(&captured));
}

static void test_long_texts_are_capped_at_a_whole_character(void **state UNUSED)
{
    static const char *const letters[] = {"a", "\303\244", "\342\202\254", "\360\237\223\254"};
    for (size_t l = 0; l < ARRAY_SIZE(letters); l++) {
        for (size_t length = 2040; length < 2060; length++) {
            g_autoptr(GString) text = g_string_new(NULL);
            for (size_t pad = (length - strlen(letters[l])) % 4; pad > 0; pad--) {
                g_string_append_c(text, 'p');
            }
            while (text->len < length) {
                g_string_append(text, letters[l]);
            }
            g_autofree char *raw = NULL;
            g_autofree char *got = through_the_log(text->str, &raw);
            size_t kept = text->len <= 2048 ? text->len
                                            : 2048 - (2048 - (text->len % strlen(letters[l]))) % strlen(letters[l]);
            assert_int_equal(strlen(got), kept);
            assert_memory_equal(got, text->str, kept);
        }
    }
    g_free(capture_end(&captured));
}

static void test_reals_read_back_exactly(void **state UNUSED)
{
    static const double reals[] = {0.0, -0.0, 1.0, 0.1, 1.0 / 3.0, 1e300, 5e-324, -123456.789, 3.0e15};
    for (size_t i = 0; i < ARRAY_SIZE(reals); i++) {
        struct capture c;
        capture_begin(&c, STDERR_FILENO);
        log_info("x", LREAL("real", reals[i]), LREAL("nan", NAN), LREAL("inf", -INFINITY));
        g_autofree char *raw = capture_end(&c);
        json_auto_t *line = json_loads(raw, JSON_DECODE_INT_AS_REAL, NULL);
        assert_non_null(line);
        assert_true(json_real_value(json_object_get(line, "real")) == reals[i]);
        assert_true(json_is_null(json_object_get(line, "nan")));
        assert_true(json_is_null(json_object_get(line, "inf")));
    }
    g_free(capture_end(&captured));
}

static void test_errno_is_left_alone(void **state UNUSED)
{
    errno = EXDEV;
    log_info("x", LREAL("r", 5e-324));
    int after = errno;
    g_free(capture_end(&captured));
    assert_int_equal(after, EXDEV);
}

enum { WRITERS = 8, LINES_EACH = 500 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++) {
        log_info("thread", LINT("thread", GPOINTER_TO_INT(arg)), LINT("n", i),
                 LSTR("pad", "0123456789abcdef0123456789"));
        log_set_level(LOG_LEVEL_INFO);
    }
    return NULL;
}

static void test_lines_of_many_threads_stay_whole(void **state UNUSED)
{
    pthread_t threads[WRITERS];
    int next[WRITERS] = {0};
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, GINT_TO_POINTER(i)), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    g_autofree char *text = capture_end(&captured);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    assert_int_equal(g_strv_length(lines), WRITERS * LINES_EACH + 1);
    for (size_t i = 0; i < (size_t)WRITERS * LINES_EACH; i++) {
        json_auto_t *line = json_loads(lines[i], JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(line);
        json_int_t thread = json_integer_value(json_object_get(line, "thread"));
        assert_in_range(thread, 0, WRITERS - 1);
        assert_int_equal(json_integer_value(json_object_get(line, "n")), next[thread]++);
    }
}

static void test_lines_that_are_written_together(void **state UNUSED)
{
    enum { LINES = 100 };
    struct log_lines lines = {0};
    log_lines_flush(&lines);
    for (int i = 0; i < LINES; i++) {
        log_lines_add(&lines, LOG_LEVEL_INFO, "many", (const struct log_field[]){LINT("i", i), {.key = NULL}});
        assert_true(lines.text->len <= PIPE_BUF);
    }
    log_lines_flush(&lines);
    assert_null(lines.text);
    g_autofree char *text = capture_end(&captured);
    g_auto(GStrv) found = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(found), LINES + 1);
    for (int i = 0; i < LINES; i++) {
        json_auto_t *line = json_loads(found[i], JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(json_integer_value(json_object_get(line, "i")), i);
    }
    assert_string_equal(found[LINES], "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_line_has_its_frame_and_its_fields, begin),
        cmocka_unit_test_setup(test_no_fields, begin),
        cmocka_unit_test_setup(test_levels_filter, begin),
        cmocka_unit_test_setup(test_texts_survive, begin),
        cmocka_unit_test_setup(test_nothing_in_a_line_steers_a_terminal, begin),
        cmocka_unit_test_setup(test_bad_utf8_is_replaced, begin),
        cmocka_unit_test_setup(test_random_bytes_always_make_a_line, begin),
        cmocka_unit_test_setup(test_long_texts_are_capped_at_a_whole_character, begin),
        cmocka_unit_test_setup(test_reals_read_back_exactly, begin),
        cmocka_unit_test_setup(test_errno_is_left_alone, begin),
        cmocka_unit_test_setup(test_lines_that_are_written_together, begin),
        cmocka_unit_test_setup(test_lines_of_many_threads_stay_whole, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
