#include "dead_keeper.h"

#include <stdlib.h>
#include <string.h>

#include "domain/dead_letters.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ports/mq.h"
#include "steward.h"

#define TURN_US (150 * US_PER_MS)
#define TURN_MESSAGES 20000
#define WAIT_MS 20
#define SILENCE_US US_PER_S
#define COMPARE_US (2 * US_PER_S)
#define DIFFERENCES_MIN 2 /* in a row: a message may be on its way */
#define COMPANY_MIN 2     /* in a row: the consumers of the last round are counted until the broker has put all back */
#define ROUND_US (300 * US_PER_S)
#define RIPE_MS 5000
#define AGAIN_US (5 * US_PER_S)
#define PAGE 5000
#define BATCH 256
#define HOLD_MAX 200000 /* messages: each costs the broker about a kilobyte while it is held */
#define COUNT_MAX 1000000
#define COUNT_SHARE 50 /* of the time: at most one part in so many goes into counting */
#define ROUND_SHARE 10
#define DOUBLINGS_MAX 6
#define COUNT_ALL_MAX (INT64_C(16) * 16 * DEAD_SLICE_ROWS)
#define BROKER_PAUSE_MS 1000

/* Why a round has not seen all messages. */
static const char why_shared[] = "others consume the queue, too";
static const char why_fewer[] = "fewer messages came than were announced";
static const char why_many[] = "there are more messages than may be held at a time";

enum stage { STAGE_REST, STAGE_LOAD, STAGE_READ, STAGE_RELEASE, STAGE_ACK, STAGE_WRITE };

struct entry {
    struct dead_row row;
    bool is_seen;
};

struct stranger {
    struct dead_id id;
    uint64_t tag;
};

struct dead_keeper {
    struct mq *mq;
    bool is_lost;     /* the connection is of no more use */
    bool is_reported; /* that the broker is away */
    enum stage stage;

    bool is_dirty;    /* go through the queue as soon as may be */
    unsigned company; /* looks in a row that found other consumers: numbers say nothing then */
    int64_t not_before_us;
    int64_t round_us; /* the latest time for the next round */
    int64_t compare_us;
    int differences;
    unsigned misses;      /* rounds in a row that missed messages: somebody takes them away */
    const char *reported; /* why_... that was logged; NULL: none */
    int64_t unknown;      /* messages of no job, as of the last round */

    /* this round */
    int64_t began_us;
    unsigned digits;
    unsigned part;
    struct dead_slice slice;
    char after[UUID_TEXT_BYTES];
    GArray *entries; /* struct entry, by id once all are loaded */
    int64_t to_read;
    int64_t held;
    int64_t asked_for;  /* as many may be delivered */
    int64_t last_us;    /* of the last delivery */
    GArray *strangers;  /* struct stranger: in no entry; what they are must be looked up */
    GArray *goners;     /* uint64_t tags to ack */
    guint acked;        /* of the goners */
    uint64_t settled;   /* tags up to this one are no longer held */
    guint written;      /* entries that STAGE_WRITE has done */
    const char *unread; /* why_...: that a message was not seen says nothing; NULL: all were read */
    int64_t removed;
    int64_t missing;
    bool is_again; /* another look soon */
    bool is_empty; /* the queue is said to hold nothing */
};

/* --- beginning and end ------------------------------------------------------------------------------------------- */

static struct dead_keeper *keeper_of(struct steward *s)
{
    if (s->dead == NULL) {
        struct dead_keeper *k = g_new0(struct dead_keeper, 1);
        k->entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
        k->strangers = g_array_new(FALSE, TRUE, sizeof(struct stranger));
        k->goners = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        s->dead = k;
    }
    return s->dead;
}

static void forget_round(struct dead_keeper *k)
{
    k->stage = STAGE_REST;
    g_array_set_size(k->entries, 0);
    g_array_set_size(k->strangers, 0);
    g_array_set_size(k->goners, 0);
}

void dead_keeper_rest(struct dead_keeper *k)
{
    if (k != NULL && k->mq != NULL) {
        g_clear_pointer(&k->mq, mq_free);
        forget_round(k);
    }
}

