#include "domain/job_group.h"

#include <string.h>

#include "ground/clock.h"
#include "ground/together.h"

/* A group's rows travel as one parameter of at most GROUP_MAX * ALONE_BYTES, far below max_allowed_packet. */
#define GROUP_MAX 64
#define ALONE_BYTES 65536
#define AWAY_US US_PER_S

/* One waiting job; lives on its thread's stack. */
struct ticket {
    struct together_member member;
    const struct job_new *job;
    const struct idempotency *key; /* NULL: none */
    enum job_insert outcome;
    char id[UUID_TEXT_BYTES];
    char *text;
    struct err e;
    bool ok;
};

/* One leader: two that commit beside each other are slower than one that commits for both. */
struct job_group {
    struct together *inserters;
};

struct job_group *job_group_new(void)
{
    struct job_group *group = g_new0(struct job_group, 1);
    group->inserters = together_new(1, GROUP_MAX);
    return group;
}

void job_group_free(struct job_group *group)
{
    if (group != NULL) {
        together_free(group->inserters);
        g_free(group);
    }
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

/* Whether the database kept the leader waiting and then was not there. Who came meanwhile would wait as long again, one
 * group after the other. */
static bool is_away(const struct ticket *t, int64_t began_us)
{
    return !t->ok && t->e.code == ERR_UNAVAILABLE && clock_mono_us() - began_us > AWAY_US;
}

static void refuse(void *arg, struct together_member **members, size_t n)
{
    const struct err *e = arg;
    for (size_t i = 0; i < n; i++) {
        ((struct ticket *)members[i])->e = *e;
    }
}

/* What the leader inserts with. */
struct inserter {
    struct job_group *group;
    struct db *db;
};

static void insert_members(void *arg, struct together_member **members, size_t n)
{
    const struct inserter *inserter = arg;
    struct ticket *tickets[GROUP_MAX];
    struct ticket *own = (struct ticket *)members[0];
    int64_t began_us = clock_mono_us();
    for (size_t i = 0; i < n; i++) {
        tickets[i] = (struct ticket *)members[i];
    }
    insert_group(inserter->db, tickets, n);
    if (is_away(own, began_us)) {
        together_dismiss(inserter->group->inserters, refuse, &own->e);
    }
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
    struct inserter inserter = {.group = group, .db = db};
    together_do(group->inserters, &t.member, insert_members, &inserter);
    if (!t.ok) {
        return err_set(e, t.e.code, "%s", t.e.text);
    }
    *ret = t.outcome;
    g_strlcpy(ret_id, t.id, UUID_TEXT_BYTES);
    *ret_text = t.text;
    return true;
}
