/*
 * org_load.h: how many jobs of each organization are queued, as this process knows it. It decides which tier a job is
 * published to (mq.h) and whether an organization may queue any more. Safe from any thread.
 *
 * A number is read at most every 250 ms; what this process has added since is counted on top, and what others do shows
 * with the next reading. A number that is to pass a threshold is read again after 25 additions, too, so that several
 * processes pass it together.
 */
#ifndef BELLMAN_ORG_LOAD_H
#define BELLMAN_ORG_LOAD_H

#include "ground/base.h"
#include "ground/err.h"
#include "ports/db.h"
#include "ports/mq.h"

struct org_load;

/* Jobs of one organization, type and priority: what makes a backlog. A few urgent jobs, or a few of another type, are
 * not in one because many others of the organization wait. */
struct org_kind {
    const char *organization_id;
    const char *job_type; /* NULL: all of the organization */
    int64_t priority;     /* with job_type */
};

struct org_load *org_load_new(void);
/* NULL is fine. */
void org_load_free(struct org_load *load);

/* Queued jobs of the organization, those that are scheduled for later included. Reads from db when the last reading is
 * too old and no other thread is at it. */
bool org_load_queued(struct org_load *load, struct db *db, const char *org, int64_t *ret, struct err *e) MUST_CHECK;
/* This process has committed n more queued jobs of the kind (or, below zero, taken some away). */
void org_load_add(struct org_load *load, const struct org_kind *kind, int64_t n);

/* Where a job of the kind is published: TIER_BACKLOG when more than threshold of them wait to run. Jobs that are
 * scheduled for later are no backlog yet. TIER_MAIN also when a number cannot be read: the tier is only about who goes
 * first. */
enum tier org_load_tier(struct org_load *load, struct db *db, const struct org_kind *kind, int64_t threshold);

/* For tests: other sources of the two numbers (all that is queued; what is queued and not for later), and another
 * clock (monotonic, microseconds). */
typedef bool org_load_read_fn(struct db *db, const struct org_kind *kind, int64_t *ret, struct err *e);
struct org_load_sources {
    org_load_read_fn *queued;
    org_load_read_fn *ready;
    int64_t (*now_us)(void);
    size_t max_kinds; /* remembered at one time */
};
struct org_load *org_load_new_from(const struct org_load_sources *sources);

#endif
