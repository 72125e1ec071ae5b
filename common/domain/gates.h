/*
 * gates.h: the rules of gate.h as one process knows them: read from the tables pauses and job_limits when they are
 * older than a second, or at once after gates_expire. Safe from any thread.
 */
#ifndef BELLMAN_GATES_H
#define BELLMAN_GATES_H

#include "domain/gate.h"

struct gates;

struct gates *gates_new(void);
/* NULL is fine. */
void gates_free(struct gates *gates);

/* The rules of at most a second ago, a new reference. NULL (with e): they cannot be read. org_max_running is that of
 * the configuration. */
struct gate_rules *gates_get(struct gates *gates, struct db *db, int64_t org_max_running, struct err *e) MUST_CHECK;
/* The rules that were read last, however old, a new reference; NULL before the first. Never waits for the database. */
struct gate_rules *gates_peek(struct gates *gates) MUST_CHECK;
/* Somebody has changed them. */
void gates_expire(struct gates *gates);

/* What is broadcast after a change. */
#define GATES_CHANGED "{\"cmd\":\"gates_changed\"}"

#endif
