/*
 * prune.c: the steward's task that deletes jobs whose time is over, as [retention] and the job types' sections say.
 */
#include "domain/job_prune.h"
#include "domain/job_types.h"
#include "ground/log.h"
#include "steward.h"

#define BUDGET_MS 100
/* Between two rounds; longer when a round was, so that looking takes a twentieth of the time at most. */
#define ROUND_MS 5000
#define ROUND_FACTOR 20
#define HOUR_S 3600

static int64_t keep_of_type_h(const char *job_type, enum job_status status)
{
    const struct job_type *type = job_type_find(job_type);
    if (type == NULL) {
        return 0;
    }
    return status == JOB_COMPLETED ? type->keep_completed_h
           : status == JOB_FAILED  ? type->keep_failed_h
                                   : type->keep_cancelled_h;
}

static int64_t keep_s(const void *arg, const char *job_type, enum job_status status)
{
    const struct conf *conf = arg;
    int64_t general_h = status == JOB_COMPLETED ? conf->retention.completed_h
                        : status == JOB_FAILED  ? conf->retention.failed_h
                                                : conf->retention.cancelled_h;
    int64_t own_h = keep_of_type_h(job_type, status);
    return (own_h > 0 ? own_h : general_h) * HOUR_S;
}

/* Half of the time at most: deleting is not urgent. */
bool prune_run(struct steward *s, struct err *e)
{
    struct job_pruned done;
    if (s->pruner == NULL) {
        s->pruner = job_pruner_new();
    }
    if (!job_prune(s->pruner, s->db, keep_s, steward_conf(s), BUDGET_MS, &done, e)) {
        return false;
    }
    if (!done.is_over) {
        steward_again(s, BUDGET_MS);
        return true;
    }
    if (done.jobs > 0) {
        log_info("jobs.pruned", LINT("jobs", done.jobs), LINT("busy_ms", done.busy_us / US_PER_MS),
                 LINT("longest_us", done.longest_us));
    }
    steward_again(s, MAX(ROUND_MS, ROUND_FACTOR * done.busy_us / US_PER_MS));
    return true;
}
