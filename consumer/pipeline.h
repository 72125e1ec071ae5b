/*
 * pipeline.h: the path of a job through the consumer, and what its threads share.
 *
 *   broker --inbox--> claimer --run queue--> runners --done--> finisher --verdicts--> broker
 *                         keeper: leases, cancels, deadlines of everything active
 *                         relay:  rows that are due, rescue, reconciliation with the broker
 *                         steward: what one consumer does for all (schedules and the like)
 *
 * One struct work carries a job from its delivery to its verdict and belongs to exactly one stage at a time. One mutex
 * guards the queues and the table of active work; it is held for pointer moves only, never during I/O.
 */
#ifndef BELLMAN_PIPELINE_H
#define BELLMAN_PIPELINE_H

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "domain/cache.h"
#include "domain/control.h"
#include "domain/dispatcher.h"
#include "domain/gates.h"
#include "domain/job.h"
#include "domain/org_load.h"
#include "flows.h"
#include "ground/conf.h"
#include "handler.h"
#include "lanes.h"
#include "pace.h"
#include "ports/mq.h"
#include "reserve.h"
#include "tally.h"

enum stop_reason { STOP_NONE, STOP_CANCEL, STOP_TIMEOUT, STOP_LOST, STOP_SHUTDOWN };

struct delivery {
    uint64_t epoch; /* of the connection it came on */
    uint64_t tag;
    bool redelivered;
    int misses;            /* claims that found no row */
    int64_t received_us;   /* monotonic */
    int64_t not_before_us; /* monotonic; set when it was deferred */
    struct mq_message message;
};

struct work {
    struct delivery delivery;
    struct job_claim claim;
    struct job_context ctx;
    _Atomic int stop_reason;     /* enum stop_reason; the first one stays */
    _Atomic int64_t deadline_us; /* monotonic; 0 until the handler starts */
    bool is_suspect;
    bool is_slow;    /* it was not expected to end soon */
    bool has_run;    /* its outcome is decided; this and the next one are guarded by the pipeline's lock */
    bool is_acked;   /* the broker has its verdict already */
    int64_t cost_us; /* expected run time, as counted in the run queue */
    int64_t started_wall_us;
    int64_t started_mono_us;
    int64_t created_wall_us;
    struct job_finish finish;
    json_t *payload;   /* owned; the context borrows it */
    char *result_text; /* malloc'ed by jansson */
};

enum verdict_kind { VERDICT_ACK, VERDICT_DEAD, VERDICT_REQUEUE };

struct verdict {
    uint64_t epoch;
    uint64_t tag;
    enum verdict_kind kind;
};

enum pipeline_phase {
    PIPELINE_RUNNING,
    PIPELINE_DRAINING, /* no new claims; what is claimed is finished */
    PIPELINE_HARD,     /* what runs is told to stop and handed back */
    PIPELINE_STOPPED,  /* nothing is active: threads leave */
};

struct steward;

struct pipeline {
    _Atomic(struct conf *) conf; /* replaced on SIGHUP; old ones live until exit */
    char worker_id[WORKER_ID_BYTES];
    struct dispatcher *dispatcher;
    struct cache *settings_cache;
    struct cache *accounts_cache;
    struct provider_states *providers;
    struct seal *seal;
    _Atomic(struct process_guard *) guard; /* NULL until a job type runs a program */
    struct org_load *load;
    struct steward *steward; /* to be poked */
    struct gates *gates;
    struct tally *tally;
    _Atomic bool release_due; /* the relay is to look at held jobs (release.h) */

