/*
 * control.h: broadcasts between processes, and the list of live processes.
 *
 * Every bellman process keeps a row in processes, renewed every 2 s; one not renewed for 10 s is dead. Broadcast bodies
 * are
 * {"cmd": "cancel", "job_id"}, {"cmd": "settings_changed", "organization_id"}, {"cmd": "cache_flush", "id"},
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
void control_stop(struct control *c);

/* For a cache flush: live processes, and how many of them have answered flush_id. */
bool control_count_answers(struct db *db, const char *flush_id, int64_t *ret_live, int64_t *ret_answered, struct err *e)
    MUST_CHECK;

#endif
