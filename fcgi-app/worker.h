/*
 * worker.h: the request threads. Each accepts, serves and owns a database connection; the kernel deals out connections.
 */
#ifndef BELLMAN_WORKER_H
#define BELLMAN_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "api.h"
#include "listen.h"

struct workers {
    struct api *api;
    const struct listener *listener;
    int stop_fd; /* readable once workers must end */
    atomic_int running;
    size_t n;
    pthread_t *threads;
};

/* Before any thread: FastCGI's own initialisation. */
bool workers_prepare(struct err *e) MUST_CHECK;
void workers_start(struct workers *w, struct api *api, const struct listener *listener, size_t n);
/* Tells them to end: after what they serve and, of a socket of our own, after what waits in its queue. */
void workers_stop(struct workers *w);
/* How many still run. */
int workers_running(struct workers *w);
void workers_join(struct workers *w);

#endif
