#include "domain/job_group.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "ground/clock.h"

/* A group's rows travel as one parameter of at most GROUP_MAX * ALONE_BYTES, far below max_allowed_packet. */
#define GROUP_MAX 64
#define ALONE_BYTES 65536
#define AWAY_US US_PER_S

/* One waiting job; lives on its thread's stack. */
struct ticket {
    const struct job_new *job;
    const struct idempotency *key; /* NULL: none */
    enum job_insert outcome;
    char id[UUID_TEXT_BYTES];
    char *text;
    struct err e;
    bool ok;
    bool done;
    sem_t turn; /* posted once: it is done, or its thread leads now. Unlike a condition it wakes nobody into a lock */
};

struct job_group {
    pthread_mutex_t lock;
    GQueue waiting; /* struct ticket */
    bool busy;      /* somebody leads */
};

struct job_group *job_group_new(void)
{
    struct job_group *group = g_new0(struct job_group, 1);
    pthread_mutex_init(&group->lock, NULL);
    g_queue_init(&group->waiting);
    return group;
}

void job_group_free(struct job_group *group)
{
    if (group == NULL) {
        return;
    }
    g_assert(g_queue_is_empty(&group->waiting));
    pthread_mutex_destroy(&group->lock);
    g_free(group);
}

static void insert_one(struct db *db, struct ticket *t)
{
    t->ok = job_insert(db, t->job, t->key, &t->outcome, t->id, &t->text, &t->e);
}

/* A fault that lies in one of the jobs: each is tried alone. */
static bool is_of_one(const struct err *e)
{
    return e->code == ERR_DUPLICATE || e->code == ERR_CONFLICT || e->code == ERR_INTERNAL || e->code == ERR_INVALID;
}

static void take_results(struct ticket **tickets, size_t n, struct job_inserted *inserted)
{
    for (size_t i = 0; i < n; i++) {
        tickets[i]->ok = true;
        tickets[i]->outcome = JOB_INSERTED;
        tickets[i]->text = g_steal_pointer(&inserted[i].text);
        g_strlcpy(tickets[i]->id, inserted[i].id, sizeof(tickets[i]->id));
    }
}

static void insert_group(struct db *db, struct ticket **tickets, size_t n)
{
    const struct job_new *jobs[GROUP_MAX];
    const struct idempotency *keys[GROUP_MAX];
    struct job_inserted inserted[GROUP_MAX];
    struct err e = ERR_INIT;
    for (size_t i = 0; i < n; i++) {
        jobs[i] = tickets[i]->job;
        keys[i] = tickets[i]->key;
    }
    if (n > 1 && job_insert_batch(db, jobs, keys, n, inserted, &e)) {
        take_results(tickets, n, inserted);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (n == 1 || is_of_one(&e)) {
            insert_one(db, tickets[i]);
        } else {
            tickets[i]->e = e;
        }
    }
}

static size_t take_waiting(struct job_group *group, struct ticket **ret)
{
    size_t n = 0;
    pthread_mutex_lock(&group->lock);
    while (n < GROUP_MAX && !g_queue_is_empty(&group->waiting)) {
        ret[n++] = g_queue_pop_head(&group->waiting);
    }
    pthread_mutex_unlock(&group->lock);
    return n;
}

/* The first of those that came meanwhile leads next. */
static void hand_over(struct job_group *group)
{
    pthread_mutex_lock(&group->lock);
    struct ticket *next = g_queue_peek_head(&group->waiting);
    group->busy = next != NULL;
    pthread_mutex_unlock(&group->lock);
    if (next != NULL) {
        sem_post(&next->turn);
    }
}

/* Whether the database kept the leader waiting and then was not there. Who came meanwhile would wait as long again, one
 * group after the other. */
static bool is_away(const struct ticket *t, int64_t began_us)
{
    return !t->ok && t->e.code == ERR_UNAVAILABLE && clock_mono_us() - began_us > AWAY_US;
}

static void refuse_waiting(struct job_group *group, const struct err *e)
{
    struct ticket *tickets[GROUP_MAX];
    size_t n = 0;
    do {
        n = take_waiting(group, tickets);
        for (size_t i = 0; i < n; i++) {
            tickets[i]->e = *e;
            tickets[i]->done = true;
            sem_post(&tickets[i]->turn);
        }
    } while (n == GROUP_MAX);
}

/* Inserts what waits, the leader's own job included. A ticket may be gone as soon as its turn is posted. */
static void lead(struct job_group *group, struct db *db, const struct ticket *own)
{
    struct ticket *tickets[GROUP_MAX];
    size_t n = take_waiting(group, tickets);
    int64_t began_us = clock_mono_us();
    insert_group(db, tickets, n);
    if (n > 0 && is_away(tickets[0], began_us)) {
        refuse_waiting(group, &tickets[0]->e);
    }
    hand_over(group);
    for (size_t i = 0; i < n; i++) {
        tickets[i]->done = true;
        if (tickets[i] != own) {
            sem_post(&tickets[i]->turn);
        }
    }
}

static bool wait_or_lead(struct job_group *group, struct ticket *t)
{
    pthread_mutex_lock(&group->lock);
    g_queue_push_tail(&group->waiting, t);
    bool leads = !group->busy;
    group->busy = true;
    pthread_mutex_unlock(&group->lock);
    while (!leads && sem_wait(&t->turn) != 0 && errno == EINTR) {
    }
    return leads || !t->done;
}

static size_t payload_bytes(const struct job_new *job)
{
    return job->payload_text != NULL ? strlen(job->payload_text) : json_dumpb(job->payload, NULL, 0, JSON_COMPACT);
}

bool job_group_insert(struct job_group *group, struct db *db, const struct job_new *job, const struct idempotency *key,
                      enum job_insert *ret, char ret_id[UUID_TEXT_BYTES], char **ret_text, struct err *e)
{
    if (payload_bytes(job) > ALONE_BYTES) {
        return job_insert(db, job, key, ret, ret_id, ret_text, e);
    }
    struct ticket t = {.job = job, .key = key, .e = ERR_INIT};
    sem_init(&t.turn, 0, 0);
    if (wait_or_lead(group, &t)) {
        lead(group, db, &t);
    }
    sem_destroy(&t.turn);
    if (!t.ok) {
        return err_set(e, t.e.code, "%s", t.e.text);
    }
    *ret = t.outcome;
    g_strlcpy(ret_id, t.id, UUID_TEXT_BYTES);
    *ret_text = t.text;
    return true;
}
