/*
 * versioned.h: what the calls on a row with a version owe: its entity tag, and If-Match (RFC 9110 section 13.1.1).
 */
#ifndef BELLMAN_VERSIONED_H
#define BELLMAN_VERSIONED_H

#include "api.h"

struct versioned {
    const char *stale; /* detail of a 412 */
    /* The row's version now, above 0. ERR_NOT_FOUND: there is no row. */
    bool (*read)(struct call *c, const void *key, int64_t *ret_version, struct err *e);
    const void *key;     /* for read */
    bool may_be_missing; /* a change may make the row: with If-Match a missing one is a 412, else 404 */
};

/* Answers with the row and its tag. */
void versioned_answer(struct call *c, int status, const json_t *row, int64_t version);

/* The one version that a change may start from, or -1 for any. False: answered. */
bool versioned_choose(struct call *c, const struct versioned *v, int64_t *ret);

/* Answers a change's failure: ERR_CONFLICT, another version by now, with 412. */
void versioned_fail(struct call *c, const struct versioned *v, const struct err *e);

#endif
