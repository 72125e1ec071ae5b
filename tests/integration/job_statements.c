/*
 * Tests for the statements of common/domain/job_*.c that no interleaving of real processes reaches reliably, against
 * the server of $BELLMAN_CONFIG; test_job_statements.py runs them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job.h"
#include "domain/job_log.h"
#include "domain/job_read.h"
#include "served.h"

#define ORG "fences"
#define WORKER "here:1:00000001"
#define OTHER_WORKER "there:2:00000002"
#define CRASH_LIMIT 3

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct served *s = g_new0(struct served, 1);
    *state = s;
    if (!served_open(s, ORG)) {
        return 1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct served *s = *state;
    served_close(s);
    g_free(s);
    return 0;
}

/* A queued job whose message is out; payload is {"text": "xxx..."} with that many of them. */
static void add_job(struct db *db, size_t text_bytes, char ret_id[UUID_TEXT_BYTES])
{
    struct err e = ERR_INIT;
    enum job_insert outcome = JOB_KEY_BUSY;
    g_autofree char *text = g_strnfill(text_bytes, 'x');
    json_auto_t *payload = json_pack("{s:s}", "text", text);
    const struct job_new job = {
        .organization_id = ORG,
        .job_type = "noop",
        .created_by = "test",
        .payload = payload,
        .max_retries = 3,
        .timeout_s = 30,
    };
    if (!job_insert(db, &job, NULL, &outcome, ret_id, NULL, &e)) {
        fail_msg("%s", e.text);
    }
    assert_int_equal(outcome, JOB_INSERTED);
    struct job_ref ref = {.attempt = 0};
    g_strlcpy(ref.id, ret_id, sizeof(ref.id));
    assert_true(job_mark_dispatched(db, &ref, 1, &e));
}

static struct job_claim message_of(const char *id, int64_t attempt)
{
    struct job_claim claim = {.message_attempt = attempt};
    g_strlcpy(claim.id, id, sizeof(claim.id));
    return claim;
}

static void claim_all(struct db *db, const char *worker_id, struct job_claim *claims, size_t n)
{
    struct err e = ERR_INIT;
    const struct job_claim_terms terms = {.worker_id = worker_id, .lease_ms = 60000, .crash_limit = CRASH_LIMIT};
    if (!job_claim_batch(db, &terms, claims, n, &e)) {
        fail_msg("%s", e.text);
    }
}

static struct job_claim claim_one(struct db *db, const char *id, int64_t attempt)
{
    struct job_claim claim = message_of(id, attempt);
    claim_all(db, WORKER, &claim, 1);
    assert_int_equal(claim.result, JOB_CLAIMED);
    return claim;
}

static struct job_finish finish_of(const struct job_claim *claim, enum job_finish_kind kind, const char *outcome)
{
    return (struct job_finish){
        .claim = claim,
        .kind = kind,
        .outcome = outcome,
        .cause = kind == JOB_FINISH_FAILED ? "permanent" : NULL,
        .delay_ms = 60000,
    };
}

static void finish_all(struct db *db, struct job_finish *finishes, size_t n)
{
    struct err e = ERR_INIT;
    if (!job_finish_batch(db, WORKER, finishes, n, &e)) {
        fail_msg("%s", e.text);
    }
}

static void rescue_all(struct db *db)
{
    struct err e = ERR_INIT;
    size_t n = 0;
    must_text(db, "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND"
                  " WHERE status = 'processing' AND organization_id = '" ORG "'");
    assert_true(job_rescue(db, CRASH_LIMIT, 100, &n, &e));
}

static void assert_counts_match(struct db *db)
{
    static const char sql[] = "SELECT COUNT(*) FROM (SELECT status, SUM(n) AS off FROM"
                              " (SELECT status, jobs AS n FROM job_counts WHERE organization_id = ?"
                              "  UNION ALL SELECT status, -1 FROM background_jobs WHERE organization_id = '" ORG
                              "') both_sides"
                              " GROUP BY status HAVING off <> 0) wrong";
    assert_int_equal(number_of(db, sql, ORG), 0);
}

/* --- claim ------------------------------------------------------------------------------------------------------- */

