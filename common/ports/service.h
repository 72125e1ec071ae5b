/*
 * service.h: what a long-running program owes its surroundings: signals, systemd notifications, a pipe that wakes.
 */
#ifndef BELLMAN_SERVICE_H
#define BELLMAN_SERVICE_H

#include <pthread.h>

#include "ground/base.h"

/* Blocks SIGTERM, SIGINT, SIGHUP in this and all later threads and ignores SIGPIPE. Call before any thread starts
 * and before FCGX_Init, which takes over what is still default. */
void service_block_signals(void);

/* Lets all threads share few malloc arenas: glibc would give each one of its own (mallopt(3), M_ARENA_MAX), and what a
 * thread once needed at its peak would stay in it. Call before any thread starts. */
void service_share_memory(void);

enum service_signal { SERVICE_STOP, SERVICE_RELOAD, SERVICE_TICK };
/* Waits for the next of them, or timeout_ms (-1: no limit; SERVICE_TICK when it passes). */
enum service_signal service_wait(int timeout_ms);

/* sd_notify: "READY=1", "STOPPING=1", "STATUS=...". Does nothing outside systemd. */
void service_notify(const char *state);

/* pthread_create with a name (at most 15 characters) and a check that aborts. */
pthread_t service_thread(const char *name, void *(*run)(void *), void *arg);

/* A mutex and a condition on CLOCK_MONOTONIC that abort on misuse. */
void service_cond_init(pthread_cond_t *cond);

#endif
