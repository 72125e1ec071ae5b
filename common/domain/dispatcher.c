#include <glib.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#include "domain/dispatch_queue.h"
#include "domain/dispatcher.h"
#include "domain/gather.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ports/service.h"

#define QUEUE_MAX 10000    /* of each tier */
#define WINDOW 2000        /* unconfirmed at one time */
#define WINDOW_BACKLOG 500 /* of them of the backlog tier: the broker takes messages up in their order */
#define TURN MQ_CORKED_MAX /* publishes between two looks at what the broker says */
#define MARKS_MAX 500      /* confirmed jobs in one statement */
#define MARKS_LEAST 8      /* but not split further than this */
#define LOST_BATCH 1000
#define LOCKED_TRIES 3
#define IDLE_MS 1000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 2000
#define DATABASE_PAUSE_MS 1000
#define LOG_EVERY_MS 10000
#define REDECLARE_EVERY_MS 5000 /* connecting anew for returned messages: not for each of them */
/* dispatch_at is cleared this long after the confirm at the latest. Nobody waits for it, and a job that a worker has
 * claimed by then costs no write any more. */
#define MARK_DELAY_MS 50

/* A warning that may have many causes a second is logged once in LOG_EVERY_MS, with the number it stands for. */
struct seldom {
    int64_t next_us;
    int64_t count;
};

struct marks {
    bool (*write)(struct db *db, const struct job_ref *refs, size_t n, struct err *e);
    struct job_ref refs[MARKS_MAX];
    size_t n;
    int64_t since_us; /* when the first of them came */
};

struct dispatcher {
    const struct conf *conf;
    struct dispatch_queue *queue;
    _Atomic bool is_ready;
    _Atomic size_t backlog;
    _Atomic int64_t stop_us; /* drain until then; 0: run */
    pthread_t thread;

    /* the thread's own */
    struct db *db;
    struct mq *mq;
    struct outstanding *outstanding;
    size_t backlog_unconfirmed; /* messages of the backlog tier */
    bool is_blocked;
    bool lost[LANES];      /* its queue was made anew: messages that rows count on are gone */
    size_t lost_batch;     /* rows at a time: fewer after a statement that took too long */
    int64_t clock_from_us; /* confirms are not awaited for a time before this */
    int64_t lost_connection_us;
    int64_t database_from_us;
    int64_t redeclare_from_us; /* not before this */
    bool has_returned;         /* a message found no queue */
    struct gather gather;
    struct marks jobs;
    struct marks dead;
    struct seldom rejected;
    struct seldom returned;
    struct seldom unmarked;
};

static bool is_time(struct seldom *s)
{
    s->count++;
    int64_t now_us = clock_mono_us();
    if (now_us < s->next_us) {
        return false;
    }
    s->next_us = now_us + LOG_EVERY_MS * US_PER_MS;
    return true;
}

static int64_t take_count(struct seldom *s)
{
    int64_t count = s->count;
    s->count = 0;
    return count;
}

/* --- clearing dispatch_at ----------------------------------------------------------------------------------------- */

/* The statement may meet a claim of the same rows. Rows with large payloads take long to change: what did not end in a
 * statement's time is done by fewer at once. */
static bool write_marks(struct dispatcher *d, struct marks *m, struct err *e)
{
    size_t done = 0;
    size_t part = m->n;
    for (int locked = 0; done < m->n && locked < LOCKED_TRIES;) {
        size_t n = MIN(part, m->n - done);
        err_clear(e);
        if (m->write(d->db, m->refs + done, n, e)) {
            done += n;
        } else if (e->code == ERR_TIMEOUT && n > MARKS_LEAST) {
            part = MAX(n / 8, MARKS_LEAST);
        } else if (e->code == ERR_LOCKED) {
            locked++;
        } else {
            break;
        }
    }
    return done == m->n;
}

/* A failure loses nothing: those rows stay due, and the relay publishes them once more. */
static void flush_marks(struct dispatcher *d, struct marks *m)
{
    struct err e = ERR_INIT;
    if (m->n == 0) {
        return;
    }
    if (clock_mono_us() >= d->database_from_us && !write_marks(d, m, &e)) {
        d->database_from_us = clock_mono_us() + DATABASE_PAUSE_MS * US_PER_MS;
        if (is_time(&d->unmarked)) {
            log_warn("dispatcher.unmarked", LERR(&e), LINT("batches", take_count(&d->unmarked)),
                     LSTR("then", "the relay publishes these jobs again"));
        }
    }
    m->n = 0;
}

