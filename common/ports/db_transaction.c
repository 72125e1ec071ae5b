#include <sys/random.h>
#include <time.h>

#include "ground/clock.h"
#include "ports/db_internal.h"

#define TRIES_MAX 8
#define PAUSE_FIRST_MS 4
/* Deadlocks come back at once, lock waits after seconds: of the latter not all tries fit into a caller's patience. */
#define TRY_UNTIL_US (7 * US_PER_S)
/* So many transactions without a statement between them, and the next ones are expected to be alike. */
#define IN_TURN 2

/* Between nothing and a bound that doubles with every try, so that two that collided do not collide again. */
static void pause_shortly(unsigned tries)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        random = UINT32_MAX;
    }
    uint32_t bound_us = (UINT32_C(1) << tries) * PAUSE_FIRST_MS * (uint32_t)US_PER_MS;
    struct timespec pause = {.tv_nsec = (long)(random % bound_us) * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void roll_back(struct db *db)
{
    struct err ignored = ERR_INIT;
    if (db->mysql != NULL && !db_run_text(db, NULL, &ignored, "ROLLBACK")) {
        db_disconnect(db); /* the server rolls back what a lost connection leaves */
    }
}

/* A connection that runs transactions only is told once that it does, which saves each of them the statement that
 * begins it. A statement outside of one ends that (db.c). */
static bool begin(struct db *db, struct err *e)
{
    const unsigned in_turn = db->in_turn;
    const bool goes_manual = in_turn >= IN_TURN;
    if (!db_connect(db, e)) {
        return false;
    }
    if (db->is_manual) {
        return true;
    }
    if (!db_run_text(db, NULL, e, goes_manual ? "SET autocommit = 0" : "START TRANSACTION")) {
        db_disconnect(db); /* it may have taken effect all the same */
        return false;
    }
    db->is_manual = goes_manual;
    db->in_turn = in_turn + 1;
    return true;
}

enum outcome { COMMITTED, FAILED, UNKNOWN };

static enum outcome commit(struct db *db, struct err *e)
{
    if (db->transaction_lost) {
        err_set(e, ERR_LOCKED, "The transaction was rolled back under its body");
        roll_back(db);
        return FAILED;
    }
    if (db_run_text(db, NULL, e, "COMMIT")) {
        return COMMITTED;
    }
    if (e->code == ERR_LOCKED) {
        roll_back(db);
        return FAILED;
    }
    db_disconnect(db);
    return UNKNOWN;
}

static enum outcome try_once(struct db *db, db_body_fn *body, void *arg, bool repeated, struct err *e)
{
    if (!begin(db, e)) {
        return FAILED;
    }
    enum outcome outcome = FAILED;
    db->in_transaction = true;
    db->transaction_lost = false;
    if (body(db, arg, repeated, e)) {
        outcome = commit(db, e);
    } else {
        err_set(e, ERR_INTERNAL, "A transaction's body failed without a reason");
        roll_back(db);
    }
    db->in_transaction = false;
    return outcome;
}

bool db_transaction(struct db *db, db_body_fn *body, void *arg, struct err *e)
{
    g_assert(!db->in_transaction);
    bool repeated = false;
    const int64_t last_try_us = clock_mono_us() + TRY_UNTIL_US;
    for (unsigned tries = 1;; tries++) {
        struct err now = ERR_INIT;
        enum outcome outcome = try_once(db, body, arg, repeated, &now);
        if (outcome == COMMITTED) {
            return true;
        }
        repeated = repeated || outcome == UNKNOWN;
        bool again = outcome == UNKNOWN || now.code == ERR_LOCKED;
        if (!again || tries == TRIES_MAX || clock_mono_us() > last_try_us) {
            /* After a COMMIT without an answer, whatever came later does not tell whether it took effect. */
            bool in_doubt = repeated && (again || now.code == ERR_UNAVAILABLE || now.code == ERR_TIMEOUT);
            return err_set(e, in_doubt ? ERR_UNKNOWN_OUTCOME : now.code, "%s", now.text);
        }
        pause_shortly(tries);
    }
}
