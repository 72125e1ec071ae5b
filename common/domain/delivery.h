/*
 * delivery.h: one message to one recipient over one channel, and the record of what became of it.
 *
 * - queued -> sent -> delivered -> opened: a job (notify.deliver) is at it; the provider took it; it arrived; it was
 * read
 * - queued -> held (hold_reason, held_until) -> queued or, with others in one digest, sent
 * - queued, held -> failed: refused for good, given up, or the address is suppressed
 * - sent, delivered -> bounced, complained: what the provider told later
 *
 * A digest is a delivery too (event "digest"): its members are held and name it in digest_id, and become sent with it.
 * Each change is guarded by the state it starts from, so that a late or repeated worker or callback changes nothing.
 */
#ifndef BELLMAN_DELIVERY_H
#define BELLMAN_DELIVERY_H

#include <jansson.h>

#include "domain/job.h"
#include "domain/notify.h"

extern const struct record delivery_record;         /* deliveries */
extern const struct record delivery_attempt_record; /* delivery_attempts, as shown in a delivery's answer */

extern const char *const delivery_state_names[]; /* ends with NULL */

#define DELIVERY_JOB_TYPE "notify.deliver"
#define DELIVERY_DIGEST "digest"  /* the event of a digest */
#define DELIVERY_DIGEST_SHOWN 200 /* members of one that its message lists; it says how many more there are */
#define DELIVERY_MAX_RETRIES 8    /* with the standard backoff they reach over some two and a half hours */

/* --- making (delivery_fanout.c) ----------------------------------------------------------------------------------- */

struct delivery_fanout {
    const json_t *event;    /* as event_get gives it */
    const json_t *settings; /* of its organization */
    bool has_webhook;       /* the organization has an endpoint for its events */
};

/* Makes the deliveries that are wanted and not there yet, and a job for each, which is left to the relay, in
 * transactions of bounded size; so it may be broken off and run again. ret_n: how many are wanted. ret_skipped gets a
 * new array of {user_id, channel, reason} of recipients that a wanted channel cannot reach. */
bool delivery_fan_out(struct db *db, const struct delivery_fanout *fanout, size_t *ret_n, json_t **ret_skipped,
                      struct err *e) MUST_CHECK;

/* The job that sends a delivery; borrows its arguments. payload is {"delivery_id": ...}. It is left to the relay. */
struct job_new delivery_job(const char *organization_id, const char *job_id, const char *payload,
                            const char *created_by);

/* --- changing (delivery.c) ---------------------------------------------------------------------------------------- */

/* All columns of the delivery and, in "data", what its event's templates may name; as "recipients", for a webhook, whom
 * the event is for; as "members" the first DELIVERY_DIGEST_SHOWN that are held for a digest, "members_n" of them, as
 * long as it gathers more may join. ERR_NOT_FOUND also for another organization's. */
bool delivery_load(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e) MUST_CHECK;

bool delivery_is_digest(const json_t *delivery);
/* Whether the job has something to do for it: it is neither sent nor failed nor another job's, and waits for no digest.
 */
bool delivery_is_open(const json_t *delivery, const char *job_id);

/* Held until that time (0: it is not known) for the reason. */
bool delivery_hold(struct db *db, const char *id, enum notify_hold reason, int64_t until_us, struct err *e) MUST_CHECK;

/* Held for the digest of that slot, which is made with its job when this is the first to join. is_late: the digest is
 * being sent, or was; nothing was changed. */
bool delivery_join_digest(struct db *db, const json_t *delivery, int64_t slot_us, bool *ret_is_late, struct err *e)
    MUST_CHECK;

/* From now on nobody joins the digest, and members and members_n are all that is held for it: to be called before its
 * message is made, since everything that is held for it becomes sent with it. */
bool delivery_close_digest(struct db *db, json_t *digest, struct err *e) MUST_CHECK;

/* The digests of the settings come at another time now: so does this one, which still gathers, with its members. */
bool delivery_move_digest(struct db *db, const char *id, int64_t slot_us, struct err *e) MUST_CHECK;

/* One try with one provider: begun before anything is sent, so that the record has also what a crash cut short. */
struct delivery_try {
    const char *delivery_id;
    const char *provider;
    int64_t number; /* out, of delivery_try_begin */
    bool is_over;   /* out, of delivery_try_begin: it is not to be sent any more, and nothing was begun */
    /* the rest is for delivery_try_end */
    const char *outcome; /* of delivery_try_outcomes */
    int64_t code;        /* HTTP status or SMTP reply; 0: none */
    const char *reply;   /* the provider's words; may be NULL */
    int64_t latency_ms;
};
extern const char *const delivery_try_outcomes[]; /* unknown (begun), sent, retry, ambiguous, refused, paused */

bool delivery_try_begin(struct db *db, struct delivery_try *try, struct err *e) MUST_CHECK;
/* Writes what came of it. With message_id (may be empty, not NULL) the delivery, and all that is held for it when it is
 * a digest, becomes sent. */