void dead_keeper_free(struct dead_keeper *k)
{
    if (k != NULL) {
        dead_keeper_rest(k);
        g_array_unref(k->entries);
        g_array_unref(k->strangers);
        g_array_unref(k->goners);
        g_free(k);
    }
}

/* The broker may have been wiped while this connection was not there. */
static bool connect_broker(struct dead_keeper *k, const struct conf *conf, struct err *e)
{
    bool created[LANES] = {false};
    if (k->mq != NULL) {
        return true;
    }
    k->mq = mq_connect(conf, "bellman-dead-keeper", e);
    if (k->mq == NULL || !mq_declare_topology(k->mq, created, e)) {
        g_clear_pointer(&k->mq, mq_free);
        return false;
    }
    k->is_lost = false;
    k->is_reported = false;
    k->is_dirty = true;
    return true;
}

/* --- is there a reason? ------------------------------------------------------------------------------------------ */

/* With more rows than are counted here, only the rounds tell. */
static bool compare_numbers(struct dead_keeper *k, struct db *db, int64_t depth, struct err *e)
{
    int64_t rows = 0;
    if (clock_mono_us() < k->compare_us) {
        return true;
    }
    int64_t began_us = clock_mono_us();
    if (!dead_letters_count(db, COUNT_MAX, &rows, e)) {
        return false;
    }
    int64_t now_us = clock_mono_us();
    k->compare_us = now_us + MAX(COMPARE_US, COUNT_SHARE * (now_us - began_us));
    bool differs = rows < COUNT_MAX && rows + k->unknown != depth;
    k->differences = differs ? k->differences + 1 : 0;
    k->is_dirty = k->is_dirty || k->differences >= DIFFERENCES_MIN;
    return true;
}

/* What others hold unacked is not ready, and may never be again; when they have gone, all of it can be seen. */
static bool look_at_queue(struct dead_keeper *k, struct db *db, struct err *e)
{
    int64_t depth = 0;
    int64_t others = 0;
    if (!mq_dead_depth(k->mq, &depth, &others, e)) {
        return false;
    }
    k->is_dirty = k->is_dirty || (k->company >= COMPANY_MIN && others == 0);
    k->company = others > 0 ? k->company + 1 : 0;
    return k->company > 0 || compare_numbers(k, db, depth, e);
}

static void begin(struct dead_keeper *k)
{
    k->is_dirty = false;
    k->is_again = false;
    k->unread = k->company > 0 ? why_shared : NULL;
    k->differences = 0;
    k->unknown = 0;
    k->removed = 0;
    k->missing = 0;
    k->part = 0;
    k->began_us = clock_mono_us();
    k->stage = STAGE_LOAD;
    k->after[0] = '\0';
    g_array_set_size(k->entries, 0);
}

/* In company a round can only remove. */
static bool is_due(const struct dead_keeper *k, bool has_ended)
{
    int64_t now_us = clock_mono_us();
    bool has_reason = has_ended || (k->company == 0 && (k->is_dirty || now_us >= k->round_us));
    return has_reason && now_us >= k->not_before_us;
}

static bool rest(struct dead_keeper *k, struct steward *s, struct err *e)
{
    bool has_ended = false;
    int64_t rows = 0;
    if (!look_at_queue(k, s->db, e) || !dead_letters_any_ended(s->db, &has_ended, e)) {
        return false;
    }
    if (!is_due(k, has_ended)) {
        return true;
    }
    if (!dead_letters_count(s->db, COUNT_ALL_MAX, &rows, e)) {
        return false;
    }
    k->digits = dead_slice_digits(rows);
    begin(k);
    return dead_slice_suffix(k->digits, k->part, k->slice.suffix);
}

/* --- the rows ---------------------------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    return memcmp(&x->row.id, &y->row.id, sizeof(x->row.id));
}

static struct entry *find_entry(const struct dead_keeper *k, const struct dead_id *id)
{
    const struct entry wanted = {.row = {.id = *id}};
    return bsearch(&wanted, k->entries->data, k->entries->len, sizeof(struct entry), compare_entries);
}

/* A broker that has just started says 0 of a queue whose log it still reads: whether there is something is asked of the
 * queue itself. */
