/*
 * idempotent.h: calls that may carry an Idempotency-Key, on top of domain/idempotency.h.
 */
#ifndef BELLMAN_IDEMPOTENT_H
#define BELLMAN_IDEMPOTENT_H

#include "api.h"
#include "domain/idempotency.h"

/* Fills the key of this call, scoped to organization, route and user; false: it carries none. status is that of the
 * answer to be kept. */
bool idempotent_key(const struct call *c, int64_t status, struct idempotency *ret);

/* True: the call is answered, with the kept answer, with 422 for another body, or because that could not be found out;
 * false: the key is new. is_repeated says so in the answer. */
bool idempotent_answer(struct call *c, const struct idempotency *key, bool is_repeated);

/* 409: the first request with this key has not been answered yet. */
void idempotent_answer_busy(struct call *c);

#endif
