/*
 * pauses.h: pauses as people make and see them. What they do is in gate.h.
 */
#ifndef BELLMAN_PAUSES_H
#define BELLMAN_PAUSES_H

#include <jansson.h>

#include "domain/gate.h"

#define PAUSE_REASON_CHARS_MAX 200

/* Who changes the pause or the limit of a key. The organization must exist; "" is the deployment, whose audit rows
 * belong to no organization. */
struct gate_change {
    struct gate_key key;
    const char *actor;
    const char *request_id; /* may be NULL */
};
struct gate_change gate_change_of(const char *organization_id, const char *job_type, const char *actor,
                                  const char *request_id);

/* Pauses, or changes the reason (may be NULL) of a pause that is there. ret_new: it was not there. */
bool pause_set(struct db *db, const struct gate_change *change, const char *reason, bool *ret_new, struct err *e)
    MUST_CHECK;
/* ERR_NOT_FOUND: there is no such pause. */
bool pause_clear(struct db *db, const struct gate_change *change, struct err *e) MUST_CHECK;

/* Array of {scope, organization_id, job_type, reason, created_by, created_at}: those of the organization and of the
 * deployment; organization_id NULL: all there are. scope is organization or deployment; null stands for all
 * organizations or all types. New reference. */
bool pauses_list(struct db *db, const char *organization_id, json_t **ret, struct err *e) MUST_CHECK;

#endif
