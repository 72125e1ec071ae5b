#include <glib.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain/dispatch_queue.h"

struct dispatch_queue {
    pthread_mutex_t lock;
    int fd;
    size_t capacity;
    size_t first;
    size_t length;
    struct dispatch_entry entries[];
};

struct dispatch_queue *dispatch_queue_new(size_t capacity)
{
    struct dispatch_queue *q = g_malloc0(sizeof(*q) + capacity * sizeof(struct dispatch_entry));
    q->capacity = capacity;
    q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    g_assert(q->fd >= 0);
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void dispatch_queue_free(struct dispatch_queue *q)
{
    dispatch_queue_clear(q);
    pthread_mutex_destroy(&q->lock);
    close(q->fd);
    g_free(q);
}

bool dispatch_queue_push(struct dispatch_queue *q, const struct dispatch_entry *entry)
{
    pthread_mutex_lock(&q->lock);
    size_t length = q->length;
    if (length < q->capacity) {
        q->entries[(q->first + length) % q->capacity] = *entry;
        q->length++;
    }
    pthread_mutex_unlock(&q->lock);
    if (length == 0) {
        dispatch_queue_wake(q);
    }
    return length < q->capacity;
}

bool dispatch_queue_pop(struct dispatch_queue *q, struct dispatch_entry *ret)
{
    pthread_mutex_lock(&q->lock);
    bool is_there = q->length > 0;
    if (is_there) {
        *ret = q->entries[q->first];
        q->first = (q->first + 1) % q->capacity;
        q->length--;
    }
    pthread_mutex_unlock(&q->lock);
    return is_there;
}

size_t dispatch_queue_length(struct dispatch_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t length = q->length;
    pthread_mutex_unlock(&q->lock);
    return length;
}

size_t dispatch_queue_clear(struct dispatch_queue *q)
{
    size_t dropped = 0;
    struct dispatch_entry entry = {0};
    while (dispatch_queue_pop(q, &entry)) {
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
