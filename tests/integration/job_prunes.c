/*
 * common/domain/job_prune.c against the server of $BELLMAN_CONFIG; test_job_statements.py runs it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job_prune.h"
#include "ground/clock.h"
#include "served.h"

#define ORG "prunes"
#define DAY_S 86400
#define ROUND_BUDGET_MS 60000

struct state {
    struct served served;
    struct job_pruner *pruner;
};

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct state *s = g_new0(struct state, 1);
    *state = s;
    s->pruner = job_pruner_new();
    if (!served_open(&s->served, ORG)) {
        return 1;
    }
    must_text(s->served.db, "DELETE FROM organizations WHERE id <> '" ORG "'");
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    job_pruner_free(s->pruner);
    served_close(&s->served);
    g_free(s);
    return 0;
}

/* n jobs that were made made_days ago and ended ended_days ago, their ids from first on, each with an attempt. */
static void add_jobs(struct db *db, int first, int n, const char *type, const char *status, int made_days,
                     int ended_days)
{
    g_autofree char *jobs = g_strdup_printf(
        "INSERT INTO background_jobs (id, organization_id, job_type, status, payload, timeout_s, attempt, created_at,"
        " updated_at, completed_at) SELECT CAST(CONCAT('0190a6f0-0000-7000-8000-', LPAD(HEX(seq), 12, '0')) AS UUID),"
        " '" ORG "', '%s', '%s', '{}', 30, 1, UTC_TIMESTAMP(6) - INTERVAL %d DAY + INTERVAL seq MICROSECOND,"
        " UTC_TIMESTAMP(6), IF('%s' IN ('queued', 'processing'), NULL, UTC_TIMESTAMP(6) - INTERVAL %d DAY)"
        " FROM seq_%d_to_%d",
        type, status, made_days, status, ended_days, first, first + n - 1);
    g_autofree char *attempts = g_strdup_printf(
        "INSERT INTO job_attempts (job_id, number, started_at, ended_at, outcome)"
        " SELECT CAST(CONCAT('0190a6f0-0000-7000-8000-', LPAD(HEX(seq), 12, '0')) AS UUID), 1, UTC_TIMESTAMP(6),"
        " UTC_TIMESTAMP(6), 'completed' FROM seq_%d_to_%d",
        first, first + n - 1);
    g_autofree char *counts = g_strdup_printf("INSERT INTO job_counts VALUES ('" ORG
                                              "', '%s', '%s', 0, 1, %d) ON DUPLICATE KEY UPDATE jobs = jobs + %d",
                                              type, status, n, n);
    must_text(db, jobs);
    must_text(db, attempts);
    must_text(db, counts);
}

/* Completed 7 days, failed 30, cancelled for ever; of type sleep, completed 1 day. */
static int64_t keep_s(const void *arg UNUSED, const char *job_type, enum job_status status)
{
    if (strcmp(job_type, "sleep") == 0 && status == JOB_COMPLETED) {
        return DAY_S;
    }
    return status == JOB_COMPLETED ? 7 * DAY_S : status == JOB_FAILED ? 30 * DAY_S : 0;
}

static struct job_pruned round_of(struct state *s)
{
    struct err e = ERR_INIT;
    struct job_pruned done;
    if (!job_prune(s->pruner, s->served.db, keep_s, NULL, ROUND_BUDGET_MS, &done, &e)) {
        fail_msg("%s", e.text);
    }
    assert_true(done.is_over);
    return done;
}

#define SQL_LEFT "SELECT COUNT(*) FROM background_jobs WHERE organization_id = '" ORG "'"

/* Counts are the rows, and no attempt is without its job. */
static void assert_sound(struct db *db)
{
    assert_int_equal(number_of(db,
                               "SELECT COUNT(*) FROM (SELECT job_type, status, SUM(n) AS off FROM"
                               " (SELECT job_type, status, jobs AS n FROM job_counts"
                               "  UNION ALL SELECT job_type, status, -1 FROM background_jobs) both_sides"
                               " GROUP BY job_type, status HAVING off <> 0) wrong",
                               NULL),
                     0);
    assert_int_equal(
        number_of(db, "SELECT COUNT(*) FROM job_attempts WHERE job_id NOT IN (SELECT id FROM background_jobs)", NULL),
        0);
}

/* --- what goes and what stays ------------------------------------------------------------------------------------ */

