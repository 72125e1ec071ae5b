/*
 * control.h: broadcasts between processes, and the list of live processes.
 *
 * Every bellman process keeps a row in processes, renewed every 2 s; one not renewed for 10 s is dead. Broadcast bodies
 * are
 * {"cmd": "cancel", "job_id"}, {"cmd": "settings_changed", "organization_id"}, {"cmd": "providers_changed",
 * "organization_id"} ("": the deployment's),
 * {"cmd": "cache_flush", "id"},
 * {"cmd": "poke", "task"} (a task of the elected consumer has something to do now).
 */
#ifndef BELLMAN_CONTROL_H
#define BELLMAN_CONTROL_H

#include <jansson.h>

#include "ground/conf.h"
#include "ground/ids.h"
#include "ports/db.h"

/* Called for each broadcast on the thread that received it. Must not block for long. */
typedef void control_fn(void *arg, const char *cmd, const json_t *body);

/* A thread with its own AMQP and database connections that receives broadcasts and keeps the process row; kind is "api"
 * or "consumer". For cache_flush it calls fn first and then records the answer. After a lost connection fn gets a
 * cache_flush without id, for what may have been missed. */
struct control;
struct control *control_start(const struct conf *conf, const char *kind, control_fn *fn, void *arg);

/* What a process that runs jobs says of itself with each renewal; finished counts attempts since its start. */
struct control_load {
    int64_t running;
    int64_t capacity;
    int64_t finished;
};
typedef void control_load_fn(void *arg, struct control_load *ret);
/* fn is called with control_start's arg on the control thread from now on. */
void control_report_load(struct control *c, control_load_fn *fn);

/* How much a counter that is read now and then has risen within the last minute. Pure. */
#define CONTROL_MINUTE_READINGS 64
struct control_minute {
    struct {
        int64_t at_us; /* monotonic */
        int64_t count;
    } readings[CONTROL_MINUTE_READINGS];
    unsigned n; /* all so far; the last ones are kept */
};
int64_t control_minute_add(struct control_minute *m, int64_t now_us, int64_t count);
void control_stop(struct control *c);

/* Of rows of processes: those of processes that live. */
#define CONTROL_LIVE_SQL "seen_at > UTC_TIMESTAMP(6) - INTERVAL 10 SECOND"

/* For a cache flush: live processes, and how many of them have answered flush_id. */
bool control_count_answers(struct db *db, const char *flush_id, int64_t *ret_live, int64_t *ret_answered, struct err *e)
    MUST_CHECK;

#endif