bool delivery_try_end(struct db *db, const struct delivery_try *try, const char *message_id, struct err *e) MUST_CHECK;
/* Failed for good; so are the held members of a digest. */
bool delivery_fail(struct db *db, const char *id, const char *error, struct err *e) MUST_CHECK;
/* Why it is not sent yet. */
bool delivery_note(struct db *db, const char *id, const char *error, struct err *e) MUST_CHECK;

/* --- following jobs (delivery_follow.c) --------------------------------------------------------------------------- */

/* Within the transaction that has cancelled queued jobs, or queued failed and cancelled ones again: their deliveries,
 * and the members of digests, say so too. Other jobs have none, which costs a look at an index. job_ids holds at least
 * one, as const char *. */
bool delivery_follow_cancel(struct db *db, const GPtrArray *job_ids, struct err *e) MUST_CHECK;
bool delivery_follow_retry(struct db *db, const GPtrArray *job_ids, struct err *e) MUST_CHECK;

/* A walk over all open deliveries, some at a time; begins zeroed. */
struct delivery_sweep {
    bool at_held; /* the queued ones come first */
    bool is_over; /* out: it has seen all; the next call begins another */
    char updated[32];
    char id[UUID_TEXT_BYTES];
};
/* Looks at the next max open deliveries and fails those whose job has ended without them: cancelled while it ran, dead
 * with its workers, or gone. Those that changed in the last seconds are left alone. ret_n: failed ones. */
bool delivery_reconcile(struct db *db, struct delivery_sweep *sweep, size_t max, size_t *ret_n, struct err *e)
    MUST_CHECK;

/* Within the transaction that has changed the settings: makes a job (notify.wake), unless nothing is open, that lets
 * held deliveries look at them anew, a second later. So it finds those too that were being held when the settings
 * changed. */
#define DELIVERY_WAKE_JOB_TYPE "notify.wake"
bool delivery_wake(struct db *db, const char *organization_id, struct err *e) MUST_CHECK;

/* A walk over held deliveries, the oldest first; begins zeroed. */
struct delivery_waking {
    bool is_over; /* out: it has come to their end */
    int64_t woken;
    char created[32];
    char id[UUID_TEXT_BYTES];
};
/* The jobs of the next DELIVERY_WAKE_ROWS become due, of those that have one of their own. */
#define DELIVERY_WAKE_ROWS 500
bool delivery_wake_some(struct db *db, const char *organization_id, struct delivery_waking *waking, struct err *e)
    MUST_CHECK;
/* Whether a later change of the settings has made another job of this kind, which has not ended: it begins at the first
 * again, so that this one, job_id, need not go on. */
bool delivery_wake_is_superseded(struct db *db, const char *organization_id, const char *job_id, bool *ret,
                                 struct err *e) MUST_CHECK;

/* --- keeping it for a time (delivery_prune.c) --------------------------------------------------------------------- */

#define DELIVERY_PRUNE_ROWS 200

/* A round over what is old; begins zeroed. */
struct delivery_pruner {
    int step;
    char created[32];
    char id[UUID_TEXT_BYTES];
    int64_t deliveries; /* deleted in this round */
    int64_t events;
    bool is_over; /* the round is; the next call begins another */
};
/* Deletes up to DELIVERY_PRUNE_ROWS rows: deliveries with their tries that have not changed for deliveries_d days and
 * are not on their way, events older than events_d days that have no delivery any more, what is known of old callbacks.
 * 0 days: they are kept for ever. Two at a time do no harm. */
bool delivery_prune(struct db *db, struct delivery_pruner *pruner, int64_t deliveries_d, int64_t events_d,
                    struct err *e) MUST_CHECK;

/* --- sending again (delivery_resend.c) ---------------------------------------------------------------------------- */

enum delivery_resend {
    DELIVERY_RESENT,
    DELIVERY_OPEN,      /* it is still on its way */
    DELIVERY_IS_DIGEST, /* its members can be sent again, one by one */
};
struct delivery_call {
    const char *organization_id;
    const char *id;
    const char *user;
    const char *request_id; /* may be NULL */
};
/* Makes another delivery like it, with its job, and an audit row. ret_id names it. ERR_NOT_FOUND also for another
 * organization's. */
bool delivery_resend(struct db *db, const struct delivery_call *call, enum delivery_resend *ret,
                     char ret_id[UUID_TEXT_BYTES], struct err *e) MUST_CHECK;

/* --- reading (delivery_list.c) ------------------------------------------------------------------------------------ */

struct delivery_filter {
    const char *organization_id;
    const char *state; /* NULL: any; so with the others */
    const char *event;
    const char *event_id;
    const char *channel;
    const char *provider;
    const char *recipient;
    const char *address;
    int64_t created_after_us; /* 0: none; exclusive */
    int64_t created_before_us;
    int64_t limit;
    const char *cursor; /* NULL: first page */
};

/* {deliveries, limit, next_cursor}, newest first. ERR_INVALID: the cursor is not one of ours. */
bool delivery_list(struct db *db, const struct delivery_filter *filter, json_t **ret, struct err *e) MUST_CHECK;

/* The delivery with attempts[] and, of a digest, members[] ({id, event, state}). */
bool delivery_get(struct db *db, const char *organization_id, const char *id, json_t **ret, struct err *e) MUST_CHECK;

#endif
