#include "ack_window.h"

#include "ground/clock.h"

/* Nobody waits for an ack but the broker that keeps the message. */
#define HOLD_US (20 * US_PER_MS)
#define ENOUGH 64 /* so many go at once */

struct entry {
    uint64_t tag;
    bool is_held;
    GList link; /* in order */
};

static struct entry *head_of(const struct ack_window *w)
{
    return w->order.head == NULL ? NULL : w->order.head->data;
}

static struct entry *find(const struct ack_window *w, uint64_t tag)
{
    return g_hash_table_lookup(w->by_tag, GSIZE_TO_POINTER(tag));
}

static void forget(struct ack_window *w, struct entry *entry)
{
    w->held -= entry->is_held ? 1 : 0;
    g_queue_unlink(&w->order, &entry->link);
    g_hash_table_remove(w->by_tag, GSIZE_TO_POINTER(entry->tag));
}

void ack_window_init(struct ack_window *w, guint held_max)
{
    *w = (struct ack_window){.by_tag = g_hash_table_new_full(NULL, NULL, NULL, g_free), .held_max = held_max};
    g_queue_init(&w->order);
}

void ack_window_release(struct ack_window *w)
{
    g_hash_table_unref(w->by_tag);
}

void ack_window_add(struct ack_window *w, uint64_t tag)
{
    struct entry *entry = g_new0(struct entry, 1);
    entry->tag = tag;
    entry->link.data = entry;
    g_queue_push_tail_link(&w->order, &entry->link);
    g_hash_table_insert(w->by_tag, GSIZE_TO_POINTER(tag), entry);
}

void ack_window_drop(struct ack_window *w, uint64_t tag)
{
    struct entry *entry = find(w, tag);
    if (entry != NULL) {
        forget(w, entry);
    }
}

void ack_window_hold(struct ack_window *w, uint64_t tag, int64_t now_us)
{
    struct entry *entry = find(w, tag);
    if (entry == NULL || entry->is_held) {
        return;
    }
    entry->is_held = true;
    if (w->held++ == 0) {
        w->since_us = now_us;
    }
}

/* The oldest deliveries, as far as all of them may be acked. */
static bool send_first(struct ack_window *w, ack_fn *send, void *arg, struct err *e)
{
    guint n = 0;
    uint64_t last = 0;
    for (struct entry *head = head_of(w); head != NULL && head->is_held; head = head_of(w)) {
        last = head->tag;
        n++;
        forget(w, head);
    }
    return n == 0 || send(arg, last, n > 1, e);
}

static bool send_singly(struct ack_window *w, ack_fn *send, void *arg, struct err *e)
{
    for (GList *link = w->order.head; link != NULL && w->held > 0;) {
        struct entry *entry = link->data;
        link = link->next;
        if (entry->is_held) {
            uint64_t tag = entry->tag;
            forget(w, entry);
            if (!send(arg, tag, false, e)) {
                return false;
            }
        }
    }
    return true;
}

bool ack_window_send(struct ack_window *w, int64_t now_us, bool all, ack_fn *send, void *arg, struct err *e)
{
    if (!all && w->held < MIN(ENOUGH, w->held_max) && now_us - w->since_us < HOLD_US) {
        return true;
    }
    guint before = w->held;
    if (!send_first(w, send, arg, e)) {
        return false;
    }
    const struct entry *oldest = head_of(w);
    if (w->held == 0 || oldest == NULL) {
        return true;
    }
    if (w->held != before) {
        w->since_us = now_us; /* the rest waits for another one */
    }
    if (!all && oldest->tag != w->straggler && w->held <= w->held_max && now_us - w->since_us < HOLD_US) {
        return true;
    }
    w->straggler = oldest->tag;
    return send_singly(w, send, arg, e);
}

int ack_window_wait_ms(const struct ack_window *w, int64_t now_us, int longest_ms)
{
    if (w->held == 0) {
        return longest_ms;
    }
    int64_t left_us = w->since_us + HOLD_US - now_us;
    return (int)CLAMP((left_us + US_PER_MS - 1) / US_PER_MS, 0, longest_ms);
}
