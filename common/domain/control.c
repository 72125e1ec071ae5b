#include <glib.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain/control.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/log.h"
#include "ports/mq.h"
#include "ports/service.h"

#define RENEW_MS 2000
#define SWEEP_MS 600000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 2000

struct control {
    const struct conf *conf;
    const char *kind;
    control_fn *fn;
    void *arg;
    int wake_fd;
    _Atomic bool is_stopping;
    _Atomic(control_load_fn *) load_fn;
    pthread_t thread;

    /* the thread's own */
    char id[UUID_TEXT_BYTES];
    char host[256];
    char flush_id[UUID_TEXT_BYTES]; /* the last flush that was done here; empty: none */
    int64_t started_us;
    struct control_minute minute;
    struct db *db;
    struct mq *mq;
    int64_t next_renewal_us;
    int64_t next_sweep_us;
    int64_t next_connect_us;
    int64_t backoff_ms;
    bool was_connected;
    bool is_database_lost; /* and has been reported */
    bool is_broker_lost;
};

/* --- load --------------------------------------------------------------------------------------------------------- */

#define MINUTE_US (60 * US_PER_S)

int64_t control_minute_add(struct control_minute *m, int64_t now_us, int64_t count)
{
    m->readings[m->n % CONTROL_MINUTE_READINGS].at_us = now_us;
    m->readings[m->n % CONTROL_MINUTE_READINGS].count = count;
    m->n++;
    unsigned kept = MIN(m->n, CONTROL_MINUTE_READINGS);
    int64_t before = count;
    for (unsigned back = 1; back <= kept; back++) {
        unsigned i = (m->n - back) % CONTROL_MINUTE_READINGS;
        if (m->readings[i].at_us < now_us - MINUTE_US) {
            break;
        }
        before = m->readings[i].count;
    }
    return count - before;
}

void control_report_load(struct control *c, control_load_fn *fn)
{
    atomic_store(&c->load_fn, fn);
}

/* --- the row ------------------------------------------------------------------------------------------------------ */

static bool write_row(struct control *c, struct err *e)
{
    static const char sql[] = "INSERT INTO processes (id, kind, host, pid, version, started_at, seen_at, flush_id,"
                              " running, capacity, last_minute)"
                              " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND, UTC_TIMESTAMP(6), ?,"
                              " ?, ?, ?) ON DUPLICATE KEY UPDATE seen_at = VALUES(seen_at),"
                              " flush_id = VALUES(flush_id), running = VALUES(running), capacity = VALUES(capacity),"
                              " last_minute = VALUES(last_minute)";

    struct control_load load = {0};
    control_load_fn *fn = atomic_load(&c->load_fn);
    if (fn != NULL) {
        fn(c->arg, &load);
    }
    int64_t last_minute = control_minute_add(&c->minute, clock_mono_us(), load.finished);
    return db_run(c->db, NULL, e, sql,
                  DB_PARAMS(db_text(c->id), db_text(c->kind), db_text(c->host), DB_INT(getpid()),
                            db_text(BELLMAN_VERSION), DB_INT(clock_mono_us() - c->started_us),
                            db_text(c->flush_id[0] == '\0' ? NULL : c->flush_id), DB_INT(load.running),
                            DB_INT(load.capacity), DB_INT(last_minute)));
}

static bool sweep(struct control *c, struct err *e)
{
    if (clock_mono_us() < c->next_sweep_us) {
        return true;
    }
    c->next_sweep_us = clock_mono_us() + SWEEP_MS * US_PER_MS;
    return db_run(
        c->db, NULL, e,
        "DELETE FROM processes WHERE seen_at < UTC_TIMESTAMP(6) - INTERVAL 1 HOUR ORDER BY seen_at LIMIT 1000",
        DB_NO_PARAMS);
}

static void renew(struct control *c)
{
    struct err e = ERR_INIT;
    c->next_renewal_us = clock_mono_us() + RENEW_MS * US_PER_MS;
    bool ok = write_row(c, &e) && sweep(c, &e);
    if (!ok && !c->is_database_lost) {
        log_warn("control.no_database", LERR(&e), LSTR("then", "trying again until it works"));
    }
    c->is_database_lost = !ok;
}

static void remove_row(struct control *c)
{
    struct err e = ERR_INIT;
    if (db_is_connected(c->db) &&
        !db_run(c->db, NULL, &e, "DELETE FROM processes WHERE id = ?", DB_PARAMS(db_text(c->id)))) {
        log_debug("control.row_stays", LERR(&e));
    }
}

/* --- broadcasts --------------------------------------------------------------------------------------------------- */

static void answer_flush(struct control *c, const json_t *body)
{
    const char *id = json_string_value(json_object_get(body, "id"));
    if (id != NULL && uuid_is_valid(id)) {
        g_strlcpy(c->flush_id, id, sizeof(c->flush_id));
        renew(c);
    }
}