static void add_mark(struct dispatcher *d, struct marks *m, const struct job_ref *ref)
{
    if (m->n == 0) {
        m->since_us = clock_mono_us();
    }
    m->refs[m->n++] = *ref;
    if (m->n == MARKS_MAX) {
        flush_marks(d, m);
    }
}

/* Milliseconds until the marks must be written; -1 when there are none. */
static int64_t marks_due_ms(const struct marks *m)
{
    if (m->n == 0) {
        return -1;
    }
    return MAX(0, m->since_us / US_PER_MS + MARK_DELAY_MS - clock_mono_us() / US_PER_MS);
}

static void flush_due_marks(struct dispatcher *d)
{
    bool is_stopping = atomic_load(&d->stop_us) != 0;
    struct marks *all[] = {&d->jobs, &d->dead};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (is_stopping || marks_due_ms(all[i]) == 0) {
            flush_marks(d, all[i]);
        }
    }
}

/* --- what the broker says ----------------------------------------------------------------------------------------- */

static bool is_of_backlog(const struct dispatch_entry *entry)
{
    return entry->kind == DISPATCH_JOB && entry->job.ref.tier == TIER_BACKLOG;
}

static void on_confirmed(void *arg, const struct dispatch_entry *entry, bool is_returned)
{
    struct dispatcher *d = arg;
    d->backlog_unconfirmed -= is_of_backlog(entry) ? 1 : 0;
    if (is_returned || entry->kind == DISPATCH_BROADCAST) {
        return;
    }
    add_mark(d, entry->kind == DISPATCH_JOB ? &d->jobs : &d->dead, &entry->job.ref);
}

static void on_rejected(void *arg, const struct dispatch_entry *entry, bool is_returned UNUSED)
{
    struct dispatcher *d = arg;
    d->backlog_unconfirmed -= is_of_backlog(entry) ? 1 : 0;
    if (is_time(&d->rejected)) {
        log_warn("dispatcher.rejected", LSTR("job_id", entry->job.ref.id), LSTR("lane", lane_name(entry->job.ref.lane)),
                 LINT("messages", take_count(&d->rejected)),
                 LSTR("cause", "the queue is full or unavailable; the relay tries again"));
    }
}

static void settle(struct dispatcher *d, const struct mq_event *event, outstanding_fn *fn)
{
    atomic_fetch_sub(&d->backlog, outstanding_settle(d->outstanding, event->tag, event->multiple, fn, d));
}

static void note_returned(struct dispatcher *d, const struct mq_event *event)
{
    outstanding_returned(d->outstanding, event->message.job_id, event->message.attempt);
    d->has_returned = true;
    if (is_time(&d->returned)) {
        log_warn("dispatcher.returned", LSTR("job_id", event->message.job_id), LSTR("cause", event->text),
                 LINT("messages", take_count(&d->returned)), LSTR("then", "the relay tries again"));
    }
}

static void set_blocked(struct dispatcher *d, bool is_blocked, const char *why)
{
    d->is_blocked = is_blocked;
    d->clock_from_us = clock_mono_us();
    atomic_store(&d->is_ready, !is_blocked);
    if (is_blocked) {
        log_warn("dispatcher.blocked", LSTR("cause", why));
    } else {
        log_info("dispatcher.unblocked", LNONE);
    }
}

/* False: the connection is of no more use. */
static bool take_event(struct dispatcher *d, const struct mq_event *event, struct err *e)
{
    if (event->type == MQ_CONFIRMED) {
        settle(d, event, on_confirmed);
    } else if (event->type == MQ_REJECTED) {
        settle(d, event, on_rejected);
    } else if (event->type == MQ_RETURNED) {
        note_returned(d, event);
    } else if (event->type == MQ_BLOCKED || event->type == MQ_UNBLOCKED) {
        set_blocked(d, event->type == MQ_BLOCKED, event->text);
    } else if (event->type == MQ_CLOSED) {
        return err_set(e, ERR_UNAVAILABLE, "RabbitMQ closed the connection: %s", event->text);
    }
    return true;
}

