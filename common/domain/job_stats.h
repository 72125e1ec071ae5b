/*
 * job_stats.h: how an installation is doing, in one look. For operators: some of it counts rows, up to a limit.
 */
#ifndef BELLMAN_JOB_STATS_H
#define BELLMAN_JOB_STATS_H

#include <jansson.h>

#include "ports/db.h"

/* {by_status, by_type, oldest_waiting, dead_letters, outbox, workers, last_minute} of an organization, or of all
 * (NULL); outbox, workers and last_minute are always those of all. oldest_waiting is the job that has been due for
 * longest without being started, or null; outbox counts jobs that are due and not in the broker yet. New reference. */
bool job_stats(struct db *db, const char *organization_id, json_t **ret, struct err *e) MUST_CHECK;

/* The organization of a job; ERR_NOT_FOUND when there is no such job. */
#define JOB_STATS_ORG_BYTES 65
bool job_stats_organization(struct db *db, const char *id, char ret[JOB_STATS_ORG_BYTES], struct err *e) MUST_CHECK;

#endif