static void take_broadcast(struct control *c, const struct mq_event *event)
{
    struct err e = ERR_INIT;
    json_auto_t *body = json_parse_limited(event->body, event->body_bytes, &e);
    const char *cmd = json_string_value(json_object_get(body, "cmd"));
    if (cmd == NULL) {
        log_warn("control.unreadable", LINT("body_bytes", event->body_bytes), LSTR("error", e.text));
        return;
    }
    log_debug("control.received", LSTR("cmd", cmd));
    c->fn(c->arg, cmd, body);
    if (strcmp(cmd, "cache_flush") == 0) {
        answer_flush(c, body);
    }
}

/* What was broadcast while nobody listened is not known, so nothing that is cached can be trusted. */
static void distrust_caches(struct control *c)
{
    json_auto_t *body = json_pack("{s:s}", "cmd", "cache_flush");
    c->fn(c->arg, "cache_flush", body);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static void note_broker_lost(struct control *c, const struct err *e)
{
    mq_free(c->mq);
    c->mq = NULL;
    if (!c->is_broker_lost && !atomic_load(&c->is_stopping)) {
        log_warn("control.no_broker", LERR(e), LSTR("then", "connecting again until it works"));
    }
    c->is_broker_lost = true;
    int64_t delay_ms = c->backoff_ms / 2 + g_random_int_range(0, (gint32)c->backoff_ms);
    c->next_connect_us = clock_mono_us() + delay_ms * US_PER_MS;
    c->backoff_ms = MIN(c->backoff_ms * 2, BACKOFF_LAST_MS);
}

static void connect_broker(struct control *c)
{
    struct err e = ERR_INIT;
    c->mq = mq_connect(c->conf, "bellman-control", &e);
    if (c->mq == NULL || !mq_consume_control(c->mq, &e)) {
        note_broker_lost(c, &e);
        return;
    }
    log_debug("control.connected", LINT("epoch", mq_epoch(c->mq)));
    c->is_broker_lost = false;
    c->backoff_ms = BACKOFF_FIRST_MS;
    if (c->was_connected) {
        distrust_caches(c);
    }
    c->was_connected = true;
}

static void listen_until(struct control *c, int64_t until_us)
{
    int wait_ms = (int)MAX(0, (until_us - clock_mono_us()) / US_PER_MS + 1);
    struct mq_event event = {0};
    enum mq_event_type type = mq_next(c->mq, wait_ms, c->wake_fd, &event);
    if (type == MQ_CONTROL) {
        take_broadcast(c, &event);
    } else if (type == MQ_CLOSED || type == MQ_CANCELLED) {
        struct err e = ERR_INIT;
        err_set(&e, ERR_UNAVAILABLE, "RabbitMQ: %s", type == MQ_CLOSED ? event.text : "the control queue was deleted");
        note_broker_lost(c, &e);
    }
    mq_event_release(&event);
}

static void wait_until(struct control *c, int64_t until_us)
{
    struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
    (void)poll(&p, 1, (int)MAX(0, (until_us - clock_mono_us()) / US_PER_MS + 1));
}

static void *run(void *arg)
{
    struct control *c = arg;
    while (!atomic_load(&c->is_stopping)) {
        if (clock_mono_us() >= c->next_renewal_us) {
            renew(c);
        }
        if (c->mq == NULL && clock_mono_us() >= c->next_connect_us) {
            connect_broker(c);
        }
        if (c->mq != NULL) {
            listen_until(c, c->next_renewal_us);
        } else {
            wait_until(c, MIN(c->next_renewal_us, c->next_connect_us));
        }
    }
    remove_row(c);
    mq_free(c->mq);
    db_free(c->db);
    return NULL;
}

/* --- the others' side --------------------------------------------------------------------------------------------- */

struct control *control_start(const struct conf *conf, const char *kind, control_fn *fn, void *arg)
{
    struct control *c = g_new0(struct control, 1);
    c->conf = conf;
    c->kind = kind;
    c->fn = fn;
    c->arg = arg;
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    g_assert(c->wake_fd >= 0);
    c->started_us = clock_mono_us();
    c->backoff_ms = BACKOFF_FIRST_MS;
    uuid7_new(c->id);
    (void)gethostname(c->host, sizeof(c->host) - 1);
    c->db = db_new(conf);
    c->thread = service_thread("control", run, c);
    return c;
}

void control_stop(struct control *c)
{
    if (c == NULL) {
        return;
    }
    atomic_store(&c->is_stopping, true);
    (void)eventfd_write(c->wake_fd, 1);
    pthread_join(c->thread, NULL);
    close(c->wake_fd);
    g_free(c);
}

bool control_count_answers(struct db *db, const char *flush_id, int64_t *ret_live, int64_t *ret_answered, struct err *e)
{
    if (!uuid_is_valid(flush_id)) {
        return err_set(e, ERR_INVALID, "The flush id is not a UUID");
    }
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT COUNT(*), COALESCE(SUM(flush_id = ?), 0) FROM processes WHERE " CONTROL_LIVE_SQL,
                DB_PARAMS(db_text(flush_id)))) {
        return false;
    }
    *ret_live = db_cell_int(&r, 0, 0);
    *ret_answered = db_cell_int(&r, 0, 1);
    return true;
}