static void test_each_has_its_time(void **state)
{
    struct state *s = *state;
    static const struct {
        const char *type;
        const char *status;
        int made_days;
        int ended_days;
        bool goes;
    } rows[] = {
        {"noop", "completed", 8, 8, true},      {"noop", "completed", 6, 6, false},
        {"noop", "completed", 90, 6, false},    {"noop", "failed", 31, 31, true},
        {"noop", "failed", 29, 29, false},      {"noop", "failed", 400, 29, false},
        {"noop", "cancelled", 900, 900, false}, {"noop", "queued", 900, 0, false},
        {"noop", "processing", 900, 0, false},  {"sleep", "completed", 2, 2, true},
        {"sleep", "failed", 2, 2, false},       {"unheard_of", "completed", 8, 8, true},
    };
    int64_t stay = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        add_jobs(s->served.db, 1 + 10 * (int)i, 10, rows[i].type, rows[i].status, rows[i].made_days,
                 rows[i].ended_days);
        stay += rows[i].goes ? 0 : 10;
    }
    struct job_pruned done = round_of(s);
    assert_int_equal(done.jobs, 10 * (int64_t)ARRAY_SIZE(rows) - stay);
    assert_int_equal(number_of(s->served.db, SQL_LEFT, NULL), stay);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *sql = g_strdup_printf(
            "SELECT COUNT(*) FROM background_jobs WHERE CONV(RIGHT(id, 4), 16, 10) BETWEEN %d AND %d", 1 + 10 * (int)i,
            10 + 10 * (int)i);
        assert_int_equal(number_of(s->served.db, sql, NULL), rows[i].goes ? 0 : 10);
    }
    assert_sound(s->served.db);
    assert_int_equal(round_of(s).jobs, 0);
}

static void test_what_is_still_needed_stays(void **state)
{
    struct state *s = *state;
    add_jobs(s->served.db, 1, 5, "noop", "completed", 60, 60);
    add_jobs(s->served.db, 6, 1, "noop", "failed", 60, 60);
    must_text(s->served.db, "UPDATE background_jobs SET unique_key = id, unique_for_s = 86400 * 90 WHERE id LIKE '%1'");
    must_text(s->served.db, "UPDATE background_jobs SET unique_key = id, unique_for_s = 86400 WHERE id LIKE '%2'");
    must_text(s->served.db, "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) WHERE id LIKE '%6'");
    assert_int_equal(round_of(s).jobs, 4);
    assert_int_equal(number_of(s->served.db, SQL_LEFT " AND (id LIKE '%1' OR id LIKE '%6')", NULL), 2);
    assert_sound(s->served.db);
}

/* Whoever tries a job again while it is about to be deleted wins. */
static void test_a_locked_job_is_passed_over(void **state)
{
    struct state *s = *state;
    struct db *other CLEANUP(db_cleanup) = db_new(s->served.conf);
    add_jobs(s->served.db, 1, 20, "noop", "failed", 60, 60);
    must_text(other, "START TRANSACTION");
    must_text(other, "UPDATE background_jobs SET status = 'queued', dispatch_at = UTC_TIMESTAMP(6) WHERE id LIKE '%7'");
    must_text(other, "INSERT INTO job_counts VALUES ('" ORG "', 'noop', 'queued', 0, 2, 1), ('" ORG
                     "', 'noop', 'failed', 0, 2, -1)");
    assert_int_equal(round_of(s).jobs, 19);
    must_text(other, "COMMIT");
    assert_int_equal(round_of(s).jobs, 0);
    assert_int_equal(number_of(s->served.db, SQL_LEFT " AND status = 'queued'", NULL), 1);
    assert_sound(s->served.db);
}

/* Many rows of a counter become one; of those that are locked none is touched, and nobody waits: not even where one of
 * them is the row to which this connection adds. */
static void test_counters_are_folded(void **state)
{
    struct state *s = *state;
    struct db *other CLEANUP(db_cleanup) = db_new(s->served.conf);
    char lock[128];
    (void)snprintf(lock, sizeof(lock),
                   "UPDATE job_counts SET jobs = jobs + 1 WHERE status = 'queued' AND shard IN (%u, %u)",
                   db_shard(s->served.db) % 16, (db_shard(s->served.db) + 6) % 16);
    must_text(s->served.db, "INSERT INTO job_counts SELECT '" ORG
                            "', 'noop', 'queued', 0, seq, 10 - CAST(seq AS SIGNED) FROM seq_0_to_15");
    must_text(s->served.db, "INSERT INTO job_counts SELECT '" ORG
                            "', 'noop', 'failed', 0, seq, IF(seq = 15, -105, CAST(seq AS SIGNED))"
                            " FROM seq_0_to_15");
    must_text(s->served.db, "INSERT INTO job_counts SELECT '" ORG "', 'noop', 'processing', 0, seq, 1 FROM seq_1_to_3");
    must_text(other, "START TRANSACTION");
    must_text(other, lock);
    assert_int_equal(round_of(s).jobs, 0);
    must_text(other, "COMMIT");
    assert_int_equal(number_of(s->served.db, "SELECT SUM(jobs) FROM job_counts WHERE status = 'queued'", NULL),
                     160 - 120 + 2);
    assert_int_equal(number_of(s->served.db, "SELECT COUNT(*) FROM job_counts WHERE status = 'queued'", NULL), 3);
    assert_int_equal(number_of(s->served.db, "SELECT COUNT(*) FROM job_counts WHERE status = 'failed'", NULL), 0);
    assert_int_equal(number_of(s->served.db, "SELECT COUNT(*) FROM job_counts WHERE status = 'processing'", NULL), 3);
}

/* --- how much at a time ------------------------------------------------------------------------------------------- */