static bool read_events(struct dispatcher *d, int timeout_ms, struct err *e)
{
    enum mq_event_type type = MQ_NOTHING;
    do {
        struct mq_event event = {0};
        type = mq_next(d->mq, timeout_ms, dispatch_queue_fd(d->queue), &event);
        bool ok = take_event(d, &event, e);
        mq_event_release(&event);
        if (!ok) {
            return false;
        }
        timeout_ms = 0;
    } while (type != MQ_NOTHING);
    return true;
}

static bool confirms_come(const struct dispatcher *d, struct err *e)
{
    int64_t oldest_us = outstanding_oldest_us(d->outstanding);
    if (oldest_us == INT64_MAX || d->is_blocked) {
        return true;
    }
    int64_t limit_ms = d->conf->broker.confirm_timeout_ms;
    if (clock_mono_us() - MAX(oldest_us, d->clock_from_us) <= limit_ms * US_PER_MS) {
        return true;
    }
    return err_set(e, ERR_TIMEOUT, "RabbitMQ has not confirmed a message for %lld ms", (long long)limit_ms);
}

/* A message that finds no queue tells that somebody has deleted a binding: connecting anew declares it. */
static bool routes_exist(struct dispatcher *d, struct err *e)
{
    if (!d->has_returned || clock_mono_us() < d->redeclare_from_us) {
        return true;
    }
    d->has_returned = false;
    d->redeclare_from_us = clock_mono_us() + REDECLARE_EVERY_MS * US_PER_MS;
    return err_set(e, ERR_NOT_FOUND, "RabbitMQ has no queue for a message any more");
}

/* --- publishing --------------------------------------------------------------------------------------------------- */

static bool publish_entry(struct dispatcher *d, const struct dispatch_entry *entry, uint64_t *sequence, struct err *e)
{
    if (entry->kind == DISPATCH_BROADCAST) {
        return mq_broadcast(d->mq, entry->body, sequence, e);
    }
    const struct job_ref *ref = &entry->job.ref;
    struct mq_message message = {.attempt = ref->attempt, .tier = ref->tier, .lane = ref->lane, .ahead = ref->ahead};
    message.flow = ref->flow;
    message.published_s = clock_wall_us() / US_PER_S;
    g_strlcpy(message.job_id, ref->id, sizeof(message.job_id));
    g_strlcpy(message.job_type, ref->job_type, sizeof(message.job_type));
    g_strlcpy(message.traceparent, ref->traceparent, sizeof(message.traceparent));
    g_strlcpy(message.cause, entry->job.cause, sizeof(message.cause));
    const char *exchange = entry->kind == DISPATCH_JOB ? MQ_EXCHANGE_JOBS : MQ_EXCHANGE_DEAD;
    return mq_publish(d->mq, exchange, &message, sequence, e);
}

static bool can_publish(const struct dispatcher *d)
{
    return !d->is_blocked && outstanding_has_room(d->outstanding);
}

static bool is_backlog_held(const struct dispatcher *d)
{
    return d->backlog_unconfirmed >= WINDOW_BACKLOG;
}

/* How many there are to publish. */
static size_t ready_to_publish(const struct dispatcher *d)
{
    return can_publish(d) ? dispatch_queue_length(d->queue, is_backlog_held(d)) : 0;
}

static bool publish_turn(struct dispatcher *d, struct err *e)
{
    for (int i = 0; i < TURN && can_publish(d); i++) {
        struct dispatch_entry entry = {0};
        if (!dispatch_queue_pop(d->queue, is_backlog_held(d), &entry)) {
            return true;
        }
        uint64_t sequence = 0;
        bool ok = publish_entry(d, &entry, &sequence, e);
        g_free(entry.body);
        if (!ok) {
            atomic_fetch_sub(&d->backlog, 1);
            return false;
        }
        outstanding_add(d->outstanding, sequence, &entry, clock_mono_us());
        d->backlog_unconfirmed += is_of_backlog(&entry) ? 1 : 0;
    }
    return true;
}

