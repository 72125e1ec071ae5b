/*
 * idempotency.h: answers that are kept for requests which carried an Idempotency-Key
 * (draft-ietf-httpapi-idempotency-key-header-07): the same key again within 24 hours gets the same answer.
 *
 * The key's row is inserted with its answer in the transaction that does the request's work, before that work: either
 * both are there or neither. Whoever comes with the same key meanwhile meets the row's lock. Only answers of work that
 * was done are kept; a request that was refused has changed nothing and is simply tried again.
 */
#ifndef BELLMAN_IDEMPOTENCY_H
#define BELLMAN_IDEMPOTENCY_H

#include "ground/base.h"
#include "ground/err.h"
#include "ports/db.h"

#define IDEMPOTENCY_HASH_BYTES 32

/* A request that carries a key, and the answer it gets when its work is done. Texts are borrowed. */
struct idempotency {
    const char *organization_id;
    unsigned char scope[IDEMPOTENCY_HASH_BYTES];   /* SHA-256 over route, user and key */
    unsigned char request[IDEMPOTENCY_HASH_BYTES]; /* SHA-256 of the body in canonical form */
    int64_t status;
    const char *location; /* NULL: none */
    const char *body;     /* NULL: not known before the work is done; idempotency_complete brings it */
};

enum idempotency_state {
    IDEMPOTENCY_NEW,      /* never seen, or expired and now deleted */
    IDEMPOTENCY_ANSWERED, /* the same request was answered */
    IDEMPOTENCY_OTHER,    /* the key belongs to a request with another body */
};

struct idempotency_answer {
    int64_t status;
    char *location; /* NULL: none */
    char *body;
};
void idempotency_answer_release(struct idempotency_answer *answer);

/* Looks a key up, outside a transaction. ret_answer is filled for IDEMPOTENCY_ANSWERED. */
bool idempotency_find(struct db *db, const struct idempotency *key, enum idempotency_state *ret,
                      struct idempotency_answer *ret_answer, struct err *e) MUST_CHECK;

/* Inside a transaction, first thing: takes n keys. ERR_DUPLICATE: one of them has a row, or stands among them twice;
 * ERR_CONFLICT: another transaction is at work for one of them, and has not ended within a second if waits. */
bool idempotency_take(struct db *db, const struct idempotency *const *keys, size_t n, bool waits, struct err *e)
    MUST_CHECK;
/* Inside the same transaction: gives the answers' bodies to keys that were taken without. */
bool idempotency_complete(struct db *db, const struct idempotency *const *keys, const char *const *bodies, size_t n,
                          struct err *e) MUST_CHECK;

/* Deletes keys that have expired, a small batch at a time, for up to a second. */
bool idempotency_cleanup(struct db *db, struct err *e) MUST_CHECK;

#endif
