#include <glib.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain/dispatch_queue.h"

struct line {
    size_t first;
    size_t length;
    struct dispatch_entry *entries;
};

struct dispatch_queue {
    pthread_mutex_t lock;
    int fd;
    size_t capacity;
    struct line lines[TIERS];
    enum tier last; /* of the entry that was taken last */
};

struct dispatch_queue *dispatch_queue_new(size_t capacity)
{
    struct dispatch_queue *q = g_new0(struct dispatch_queue, 1);
    q->capacity = capacity;
    q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    g_assert(q->fd >= 0);
    for (int t = 0; t < TIERS; t++) {
        q->lines[t].entries = g_new0(struct dispatch_entry, capacity);
    }
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void dispatch_queue_free(struct dispatch_queue *q)
{
    dispatch_queue_clear(q);
    for (int t = 0; t < TIERS; t++) {
        g_free(q->lines[t].entries);
    }
    pthread_mutex_destroy(&q->lock);
    close(q->fd);
    g_free(q);
}

bool dispatch_queue_push(struct dispatch_queue *q, const struct dispatch_entry *entry)
{
    struct line *line = &q->lines[entry->kind == DISPATCH_JOB ? entry->job.ref.tier : TIER_MAIN];
    pthread_mutex_lock(&q->lock);
    size_t length = line->length;
    if (length < q->capacity) {
        line->entries[(line->first + length) % q->capacity] = *entry;
        line->length++;
    }
    pthread_mutex_unlock(&q->lock);
    if (length == 0) {
        dispatch_queue_wake(q);
    }
    return length < q->capacity;
}

bool dispatch_queue_pop(struct dispatch_queue *q, bool main_only, struct dispatch_entry *ret)
{
    pthread_mutex_lock(&q->lock);
    bool has_backlog = !main_only && q->lines[TIER_BACKLOG].length > 0;
    bool is_backlog = has_backlog && (q->lines[TIER_MAIN].length == 0 || q->last == TIER_MAIN);
    struct line *line = &q->lines[is_backlog ? TIER_BACKLOG : TIER_MAIN];
    bool is_there = line->length > 0;
    if (is_there) {
        *ret = line->entries[line->first];
        line->first = (line->first + 1) % q->capacity;
        line->length--;
        q->last = is_backlog ? TIER_BACKLOG : TIER_MAIN;
    }
    pthread_mutex_unlock(&q->lock);
    return is_there;
}

size_t dispatch_queue_length(struct dispatch_queue *q, bool main_only)
{
    pthread_mutex_lock(&q->lock);
    size_t length = q->lines[TIER_MAIN].length + (main_only ? 0 : q->lines[TIER_BACKLOG].length);
    pthread_mutex_unlock(&q->lock);
    return length;
}

size_t dispatch_queue_room(struct dispatch_queue *q, enum tier tier)
{
    pthread_mutex_lock(&q->lock);
    size_t room = q->capacity - q->lines[tier].length;
    pthread_mutex_unlock(&q->lock);
    return room;
}

size_t dispatch_queue_clear(struct dispatch_queue *q)
{
    size_t dropped = 0;
    struct dispatch_entry entry = {0};
    while (dispatch_queue_pop(q, false, &entry)) {
        g_free(entry.body);
        dropped++;
    }
    return dropped;
}

int dispatch_queue_fd(const struct dispatch_queue *q)
{
    return q->fd;
}

void dispatch_queue_wake(struct dispatch_queue *q)
{
    (void)eventfd_write(q->fd, 1);
}