static bool start_reading(struct dead_keeper *k, struct err *e)
{
    int64_t unused = 0;
    g_array_sort(k->entries, compare_entries);
    k->written = 0;
    k->held = 0;
    k->asked_for = 0;
    k->last_us = clock_mono_us();
    k->stage = STAGE_READ;
    if (!mq_dead_depth(k->mq, &k->to_read, &unused, e)) {
        return false;
    }
    k->is_empty = k->to_read == 0;
    k->to_read += k->is_empty && k->entries->len > 0 ? 1 : 0;
    return true;
}

static bool load(struct dead_keeper *k, struct steward *s, struct err *e)
{
    size_t n = 0;
    g_autofree struct dead_row *rows = g_new(struct dead_row, PAGE);
    if (!dead_letters_page(s->db, &k->slice, k->after, RIPE_MS, rows, PAGE, &n, e)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct entry entry = {.row = rows[i]};
        g_array_append_val(k->entries, entry);
    }
    return n == PAGE || start_reading(k, e);
}

/* --- the messages ------------------------------------------------------------------------------------------------ */

static void let_go(struct dead_keeper *k, uint64_t tag)
{
    g_array_append_val(k->goners, tag);
}

/* A second message of a job goes, and any of one that is no dead letter any more. */
static void take_message(struct dead_keeper *k, const struct mq_event *event)
{
    struct stranger stranger = {.tag = event->tag};
    if (!dead_id_parse(event->message.job_id, &stranger.id)) {
        k->unknown += k->part == 0 ? 1 : 0;
        return;
    }
    if (!dead_slice_has(&k->slice, event->message.job_id)) {
        return;
    }
    struct entry *entry = find_entry(k, &stranger.id);
    if (entry == NULL) {
        g_array_append_val(k->strangers, stranger);
        return;
    }
    if (!entry->row.is_live || entry->is_seen) {
        let_go(k, event->tag);
    }
    entry->is_seen = true;
}

static bool look_at_strangers(struct dead_keeper *k, struct db *db, struct err *e)
{
    struct dead_id ids[BATCH];
    enum dead_state states[BATCH];
    while (k->strangers->len > 0) {
        guint n = MIN(k->strangers->len, BATCH);
        const struct stranger *list = (const struct stranger *)(void *)k->strangers->data;
        for (guint i = 0; i < n; i++) {
            ids[i] = list[i].id;
        }
        if (!dead_letters_look(db, ids, n, states, e)) {
            return false;
        }
        for (guint i = 0; i < n; i++) {
            k->unknown += states[i] == DEAD_UNKNOWN ? 1 : 0;
            if (states[i] == DEAD_ENDED) {
                let_go(k, list[i].tag);
            }
        }
        g_array_remove_range(k->strangers, 0, n);
    }
    return true;
}

/* *ret_more false: nothing more was there within wait_ms. */
static bool read_one(struct dead_keeper *k, int wait_ms, bool *ret_more, struct err *e)
{
    struct mq_event event = {0};
    enum mq_event_type type = mq_next(k->mq, wait_ms, -1, &event);
    if (type == MQ_DELIVERY) {
        k->to_read--;
        k->settled = k->held == 0 ? event.tag - 1 : k->settled;
        k->held++;
        k->unread = k->is_empty && k->unread == NULL ? why_fewer : k->unread;
        k->last_us = clock_mono_us();
        take_message(k, &event);
    } else if (type == MQ_CLOSED || type == MQ_CANCELLED) {
        k->is_lost = true;
        err_set(e, ERR_UNAVAILABLE, "RabbitMQ: %s", type == MQ_CLOSED ? event.text : "the dead queue was deleted");
    }
    mq_event_release(&event);
    *ret_more = type != MQ_NOTHING;
    return type != MQ_CLOSED && type != MQ_CANCELLED;
}

/* Asks for more once all that was asked for is here. */
static bool widen(struct dead_keeper *k, struct err *e)
{
    if (k->held < k->asked_for) {
        return true;
    }
    if (k->asked_for >= HOLD_MAX) {
        k->unread = why_many;
        k->to_read = 0;
        return true;
    }
    k->asked_for += MQ_DEAD_WINDOW;
    k->last_us = clock_mono_us();
    return mq_consume_dead(k->mq, e);
}

