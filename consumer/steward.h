/*
 * steward.h: the thread for what one process does for all: a table of tasks (steward_tasks.c), run in turn by whichever
 * consumer holds a named lock of the database.
 *
 * The lock belongs to the connection that the tasks use. A consumer that dies loses it at once; one that is frozen, or
 * whose host is gone, when the server has heard nothing for STEWARD_LOST_S; another consumer then takes over within
 * about a second. Hence the election spares work and no more: for a moment two may run the same task, whose own
 * statements (row locks, unique indexes, guarded updates) must bear that.
 */
#ifndef BELLMAN_STEWARD_H
#define BELLMAN_STEWARD_H

#include "domain/delivery.h"
#include "pipeline.h"

#define STEWARD_LOST_S 10
#define STEWARD_TASKS_MAX 16

struct steward;
struct job_pruner;
struct dead_keeper;

/* One round of the task's work, at most some 200 ms of it, for the others wait meanwhile; steward_again for the rest.
 * After a failure the task is left alone for a time that doubles up to a minute; the first failure in a row is logged.
 */
typedef bool steward_run_fn(struct steward *s, struct err *e);

struct steward_task {
    const char *name;
    int64_t interval_ms; /* from the end of one run to the next */
    steward_run_fn *run;
};

/* THE table, in steward_tasks.c; ends with a row without name. */
extern const struct steward_task steward_tasks[];

struct steward_slot {
    int64_t next_us; /* monotonic */
    unsigned failures;
};

struct steward {
    struct pipeline *p;
    struct db *db; /* for the tasks, too; holds the lock */

    struct job_pruner *pruner;              /* of the task prune; NULL until it first ran */
    struct dead_keeper *dead;               /* of the task dead_letters; NULL until it first ran */
    struct delivery_sweep deliveries;       /* of the task delivery_reconcile */
    struct delivery_pruner delivery_pruner; /* of the task delivery_prune */

    /* steward.c's own */
    bool is_leader;
    bool is_failing;  /* the election cannot be held, and that has been logged */
    int64_t again_ms; /* what the running task asked for; -1: nothing */
    struct steward_slot slots[STEWARD_TASKS_MAX];
    _Atomic uint32_t poked; /* one bit per task */
};

struct steward *steward_new(struct pipeline *p);
void steward_free(struct steward *s);

/* Thread body; arg is the struct steward. Ends when the pipeline drains. */
void *steward_run(void *arg);

/* Makes a task due now, when this process is the one that runs it. Any thread; unknown names do nothing. */
void steward_poke(struct steward *s, const char *task);

/* --- tasks: a file each ------------------------------------------------------------------------------------------ */

steward_run_fn prune_run;
steward_run_fn dead_keeper_run;
steward_run_fn delivery_keeper_reconcile;
steward_run_fn delivery_keeper_prune;
steward_run_fn prune_minutes_run;

/* --- for tasks ------------------------------------------------------------------------------------------------- */

/* The configuration of this moment; it stays valid until the process ends. */
static inline const struct conf *steward_conf(struct steward *s)
{
    return atomic_load(&s->p->conf);
}

/* True when the process is about to end: leave long work where it is. */
static inline bool steward_is_stopping(struct steward *s)
{
    return pipeline_phase(s->p) != PIPELINE_RUNNING;
}

/* The running task's next run is to come after ms, not after its interval; the last call counts. */
void steward_again(struct steward *s, int64_t ms);

#endif
