/*
 * org_load.h: how many jobs of each organization are queued, as this process knows it. It decides which tier a job is
 * published to (mq.h) and whether an organization may queue any more. Safe from any thread.
 *
 * The number comes from job_counts at most every 250 ms for each organization, plus what this process has added since;
 * what others do shows with the next reading. Jobs that are scheduled for later are queued, too.
 */
#ifndef BELLMAN_ORG_LOAD_H
#define BELLMAN_ORG_LOAD_H

#include "ground/base.h"
#include "ground/err.h"
#include "ports/db.h"
#include "ports/mq.h"

struct org_load;

struct org_load *org_load_new(void);
/* The same with another clock (monotonic, microseconds) and another source of the number. */
typedef bool org_load_read_fn(struct db *db, const char *org, int64_t *ret, struct err *e);
struct org_load *org_load_new_from(org_load_read_fn *read, int64_t (*now_us)(void), size_t max_organizations);
/* NULL is fine. */
void org_load_free(struct org_load *load);

/* Queued jobs of the organization. Reads from db when the last reading is too old and no other thread is at it. */
bool org_load_queued(struct org_load *load, struct db *db, const char *org, int64_t *ret, struct err *e) MUST_CHECK;
/* This process has committed n more queued jobs (or, below zero, taken some away). */
void org_load_add(struct org_load *load, const char *org, int64_t n);

/* Where a job of the organization is published: TIER_BACKLOG when more than threshold are queued. TIER_MAIN also when
 * the number cannot be read: the tier is only about who goes first. */
enum tier org_load_tier(struct org_load *load, struct db *db, const char *org, int64_t threshold);

#endif
