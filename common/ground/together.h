/*
 * together.h: threads that want the same kind of work at the same time have it done in one go. A thread that finds
 * somebody free to lead does the work of all who wait, its own included; those that come meanwhile wait, and the first
 * of them leads next. One thread alone pays hardly anything for it. (Group commit with a leader, as in a database's
 * log.)
 */
#ifndef BELLMAN_TOGETHER_H
#define BELLMAN_TOGETHER_H

#include <semaphore.h>

#include "ground/base.h"

struct together;

/* The first member of what a thread brings; lives on its stack. Needs no initialization. */
struct together_member {
    sem_t turn; /* posted once: its work is done, or its thread leads now. It wakes nobody into a lock */
    bool done;
};

/* Does the work of n members, 1 <= n <= the most of a turn; members[0] is the leader's own. */
typedef void together_fn(void *arg, struct together_member **members, size_t n);

/* At most `leaders` turns at the same time, each of at most `members`; both at least 1. */
struct together *together_new(size_t leaders, size_t members);
/* Nobody may be inside together_do. NULL is fine. */
void together_free(struct together *t);

/* For fn: whoever waits at this moment gets no turn; fn(arg, ...), called for up to as many as a turn has, settles them
 * instead. */
void together_dismiss(struct together *t, together_fn *fn, void *arg);

/* Returns when the work of own has been done: by another thread, or by this one, which has called fn(arg, ...) then. */
void together_do(struct together *t, struct together_member *own, together_fn *fn, void *arg);

#endif