static bool publish_some(struct dispatcher *d, struct err *e)
{
    size_t ready = ready_to_publish(d);
    int64_t now_us = clock_mono_us();
    bool is_stopping = atomic_load(&d->stop_us) != 0;
    if (ready == 0 || (!is_stopping && gather_wait_us(&d->gather, ready, now_us) > 0)) {
        return true;
    }
    gather_note(&d->gather, MIN(ready, TURN), now_us);
    if (ready == 1) {
        return publish_turn(d, e);
    }
    if (!mq_cork(d->mq, e)) {
        return false;
    }
    bool ok = publish_turn(d, e);
    mq_uncork(d->mq);
    return ok;
}

static int wait_ms(struct dispatcher *d)
{
    size_t ready = ready_to_publish(d);
    if (ready > 0) {
        return (int)((gather_wait_us(&d->gather, ready, clock_mono_us()) + US_PER_MS - 1) / US_PER_MS);
    }
    int64_t wait = atomic_load(&d->stop_us) == 0 ? IDLE_MS : MARK_DELAY_MS;
    const struct marks *all[] = {&d->jobs, &d->dead};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        int64_t due_ms = marks_due_ms(all[i]);
        wait = due_ms >= 0 ? MIN(wait, due_ms) : wait;
    }
    for (int l = 0; l < LANES; l++) {
        wait = d->lost[l] ? MIN(wait, MARK_DELAY_MS) : wait;
    }
    return (int)wait;
}