/* The answer to a COMMIT was lost for good, and the worker claims the same batch again, with one more. */
static void test_claim_once_more(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    char ids[2][UUID_TEXT_BYTES];
    struct job_claim claims[4];
    for (size_t i = 0; i < 2; i++) {
        add_job(db, 0, ids[i]);
    }
    struct job_claim before = claim_one(db, ids[0], 0);
    claims[0] = message_of(ids[0], 0);
    claims[1] = message_of(ids[1], 0);
    claims[2] = message_of(ids[0], 0); /* twice in one batch */
    claims[3] = message_of(ids[1], 1); /* a message of an attempt that has not been made */
    claim_all(db, WORKER, claims, 4);
    assert_int_equal(claims[0].result, JOB_OURS);
    assert_int_equal(claims[0].attempt, 1);
    assert_string_equal(claims[0].payload, before.payload);
    assert_int_equal(claims[1].result, JOB_CLAIMED);
    assert_int_equal(claims[2].result, JOB_STALE);
    assert_int_equal(claims[3].result, JOB_STALE);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(number_of(db,
                                   "SELECT status = 'processing' AND attempt = 1 AND worker_id = '" WORKER "'"
                                   " FROM background_jobs WHERE id = ?",
                                   ids[i]),
                         1);
        job_claim_release(&claims[i]);
    }
    job_claim_release(&before);
    assert_counts_match(db);
}

static void test_claim_of_others(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    char id[UUID_TEXT_BYTES];
    add_job(db, 0, id);
    struct job_claim claim = message_of(id, 0);
    claim_all(db, OTHER_WORKER, &claim, 1);
    assert_int_equal(claim.result, JOB_CLAIMED);
    job_claim_release(&claim);
    claim = message_of(id, 0);
    claim_all(db, WORKER, &claim, 1);
    assert_int_equal(claim.result, JOB_STALE);
}

/* A batch holds no more payload than fits well into memory and one statement's time. */
static void test_claim_of_much(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    struct job_claim claims[40];
    size_t claimed = 0;
    for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
        char id[UUID_TEXT_BYTES];
        add_job(db, i == 0 ? 10 : 1000000, id);
        claims[i] = message_of(id, 0);
    }
    claim_all(db, WORKER, claims, ARRAY_SIZE(claims));
    assert_int_equal(strlen(claims[0].payload), strlen("{\"text\":\"\"}") + 10);
    for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
        if (claims[i].result == JOB_CLAIMED) {
            claimed++;
            assert_int_equal(strlen(claims[i].payload), strlen("{\"text\":\"\"}") + (i == 0 ? 10 : 1000000));
        } else {
            assert_int_equal(claims[i].result, JOB_HELD);
            assert_null(claims[i].payload);
        }
        job_claim_release(&claims[i]);
    }
    assert_in_range(claimed, 2, 20);
    assert_int_equal(number_of(db,
                               "SELECT COUNT(*) FROM background_jobs WHERE status = 'processing'"
                               " AND organization_id = ?",
                               ORG),
                     claimed);
    assert_counts_match(db);
}

/* --- finish ------------------------------------------------------------------------------------------------------ */

/* The answer to a COMMIT was lost for good, so the worker writes the same outcomes once more. */
static void test_finish_once_more(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    static const enum job_finish_kind kinds[] = {JOB_FINISH_COMPLETED, JOB_FINISH_FAILED,    JOB_FINISH_RETRY,
                                                 JOB_FINISH_RELEASED,  JOB_FINISH_CANCELLED, JOB_FINISH_SNOOZED};
    struct job_claim claims[ARRAY_SIZE(kinds)];
    struct job_finish finishes[ARRAY_SIZE(kinds)];
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char id[UUID_TEXT_BYTES];
        add_job(db, 0, id);
        claims[i] = claim_one(db, id, 0);
        finishes[i] = finish_of(&claims[i], kinds[i], "completed");
    }
    finish_all(db, finishes, ARRAY_SIZE(kinds));
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
            assert_true(finishes[i].written);
            assert_int_equal(1, number_of(db, "SELECT COUNT(*) FROM job_attempts WHERE job_id = ?", claims[i].id));
        }
        assert_counts_match(db);
        finish_all(db, finishes, ARRAY_SIZE(kinds));
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        job_claim_release(&claims[i]);
    }
}

/* The same, and meanwhile some are written and some are not. */
static void test_finish_some_once_more(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    struct job_claim claims[3];
    struct job_finish finishes[3];
    for (size_t i = 0; i < 3; i++) {
        char id[UUID_TEXT_BYTES];
        add_job(db, 0, id);
        claims[i] = claim_one(db, id, 0);
        finishes[i] = finish_of(&claims[i], JOB_FINISH_FAILED, "failed");
    }
    finish_all(db, finishes, 1);
    finish_all(db, finishes, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(finishes[i].written);
        assert_int_equal(1, number_of(db, "SELECT status = 'failed' FROM background_jobs WHERE id = ?", claims[i].id));
        job_claim_release(&claims[i]);
    }
    assert_counts_match(db);
}

