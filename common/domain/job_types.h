/*
 * job_types.h: what the API must know of a job type. THE table is job_types.def, one row per type; consumer/handlers.c
 * makes the run functions' table from the same rows.
 */
#ifndef BELLMAN_JOB_TYPES_H
#define BELLMAN_JOB_TYPES_H

#include "domain/backoff.h"
#include "domain/field.h"

struct job_type {
    const char *name;
    const struct record *payload;
    /* Rules over several fields of a payload that fits its record; NULL: none. */
    void (*check)(const json_t *payload, const char *prefix, struct problems *problems);
    int64_t timeout_s; /* default; a job may ask for 1..86400 */
    bool diagnostic;   /* only where consumer.diagnostics is on */
    const char *help;
};

extern const struct job_type job_types[];
extern const size_t job_types_n;

/* NULL when there is none of that name. */
const struct job_type *job_type_find(const char *name);

/* Record and rules; done when a job is created and again before it runs. prefix as for record_check. */
void job_payload_check(const struct job_type *type, const json_t *payload, const char *prefix,
                       struct problems *problems);

#endif
