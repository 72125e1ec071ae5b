/*
 * err.h: one error value for everything below the programs.
 *
 * A function that can fail returns bool (true: done) and takes a struct err as its last parameter.
 * On failure it fills the error and leaves its ret_ outputs untouched. Nothing in ground, ports or
 * domain logs an error: the thread loop or the request edge logs it once, with the ids it knows.
 */
#ifndef BELLMAN_ERR_H
#define BELLMAN_ERR_H

#include "ground/base.h"

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,         /* the input is wrong; trying again changes nothing */
    ERR_NOT_FOUND,       /* no such row, key or file */
    ERR_CONFLICT,        /* the state forbids it (wrong status, stale version, fence lost) */
    ERR_DUPLICATE,       /* a unique index refused the row */
    ERR_DENIED,          /* credentials or rights are missing or wrong */
    ERR_UNAVAILABLE,     /* a dependency is down, full or blocked; trying later may work */
    ERR_LOCKED,          /* deadlock or lock wait: the transaction was rolled back, run it again */
    ERR_UNKNOWN_OUTCOME, /* the connection died during COMMIT: re-read before doing it again */
    ERR_TIMEOUT,         /* the deadline passed */
    ERR_INTERNAL,        /* a bug or an impossible answer */
};

#define ERR_TEXT_BYTES 320

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES]; /* one sentence for people: cause first, no secret, no newline */
};

/* clang-format off */
#define ERR_INIT {.code = ERR_NONE, .text = ""}
/* clang-format on */

/* Records an error unless one is already there (the first cause wins). Always returns false, so
 * that callers can write: return err_set(e, ERR_INVALID, "..."). e may not be NULL. */
bool err_set(struct err *e, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Forgets the error, for a loop that tries again. */
void err_clear(struct err *e);

/* The code's name as it appears in logs ("unavailable", "invalid", ...). Never NULL. */
const char *err_code_name(enum err_code code);

#endif
