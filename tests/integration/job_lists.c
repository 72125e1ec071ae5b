/*
 * What lists and counts of jobs read from MariaDB, against the server of $BELLMAN_CONFIG; test_job_statements.py runs
 * it. The numbers are those of the server's own handler counters: they do not depend on how fast the machine is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "served.h"

#define ORG "lists"
#define JOBS "30000"
#define LIMIT 20
#define CAP 10000

/* Four types with three priorities; most jobs are completed, and some ranges are empty. */
static void fill(struct db *db)
{
    must_text(db, "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, timeout_s,"
                  " created_at, updated_at)"
                  " SELECT CAST(CONCAT('0190a6f0-0000-7000-8000-', LPAD(HEX(seq), 12, '0')) AS UUID), '" ORG "',"
                  " ELT(1 + seq % 4, 'noop', 'noop', 'sleep', 'fail'),"
                  " IF(seq % 50 = 0, 'failed', 'completed'), CAST(seq % 3 AS SIGNED) - 1, '{}', 30,"
                  " '2026-01-01' + INTERVAL seq SECOND, '2026-01-01' FROM seq_1_to_" JOBS);
    must_text(db, "INSERT INTO job_counts SELECT organization_id, job_type, status, priority, 0, COUNT(*)"
                  " FROM background_jobs WHERE organization_id = '" ORG "' GROUP BY 1, 2, 3, 4");
    must_text(db, "ANALYZE TABLE background_jobs");
}

static int set_up(void **state)
{
    struct served *s = g_new0(struct served, 1);
    *state = s;
    if (!served_open(s, ORG)) {
        return 1;
    }
    fill(s->db);
    return 0;
}

static int tear_down(void **state)
{
    struct served *s = *state;
    must_text(s->db, "DELETE FROM organizations WHERE id = '" ORG "'");
    served_close(s);
    g_free(s);
    return 0;
}

static json_t *list(struct db *db, const struct job_filter *f, int64_t *ret_read)
{
    struct err e = ERR_INIT;
    json_t *page = NULL;
    int64_t before = rows_read(db);
    if (!job_list(db, f, &page, &e)) {
        fail_msg("%s", e.text);
    }
    *ret_read = rows_read(db) - before;
    return page;
}

static int64_t total_of(const json_t *page)
{
    return json_integer_value(json_object_get(page, "total"));
}

#define MIDDLE_US (INT64_C(1767225600000000) + 15000 * US_PER_S) /* 2026-01-01 and half of the jobs */

/* No more than every range's first rows, a few times over (index, temporary table, sort, row), and the counters. */
static void test_a_page_reads_what_it_shows(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    static const struct {
        struct job_filter filter;
        int64_t ranges;
        int64_t total;
    } rows[] = {
        {{.organization_id = ORG}, 1, 30000},
        {{.status = "completed"}, 9, 29400},
        {{.status = "failed"}, 9, 600},
        {{.job_type = "noop"}, 15, 15000},
        {{.has_priority = true, .priority = 1}, 15, 10000},
        {{.status = "failed", .job_type = "sleep"}, 3, 300},
        {{.status = "completed", .job_type = "fail", .has_priority = true}, 1, 2500},
        {{.status = "processing"}, 0, 0},
        {{.job_type = "none"}, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct job_filter f = rows[i].filter;
        f.organization_id = ORG;
        f.limit = LIMIT;
        g_autofree char *cursor = NULL;
        for (int page_number = 0; page_number < 5; page_number++) {
            int64_t read = 0;
            f.cursor = cursor;
            json_auto_t *page = list(db, &f, &read);
            assert_int_equal(total_of(page), rows[i].total);
            if (read > rows[i].ranges * (LIMIT + 2) + 5 * (rows[i].ranges + 1) * (LIMIT + 2)) {
                fail_msg("filter %zu, page %d: %d rows were read", i, page_number, (int)read);
            }
            g_free(cursor);
            cursor = g_strdup(json_string_value(json_object_get(page, "next_cursor")));
            assert_true((cursor == NULL) == (rows[i].total == 0));
            if (cursor == NULL) {
                break;
            }
        }
    }
}

/* The cost of any page is that of the first, also with every job before it. */
static void test_times_count_to_the_limit(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    static const struct {
        struct job_filter filter;
        int64_t ranges;
        int64_t total;
    } rows[] = {
        {{.created_after_us = MIDDLE_US}, 1, CAP},
        {{.created_before_us = MIDDLE_US, .status = "completed"}, 9, CAP},
        {{.created_before_us = MIDDLE_US, .status = "failed"}, 9, 299},
        {{.created_after_us = MIDDLE_US, .job_type = "noop"}, 15, 7500},
        {{.created_after_us = MIDDLE_US - 1, .created_before_us = MIDDLE_US + 1, .job_type = "noop"}, 15, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t read = 0;
        struct job_filter f = rows[i].filter;
        f.organization_id = ORG;
        f.limit = LIMIT;
        json_auto_t *page = list(db, &f, &read);
        assert_int_equal(total_of(page), rows[i].total);
        assert_int_equal(json_is_true(json_object_get(page, "total_capped")), rows[i].total == CAP);
        /* The count itself: index rows, and those of its temporary table. */
        if (read > 2 * rows[i].total + 7 * (rows[i].ranges + 1) * (LIMIT + 2)) {
            fail_msg("filter %zu: %d rows were read", i, (int)read);
        }
    }
}

/* What is passed over is read from the index alone; too much of it is refused. */
static void test_skip(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    struct err e = ERR_INIT;
    json_t *refused = NULL;
    int64_t read = 0;
    struct job_filter f = {.organization_id = ORG, .status = "completed", .limit = 1, .skip = 1000};
    json_auto_t *page = list(db, &f, &read);
    assert_int_equal(json_array_size(json_object_get(page, "jobs")), 1);
    assert_in_range(read, 1000, 9 * 1002 + 3 * 9 * 1002);
    f.skip = 100000;
    f.status = NULL;
    f.job_type = NULL;
    f.has_priority = true;
    json_auto_t *deep = list(db, &f, &read);
    assert_int_equal(json_array_size(json_object_get(deep, "jobs")), 0);
    f.skip = 200000;
    assert_false(job_list(db, &f, &refused, &e));
    assert_int_equal(e.code, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_reads_what_it_shows),
        cmocka_unit_test(test_times_count_to_the_limit),
        cmocka_unit_test(test_skip),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
