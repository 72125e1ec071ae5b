/*
 * job.h: the job record and the statements that change it. Beside job_*.c only dead_letters.c, dead_sync.c and
 * held_jobs.c write background_jobs, each what its header says.
 *
 * attempt is the fence: it counts claims. A message carries the value it was published with; a claim requires it
 * and adds one; every write of a worker requires status='processing' and the value its claim produced. dispatch_at
 * says when the relay must act (DESIGN: "One column says who must act next"): publish a queued row, rescue a
 * processing one. NULL: a message sits confirmed in the broker, or the job is finished.
 *
 * job_counts holds the number of jobs by organization, type, status and priority, in shards that are summed on
 * read; every transaction that changes a status changes its counts with it, so they are exact after any crash.
 */
#ifndef BELLMAN_JOB_H
#define BELLMAN_JOB_H

#include <jansson.h>

#include "domain/field.h"
#include "domain/idempotency.h"
#include "ground/base.h"
#include "ground/err.h"
#include "ground/ids.h"
#include "ports/db.h"
#include "ports/mq.h"

extern const struct record job_record;         /* background_jobs */
extern const struct record job_attempt_record; /* job_attempts, as shown in a job's answer */
extern const struct record job_create_body;    /* POST /background-jobs */
extern const struct record job_bulk_body;      /* POST /background-jobs/bulk */

#define JOB_BULK_MAX 1000

enum job_status { JOB_QUEUED, JOB_PROCESSING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED, JOB_STATUSES };
const char *job_status_name(enum job_status status);
bool job_status_parse(const char *name, enum job_status *ret);
bool job_status_is_final(enum job_status status);

#define ORG_ID_BYTES 65
#define JOB_TYPE_BYTES 65
#define WORKER_ID_BYTES 101 /* host:pid:random */

/* --- API side (job_insert.c, job_unique.c, job_api.c, job_list.c) ------------------------------------------------- */

struct job_new {
    const char *id; /* NULL: a new one is made */
    const char *organization_id;
    const char *job_type;
    const char *created_by;
    const json_t *payload;
    const char *payload_text; /* the same as compact JSON when that is at hand: payload is then not looked at */
    int64_t priority;
    int64_t max_retries;
    int64_t timeout_s;
    int64_t scheduled_wall_us; /* 0: now */
    const char *unique_key;    /* NULL: none */
    int64_t unique_for_s;      /* unique_key is held this long after the creation, too; 0: while the job is live */
    const char *retry;         /* JSON text of its own retry policy; NULL: its type's */
    const char *schedule_id;   /* NULL: none */
    const char *traceparent;   /* NULL: none */
    int64_t grace_ms;          /* dispatch_at of a job that is due: now plus this */
    bool left_to_relay;        /* whoever creates it does not publish it: no grace */
};

enum job_insert {
    JOB_INSERTED,
    JOB_KEY_TAKEN,  /* the idempotency key has a row: idempotency_find tells its story */
    JOB_KEY_BUSY,   /* another transaction is at work for it */
    JOB_NOT_UNIQUE, /* a job holds unique_key */
};

/* Inserts the row and its count in one transaction, with the answer to keep when key is not NULL (its body is then the
 * job as job_get would give it). ret_id gets the new id, or for JOB_NOT_UNIQUE the id of the job that holds unique_key.
 * ret_text (may be NULL) gets a new job as job_get would give it, as JSON text to be freed with g_free; NULL for one
 * that was there, and in the rare case that the outcome of the first commit was unknown. */
bool job_insert(struct db *db, const struct job_new *job, const struct idempotency *key, enum job_insert *ret,
                char ret_id[UUID_TEXT_BYTES], char **ret_text, struct err *e) MUST_CHECK;

/* What became of one job of a batch. */
struct job_inserted {
    char id[UUID_TEXT_BYTES];
    char *text; /* owned; JSON as job_get would give it, or NULL after a commit with unknown outcome */
};
void job_inserted_release(struct job_inserted *inserted);

/* Inserts n jobs, all or none, in one transaction; keys[i] belongs to jobs[i] and may be NULL, as may keys itself.
 * ERR_DUPLICATE: a unique index refused one of them; ERR_CONFLICT: somebody is at work for one of the keys. ret has
 * room for n. */
bool job_insert_batch(struct db *db, const struct job_new *const *jobs, const struct idempotency *const *keys, size_t n,
                      struct job_inserted *ret, struct err *e) MUST_CHECK;