/* Old jobs that ended a short time ago are looked at once, not with every round. */
static void test_kept_jobs_are_not_read_again(void **state)
{
    struct state *s = *state;
    add_jobs(s->served.db, 1, 3000, "noop", "completed", 60, 1);
    int64_t begin = rows_read(s->served.db);
    assert_int_equal(round_of(s).jobs, 0);
    int64_t first = rows_read(s->served.db) - begin;
    assert_true(first >= 3000);
    add_jobs(s->served.db, 3001, 10, "noop", "completed", 50, 50);
    begin = rows_read(s->served.db);
    assert_int_equal(round_of(s).jobs, 10);
    assert_true(rows_read(s->served.db) - begin < first / 10);
    assert_sound(s->served.db);
}

static void test_a_job_with_very_many_details(void **state)
{
    struct state *s = *state;
    add_jobs(s->served.db, 1, 3, "noop", "completed", 60, 60);
    must_text(s->served.db,
              "INSERT INTO job_attempts (job_id, number, started_at, ended_at, outcome)"
              " SELECT '0190a6f0-0000-7000-8000-000000000002', seq, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'snoozed'"
              " FROM seq_2_to_4000");
    must_text(s->served.db, "INSERT INTO job_logs (job_id, attempt, number, logged_at, level, message)"
                            " SELECT '0190a6f0-0000-7000-8000-000000000001', 1, seq, UTC_TIMESTAMP(6), 'info', 'x'"
                            " FROM seq_1_to_3000");
    struct job_pruned done = round_of(s);
    assert_int_equal(done.jobs, 3);
    assert_int_equal(number_of(s->served.db, SQL_LEFT, NULL), 0);
    assert_sound(s->served.db);
}

/* The budget ends a call in the middle of a round, and the next goes on. */
static void test_a_round_in_parts(void **state)
{
    struct state *s = *state;
    struct job_pruned done = {.is_over = false};
    int calls = 0;
    add_jobs(s->served.db, 1, 3000, "noop", "completed", 60, 60);
    for (; !done.is_over; calls++) {
        struct err e = ERR_INIT;
        assert_true(job_prune(s->pruner, s->served.db, keep_s, NULL, 1, &done, &e));
        assert_sound(s->served.db);
    }
    assert_true(calls > 10);
    assert_int_equal(done.jobs, 3000);
}

struct probe {
    struct db *db;
    atomic_bool stop;
    size_t n;
    int64_t waits_us[100000];
};

/* Changes counters that the pruner changes and tries to lock jobs that it deletes, as requests do. */
static void *probe_run(void *arg)
{
    struct probe *p = arg;
    for (int i = 0; !atomic_load(&p->stop) && p->n < ARRAY_SIZE(p->waits_us); i++) {
        struct err e = ERR_INIT;
        g_autofree char *sql = g_strdup_printf(
            i % 2 == 0
                ? "UPDATE job_counts SET jobs = jobs + 0 * %d WHERE status = 'completed'"
                : "SELECT id FROM background_jobs WHERE id = CONCAT('0190a6f0-0000-7000-8000-', LPAD(HEX(%d), 12,"
                  " '0')) FOR UPDATE",
            1 + i * 7 % 20000);
        int64_t began_us = clock_mono_us();
        if (db_run_text(p->db, NULL, &e, sql)) {
            p->waits_us[p->n++] = clock_mono_us() - began_us;
        }
    }
    return NULL;
}

static int compare_waits(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Nobody waits 100 ms for the pruner's locks. A busy machine makes single waits of its own, so 1 in 100 is let pass. */
static void test_no_lock_is_held_long(void **state)
{
    struct state *s = *state;
    struct probe *p = g_new0(struct probe, 1);
    pthread_t thread;
    add_jobs(s->served.db, 1, 20000, "noop", "completed", 60, 60);
    p->db = db_new(s->served.conf);
    assert_int_equal(pthread_create(&thread, NULL, probe_run, p), 0);
    struct job_pruned done = round_of(s);
    atomic_store(&p->stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(done.jobs, 20000);
    assert_true(p->n > 50);
    qsort(p->waits_us, p->n, sizeof(p->waits_us[0]), compare_waits);
    print_message("%d waits: median %d us, 99th of 100 %d us, longest %d us; longest batch %d us\n", (int)p->n,
                  (int)p->waits_us[p->n / 2], (int)p->waits_us[p->n * 99 / 100], (int)p->waits_us[p->n - 1],
                  (int)done.longest_us);
    assert_in_range(p->waits_us[p->n * 99 / 100], 0, 100 * US_PER_MS);
    assert_sound(s->served.db);
    db_free(p->db);
    g_free(p);
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(test_each_has_its_time),
        SERVED(test_what_is_still_needed_stays),
        SERVED(test_a_locked_job_is_passed_over),
        SERVED(test_counters_are_folded),
        SERVED(test_kept_jobs_are_not_read_again),
        SERVED(test_a_job_with_very_many_details),
        SERVED(test_a_round_in_parts),
        SERVED(test_no_lock_is_held_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
