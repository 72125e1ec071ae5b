#include "worker.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain/idempotency.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ports/service.h"
#include "router.h"

#define CHUNK_BYTES 16384
#define ACCEPT_PAUSE_US 20000
#define CLEANUP_EVERY_US (60 * US_PER_S)

/* --- one request ------------------------------------------------------------------------------------------------ */

static void discard(FCGX_Stream *in)
{
    char chunk[CHUNK_BYTES];
    while (FCGX_GetStr(chunk, sizeof(chunk), in) > 0) {
    }
}

/* The body is read to its end in any case: nginx would take an answer before that for a broken connection. */
static void read_body(FCGX_Stream *in, struct request *r, int64_t max_bytes)
{
    uint64_t length = 0;
    if (!request_length(r, &length)) {
        r->body_state = REQUEST_BODY_BROKEN;
        discard(in);
        return;
    }
    if (length > (uint64_t)max_bytes) {
        r->body_state = REQUEST_BODY_TOO_LARGE;
        discard(in);
        return;
    }
    r->body = g_malloc(length + 1);
    int got = FCGX_GetStr(r->body, (int)length, in);
    r->body_bytes = got > 0 ? (size_t)got : 0;
    r->body[r->body_bytes] = '\0';
    r->body_state = r->body_bytes == length && FCGX_GetChar(in) == EOF ? REQUEST_BODY_OK : REQUEST_BODY_BROKEN;
    discard(in);
}

static int64_t route_max_bytes(const struct request *request, const struct conf *conf)
{
    char value[PATH_VALUE_BYTES];
    g_autoptr(GString) allowed = g_string_new(NULL);
    const struct route *route = request->path == NULL ? NULL
                                                      : router_match(request->method, request->path, value, allowed);
    return router_body_max_bytes(route, conf);
}

/* Which route it is matters only to bodies that are larger than most may be. */
static int64_t body_max_bytes(struct api *api, const struct request *request)
{
    uint64_t length = 0;
    struct snapshot *snapshot = state_get(&api->state);
    int64_t max_bytes = snapshot->conf->api.body_max_bytes;
    if (request_length(request, &length) && length > (uint64_t)max_bytes) {
        max_bytes = route_max_bytes(request, snapshot->conf);
    }
    snapshot_unref(snapshot);
    return max_bytes;
}

static void serve(struct api *api, struct db *db, FCGX_Request *fcgi)
{
    struct request request CLEANUP(request_release);
    struct response response CLEANUP(response_release);
    g_autoptr(GString) out = g_string_sized_new(2048);
    request_init(&request, fcgi->envp);
    read_body(fcgi->in, &request, body_max_bytes(api, &request));
    response_init(&response, request.id);
    router_serve(api, db, &request, &response);
    response_print(&response, strcmp(request.method, "HEAD") == 0, out);
    (void)FCGX_PutStr(out->str, (int)out->len, fcgi->out);
}

/* Once a minute one thread, after its answer, deletes rate limits that have run out and stored answers that are too
 * old.
 */
static void clean_up(struct api *api, struct db *db)
{
    struct err e = ERR_INIT;
    int64_t now_us = clock_mono_us();
    long long due_us = atomic_load(&api->cleanup_due_us);
    if (now_us >= due_us && atomic_compare_exchange_strong(&api->cleanup_due_us, &due_us, now_us + CLEANUP_EVERY_US) &&
        !(ratelimit_cleanup(db, &e) && idempotency_cleanup(db, &e))) {
        log_debug("expired.not_cleaned", LERR(&e));
    }
}

/* --- accepting -------------------------------------------------------------------------------------------------- */

static void watch(int epoll_fd, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        abort();
    }
}

/* True: there may be a connection; false: time to end. EPOLLEXCLUSIVE wakes one thread for one connection. */
static bool wait_for_connection(int epoll_fd, int stop_fd)
{
    struct epoll_event events[2];
    int n = 0;
    do {
        n = epoll_wait(epoll_fd, events, 2, -1);
    } while (n <= 0);
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd == stop_fd) {
            return false;
        }
    }
    return true;
}

/* Serves one connection when there is one. */
static bool accept_and_serve(struct workers *w, struct db *db, FCGX_Request *fcgi)
{
    int rc = FCGX_Accept_r(fcgi);
    if (rc == 0) {
        serve(w->api, db, fcgi);
        FCGX_Finish_r(fcgi);
        clean_up(w->api, db);
        return true;
    }
    if (rc != -EAGAIN) {
        log_warn("http.accept_failed", LINT("error", -rc));
        g_usleep(ACCEPT_PAUSE_US); /* out of descriptors or memory: the others are about to free some */
    }
    return false;
}

static void *worker_run(void *arg)
{
    struct workers *w = arg;
    FCGX_Request fcgi;
    struct db *db CLEANUP(db_cleanup) = db_new(w->api->boot);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll_fd, w->listener->fd, EPOLLIN | EPOLLEXCLUSIVE);
    watch(epoll_fd, w->stop_fd, EPOLLIN);
    FCGX_InitRequest(&fcgi, w->listener->fd, 0);
    while (wait_for_connection(epoll_fd, w->stop_fd)) {
        (void)accept_and_serve(w, db, &fcgi);
    }
    while (!w->listener->inherited && accept_and_serve(w, db, &fcgi)) {
    }
    FCGX_Free(&fcgi, 1);
    (void)close(epoll_fd);
    atomic_fetch_sub(&w->running, 1);
    return NULL;
}

/* --- the crew --------------------------------------------------------------------------------------------------- */

/* Before it closes a connection libfcgi waits up to 2 s for the other side to close first, lest unread input reset it.
 * Ours is a Unix socket whose input was read to its end, so there is nothing to wait for (os_unix.c, OS_Close). */
bool workers_prepare(struct err *e)
{
    (void)g_setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", FALSE);
    return FCGX_Init() == 0 || err_set(e, ERR_INTERNAL, "libfcgi cannot start");
}

void workers_start(struct workers *w, struct api *api, const struct listener *listener, size_t n)
{
    *w = (struct workers){.api = api, .listener = listener, .n = n};
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->threads = g_new0(pthread_t, n);
    atomic_init(&w->running, (int)n);
    for (size_t i = 0; i < n; i++) {
        w->threads[i] = service_thread("request", worker_run, w);
    }
}

void workers_stop(struct workers *w)
{
    (void)eventfd_write(w->stop_fd, 1);
}

int workers_running(struct workers *w)
{
    return atomic_load(&w->running);
}

void workers_join(struct workers *w)
{
    for (size_t i = 0; i < w->n; i++) {
        pthread_join(w->threads[i], NULL);
    }
    g_free(w->threads);
    (void)close(w->stop_fd);
}
