#include "worker.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
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

/* --- connections ------------------------------------------------------------------------------------------------ */

/* FastCGI lets the web server keep a connection for its next request (FCGI_KEEP_CONN). One that waits for it lies in
 * the epoll set and holds no thread. */
struct connection {
    FCGX_Request fcgi;
    GList link; /* in workers.connections */
    bool is_watched;
};

static struct connection *connection_new(struct workers *w, int fd)
{
    struct connection *c = g_new0(struct connection, 1);
    /* FCGX_Accept_r reads the next request of a connection that was kept, and so this one looks to it; without a
     * listener it accepts nothing by itself (fcgiapp.c). */
    FCGX_InitRequest(&c->fcgi, -1, 0);
    c->fcgi.ipcFd = fd;
    c->fcgi.keepConnection = 1;
    c->link.data = c;
    pthread_mutex_lock(&w->lock);
    g_queue_push_tail_link(&w->connections, &c->link);
    pthread_mutex_unlock(&w->lock);
    return c;
}

static void connection_free(struct workers *w, struct connection *c)
{
    pthread_mutex_lock(&w->lock);
    g_queue_unlink(&w->connections, &c->link);
    pthread_mutex_unlock(&w->lock);
    FCGX_Free(&c->fcgi, 1);
    g_free(c);
}

/* owner: a connection; NULL: the listener; the workers: their stop. Of a one-shot descriptor one thread hears once. */
static bool watch(const struct workers *w, int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    return epoll_ctl(w->epoll_fd, operation, fd, &event) == 0;
}

/* When this is true the connection is that of whichever thread hears of it. The lock says so to the other thread, which
 * takes it, too: that arming a descriptor comes before hearing of it is the kernel's word alone. */
static bool await_request(struct workers *w, struct connection *c)
{
    pthread_mutex_lock(&w->lock);
    int operation = c->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    c->is_watched = true;
    bool ok = watch(w, operation, c->fcgi.ipcFd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, c);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

static struct connection *take_over(struct workers *w, void *owner)
{
    pthread_mutex_lock(&w->lock);
    struct connection *c = owner;
    pthread_mutex_unlock(&w->lock);
    return c;
}

/* A request that is there or about to come, or the end of the connection. */
static void serve_connection(struct workers *w, struct db *db, struct connection *c)
{
    bool is_served = FCGX_Accept_r(&c->fcgi) == 0;
    if (is_served) {
        serve(w->api, db, &c->fcgi);
        FCGX_Finish_r(&c->fcgi);
    }
    if (!is_served || c->fcgi.ipcFd < 0 || !await_request(w, c)) {
        connection_free(w, c);
    }
    if (is_served) {
        clean_up(w->api, db);
    }
}

/* --- accepting -------------------------------------------------------------------------------------------------- */

/* Serves one new connection when there is one. While it does another thread may accept the next, unless the door was
 * closed. */
static void accept_and_serve(struct workers *w, struct db *db)
{
    int fd = accept4(w->listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        log_warn("http.accept_failed", LINT("error", errno));
        g_usleep(ACCEPT_PAUSE_US); /* out of descriptors or memory: the others are about to free some */
    }
    (void)watch(w, EPOLL_CTL_MOD, w->listener->fd, EPOLLIN | EPOLLONESHOT, NULL);
    if (fd >= 0) {
        serve_connection(w, db, connection_new(w, fd));
    }
}

static void *worker_run(void *arg)
{
    struct workers *w = arg;
    struct db *db CLEANUP(db_cleanup) = db_new(w->api->boot);
    for (;;) {
        struct epoll_event event;
        if (epoll_wait(w->epoll_fd, &event, 1, -1) <= 0) {
            continue;
        }
        if (event.data.ptr == w) {
            return NULL;
        }
        atomic_fetch_add(&w->busy, 1);
        if (event.data.ptr == NULL) {
            accept_and_serve(w, db);
        } else {
            serve_connection(w, db, take_over(w, event.data.ptr));
        }
        atomic_fetch_sub(&w->busy, 1);
    }
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
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->threads = g_new0(pthread_t, n);
    pthread_mutex_init(&w->lock, NULL);
    g_queue_init(&w->connections);
    if (!watch(w, EPOLL_CTL_ADD, listener->fd, EPOLLIN | EPOLLONESHOT, NULL) ||
        !watch(w, EPOLL_CTL_ADD, w->stop_fd, EPOLLIN, w)) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        w->threads[i] = service_thread("request", worker_run, w);
    }
}

void workers_close_door(struct workers *w)
{
    if (w->listener->inherited) {
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->listener->fd, NULL);
    }
}

static bool is_anybody_waiting(const struct workers *w)
{
    struct pollfd p = {.fd = w->listener->fd, .events = POLLIN};
    return !w->listener->inherited && poll(&p, 1, 0) == 1;
}

size_t workers_busy(struct workers *w)
{
    return atomic_load(&w->busy);
}

static size_t count_connections(struct workers *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->connections.length;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* A thread is busy before it accepts, and until its connection is in the list or gone: looked at in this order, no
 * connection slips through. */
bool workers_are_drained(struct workers *w, bool idle_too)
{
    return !is_anybody_waiting(w) && workers_busy(w) == 0 && (!idle_too || count_connections(w) == 0);
}

void workers_stop(struct workers *w)
{
    (void)eventfd_write(w->stop_fd, 1);
    for (size_t i = 0; i < w->n; i++) {
        pthread_join(w->threads[i], NULL);
    }
    for (GList *link = w->connections.head; link != NULL; link = w->connections.head) {
        connection_free(w, link->data);
    }
    g_free(w->threads);
    pthread_mutex_destroy(&w->lock);
    (void)close(w->epoll_fd);
    (void)close(w->stop_fd);
}
