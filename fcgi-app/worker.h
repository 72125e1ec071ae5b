/*
 * worker.h: the request threads. Each serves one request at a time and owns a database connection; they share the
 * connections of the web server, which may keep one for its next request.
 */
#ifndef BELLMAN_WORKER_H
#define BELLMAN_WORKER_H

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "api.h"
#include "listen.h"

struct workers {
    struct api *api;
    const struct listener *listener;
    int epoll_fd;       /* the listener, connections that wait for a request, stop_fd */
    int stop_fd;        /* readable once threads must end */
    atomic_size_t busy; /* threads that accept or serve */
    size_t n;
    pthread_t *threads;
    pthread_mutex_t lock;
    GQueue connections; /* struct connection; guarded by lock */
};

/* Before any thread: FastCGI's own initialisation. */
bool workers_prepare(struct err *e) MUST_CHECK;
void workers_start(struct workers *w, struct api *api, const struct listener *listener, size_t n);

/* To stop without a failed request:
 * 1. Hide the listener, then this: of a socket that the next process inherits nothing more is accepted; what waits for
 *    one of our own still is.
 * 2. Wait until they are drained. A kept connection is closed by the web server only, which may be sending its next
 *    request: nginx does so after its upstream's keepalive_timeout, or the first request after its keepalive_time.
 * 3. workers_stop. */
void workers_close_door(struct workers *w);
/* Nobody waits to be accepted and nobody is being served; idle_too: and no connection is left. */
bool workers_are_drained(struct workers *w, bool idle_too);
/* How many threads accept or serve. */
size_t workers_busy(struct workers *w);
/* Ends the threads after what they serve, closes the connections that are left, and frees. */
void workers_stop(struct workers *w);

#endif