/* A job of a list whose unique_key is held by another one. */
struct job_holder {
    size_t index;             /* in the list */
    char id[UUID_TEXT_BYTES]; /* who holds it; empty: the job at other of the same list */
    size_t other;
};

/* Inserts up to JOB_BULK_MAX jobs of one organization, which have their ids, all or none, in one transaction; key (or
 * NULL) has the whole answer. For JOB_NOT_UNIQUE ret_holders, which has room for 2 n, gets what stands in the way. */
bool job_insert_bulk(struct db *db, const struct job_new *jobs, size_t n, const struct idempotency *key,
                     enum job_insert *ret, struct job_holder *ret_holders, size_t *ret_holders_n, struct err *e)
    MUST_CHECK;

/* The job as its answer shows it, with attempts[]; ERR_NOT_FOUND also for another organization's. New reference. */
bool job_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e) MUST_CHECK;
/* The same appended to out as text, without a tree. out is untouched on failure. */
bool job_get_text(struct db *db, const char *organization_id, const char *id, GString *out, struct err *e) MUST_CHECK;

/* Inserts n jobs, which have their ids and no keys, and their counts inside the caller's transaction. */
bool job_insert_within(struct db *db, const struct job_new *jobs, size_t n, struct err *e) MUST_CHECK;

struct job_filter {
    const char *organization_id;
    const char *status;   /* NULL: any */
    const char *job_type; /* NULL: any */
    bool has_priority;
    int64_t priority;
    int64_t created_after_us;  /* 0: none; exclusive */
    int64_t created_before_us; /* 0: none; exclusive */
    int64_t skip;
    int64_t limit;
    const char *cursor; /* NULL: first page */
};

/* {jobs, total, skip, limit, next_cursor}, newest first, ties by id; a listed job has no attempts[]. total comes from
 * job_counts; with created_after/before it is counted up to 10,000 and total_capped says so. ERR_INVALID: a cursor that
 * is not one of ours, or, without one, a skip that would read too many rows of the filter's ranges. */
bool job_list(struct db *db, const struct job_filter *filter, json_t **ret, struct err *e) MUST_CHECK;
/* The same appended to out as text, without a tree. out is untouched on failure. */
bool job_list_text(struct db *db, const struct job_filter *filter, GString *out, struct err *e) MUST_CHECK;

enum job_cancel { JOB_CANCEL_DONE, JOB_CANCEL_TOLD, JOB_CANCEL_ALREADY, JOB_CANCEL_FINISHED };
/* Cancels a queued job, or asks for the cancel of a processing one; its audit row is in the same transaction. The
 * caller broadcasts for JOB_CANCEL_TOLD. request_id may be NULL. ERR_NOT_FOUND also for another organization's job. */
bool job_cancel(struct db *db, const char *organization_id, const char *id, const char *user, const char *request_id,
                enum job_cancel *ret, struct err *e) MUST_CHECK;

/* --- dispatch (job_dispatch.c): the relay and the publisher ------------------------------------------------------- */

struct org_load;

struct job_ref {
    char id[UUID_TEXT_BYTES];
    int64_t attempt;
    enum lane lane;
    enum tier tier; /* whatever it is, the row is the same */
    uint32_t flow;  /* job_flow of its organization; jobs of one flow share their turns */
    char job_type[JOB_TYPE_BYTES];
    char traceparent[56];
    bool ahead; /* publish it so that it goes before all others (priority layout) */
};

/* A hash that is the same in every process. */
uint32_t job_flow(const char *organization_id);

/* What decides to which tier a message goes (org_load.h). load NULL: everything to the main tier. */
struct job_tiers {
    struct org_load *load;
    int64_t backlog_threshold;
};

/* Sets flow and tier of a ref that has its lane and job_type. What was created must be counted (org_load_add) before.
 */
void job_ref_place(struct job_ref *ref, struct db *db, const struct job_tiers *tiers, const char *organization_id);

/* Takes up to max queued rows whose dispatch_at has passed and moves it grace_ms ahead, so that nobody else
 * publishes them meanwhile. refs has room for max. */
bool job_take_due(struct db *db, const struct job_tiers *tiers, struct job_ref *refs, size_t max, int64_t grace_ms,
                  size_t *ret_n, struct err *e) MUST_CHECK;