static void test_finish_after_rescue(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    char id[UUID_TEXT_BYTES];
    add_job(db, 0, id);
    struct job_claim claim = claim_one(db, id, 0);
    struct job_finish finish = finish_of(&claim, JOB_FINISH_COMPLETED, "completed");
    rescue_all(db);
    finish_all(db, &finish, 1);
    assert_false(finish.written);
    assert_int_equal(1,
                     number_of(db, "SELECT status = 'queued' AND attempt = 1 FROM background_jobs WHERE id = ?", id));
    assert_int_equal(1, number_of(db, "SELECT COUNT(*) FROM job_attempts WHERE outcome = 'lost' AND job_id = ?", id));
    assert_counts_match(db);
    job_claim_release(&claim);
}

static void test_snooze(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    char id[UUID_TEXT_BYTES];
    add_job(db, 0, id);
    struct job_claim claim = claim_one(db, id, 0);
    struct job_finish finish = finish_of(&claim, JOB_FINISH_SNOOZED, "snoozed");
    finish_all(db, &finish, 1);
    assert_int_equal(1, number_of(db,
                                  "SELECT status = 'queued' AND retry_count = 0 AND snooze_count = 1"
                                  " AND next_retry_at IS NULL AND completed_at IS NULL AND dispatch_at BETWEEN"
                                  " UTC_TIMESTAMP(6) + INTERVAL 50 SECOND AND UTC_TIMESTAMP(6) + INTERVAL 60 SECOND"
                                  " FROM background_jobs WHERE id = ?",
                                  id));
    assert_int_equal(1,
                     number_of(db, "SELECT COUNT(*) FROM job_attempts WHERE outcome = 'snoozed' AND job_id = ?", id));
    assert_counts_match(db);
    job_claim_release(&claim);
}

/* What would be queued again is cancelled instead when that was asked for meanwhile. */
static void test_a_cancel_wins(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    static const enum job_finish_kind kinds[] = {JOB_FINISH_RETRY, JOB_FINISH_RELEASED, JOB_FINISH_SNOOZED};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct err e = ERR_INIT;
        enum job_cancel asked = JOB_CANCEL_DONE;
        char id[UUID_TEXT_BYTES];
        add_job(db, 0, id);
        struct job_claim claim = claim_one(db, id, 0);
        struct job_finish finish = finish_of(&claim, kinds[i], "failed");
        assert_true(job_cancel(db, ORG, id, "test", NULL, &asked, &e));
        assert_int_equal(asked, JOB_CANCEL_TOLD);
        finish_all(db, &finish, 1);
        assert_int_equal(1, number_of(db,
                                      "SELECT status = 'cancelled' AND dispatch_at IS NULL AND retry_count = 0"
                                      " AND snooze_count = 0 AND completed_at IS NOT NULL FROM background_jobs"
                                      " WHERE id = ?",
                                      id));
        assert_counts_match(db);
        job_claim_release(&claim);
    }
}

/* --- logs -------------------------------------------------------------------------------------------------------- */

static int64_t count_lines(struct db *db, const char *id)
{
    return number_of(db, "SELECT COUNT(*) FROM job_logs WHERE job_id = ?", id);
}