/* A queue that was just made has none of the messages that rows count on: they become due, a batch a turn. */
static void redispatch_lost(struct dispatcher *d)
{
    for (unsigned l = 0; l < LANES; l++) {
        struct err e = ERR_INIT;
        size_t n = 0;
        if (!d->lost[l] || clock_mono_us() < d->database_from_us) {
            continue;
        }
        if (!job_redispatch_lost(d->db, (enum lane)l, 0, d->lost_batch, &n, &e)) {
            d->lost_batch = e.code == ERR_TIMEOUT ? MAX(d->lost_batch / 4, 1) : d->lost_batch;
            d->database_from_us = clock_mono_us() + DATABASE_PAUSE_MS * US_PER_MS;
            continue; /* tried again; whoever else needs the database says that it is gone */
        }
        d->lost[l] = n == d->lost_batch;
        if (n > 0) {
            log_warn("messages.lost", LSTR("lane", lane_name((enum lane)l)), LINT("jobs", n),
                     LSTR("cause", "a queue was not there and had to be made"), LSTR("then", "publishing them again"));
        }
    }
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static bool is_drained(struct dispatcher *d)
{
    int64_t stop_us = atomic_load(&d->stop_us);
    if (stop_us == 0) {
        return false;
    }
    bool is_empty = dispatch_queue_length(d->queue, false) == 0 && outstanding_count(d->outstanding) == 0;
    return is_empty || d->is_blocked || clock_mono_us() >= stop_us;
}

/* Serves one connection until it ends (false, with the cause) or everything is published after a stop (true). */
static bool serve(struct dispatcher *d, struct err *e)
{
    while (!is_drained(d)) {
        if (!publish_some(d, e) || !read_events(d, wait_ms(d), e) || !confirms_come(d, e) || !routes_exist(d, e)) {
            return false;
        }
        flush_due_marks(d);
        redispatch_lost(d);
    }
    return true;
}

static bool connect_broker(struct dispatcher *d, struct err *e)
{
    d->mq = mq_connect(d->conf, "bellman-dispatcher", e);
    if (d->mq == NULL) {
        return false;
    }
    bool created[LANES] = {false};
    if (!mq_declare_topology(d->mq, created, e) || !mq_confirm_select(d->mq, e)) {
        g_clear_pointer(&d->mq, mq_free);
        return false;
    }
    for (int l = 0; l < LANES; l++) {
        d->lost[l] = d->lost[l] || created[l];
    }
    d->is_blocked = false;
    d->clock_from_us = clock_mono_us();
    /* By then the relay has published what waited here, or is about to. */
    if (clock_mono_us() - d->lost_connection_us > d->conf->consumer.dispatch_grace_ms * US_PER_MS) {
        atomic_fetch_sub(&d->backlog, dispatch_queue_clear(d->queue));
    }
    atomic_store(&d->is_ready, true);
    return true;
}

static void disconnect(struct dispatcher *d)
{
    atomic_store(&d->is_ready, false);
    d->lost_connection_us = clock_mono_us();
    g_clear_pointer(&d->mq, mq_free);
    atomic_fetch_sub(&d->backlog, outstanding_clear(d->outstanding));
    d->backlog_unconfirmed = 0;
    flush_marks(d, &d->jobs);
    flush_marks(d, &d->dead);
}

static void pause_ms(struct dispatcher *d, int64_t ms)
{
    int fd = dispatch_queue_fd(d->queue);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    eventfd_t count = 0;
    (void)eventfd_read(fd, &count);
    if (atomic_load(&d->stop_us) == 0) {
        (void)poll(&p, 1, (int)ms);
    }
}

static void *run(void *arg)
{
    struct dispatcher *d = arg;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    bool is_reported = false;
    while (atomic_load(&d->stop_us) == 0) {
        struct err e = ERR_INIT;
        bool is_done = false;
        if (connect_broker(d, &e)) {
            log_info("dispatcher.connected", LINT("epoch", mq_epoch(d->mq)));
            backoff_ms = BACKOFF_FIRST_MS;
            is_reported = false;
            is_done = serve(d, &e);
            disconnect(d);
        }
        if (is_done) {
            break;
        }
        if (!is_reported) {
            log_warn("dispatcher.lost", LERR(&e), LSTR("then", "connecting again until it works"));
            is_reported = true;
        }
        pause_ms(d, backoff_ms / 2 + g_random_int_range(0, (gint32)backoff_ms));
        backoff_ms = MIN(backoff_ms * 2, BACKOFF_LAST_MS);
    }
    return NULL;
}

/* --- the others' side --------------------------------------------------------------------------------------------- */

struct dispatcher *dispatcher_start(const struct conf *conf)
{
    struct dispatcher *d = g_new0(struct dispatcher, 1);
    d->conf = conf;
    d->queue = dispatch_queue_new(QUEUE_MAX);
    d->outstanding = outstanding_new(WINDOW);
    d->db = db_new(conf);
    d->lost_batch = LOST_BATCH;
    d->jobs.write = job_mark_dispatched;
    d->dead.write = job_mark_dead_published;
    d->thread = service_thread("dispatcher", run, d);
    return d;
}

void dispatcher_stop(struct dispatcher *d, int64_t drain_ms)
{
    if (d == NULL) {
        return;
    }
    atomic_store(&d->stop_us, clock_mono_us() + MAX(0, drain_ms) * US_PER_MS);
    dispatch_queue_wake(d->queue);
    pthread_join(d->thread, NULL);
    dispatch_queue_free(d->queue);
    outstanding_free(d->outstanding);
    db_free(d->db);
    g_free(d);
}

static bool submit(struct dispatcher *d, struct dispatch_entry *entry)
{
    atomic_fetch_add(&d->backlog, 1);
    if (dispatcher_is_ready(d) && dispatch_queue_push(d->queue, entry)) {
        return true;
    }
    atomic_fetch_sub(&d->backlog, 1);
    g_free(entry->body);
    return false;
}

bool dispatcher_publish(struct dispatcher *d, const struct job_ref *ref)
{
    struct dispatch_entry entry = {.kind = DISPATCH_JOB, .job.ref = *ref};
    return submit(d, &entry);
}

bool dispatcher_publish_dead(struct dispatcher *d, const struct job_dead_ref *ref)
{
    struct dispatch_entry entry = {.kind = DISPATCH_DEAD, .job = *ref};
    return submit(d, &entry);
}

bool dispatcher_broadcast(struct dispatcher *d, const char *body)
{
    struct dispatch_entry entry = {.kind = DISPATCH_BROADCAST, .body = g_strdup(body)};
    g_assert(strlen(body) <= MQ_BROADCAST_MAX_BYTES); /* ours are ids; more would cost the connection */
    return submit(d, &entry);
}

bool dispatcher_is_ready(const struct dispatcher *d)
{
    return atomic_load(&d->is_ready);
}

bool dispatcher_has_room(const struct dispatcher *d, enum tier tier, size_t n)
{
    return dispatcher_is_ready(d) && n <= dispatch_queue_room(d->queue, tier);
}

size_t dispatcher_backlog(const struct dispatcher *d)
{
    return atomic_load(&d->backlog);
}
