/* The statements of a list of jobs: which ranges, which span, and as many parameters as there are question marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "domain/job_list_sql.h"

#define ID "0190a6f0-0000-7000-8000-000000000000"
#define US INT64_C(1700000000000001)
#define US_TEXT "2023-11-14 22:13:20.000001"

static const struct job_slice slices[] = {{"a", 0, 5}, {"a", 1, 0}, {"b", -1, 1}};

static GArray *ranges_of(const struct job_filter *f)
{
    return job_ranges_new(f, slices, ARRAY_SIZE(slices));
}

/* --- ranges ------------------------------------------------------------------------------------------------------ */

static void test_a_status_names_the_ranges(void **state UNUSED)
{
    const struct job_filter f = {.organization_id = "o", .status = "failed"};
    g_autoptr(GArray) ranges = ranges_of(&f);
    assert_true(job_filter_has_ranges(&f));
    assert_int_equal(ranges->len, 2);
    const struct job_range *second = &g_array_index(ranges, struct job_range, 1);
    assert_string_equal(second->status, "failed");
    assert_string_equal(second->job_type, "b");
    assert_int_equal(second->priority, -1);
}

/* A job may get any status while the list is made. */
static void test_without_a_status_every_one_is_a_range(void **state UNUSED)
{
    const struct job_filter f = {.organization_id = "o", .has_priority = true};
    g_autoptr(GArray) ranges = ranges_of(&f);
    assert_true(job_filter_has_ranges(&f));
    assert_int_equal(ranges->len, 2 * JOB_STATUSES);
    for (guint i = 0; i < ranges->len; i++) {
        assert_string_equal(g_array_index(ranges, struct job_range, i).status,
                            job_status_name((enum job_status)(i % JOB_STATUSES)));
    }
}

static void test_which_filters_have_ranges(void **state UNUSED)
{
    const struct job_filter none = {.organization_id = "o", .created_after_us = 1, .cursor = "x", .skip = 3};
    const struct job_filter type = {.organization_id = "o", .job_type = "a"};
    g_autoptr(GArray) empty = job_ranges_new(&none, NULL, 0);
    assert_int_equal(empty->len, 0);
    assert_false(job_filter_has_ranges(&none));
    assert_true(job_filter_has_ranges(&type));
}

static void test_branches(void **state UNUSED)
{
    size_t before = 0;
    size_t different = 0;
    for (size_t n = 0; n <= 1000; n++) {
        size_t branches = job_list_branches(n);
        assert_true(branches >= n && branches >= before);
        assert_true(n <= 8 ? branches == n : branches * 4 <= n * 5 + 4);
        assert_int_equal(job_list_branches(branches), branches);
        different += branches != before;
        before = branches;
    }
    assert_in_range(different, 8, 40);
}

/* --- span -------------------------------------------------------------------------------------------------------- */

static void test_span(void **state UNUSED)
{
    g_autofree char *cursor = job_cursor_new(US_TEXT, ID);
    const struct {
        struct job_filter filter;
        const char *after;
        const char *before;
        const char *id;
    } rows[] = {
        {{.cursor = NULL}, "1970-01-01 00:00:00", "9999-12-31 23:59:59.999999", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        {{.cursor = cursor}, "1970-01-01 00:00:00", US_TEXT, ID},
        {{.created_after_us = US}, US_TEXT, "9999-12-31 23:59:59.999999", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        {{.created_before_us = US}, "1970-01-01 00:00:00", US_TEXT, "00000000-0000-0000-0000-000000000000"},
        {{.created_before_us = US + 1, .cursor = cursor}, "1970-01-01 00:00:00", US_TEXT, ID},
        {{.created_before_us = US, .cursor = cursor},
         "1970-01-01 00:00:00",
         US_TEXT,
         "00000000-0000-0000-0000-000000000000"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct job_span span;
        assert_true(job_span_init(&span, &rows[i].filter));
        assert_string_equal(span.after, rows[i].after);
        assert_string_equal(span.before, rows[i].before);
        assert_string_equal(span.before_id, rows[i].id);
    }
}

static void test_cursors_of_others(void **state UNUSED)
{
    static const char *const cursors[] = {
        "",
        "x",
        "====",
        "MTIzNDU2",
        "LTEuMDE5MGE2ZjAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw",
        "OTk5OTk5OTk5OTk5OTk5OTk5OS4wMTkwYTZmMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA"};
    for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
        struct job_span span;
        const struct job_filter f = {.cursor = cursors[i]};
        assert_false(job_span_init(&span, &f));
    }
}

/* --- statements -------------------------------------------------------------------------------------------------- */

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void check_page(const struct job_filter *f, size_t n_ranges)
{
    struct job_span span;
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(struct job_range));
    for (size_t i = 0; i < n_ranges; i++) {
        struct job_range range = {"queued", "a", 0};
        g_array_append_val(ranges, range);
    }
    assert_true(job_span_init(&span, f));
    size_t branches = job_list_branches(n_ranges);
    g_autofree char *sql = job_list_page_sql(branches, f->skip > 0);
    g_autoptr(GArray) params = job_list_page_params(f, ranges, &span, f->skip > 0);
    assert_int_equal(count_of(sql, "?"), params->len);
    assert_int_equal(count_of(sql, "FORCE INDEX (ix_jobs_filter)"), branches);
    assert_int_equal(count_of(sql, "FORCE INDEX (ix_jobs_created)"), branches == 0);
    assert_int_equal(count_of(sql, " UNION ALL "), branches == 0 ? 0 : branches - 1);
    assert_int_equal(count_of(sql, "OFFSET"), f->skip > 0);
    if (branches > n_ranges) { /* the last branch finds nothing */
        const struct db_param *last = &g_array_index(params, struct db_param, params->len - (f->skip > 0 ? 11 : 10));
        assert_int_equal(last->type, DB_PARAM_NULL);
    }
}

static void test_parameters_fit_the_statements(void **state UNUSED)
{
    for (size_t n = 0; n < 40; n++) {
        const struct job_filter first = {.organization_id = "o", .limit = 50};
        const struct job_filter skips = {.organization_id = "o", .limit = 50, .skip = 10};
        check_page(&first, n);
        check_page(&skips, n);
    }
    for (int has_range = 0; has_range < 2; has_range++) {
        struct job_span span;
        const struct job_filter f = {.organization_id = "o"};
        const struct job_range range = {"queued", "a", 0};
        assert_true(job_span_init(&span, &f));
        g_autofree char *sql = job_list_count_sql(has_range != 0);
        g_autoptr(GArray) params = job_list_count_params(&f, has_range != 0 ? &range : NULL, &span, 7);
        assert_int_equal(count_of(sql, "?"), params->len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_status_names_the_ranges),
        cmocka_unit_test(test_without_a_status_every_one_is_a_range),
        cmocka_unit_test(test_which_filters_have_ranges),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_cursors_of_others),
        cmocka_unit_test(test_parameters_fit_the_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
