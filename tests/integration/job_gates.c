/*
 * Tests for pauses and limits in the statements of jobs, where no interleaving of real processes reaches them reliably,
 * against the server of $BELLMAN_CONFIG; test_job_statements.py runs them.
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

#include "domain/held_jobs.h"
#include "domain/limits.h"
#include "served.h"

#define ORG "gates"
#define WORKER "here:1:00000001"
#define BATCH 12

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct served *s = g_new0(struct served, 1);
    *state = s;
    if (!served_open(s, ORG)) {
        return 1;
    }
    must_text(s->db, "DELETE FROM job_limits");
    return 0;
}

static int tear_down(void **state)
{
    struct served *s = *state;
    served_close(s);
    g_free(s);
    return 0;
}

static void add_jobs(struct db *db, size_t n, int64_t priority, struct job_claim *ret)
{
    struct err e = ERR_INIT;
    json_auto_t *payload = json_object();
    const struct job_new job = {
        .organization_id = ORG,
        .job_type = "noop",
        .created_by = "test",
        .payload = payload,
        .priority = priority,
        .timeout_s = 30,
    };
    for (size_t i = 0; i < n; i++) {
        enum job_insert outcome = JOB_KEY_BUSY;
        ret[i] = (struct job_claim){.message_attempt = 0};
        if (!job_insert(db, &job, NULL, &outcome, ret[i].id, NULL, &e)) {
            fail_msg("%s", e.text);
        }
        assert_int_equal(outcome, JOB_INSERTED);
    }
}

static bool claim(struct db *db, const struct gate_rules *rules, struct job_claim *claims, size_t n)
{
    struct err e = ERR_INIT;
    const struct job_claim_terms terms = {.worker_id = WORKER, .lease_ms = 60000, .crash_limit = 3, .gates = rules};
    bool done = job_claim_batch(db, &terms, claims, n, &e);
    for (size_t i = 0; i < n; i++) {
        job_claim_release(&claims[i]);
    }
    if (!done) {
        print_message("%s\n", e.text);
    }
    return done;
}

static size_t count(const struct job_claim *claims, size_t n, enum job_claim_result result)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        found += claims[i].result == result ? 1 : 0;
    }
    return found;
}

static void finish(struct db *db, const struct job_claim *done)
{
    struct err e = ERR_INIT;
    struct job_finish finish = {.claim = done, .kind = JOB_FINISH_COMPLETED, .outcome = "completed"};
    assert_true(job_finish_batch(db, WORKER, &finish, 1, &e));
    assert_true(finish.written);
}

static void set_limit(struct db *db, int64_t max_running)
{
    struct err e = ERR_INIT;
    const struct gate_change change = gate_change_of(ORG, "noop", "test", NULL);
    assert_true(limit_set(db, &change, max_running, -1, &e));
}

static struct gate_rules *limited_rules(void)
{
    struct gate_rules *rules = gate_rules_new(0);
    gate_rules_add_limit(rules, ORG, "noop");
    return rules;
}

static const struct gate_key group = {.organization_id = ORG, .job_type = "noop"};

static size_t release(struct db *db, const struct gate_rules *rules, struct job_ref *refs, size_t max)
{
    struct err e = ERR_INIT;
    size_t n = 0;
    if (!held_jobs_release(db, rules, &group, 5000, refs, max, &n, &e)) {
        fail_msg("%s", e.text);
    }
    return n;
}

static struct job_claim message_of(const struct job_ref *ref)
{
    struct job_claim claim = {.message_attempt = ref->attempt};
    g_strlcpy(claim.id, ref->id, sizeof(claim.id));
    return claim;
}

#define HELD "SELECT COUNT(*) FROM held_jobs WHERE organization_id = '" ORG "'"
#define JOBS "SELECT COUNT(*) FROM background_jobs WHERE organization_id = '" ORG "'"

/* --- tests ------------------------------------------------------------------------------------------------------- */

/* The confirm of its message comes when the job has been parked already: it must not count on that message. */
static void test_a_late_confirm(void **state)
{
    struct served *s = *state;
    struct err e = ERR_INIT;
    struct job_claim job;
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(0);
    gate_rules_add_pause(rules, ORG, "");
    add_jobs(s->db, 1, 0, &job);
    assert_true(claim(s->db, rules, &job, 1));
    assert_int_equal(job.result, JOB_PARKED);
    struct job_ref ref = {.attempt = 0};
    g_strlcpy(ref.id, job.id, sizeof(ref.id));
    assert_true(job_mark_dispatched(s->db, &ref, 1, &e));
    assert_int_equal(number_of(s->db,
                               JOBS " AND status = 'queued' AND attempt = 0"
                                    " AND dispatch_at > UTC_TIMESTAMP(6) + INTERVAL 50 MINUTE",
                               NULL),
                     1);
    assert_int_equal(number_of(s->db, HELD " AND reason = 'paused' AND released = 0", NULL), 1);
    assert_int_equal(
        number_of(s->db, "SELECT SUM(jobs) FROM job_counts WHERE organization_id = '" ORG "' AND status = 'queued'",
                  NULL),
        1);
    struct job_ref refs[2];
    CLEANUP(gate_rules_cleanup) struct gate_rules *open = gate_rules_new(0);
    assert_int_equal(release(s->db, open, refs, 2), 1);
    assert_int_equal(number_of(s->db, HELD, NULL), 0);
    assert_true(job_mark_dispatched(s->db, &refs[0], 1, &e));
    assert_int_equal(number_of(s->db, JOBS " AND dispatch_at IS NULL", NULL), 1);
}

