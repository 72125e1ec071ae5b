/*
 * dead_letters.h: the jobs that have failed for good and that nobody has dealt with: status failed, cause set,
 * discarded_at NULL. Each has a row in dead_letters, written and ended in the transaction that changes the job's own
 * row, and one message in the broker's queue bellman.dead, which the dead keeper (consumer/dead_keeper.c) looks after.
 *
 * live_id is the job's id, or NULL when it is no dead letter any more (replayed, discarded, or its row deleted: the
 * foreign key sees to that). Such a row stays until the message has gone from the queue.
 */
#ifndef BELLMAN_DEAD_LETTERS_H
#define BELLMAN_DEAD_LETTERS_H

#include <glib.h>
#include <jansson.h>

#include "domain/field.h"
#include "domain/job.h"

/* --- for people (dead_letters.c) --------------------------------------------------------------------------------- */

struct dead_filter {
    const char *organization_id;
    const char *job_type;      /* NULL: any */
    const char *cause;         /* NULL: any */
    int64_t created_after_us;  /* of the job; 0: none; exclusive */
    int64_t created_before_us; /* 0: none; exclusive */
    int64_t limit;
    const char *cursor; /* NULL: first page */
};

/* {dead_letters, total, total_capped, limit, next_cursor}: jobs as job_list gives them, newest first. Counted up to
 * 10,000. ERR_INVALID: the cursor is not one of ours. */
bool dead_letters_list(struct db *db, const struct dead_filter *filter, json_t **ret, struct err *e) MUST_CHECK;

/* The job with its attempts; ERR_NOT_FOUND when it is no dead letter of the organization. New reference. */
bool dead_letter_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e)
    MUST_CHECK;

enum dead_discard { DEAD_DISCARD_DONE, DEAD_DISCARD_ALREADY, DEAD_DISCARD_NOT_DEAD };
/* Puts a dead letter aside for good: the job stays failed, discarded_at is set; with its audit row in one transaction.
 * DEAD_DISCARD_NOT_DEAD: the job is there and has not failed. ERR_NOT_FOUND also for another organization's. */
bool dead_letter_discard(struct db *db, const char *organization_id, const char *id, const char *user,
                         const char *request_id, enum dead_discard *ret, struct err *e) MUST_CHECK;

/* --- within a transaction that changes the jobs' rows ------------------------------------------------------------- */

/* ids are those of jobs whose rows are locked, at least one. Who is failed now, with a cause, becomes a dead
 * letter. */
bool dead_letters_add(struct db *db, const GPtrArray *ids, struct err *e) MUST_CHECK;
/* Who is a dead letter is none any more. */
bool dead_letters_end(struct db *db, const GPtrArray *ids, struct err *e) MUST_CHECK;

/* --- for the keeper of the queue (dead_sync.c) -------------------------------------------------------------------- */

/* Whether there are rows whose message must go. */
bool dead_letters_any_ended(struct db *db, bool *ret, struct err *e) MUST_CHECK;
/* Number of rows, counted up to limit. */
bool dead_letters_count(struct db *db, int64_t limit, int64_t *ret, struct err *e) MUST_CHECK;

struct dead_id {
    unsigned char bytes[16];
};
struct dead_row {
    struct dead_id id;
    bool is_live;
    bool is_ripe; /* dead for so long that its message should be in the queue */
};

/* A part of all ids: those that end with the hexadecimal digits of suffix ("": all). */
struct dead_slice {
    char suffix[4];
};
bool dead_slice_has(const struct dead_slice *slice, const char *id);

#define DEAD_SLICE_ROWS 200000
/* How many hexadecimal digits cut n rows into slices of about DEAD_SLICE_ROWS. Pure. */
unsigned dead_slice_digits(int64_t n);
/* The suffix of slice i of 16^digits; false: there is no such slice. Pure. */
bool dead_slice_suffix(unsigned digits, unsigned i, char ret[4]);

/* Up to max rows of the slice, beginning behind after (empty: at the beginning), which moves on. Fewer than max: these
 * were the last. ripe_ms is the age of a ripe one. */
bool dead_letters_page(struct db *db, const struct dead_slice *slice, char after[UUID_TEXT_BYTES], int64_t ripe_ms,
                       struct dead_row *rows, size_t max, size_t *ret_n, struct err *e) MUST_CHECK;

enum dead_state {
    DEAD_LIVE,    /* a dead letter */
    DEAD_ENDED,   /* was one, or a job that is none */
    DEAD_UNKNOWN, /* there is no such job, and never was a dead letter */
};
/* What n jobs are by now. */
bool dead_letters_look(struct db *db, const struct dead_id *ids, size_t n, enum dead_state *ret, struct err *e)
    MUST_CHECK;

/* Makes the messages of those that are dead letters due: the relay publishes them. */
bool dead_letters_republish(struct db *db, const struct dead_id *ids, size_t n, size_t *ret_n, struct err *e)
    MUST_CHECK;
/* Deletes the rows of those that are none any more. */
bool dead_letters_forget(struct db *db, const struct dead_id *ids, size_t n, size_t *ret_n, struct err *e) MUST_CHECK;

/* Pure. False: not a UUID. */
bool dead_id_parse(const char *text, struct dead_id *ret);
void dead_id_print(const struct dead_id *id, char ret[UUID_TEXT_BYTES]);

#endif