/* Clears dispatch_at of queued rows whose message is confirmed (attempt must still match). */
bool job_mark_dispatched(struct db *db, const struct job_ref *refs, size_t n, struct err *e) MUST_CHECK;
/* Makes queued rows due in delay_ms that are due later: they are to look at the world anew. ids: const char *, at least
 * one. */
bool job_wake(struct db *db, const GPtrArray *ids, int64_t delay_ms, struct err *e) MUST_CHECK;
/* Takes like job_take_due up to max queued rows of the lane whose message is confirmed, the oldest first, so that they
 * can be published once more, ahead of others. */
bool job_take_waiting(struct db *db, const struct job_tiers *tiers, enum lane lane, struct job_ref *refs, size_t max,
                      int64_t grace_ms, size_t *ret_n, struct err *e) MUST_CHECK;
/* Makes due up to max queued rows of the lane that count on a message and have not changed for min_age_ms: their
 * messages are lost. Harmless when they are not. */
bool job_redispatch_lost(struct db *db, enum lane lane, int64_t min_age_ms, size_t max, size_t *ret_n, struct err *e)
    MUST_CHECK;
/* Number of such rows, counted up to limit. */
bool job_count_dispatched(struct db *db, enum lane lane, int64_t min_age_ms, int64_t limit, int64_t *ret, struct err *e)
    MUST_CHECK;
/* Queued jobs of the organization, type and priority that wait to run now, as opposed to later: counted among the first
 * look_at of them. */
bool job_count_ready(struct db *db, const char *organization_id, const char *job_type, int64_t priority,
                     int64_t look_at, int64_t *ret, struct err *e) MUST_CHECK;
/* Failed rows that a rescue finished, whose dead letter must still be published: taken like job_take_due. cause is
 * copied into traceparent's place of the message by the caller; here it comes with the ref. */
struct job_dead_ref {
    struct job_ref ref;
    char cause[65];
};
bool job_take_dead(struct db *db, struct job_dead_ref *refs, size_t max, int64_t grace_ms, size_t *ret_n, struct err *e)
    MUST_CHECK;
bool job_mark_dead_published(struct db *db, const struct job_ref *refs, size_t n, struct err *e) MUST_CHECK;

/* --- worker (job_claim.c, job_finish.c) --------------------------------------------------------------------------- */

enum job_claim_result {
    JOB_CLAIMED,
    JOB_OURS,       /* this worker holds it at the message's attempt already. When it runs here: a duplicate, ack.
                     * Otherwise an earlier call claimed it, whose COMMIT had no answer: run it. Filled as CLAIMED */
    JOB_STALE,      /* duplicate, cancelled, finished or claimed by another: ack */
    JOB_STALE_DEAD, /* the attempt of this message failed for good: reject if it was delivered before, for its
                     * dead-lettering has not come through; else it is a second message of a dead-lettered one: ack */
    JOB_MISSING,    /* no such row: not visible yet, or never ours */
    JOB_HELD,       /* another suspect runs here, the batch's payloads are too much at once, or it came to be parked and
                     * may start: try again later */
    JOB_PARKED,     /* a pause or a limit keeps it from starting, and its row says so: ack (held_jobs.h) */
};

/* One delivery on its way through claim; the rest is filled for JOB_CLAIMED and JOB_OURS. */
struct job_claim {
    char id[UUID_TEXT_BYTES];
    int64_t message_attempt;
    bool park_only; /* there is no room for it here: it may be parked, else it is JOB_HELD */
    enum job_claim_result result;
    int64_t attempt; /* the fence: message_attempt + 1 */
    char organization_id[ORG_ID_BYTES];
    char job_type[JOB_TYPE_BYTES];
    int64_t priority;
    int64_t retry_count;
    int64_t max_retries;
    int64_t timeout_s;
    int64_t crash_count;
    int64_t created_wall_us;
    char retry[256]; /* JSON text of its own retry policy; empty: its type's holds */
    char *payload;   /* JSON text; freed by job_claim_release */
    char traceparent[56];
};
void job_claim_release(struct job_claim *claim);

/* A job that will be given up if its worker is lost once more. A worker runs one of them at a time, so that the one
 * which kills workers takes no other with it. */
bool job_is_suspect(int64_t crash_count, int64_t crash_limit);

struct gate_rules;

struct job_claim_terms {
    const char *worker_id;
    int64_t lease_ms;
    int64_t crash_limit;
    bool has_suspect;               /* a suspect runs here: no other is claimed */
    const struct gate_rules *gates; /* of at most a second ago (gates.h); NULL: none */
};