static void test_a_cap_and_its_promises(void **state)
{
    struct served *s = *state;
    struct job_claim jobs[5];
    struct job_claim late;
    struct job_ref refs[5];
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = limited_rules();
    set_limit(s->db, 2);
    add_jobs(s->db, 5, 0, jobs);
    assert_true(claim(s->db, rules, jobs, 5));
    assert_int_equal(jobs[0].result, JOB_CLAIMED);
    assert_int_equal(jobs[1].result, JOB_CLAIMED);
    assert_int_equal(count(jobs, 5, JOB_PARKED), 3);
    assert_int_equal(release(s->db, rules, refs, 5), 0);

    finish(s->db, &jobs[0]);
    assert_int_equal(release(s->db, rules, refs, 5), 1);
    assert_string_equal(refs[0].id, jobs[2].id);
    assert_int_equal(release(s->db, rules, &refs[1], 4), 0); /* the one place is promised */
    add_jobs(s->db, 1, 1, &late);
    assert_true(claim(s->db, rules, &late, 1));
    assert_int_equal(late.result, JOB_PARKED); /* whatever its priority, it does not take the place */
    struct job_claim promised = message_of(&refs[0]);
    assert_true(claim(s->db, rules, &promised, 1));
    assert_int_equal(promised.result, JOB_CLAIMED);
    assert_int_equal(number_of(s->db, HELD " AND released = 1", NULL), 0);

    finish(s->db, &jobs[1]);
    assert_int_equal(release(s->db, rules, refs, 5), 1);
    assert_string_equal(refs[0].id, late.id); /* the highest priority first */
    assert_int_equal(number_of(s->db, JOBS " AND status = 'processing'", NULL), 1);
}

/* The promise ends when the limit was lowered meanwhile, and the job waits again. */
static void test_a_promise_that_cannot_be_kept(void **state)
{
    struct served *s = *state;
    struct job_claim jobs[3];
    struct job_ref refs[3];
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = limited_rules();
    set_limit(s->db, 1);
    add_jobs(s->db, 3, 0, jobs);
    assert_true(claim(s->db, rules, jobs, 3));
    set_limit(s->db, 3);
    assert_int_equal(release(s->db, rules, refs, 3), 2);
    set_limit(s->db, 1);
    struct job_claim promised[] = {message_of(&refs[0]), message_of(&refs[1])};
    assert_true(claim(s->db, rules, promised, 2));
    assert_int_equal(count(promised, 2, JOB_PARKED), 2);
    assert_int_equal(number_of(s->db, HELD " AND released = 0 AND reason = 'limit'", NULL), 2);
    assert_int_equal(number_of(s->db, JOBS " AND dispatch_at > UTC_TIMESTAMP(6) + INTERVAL 50 MINUTE", NULL), 2);
}

/* A worker that did not know of the limit has run the job: nobody will use its promise. */
static void test_a_promise_nobody_uses(void **state)
{
    struct served *s = *state;
    struct err e = ERR_INIT;
    struct job_claim jobs[3];
    struct job_ref refs[3];
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = limited_rules();
    CLEANUP(gate_rules_cleanup) struct gate_rules *none = gate_rules_new(0);
    set_limit(s->db, 1);
    add_jobs(s->db, 3, 0, jobs);
    assert_true(claim(s->db, rules, jobs, 3));
    finish(s->db, &jobs[0]);
    assert_int_equal(release(s->db, rules, refs, 3), 1);
    struct job_claim promised = message_of(&refs[0]);
    assert_true(claim(s->db, none, &promised, 1));
    finish(s->db, &promised);
    assert_int_equal(release(s->db, rules, refs, 3), 0);
    assert_true(held_jobs_sweep(s->db, rules, &group, &e));
    assert_int_equal(release(s->db, rules, refs, 3), 1);
    assert_true(held_jobs_sweep(s->db, rules, &group, &e));
    assert_int_equal(number_of(s->db, HELD " AND released = 1", NULL), 1); /* a good promise stays */
    assert_true(held_jobs_sweep(s->db, none, &group, &e));
    assert_int_equal(number_of(s->db, HELD, NULL), 0);
}

