/*
 * job_unique.h: who holds a unique_key. The index on unique_live decides; this tells afterwards. Only job_insert.c
 * and job_retry.c include it.
 */
#ifndef BELLMAN_JOB_UNIQUE_H
#define BELLMAN_JOB_UNIQUE_H

#include "domain/job.h"

/* Jobs of the list that have the key of an earlier one. ret has room for n. */
size_t job_unique_twins(const struct job_new *jobs, size_t n, struct job_holder *ret);

/* Jobs of one organization's list whose unique_key another job holds. One that has ended and whose unique_for_s is over
 * gives its key up here and is not among them: with ret_n = 0 the insert is tried again. */
bool job_unique_holders(struct db *db, const struct job_new *jobs, size_t n, struct job_holder *ret, size_t *ret_n,
                        struct err *e) MUST_CHECK;

#endif