/* Written once however often it is tried, and by the owner alone. */
static void test_a_log_is_fenced(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    struct err e = ERR_INIT;
    char id[UUID_TEXT_BYTES];
    add_job(db, 0, id);
    struct job_claim claim = claim_one(db, id, 0);
    const struct job_log_line lines[] = {
        {.number = 1, .age_us = 2000000, .level = LOG_LEVEL_INFO, .message = "one"},
        {.number = 2, .age_us = 0, .level = LOG_LEVEL_ERROR, .message = "two \"Zo\u00eb\" \\ \U0001f600"},
    };
    for (int again = 0; again < 2; again++) {
        assert_true(job_log_write(db, id, claim.attempt, lines, 2, &e));
        assert_int_equal(count_lines(db, id), 2);
    }
    assert_int_equal(1,
                     number_of(db,
                               "SELECT message = 'two \"Zo\u00eb\" \\\\ \U0001f600' AND level = 'error' FROM job_logs"
                               " WHERE number = 2 AND job_id = ?",
                               id));
    assert_int_equal(1, number_of(db,
                                  "SELECT SUM(IF(number = 1, -1, 1) * UNIX_TIMESTAMP(logged_at)) BETWEEN 1.999 AND"
                                  " 2.001 FROM job_logs WHERE job_id = ?",
                                  id));
    assert_false(job_log_write(db, id, claim.attempt + 1, lines, 2, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    struct job_finish finish = finish_of(&claim, JOB_FINISH_COMPLETED, "completed");
    finish_all(db, &finish, 1);
    err_clear(&e);
    assert_false(job_log_write(db, id, claim.attempt, lines, 2, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(count_lines(db, id), 2);
    job_claim_release(&claim);
}

static void test_only_the_last_attempts_have_a_log(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    const struct job_log_line line = {.number = 1, .level = LOG_LEVEL_INFO, .message = "one"};
    char id[UUID_TEXT_BYTES];
    add_job(db, 0, id);
    for (int64_t attempt = 0; attempt < JOB_LOG_ATTEMPTS_MAX + 3; attempt++) {
        struct err e = ERR_INIT;
        struct job_claim claim = claim_one(db, id, attempt);
        struct job_finish finish = finish_of(&claim, JOB_FINISH_SNOOZED, "snoozed");
        assert_true(job_log_write(db, id, claim.attempt, &line, 1, &e));
        finish_all(db, &finish, 1);
        job_claim_release(&claim);
    }
    assert_int_equal(count_lines(db, id), JOB_LOG_ATTEMPTS_MAX);
    assert_int_equal(4, number_of(db, "SELECT MIN(attempt) FROM job_logs WHERE job_id = ?", id));
}

/* --- reads ------------------------------------------------------------------------------------------------------- */

#define READ_JOBS 6
#define READERS 8
#define READS 200

/* Jobs that were tried 0, 1, ... times. */
struct readings {
    const struct conf *conf;
    struct job_reads *reads;
    char ids[READ_JOBS][UUID_TEXT_BYTES];
    char *texts[READ_JOBS];
};

static void *read_many(void *arg)
{
    const struct readings *r = arg;
    struct db *db CLEANUP(db_cleanup) = db_new(r->conf);
    for (size_t i = 0; i < READS; i++) {
        struct err e = ERR_INIT;
        g_autoptr(GString) text = g_string_new("before");
        const size_t n = i % READ_JOBS;
        const bool is_other = i % 7 == 0;
        g_autofree char *id = i % 2 == 0 ? g_strdup(r->ids[n]) : g_ascii_strup(r->ids[n], -1);
        bool found = job_reads_get(r->reads, db, is_other ? "others" : ORG, id, text, &e);
        const char *wanted = is_other ? "" : r->texts[n];
        if (found == is_other || strcmp(text->str + strlen("before"), wanted) != 0 ||
            (is_other && e.code != ERR_NOT_FOUND)) {
            return g_strdup_printf("%s: %s; %s", id, text->str, e.text);
        }
    }
    return NULL;
}

static void try_job(struct db *db, const char *id, size_t times)
{
    for (size_t attempt = 0; attempt < times; attempt++) {
        struct job_claim claim = claim_one(db, id, (int64_t)attempt);
        struct job_finish finish = finish_of(&claim, JOB_FINISH_SNOOZED, "snoozed");
        finish_all(db, &finish, 1);
        job_claim_release(&claim);
    }
}

static void test_reads_at_the_same_time(void **state)
{
    struct served *s = *state;
    struct readings r = {.conf = s->conf, .reads = job_reads_new()};
    pthread_t threads[READERS];
    for (size_t i = 0; i < READ_JOBS; i++) {
        struct err e = ERR_INIT;
        json_auto_t *job = NULL;
        add_job(s->db, i * 100, r.ids[i]);
        try_job(s->db, r.ids[i], i);
        assert_true(job_get(s->db, ORG, r.ids[i], &job, &e));
        json_t *attempts = json_object_get(job, "attempts");
        assert_int_equal(json_array_size(attempts), i);
        for (size_t a = 0; a < i; a++) {
            assert_int_equal(json_integer_value(json_object_get(json_array_get(attempts, a), "number")), a + 1);
        }
        r.texts[i] = json_dumps(job, JSON_COMPACT);
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &r), 0);
    }
    for (size_t i = 0; i < READERS; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    for (size_t i = 0; i < READ_JOBS; i++) {
        free(r.texts[i]);
    }
    job_reads_free(r.reads);
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(test_claim_once_more),
        SERVED(test_claim_of_others),
        SERVED(test_claim_of_much),
        SERVED(test_finish_once_more),
        SERVED(test_finish_some_once_more),
        SERVED(test_finish_after_rescue),
        SERVED(test_snooze),
        SERVED(test_a_cancel_wins),
        SERVED(test_a_log_is_fenced),
        SERVED(test_only_the_last_attempts_have_a_log),
        SERVED(test_reads_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
