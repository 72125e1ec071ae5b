/*
 * job_group.h: jobs that several threads create at the same time share a transaction, hence its round trips and its
 * flush to disk. The thread that finds nobody at work inserts what is waiting, its own job included, on its own
 * connection; those that come meanwhile wait, and the first of them goes next (group commit with a leader, as in a
 * database's log). One thread alone pays nothing for it.
 */
#ifndef BELLMAN_JOB_GROUP_H
#define BELLMAN_JOB_GROUP_H

#include "domain/job.h"

struct job_group;

struct job_group *job_group_new(void);
/* Nobody may be inside job_group_insert. NULL is fine. */
void job_group_free(struct job_group *group);

/* As job_insert, whose outcome and errors it has: a job that is refused does not spoil the others of its group. db is
 * the caller's own connection. */
bool job_group_insert(struct job_group *group, struct db *db, const struct job_new *job, const struct idempotency *key,
                      enum job_insert *ret, char ret_id[UUID_TEXT_BYTES], char **ret_text, struct err *e) MUST_CHECK;

#endif