static void test_what_comes_to_be_parked(void **state)
{
    struct served *s = *state;
    struct job_claim jobs[4];
    CLEANUP(gate_rules_cleanup) struct gate_rules *none = gate_rules_new(0);
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = limited_rules();
    CLEANUP(gate_rules_cleanup) struct gate_rules *paused = gate_rules_new(0);
    gate_rules_add_pause(paused, "", "noop");
    set_limit(s->db, 1);
    add_jobs(s->db, 4, 0, jobs);
    jobs[1].park_only = true;
    jobs[3].park_only = true;
    assert_true(claim(s->db, none, &jobs[1], 1));
    assert_int_equal(jobs[1].result, JOB_HELD);
    assert_true(claim(s->db, rules, &jobs[1], 1));
    assert_int_equal(jobs[1].result, JOB_HELD); /* there is room: it must not be parked, nor run here */
    assert_int_equal(number_of(s->db, HELD, NULL), 0);
    assert_true(claim(s->db, rules, jobs, 3));
    assert_int_equal(jobs[0].result, JOB_CLAIMED);
    assert_int_equal(count(jobs, 3, JOB_PARKED) + count(jobs, 3, JOB_HELD), 2);
    assert_true(claim(s->db, rules, &jobs[3], 1));
    assert_int_equal(jobs[3].result, JOB_PARKED); /* others wait before it */
    assert_int_equal(number_of(s->db, JOBS " AND status = 'processing'", NULL), 1);
    assert_true(claim(s->db, paused, &jobs[3], 1));
    assert_int_equal(number_of(s->db, HELD " AND reason = 'paused'", NULL), 1);
}

/* --- workers at the same time ------------------------------------------------------------------------------------ */

#define WORKERS 4
#define ROUNDS 5

struct race {
    const struct conf *conf;
    const struct gate_rules *rules;
    struct job_claim jobs[WORKERS][BATCH];
    pthread_barrier_t start;
    atomic_int failed;
};

struct racer {
    struct race *race;
    size_t number;
};

static void *race_run(void *arg)
{
    struct racer *r = arg;
    struct db *db = db_new(r->race->conf);
    pthread_barrier_wait(&r->race->start);
    if (!claim(db, r->race->rules, r->race->jobs[r->number], BATCH)) {
        atomic_fetch_add(&r->race->failed, 1);
    }
    db_free(db);
    return NULL;
}

static void race_once(struct served *s, const struct gate_rules *rules, int64_t wanted)
{
    static struct race race;
    struct racer racers[WORKERS];
    pthread_t threads[WORKERS];
    race.conf = s->conf;
    race.rules = rules;
    atomic_store(&race.failed, 0);
    pthread_barrier_init(&race.start, NULL, WORKERS);
    must_text(s->db, "DELETE FROM background_jobs WHERE organization_id = '" ORG "'");
    for (size_t w = 0; w < WORKERS; w++) {
        add_jobs(s->db, BATCH, (int64_t)w % 3 - 1, race.jobs[w]);
    }
    for (size_t w = 0; w < WORKERS; w++) {
        racers[w] = (struct racer){&race, w};
        assert_int_equal(pthread_create(&threads[w], NULL, race_run, &racers[w]), 0);
    }
    for (size_t w = 0; w < WORKERS; w++) {
        pthread_join(threads[w], NULL);
    }
    pthread_barrier_destroy(&race.start);
    assert_int_equal(atomic_load(&race.failed), 0);
    assert_int_equal(number_of(s->db, JOBS " AND status = 'processing'", NULL), wanted);
    assert_int_equal(number_of(s->db, HELD, NULL), WORKERS * BATCH - wanted);
}

static void test_never_more_than_the_cap(void **state)
{
    struct served *s = *state;
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = limited_rules();
    set_limit(s->db, 5);
    for (int i = 0; i < ROUNDS; i++) {
        race_once(s, rules, 5);
    }
}

/* The row by which the organization is locked is made by the first. */
static void test_never_more_than_the_default(void **state)
{
    struct served *s = *state;
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(3);
    for (int i = 0; i < ROUNDS; i++) {
        must_text(s->db, "DELETE FROM job_limits");
        race_once(s, rules, 3);
    }
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(test_a_late_confirm),
        SERVED(test_a_cap_and_its_promises),
        SERVED(test_a_promise_that_cannot_be_kept),
        SERVED(test_a_promise_nobody_uses),
        SERVED(test_what_comes_to_be_parked),
        SERVED(test_never_more_than_the_cap),
        SERVED(test_never_more_than_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
