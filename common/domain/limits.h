/*
 * limits.h: limits as people set and see them. What they do is in gate.h.
 */
#ifndef BELLMAN_LIMITS_H
#define BELLMAN_LIMITS_H

#include "domain/pauses.h"

#define LIMIT_RUNNING_MAX 1000000
#define LIMIT_PER_MINUTE_MAX 6000000

/* Sets what is not negative, 0 for "any number", and keeps the rest. */
bool limit_set(struct db *db, const struct gate_change *change, int64_t max_running, int64_t max_per_minute,
               struct err *e) MUST_CHECK;
/* ERR_NOT_FOUND: there is no such limit. */
bool limit_clear(struct db *db, const struct gate_change *change, struct err *e) MUST_CHECK;

/* Array of {scope, organization_id, job_type, max_running, max_per_minute, running, queued, held, held_capped}: the
 * limits an organization is under, with its own jobs counted; for organization_id NULL all that are set, with all jobs
 * under each counted. null in place of an organization or a type stands for all, in place of a limit for any number.
 * org_max_running is the configuration's. held is counted up to 10,000. New reference. */
bool limits_list(struct db *db, const char *organization_id, int64_t org_max_running, json_t **ret, struct err *e)
    MUST_CHECK;

#endif
