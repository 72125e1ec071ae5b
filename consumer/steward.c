#include "steward.h"

#include <string.h>

#include "dead_keeper.h"
#include "domain/job_prune.h"
#include "ground/clock.h"
#include "ground/log.h"

#define ELECT_MS 1000 /* between two looks at the lock, held or not */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000
#define BACKOFF_DOUBLINGS 6

#define SQL_LOCK "CONCAT('bellman.steward.', DATABASE())"
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

enum vote { VOTE_REFUSED = 0, VOTE_GAINED = 1, VOTE_KEPT = 2 };

struct steward *steward_new(struct pipeline *p)
{
    struct steward *s = g_new0(struct steward, 1);
    s->p = p;
    return s;
}

void steward_free(struct steward *s)
{
    job_pruner_free(s->pruner);
    dead_keeper_free(s->dead);
    g_free(s);
}

void steward_again(struct steward *s, int64_t ms)
{
    s->again_ms = ms;
}

void steward_poke(struct steward *s, const char *task)
{
    for (size_t i = 0; steward_tasks[i].name != NULL; i++) {
        if (strcmp(steward_tasks[i].name, task) == 0) {
            pthread_mutex_lock(&s->p->lock);
            atomic_fetch_or(&s->poked, UINT32_C(1) << i);
            pthread_cond_broadcast(&s->p->phase_cond);
            pthread_mutex_unlock(&s->p->lock);
        }
    }
}

/* --- election ----------------------------------------------------------------------------------------------------- */

/* Asks for the lock, or whether it is still this connection's: one that was lost and made again does not hold it. */
static bool vote(struct steward *s, enum vote *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run_text(s->db, &r, e,
                     "SELECT IF(IS_USED_LOCK(" SQL_LOCK ") = CONNECTION_ID(), 2, GET_LOCK(" SQL_LOCK ", 0))")) {
        return false;
    }
    int64_t answer = r.rows == 1 ? db_cell_int(&r, 0, 0) : VOTE_REFUSED;
    *ret = answer == VOTE_KEPT ? VOTE_KEPT : answer == VOTE_GAINED ? VOTE_GAINED : VOTE_REFUSED;
    return true;
}

/* The server keeps the lock of a client that has gone silent for as long as it keeps the connection: hours by itself.
 */
static bool limit_silence(struct steward *s, struct err *e)
{
    return db_run_text(s->db, NULL, e, "SET SESSION wait_timeout = " STRING(STEWARD_LOST_S));
}

static bool elect(struct steward *s, struct err *e)
{
    enum vote result = VOTE_REFUSED;
    if (!vote(s, &result, e) || (result == VOTE_GAINED && !limit_silence(s, e))) {
        return false;
    }
    if (result != VOTE_REFUSED && !s->is_leader) {
        log_info("steward.elected", LSTR("worker_id", s->p->worker_id));
    } else if (result == VOTE_REFUSED && s->is_leader) {
        log_warn("steward.replaced", LSTR("worker_id", s->p->worker_id));
    }
    s->is_leader = result != VOTE_REFUSED;
    return true;
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static int64_t backoff_ms(unsigned failures)
{
    return MIN(BACKOFF_FIRST_MS << MIN(failures - 1, BACKOFF_DOUBLINGS), BACKOFF_LAST_MS);
}

static void run_task(struct steward *s, const struct steward_task *task, struct steward_slot *slot)
{
    struct err e = ERR_INIT;
    s->again_ms = -1;
    int64_t delay_ms = task->interval_ms;
    if (task->run(s, &e)) {
        slot->failures = 0;
        delay_ms = s->again_ms >= 0 ? s->again_ms : delay_ms;
    } else {
        if (slot->failures++ == 0) {
            log_error("steward.task_failed", LSTR("task", task->name), LERR(&e), LSTR("then", "trying again"));
        }
        delay_ms = backoff_ms(slot->failures);
    }
    slot->next_us = clock_mono_us() + delay_ms * US_PER_MS;
}

static void run_due(struct steward *s)
{
    uint32_t poked = atomic_exchange(&s->poked, 0);
    for (size_t i = 0; steward_tasks[i].name != NULL && !steward_is_stopping(s); i++) {
        if ((poked >> i & 1) != 0 || clock_mono_us() >= s->slots[i].next_us) {
            run_task(s, &steward_tasks[i], &s->slots[i]);
        }
    }
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static int64_t next_wake_us(const struct steward *s)
{
    int64_t next_us = clock_mono_us() + ELECT_MS * US_PER_MS;
    for (size_t i = 0; s->is_leader && steward_tasks[i].name != NULL; i++) {
        next_us = MIN(next_us, s->slots[i].next_us);
    }
    return next_us;
}

static void sleep_until(struct steward *s, int64_t wake_us)
{
    struct timespec deadline;
    clock_deadline(MAX(wake_us - clock_mono_us(), 0) / US_PER_MS + 1, &deadline);
    pthread_mutex_lock(&s->p->lock);
    while (!steward_is_stopping(s) && atomic_load(&s->poked) == 0 &&
           pthread_cond_timedwait(&s->p->phase_cond, &s->p->lock, &deadline) == 0) {
        /* woken for another reason: wait on */
    }
    pthread_mutex_unlock(&s->p->lock);
}

static void note_election(struct steward *s, bool ok, const struct err *e)
{
    if (!ok && !s->is_failing) {
        log_error("steward.no_election", LERR(e), LSTR("then", "trying again"));
    }
    s->is_failing = !ok;
    s->is_leader = s->is_leader && ok;
}

void *steward_run(void *arg)
{
    struct steward *s = arg;
    s->db = db_new(steward_conf(s));
    while (!steward_is_stopping(s)) {
        struct err e = ERR_INIT;
        note_election(s, elect(s, &e), &e);
        if (s->is_leader) {
            run_due(s);
        } else {
            dead_keeper_rest(s->dead);
            atomic_store(&s->poked, 0); /* whoever is elected later looks at everything anyway */
        }
        sleep_until(s, next_wake_us(s));
    }
    dead_keeper_rest(s->dead);
    db_free(s->db);
    return NULL;
}
