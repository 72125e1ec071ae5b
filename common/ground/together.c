#include "ground/together.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>

/* Before a leader looks who has come: where processors are idle this is nothing, where they are not, threads that were
 * about to come do come, and share what every turn costs. */
#define YIELDS 8

struct together {
    pthread_mutex_t lock;
    GQueue waiting; /* struct together_member; empty while a leader is free */
    size_t free_leaders;
    size_t members_max;
};

struct together *together_new(size_t leaders, size_t members)
{
    g_assert(leaders > 0 && members > 0);
    struct together *t = g_new0(struct together, 1);
    pthread_mutex_init(&t->lock, NULL);
    g_queue_init(&t->waiting);
    t->free_leaders = leaders;
    t->members_max = members;
    return t;
}

void together_free(struct together *t)
{
    if (t == NULL) {
        return;
    }
    g_assert(g_queue_is_empty(&t->waiting));
    pthread_mutex_destroy(&t->lock);
    g_free(t);
}

/* Fills members from place n on; how many there are then. */
static size_t take_waiting(struct together *t, struct together_member **members, size_t n)
{
    pthread_mutex_lock(&t->lock);
    while (n < t->members_max && !g_queue_is_empty(&t->waiting)) {
        members[n++] = g_queue_pop_head(&t->waiting);
    }
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* The first of those that came meanwhile leads next. */
static void hand_over(struct together *t)
{
    pthread_mutex_lock(&t->lock);
    struct together_member *next = g_queue_pop_head(&t->waiting);
    t->free_leaders += next == NULL ? 1 : 0;
    pthread_mutex_unlock(&t->lock);
    if (next != NULL) {
        sem_post(&next->turn);
    }
}

/* A member may be gone as soon as its turn is posted. */
static void post_done(struct together_member **members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        members[i]->done = true;
        sem_post(&members[i]->turn);
    }
}

void together_dismiss(struct together *t, together_fn *fn, void *arg)
{
    g_autofree struct together_member **members = g_new(struct together_member *, t->members_max);
    for (size_t n = take_waiting(t, members, 0); n > 0; n = take_waiting(t, members, 0)) {
        fn(arg, members, n);
        post_done(members, n);
    }
}

static void lead(struct together *t, struct together_member *own, together_fn *fn, void *arg)
{
    g_autofree struct together_member **members = g_new(struct together_member *, t->members_max);
    members[0] = own;
    for (int i = 0; i < YIELDS; i++) {
        (void)sched_yield();
    }
    size_t n = take_waiting(t, members, 1);
    fn(arg, members, n);
    hand_over(t);
    post_done(members + 1, n - 1);
}

/* True: the caller leads, at once or after it has waited. */
static bool leads(struct together *t, struct together_member *own)
{
    pthread_mutex_lock(&t->lock);
    bool at_once = t->free_leaders > 0;
    if (at_once) {
        t->free_leaders--;
    } else {
        g_queue_push_tail(&t->waiting, own);
    }
    pthread_mutex_unlock(&t->lock);
    while (!at_once && sem_wait(&own->turn) != 0 && errno == EINTR) {
    }
    return !own->done;
}

void together_do(struct together *t, struct together_member *own, together_fn *fn, void *arg)
{
    own->done = false;
    sem_init(&own->turn, 0, 0);
    if (leads(t, own)) {
        lead(t, own, fn, arg);
    }
    sem_destroy(&own->turn);
}
