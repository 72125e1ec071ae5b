/*
 * gate.h: who may start now: pauses and limits as rules, and the arithmetic of a limit. Pure.
 *
 * A rule has a key of an organization and a job type, where "" stands for all of them together. Operations on jobs
 * (job_sweep.h) are under no rule. Limits come in two
 * kinds that may be had at once: at most so many jobs at one time, and at most so many starts in any 60 s.
 *
 * Starts are counted by GCRA (ITU-T I.371, virtual scheduling): a limit is one number, the theoretical arrival time
 * tat. A start is let through while tat is at most GATE_TOLERANCE_US ahead of now, and moves it by one step. With
 * step = (60 s + tolerance) / n there are never more than n starts in 60 s, and up to a second's worth go at once.
 */
#ifndef BELLMAN_GATE_H
#define BELLMAN_GATE_H

#include "domain/job.h"

struct gate_key {
    char organization_id[ORG_ID_BYTES]; /* "": all */
    char job_type[JOB_TYPE_BYTES];      /* "": all */
};

/* The order in which limits are locked: that of the table's primary key. */
int gate_key_compare(const void *a, const void *b);

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* A set of pauses and of keys that have a limit; what a limit allows is read when it is needed. Counted references;
 * not changed once it is shared. */
struct gate_rules *gate_rules_new(int64_t org_max_running);
struct gate_rules *gate_rules_ref(struct gate_rules *rules);
void gate_rules_unref(struct gate_rules *rules); /* NULL is fine */
void gate_rules_cleanup(struct gate_rules **rules);

void gate_rules_add_pause(struct gate_rules *rules, const char *organization_id, const char *job_type);
void gate_rules_add_limit(struct gate_rules *rules, const char *organization_id, const char *job_type);

/* No rule at all: every job may start. */
bool gate_rules_is_empty(const struct gate_rules *rules);
/* What an organization without a limit of its own may run at one time; 0: any number. */
int64_t gate_rules_org_max_running(const struct gate_rules *rules);

/* An operation on many jobs (job_sweep.h) is held by a pause of its type only, and is under no limit: with it people
 * clear up what made them pause everything else, or what has filled the limits. */
bool gate_is_paused(const struct gate_rules *rules, const char *organization_id, const char *job_type);

#define GATE_KEYS_MAX 4
/* The keys of the limits that such a job is under, in the order of gate_key_compare; how many. With an org_max_running
 * the organization's own key is among them also when it has no row. */
size_t gate_limit_keys(const struct gate_rules *rules, const char *organization_id, const char *job_type,
                       struct gate_key ret[GATE_KEYS_MAX]);
/* Whether the key has a row in job_limits, as far as the rules know. */
bool gate_has_limit(const struct gate_rules *rules, const struct gate_key *key);

/* --- one limit --------------------------------------------------------------------------------------------------- */

#define GATE_TOLERANCE_US US_PER_S

struct gate_limit {
    int64_t max_running;    /* 0: any number */
    int64_t max_per_minute; /* 0: any number */
    int64_t running;
    int64_t promised; /* held jobs that were let go and are on their way to a worker */
    int64_t tat_us;   /* wall clock of the database */
};

/* One more job wants to start under all n limits: true, and it is counted in each; or false, and it is in none. A
 * promise is used up either way. Who has none leaves room for those that do. */
bool gate_admit(struct gate_limit *const *limits, size_t n, bool is_promised, int64_t now_us);

/* How many more jobs may be promised a start under all n limits. */
int64_t gate_room(struct gate_limit *const *limits, size_t n, int64_t now_us);

#endif
