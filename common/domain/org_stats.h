/*
 * org_stats.h: how an organization's jobs are doing, for its administrators to watch. Whatever number of jobs there is,
 * it reads no more than the sums of the last hour, the counters, and so many rows of each index as are said below.
 */
#ifndef BELLMAN_ORG_STATS_H
#define BELLMAN_ORG_STATS_H

#include <jansson.h>

#include "ports/db.h"

#define ORG_STATS_MINUTES 60
/* Jobs whose waits and run times are looked at, over all types and priorities; at least so many of each. */
#define ORG_STATS_SAMPLE 500
#define ORG_STATS_SAMPLE_LEAST 10
/* Of each type and priority the waiting jobs that were created first, and how many are shown. */
#define ORG_STATS_WAITING_READ 50
#define ORG_STATS_WAITING_SHOWN 5
/* Pairs of type and priority that are looked at. */
#define ORG_STATS_SLICES 60
#define ORG_STATS_RUNNING_SHOWN 200 /* of the organization */
#define ORG_STATS_RUNNING_READ 2000 /* of all */
#define ORG_STATS_WORKERS 200
#define ORG_STATS_COUNT_MAX 10000

/* {throughput, by_type, speed, waiting, workers, outbox, outbox_capped, dead_letters, dead_letters_capped} as
 * docs/openapi.yaml explains them. outbox and workers are those of the whole installation; of jobs of other
 * organizations there is only a number. now_us is the wall clock's, for the minutes. New reference. */
bool org_stats(struct db *db, const char *organization_id, int64_t now_us, json_t **ret, struct err *e) MUST_CHECK;

/* The least value that percent in a hundred do not exceed (nearest rank); n is at least 1. Sorts values. Pure. */
int64_t org_stats_percentile(int64_t *values, size_t n, unsigned percent);

/* --- the parts, each of which adds its members to stats ----------------------------------------------------------- */

/* DATETIME text as RFC 3339; NULL gives json null. New reference. */
json_t *org_stats_time(const char *sql_time);
bool org_stats_add_minutes(struct db *db, const char *org, int64_t now_us, json_t *stats, struct err *e) MUST_CHECK;
bool org_stats_add_speed(struct db *db, const char *org, json_t *stats, struct err *e) MUST_CHECK;
bool org_stats_add_workers(struct db *db, const char *org, json_t *stats, struct err *e) MUST_CHECK;

#endif