/* Stops also when less arrives than was announced: the queue was purged, or others have taken something. */
static bool read_messages(struct dead_keeper *k, struct steward *s, struct err *e)
{
    bool more = false;
    int64_t end_us = clock_mono_us() + TURN_US;
    for (int i = 0; i < TURN_MESSAGES && k->to_read > 0 && clock_mono_us() < end_us; i++) {
        if (!widen(k, e) || !read_one(k, WAIT_MS, &more, e) ||
            (k->strangers->len >= BATCH && !look_at_strangers(k, s->db, e))) {
            return false;
        }
        if (!more && clock_mono_us() - k->last_us > SILENCE_US) {
            k->to_read = 0;
            k->unread = k->is_empty || k->unread != NULL ? k->unread : why_fewer;
        }
    }
    k->stage = k->to_read > 0 ? STAGE_READ : STAGE_RELEASE;
    return true;
}

/* What arrived while the consumer was being cancelled belongs to it, too. */
static bool read_rest(struct dead_keeper *k, struct err *e)
{
    bool more = true;
    while (more) {
        if (!read_one(k, 0, &more, e)) {
            return false;
        }
    }
    return true;
}

static int compare_tags(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static bool release(struct dead_keeper *k, struct steward *s, struct err *e)
{
    k->stage = STAGE_ACK;
    k->acked = 0;
    if (!mq_cancel_dead(k->mq, e) || !read_rest(k, e) || !look_at_strangers(k, s->db, e)) {
        return false;
    }
    g_array_sort(k->goners, compare_tags);
    return true;
}

/* The next goners with adjacent tags. What is to stay and came before them is given back first: the broker looks for a
 * tag from the oldest on, which with 100,000 others before it took a millisecond each. */
static bool ack_run(struct dead_keeper *k, struct err *e)
{
    const uint64_t *tags = (const uint64_t *)(void *)k->goners->data;
    guint end = k->acked + 1;
    while (end < k->goners->len && tags[end] == tags[end - 1] + 1) {
        end++;
    }
    uint64_t first = tags[k->acked];
    if ((first > k->settled + 1 && !mq_give_back(k->mq, first - 1, e)) || !mq_ack(k->mq, tags[end - 1], true, e)) {
        return false;
    }
    k->settled = tags[end - 1];
    k->acked = end;
    return true;
}

/* The question at the end is answered after the broker has seen all the acks: then rows may be forgotten. */
static bool ack_goners(struct dead_keeper *k, struct steward *s UNUSED, struct err *e)
{
    int64_t unused = 0;
    int64_t end_us = clock_mono_us() + TURN_US;
    while (k->acked < k->goners->len && clock_mono_us() < end_us) {
        if (!ack_run(k, e)) {
            return false;
        }
    }
    if (k->acked < k->goners->len) {
        return true;
    }
    k->removed += k->acked;
    g_array_set_size(k->goners, 0);
    k->stage = STAGE_WRITE;
    return (k->held == 0 || mq_give_back(k->mq, 0, e)) && mq_dead_depth(k->mq, &unused, &unused, e);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

struct write {
    struct dead_id missing[BATCH];
    size_t missing_n;
    struct dead_id ended[BATCH];
    size_t ended_n;
};

static void sort_out(const struct dead_keeper *k, const struct entry *entry, struct write *w)
{
    bool knows = entry->is_seen || k->unread == NULL;
    if (!entry->row.is_live && knows) {
        w->ended[w->ended_n++] = entry->row.id;
    } else if (entry->row.is_live && knows && !entry->is_seen && entry->row.is_ripe) {
        w->missing[w->missing_n++] = entry->row.id;
    } /* else: it is there, or may be on its way, or was not read */
}

static bool flush(struct dead_keeper *k, struct db *db, const struct write *w, struct err *e)
{
    size_t n = 0;
    if (w->missing_n > 0) {
        if (!dead_letters_republish(db, w->missing, w->missing_n, &n, e)) {
            return false;
        }
        k->missing += (int64_t)n;
        k->is_again = true; /* a look whether it was right */
    }
    if (w->ended_n > 0) {
        if (!dead_letters_forget(db, w->ended, w->ended_n, &n, e)) {
            return false;
        }
        k->is_again = k->is_again || n < w->ended_n; /* dead once more, and its new message may have gone */
    }
    return true;
}

/* At most a tenth of the time is spent on it. When what was put there is missing again, somebody takes it away or the
 * broker drops it, and it is put there ever more rarely. */
static void plan_next(struct dead_keeper *k, int64_t took_us)
{
    int64_t now_us = clock_mono_us();
    k->misses = k->missing > 0 ? k->misses + 1 : 0;
    int64_t again_us = MIN(AGAIN_US << MIN(MAX(k->misses, 1) - 1, DOUBLINGS_MAX), ROUND_US);
    bool is_trouble = k->misses > 1 || k->unread != NULL;
    k->not_before_us = now_us + MAX(ROUND_SHARE * took_us, is_trouble ? again_us : 0);
    k->round_us = MAX(now_us + (k->is_again || k->unread == why_fewer ? again_us : ROUND_US), k->not_before_us);
}

static void finish(struct dead_keeper *k)
{
    int64_t took_us = clock_mono_us() - k->began_us;
    if (k->removed > 0 || k->missing > 0) {
        log_info("dead_letters.reconciled", LINT("removed", k->removed), LINT("missing", k->missing),
                 LINT("unknown", k->unknown), LINT("dur_us", took_us));
    }
    if (k->unread != NULL && k->unread != k->reported) {
        log_warn("dead_letters.partly_read", LSTR("cause", k->unread),
                 LSTR("then", "missing messages are not put back until all can be read"));
    }
    k->reported = k->unread;
    plan_next(k, took_us);
    forget_round(k);
}

static bool write_rows(struct dead_keeper *k, struct steward *s, struct err *e)
{
    int64_t end_us = clock_mono_us() + TURN_US;
    while (k->written < k->entries->len) {
        struct write w = {.missing_n = 0};
        guint end = MIN(k->written + BATCH, k->entries->len);
        for (guint i = k->written; i < end; i++) {
            sort_out(k, &g_array_index(k->entries, struct entry, i), &w);
        }
        if (!flush(k, s->db, &w, e)) {
            return false;
        }
        k->written = end;
        if (clock_mono_us() > end_us) {
            return true;
        }
    }
    g_array_set_size(k->entries, 0);
    k->after[0] = '\0';
    k->stage = STAGE_LOAD;
    if (!dead_slice_suffix(k->digits, ++k->part, k->slice.suffix)) {
        finish(k);
    }
    return true;
}

/* --- the task ---------------------------------------------------------------------------------------------------- */

static bool (*const stages[])(struct dead_keeper *, struct steward *, struct err *) = {
    [STAGE_REST] = rest,       [STAGE_LOAD] = load,      [STAGE_READ] = read_messages,
    [STAGE_RELEASE] = release, [STAGE_ACK] = ack_goners, [STAGE_WRITE] = write_rows,
};

/* Being without a broker is no failure of the task: it tries again every second, and says so once. */
static bool wait_for_broker(struct dead_keeper *k, struct steward *s, const struct err *e)
{
    if (!k->is_reported) {
        log_warn("dead_keeper.no_broker", LERR(e), LSTR("then", "trying again until it works"));
        k->is_reported = true;
    }
    dead_keeper_rest(k);
    forget_round(k);
    k->is_dirty = true;
    steward_again(s, BROKER_PAUSE_MS);
    return true;
}

bool dead_keeper_run(struct steward *s, struct err *e)
{
    struct err now = ERR_INIT;
    struct dead_keeper *k = keeper_of(s);
    if (!connect_broker(k, steward_conf(s), &now)) {
        return wait_for_broker(k, s, &now);
    }
    if (stages[k->stage](k, s, &now)) {
        if (k->stage != STAGE_REST) {
            steward_again(s, 0);
        }
        return true;
    }
    if (k->is_lost || !mq_is_well(k->mq)) {
        return wait_for_broker(k, s, &now);
    }
    dead_keeper_rest(k);
    return err_set(e, now.code, "%s", now.text);
}