/* Claims n deliveries in one transaction: dispatch_at becomes the lease's end. After ERR_UNKNOWN_OUTCOME it is called
 * again with the same deliveries. */
bool job_claim_batch(struct db *db, const struct job_claim_terms *terms, struct job_claim *claims, size_t n,
                     struct err *e) MUST_CHECK;

enum job_finish_kind {
    JOB_FINISH_COMPLETED,
    JOB_FINISH_RETRY,  /* queued again, retry_count + 1, due in delay_ms */
    JOB_FINISH_FAILED, /* for good; the message is then dead-lettered */
    JOB_FINISH_CANCELLED,
    JOB_FINISH_RELEASED, /* handed back unstarted at shutdown: queued, due now, no retry spent */
    JOB_FINISH_SNOOZED,  /* queued again, due in delay_ms, no retry spent, snooze_count + 1 */
};

struct job_finish {
    const struct job_claim *claim;
    enum job_finish_kind kind;
    const char *outcome;     /* of the attempt row: completed, failed, timeout, cancelled, released, snoozed */
    const char *result;      /* JSON text, or NULL */
    const char *error;       /* NULL unless it went wrong; at most 2,000 bytes are kept */
    const char *cause;       /* JOB_FINISH_FAILED: exhausted, permanent, unknown_type, unreadable, signal */
    int64_t delay_ms;        /* JOB_FINISH_RETRY, JOB_FINISH_SNOOZED */
    int64_t started_wall_us; /* when the handler began, for the attempt row */
    bool is_acked;           /* its message is gone: a dead letter is the relay's to publish (dispatch_at) */
    bool written;            /* out: the row has this outcome, by this call or an earlier one whose answer was lost;
                              * false: the fence did not hold, another owns the job now */
};

/* Writes n outcomes with their attempt rows and counts in one transaction. A cancel that was asked for meanwhile turns
 * what would be queued again into CANCELLED. After ERR_UNKNOWN_OUTCOME it may be called again: what is written is not
 * written twice. */
bool job_finish_batch(struct db *db, const char *worker_id, struct job_finish *finishes, size_t n, struct err *e)
    MUST_CHECK;

/* Renews the leases of running jobs; sets told[i] when a cancel was asked for, lost[i] when the fence no longer holds.
 */
bool job_renew_leases(struct db *db, const char *worker_id, int64_t lease_ms, const struct job_ref *refs, size_t n,
                      bool *told, bool *lost, struct err *e) MUST_CHECK;

/* Rescues up to max processing rows whose lease has ended: the attempt is recorded as lost; the job is queued and due
 * at once, cancelled if that was asked for, or failed (cause crashed_worker, its dead letter due) when it was lost
 * crash_limit times. */
bool job_rescue(struct db *db, int64_t crash_limit, size_t max, size_t *ret_n, struct err *e) MUST_CHECK;

/* Progress 0-100 and a short message of a running job (fenced). */
bool job_progress(struct db *db, const char *id, int64_t attempt, int64_t percent, const char *message, struct err *e)
    MUST_CHECK;

/* --- counts (job_counts.c) ---------------------------------------------------------------------------------------- */

/* One change of a counter; add them up and write them in the caller's transaction. */
struct job_count_delta {
    const char *organization_id;
    const char *job_type;
    enum job_status status;
    int64_t priority;
    int64_t delta;
};
bool job_counts_add(struct db *db, const struct job_count_delta *deltas, size_t n, struct err *e) MUST_CHECK;
bool job_counts_total(struct db *db, const struct job_filter *filter, int64_t *ret, struct err *e) MUST_CHECK;
/* Adds up the rows over which a counter is spread, so that there are few to be added up by readers; those that others
 * have locked are left. delta does not matter. */
bool job_counts_fold(struct db *db, const struct job_count_delta *counter, struct err *e) MUST_CHECK;
/* Appends {total, by_status: {status: n}, by_type: [{job_type, status: n}]} with all five statuses, types by name. */
bool job_counts_text(struct db *db, const char *organization_id, GString *out, struct err *e) MUST_CHECK;
/* Rows (job_type, priority, number) of the filter's jobs, its times left aside; only where there are some. */
bool job_counts_by_slice(struct db *db, const struct job_filter *filter, struct db_result *ret, struct err *e)
    MUST_CHECK;

#endif