    pthread_mutex_t lock;
    pthread_cond_t claim_cond;           /* inbox or room changed */
    pthread_cond_t run_cond;             /* run queue changed */
    pthread_cond_t done_cond;            /* done queue holds what the finisher waits for */
    pthread_cond_t phase_cond;           /* phase changed; who only pauses sleeps here */
    _Atomic int phase;                   /* enum pipeline_phase */
    struct flows inbox[TIERS][LANES];    /* struct delivery, by organization */
    GQueue deferred;                     /* struct delivery to be looked at again later */
    struct flows runnable[TIERS][LANES]; /* struct work, by organization */
    int64_t runnable_cost_us[TIERS][LANES];
    GQueue done;        /* struct work */
    guint done_wanted;  /* the finisher sleeps until done holds so many; 0: it is awake */
    bool claimer_waits; /* for something to claim, or for room */
    GHashTable *active; /* set of struct work, from claim to verdict */
    size_t runners;
    size_t running;
    size_t sleepers_held; /* runners that sleep although something waits, for its organization runs enough */
    size_t claiming;      /* deliveries in the claimer's hands */
    size_t suspects;      /* active ones that another crash would fail (job_is_suspect) */
    struct tier_draw claim_draw;
    struct tier_draw run_draw;
    struct reserve reserve;
    struct pace pace;

    GArray *verdicts; /* struct verdict; for the broker thread */
    int broker_wake_fd;
    _Atomic int64_t finished;      /* attempts whose outcome was written, since the start */
    _Atomic int64_t claims[LANES]; /* claimed since the start */
    _Atomic bool lane_lost[LANES]; /* a queue of the lane had to be created: its messages are gone */
};

static inline enum pipeline_phase pipeline_phase(struct pipeline *p)
{
    return (enum pipeline_phase)atomic_load(&p->phase);
}

void pipeline_init(struct pipeline *p, struct conf *conf);
void pipeline_release(struct pipeline *p);
void pipeline_set_phase(struct pipeline *p, enum pipeline_phase phase);
/* Deliveries, claims and runs that still need a verdict. */
size_t pipeline_pending(struct pipeline *p);
/* Takes what was delivered before the time (monotonic; INT64_MAX: all) and is not claimed out of its place, one at a
 * time, for the caller to free; NULL: nothing is left. */
struct delivery *pipeline_take_unclaimed(struct pipeline *p, int64_t before_us);
/* How much of a turn a job that waits at its lane's head earns the lane (lanes.h). */
int64_t pipeline_share_percent(const struct pipeline *p, const struct delivery *head);
/* A job that is expected to end within this time is as good as ended for who waits for its runner: it is claimed, so
 * that short jobs share a transaction. */
#define LOOKAHEAD_US (20 * US_PER_MS)

/* How the runners are shared between organizations, as configured. */
struct reserve_rule pipeline_reserve_rule(const struct pipeline *p);
void pipeline_wake_broker(struct pipeline *p);
/* Wakes as many runners as the run queue is expected to keep busy: one for many short jobs. The keeper repeats it, in
 * case that a type's jobs, short so far, are not any more. The lock is held. */
void pipeline_wake_runners(struct pipeline *p);
/* Queues a verdict for the broker thread and wakes it. */
void pipeline_settle(struct pipeline *p, const struct verdict *verdicts, size_t n);

/* Waits on one of the conditions, for ms at the most (0: without end). The lock is held. */
void pipeline_wait(struct pipeline *p, pthread_cond_t *cond, int64_t ms);

/* Sleeps for ms, or until the pipeline has reached phase until. */
void pipeline_pause(struct pipeline *p, int64_t ms, enum pipeline_phase until);

/* Puts a delivery where it waits to be claimed. The lock is held. */
void pipeline_put_unclaimed(struct pipeline *p, struct delivery *d);

struct work *work_new(const struct delivery *delivery);
void work_free(struct work *w);
/* Tells a job to stop; the first reason stays. Any thread that holds the pipeline lock or owns the work. */
void work_stop(struct work *w, enum stop_reason reason);

/* Thread bodies; arg is the struct pipeline. */
void *broker_run(void *arg);
void *claimer_run(void *arg);
void *runner_run(void *arg);
void *finisher_run(void *arg);
void *keeper_run(void *arg);
void *relay_run(void *arg);

/* What this consumer says of itself (control_load_fn). */
void pipeline_load(void *arg, struct control_load *ret);

/* Control broadcasts (control_fn). */
void keeper_on_control(void *arg, const char *cmd, const json_t *body);

#endif
