/*
 * schedule.h: schedules, which create jobs at the instants of a cron expression (cron.h), and every statement on them.
 *
 * next_fire_at is the first instant that has not been dealt with; NULL while paused, or when there is none. A firing is
 * one transaction: the row is locked, jobs and one row of schedule_firings for each (schedule, instant) are inserted,
 * next_fire_at moves on. So however many processes fire, and wherever one dies, an instant has one job or none yet.
 *
 * An instant that is dealt with later than SCHEDULE_GRACE_MS was missed, since nobody was there to fire. What becomes
 * of missed ones is the schedule's misfire: skip drops them, once fires the latest of them unless an instant in time
 * fires anyway, all fires each of them, the latest misfire_limit.
 */
#ifndef BELLMAN_SCHEDULE_H
#define BELLMAN_SCHEDULE_H

#include "domain/cron.h"
#include "domain/field.h"
#include "domain/idempotency.h"
#include "domain/job.h"

extern const struct record schedule_record;       /* schedules; also what may be changed in one */
extern const struct record schedule_create_body;  /* POST /schedules */
extern const struct record schedule_preview_body; /* POST /schedules/preview */

#define SCHEDULE_GRACE_MS 60000
#define SCHEDULE_NAME_BYTES 401 /* 100 characters */
#define SCHEDULE_MISFIRE_MAX 100
#define SCHEDULE_FIRINGS_SHOWN 10

enum schedule_misfire { SCHEDULE_SKIP, SCHEDULE_ONCE, SCHEDULE_ALL };

/* --- pure (schedule_rules.c) -------------------------------------------------------------------------------------- */

/* Rules that the records do not know: cron can be read and names a day to come, job_type is a type and takes payload.
 * Members that are missing or of another type are passed over. */
void schedule_check(const json_t *schedule, int64_t now_us, bool diagnostics, struct problems *problems);

/* The next instants after after_us as local times with offset, at most n; empty when cron or zone cannot be read. A new
 * array. */
json_t *schedule_next_firings(const char *cron, const char *zone, int64_t after_us, size_t n);

/* The first instant after after_us, or 0: none, or cron or zone cannot be read. */
int64_t schedule_next(const char *cron, const char *zone, int64_t after_us);

struct schedule_due {
    struct cron cron;
    GTimeZone *zone;
    enum schedule_misfire misfire;
    int64_t misfire_limit;
    int64_t due_us; /* next_fire_at */
    int64_t now_us; /* at least due_us */
    int64_t grace_ms;
};

/* Appends the instants (int64_t, microseconds, rising) that fire now, which may be none, to fire_us; ret_next_us gets
 * the next one after now, or 0. */
void schedule_plan(const struct schedule_due *due, GArray *fire_us, int64_t *ret_next_us);

/* Fills ret with a job of the schedule, whose texts it borrows, as it borrows id; the text of its retry policy becomes
 * a member of the schedule. ERR_INVALID: its job type is gone or
 * no longer takes it. */
bool schedule_make_job(json_t *schedule, const char *id, bool diagnostics, int64_t grace_ms, struct job_new *ret,
                       struct err *e) MUST_CHECK;

/* --- rows (schedule.c) -------------------------------------------------------------------------------------------- */

/* Who does what to which schedule. */
struct schedule_call {
    const char *organization_id;
    const char *id;         /* unused by schedule_create */
    const char *user;       /* for the audit row */
    const char *request_id; /* may be NULL; finds a change again after a commit with unknown outcome */
    int64_t if_version;     /* -1: whatever it is */
    bool diagnostics;       /* diagnostic job types are allowed */
};

/* All of these: ERR_NOT_FOUND also for another organization's schedule; ERR_CONFLICT when the version is another than
 * if_version; each change and its audit row are one transaction. ret gets a new reference to the schedule as answers
 * show it, with next_firings; ret_version is the ETag's number. */

/* body has passed schedule_create_body and schedule_check. ERR_DUPLICATE: the name is taken. */
bool schedule_create(struct db *db, const struct schedule_call *call, const json_t *body, json_t **ret,
                     int64_t *ret_version, struct err *e) MUST_CHECK;
bool schedule_get(struct db *db, const char *organization_id, const char *id, json_t **ret, int64_t *ret_version,
                  struct err *e) MUST_CHECK;
/* changes (passed schedule_record) are a merge patch (RFC 7396); with another job_type the payload starts from nothing.
 * What does not fit together goes to problems with ERR_INVALID. Another cron or timezone counts from now on.
 * ERR_DUPLICATE: the name is taken. */
bool schedule_update(struct db *db, const struct schedule_call *call, const json_t *changes, struct problems *problems,
                     json_t **ret, int64_t *ret_version, struct err *e) MUST_CHECK;
/* Its jobs stay. */
bool schedule_delete(struct db *db, const struct schedule_call *call, struct err *e) MUST_CHECK;
/* Nothing happens to one that is in that state already. A resumed one counts from now on. */
bool schedule_pause(struct db *db, const struct schedule_call *call, bool paused, json_t **ret, int64_t *ret_version,
                    struct err *e) MUST_CHECK;
/* What is needed to publish it, and to answer. */
struct schedule_ran {
    char job_id[UUID_TEXT_BYTES];
    char job_type[JOB_TYPE_BYTES];
    int64_t priority;
    char *text; /* with a key: the answer's body, owned; NULL when a first commit's outcome was unknown */
};
void schedule_ran_release(struct schedule_ran *ran);
/* Creates a job with the id in ret now, beside the firings, also of a paused one. grace_ms as in struct job_new. key
 * (NULL: none) gets the job as job_get gives it for its body. ERR_INVALID: its job type is gone or no longer takes its
 * payload. ERR_DUPLICATE and ERR_CONFLICT as in idempotency_take. */
bool schedule_run(struct db *db, const struct schedule_call *call, int64_t grace_ms, const struct idempotency *key,
                  struct schedule_ran *ret, struct err *e) MUST_CHECK;

/* Whose schedule it is, and its id, for bellmanctl. what is an id, or with organization_id a name. */
bool schedule_find(struct db *db, const char *organization_id, const char *what, char ret_organization_id[ORG_ID_BYTES],
                   char ret_id[UUID_TEXT_BYTES], struct err *e) MUST_CHECK;

/* {schedules, limit, next_cursor}, by name; without next_firings. cursor may be NULL; one that is not of ours gives
 * ERR_INVALID. organization_id NULL: of all, for bellmanctl. */
bool schedule_list(struct db *db, const char *organization_id, int64_t limit, const char *cursor, json_t **ret,
                   struct err *e) MUST_CHECK;

/* --- firing (schedule_fire.c) ------------------------------------------------------------------------------------- */

struct schedule_terms {
    bool diagnostics;
    int64_t dispatch_grace_ms; /* as grace_ms in struct job_new */
    struct job_tiers tiers;
};

struct schedule_round {
    GArray *refs;    /* struct job_ref to be published; owned by the caller, who clears it */
    size_t dealt;    /* schedules that were due */
    size_t failed;   /* of them: could create no job, see last_error */
    int64_t wait_ms; /* until the next one is due, 0: some are; at most limit_ms */
};

/* Fires schedules that are due, a bounded number, in one transaction. */
bool schedule_fire(struct db *db, const struct schedule_terms *terms, int64_t limit_ms, struct schedule_round *round,
                   struct err *e) MUST_CHECK;

/* Deletes up to max firings that were made more than keep_days ago. */
bool schedule_forget(struct db *db, int64_t keep_days, size_t max, size_t *ret_n, struct err *e) MUST_CHECK;

#endif
