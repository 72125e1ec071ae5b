/*
 * retry_policy.h: how long a job waits between its attempts, as its creator may ask for it (member retry of a job).
 */
#ifndef BELLMAN_RETRY_POLICY_H
#define BELLMAN_RETRY_POLICY_H

#include "domain/field.h"

/* Members that are left out come from the job's type. */
extern const struct record retry_policy_record;

/* The rule that the record does not know: cap_s is not below base_s. prefix as for record_check. */
void retry_policy_check(const json_t *policy, const char *prefix, struct problems *problems);

/* The members of policy that say something as compact JSON, to be freed with free; NULL when none does. */
char *retry_policy_text(const json_t *policy);

#endif
