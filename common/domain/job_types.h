/*
 * job_types.h: the registry of job types: the built-in ones (THE table is job_types.def, one row per type;
 * consumer/handlers.c makes the run functions' table from the same rows) and those of the configuration's sections
 * [job_type NAME], which run a program or call an address.
 *
 * A program registers its configuration at its start and again at each reload. What was found before stays valid until
 * the program ends, as does every struct conf.
 */
#ifndef BELLMAN_JOB_TYPES_H
#define BELLMAN_JOB_TYPES_H

#include "domain/backoff.h"
#include "domain/field.h"
#include "ground/conf_job_type.h"

enum job_type_kind { JOB_TYPE_BUILT_IN, JOB_TYPE_EXEC, JOB_TYPE_HTTP };

struct job_type {
    const char *name;
    const struct record *payload; /* NULL: any object */
    /* Rules over several fields of a payload that fits its record; NULL: none. */
    void (*check)(const json_t *payload, const char *prefix, struct problems *problems);
    int64_t timeout_s;   /* default; a job may ask for 1..86400 */
    int64_t max_retries; /* default; a job may ask for 0..100 */
    struct backoff retry;
    int64_t keep_completed_h; /* these three 0: as jobs in general */
    int64_t keep_failed_h;
    int64_t keep_cancelled_h;
    const char *help;
    const struct conf_job_type *conf; /* its section; NULL: it has none */
    enum job_type_kind kind;
    bool diagnostic; /* only where consumer.diagnostics is on */
};

/* The built-in types. */
extern const struct job_type job_types[];
extern const size_t job_types_n;

/* True when every section [job_type NAME] makes a new type or changes a built-in one. */
bool job_types_check(const struct conf *conf, struct err *e) MUST_CHECK;
/* Makes the registry of the configuration, which must have passed job_types_check and must live until the program ends.
 * One thread calls this; others may call job_type_find meanwhile. */
void job_types_register(const struct conf *conf);

/* NULL when there is none of that name. Before anything was registered: of the built-in ones. */
const struct job_type *job_type_find(const char *name);
/* A type that calls of their own make jobs of, and nobody else: operations on many jobs, events and deliveries. */
bool job_type_is_internal(const char *name);
/* Type i in the order built-in, then configured; NULL behind the last. */
const struct job_type *job_type_at(size_t i);

const char *job_type_kind_name(enum job_type_kind kind);
/* Retries of a job that does not say how many it wants. */
int64_t job_type_max_retries(const struct job_type *type);

/* Record and rules; done when a job is created and again before it runs. prefix as for record_check. */
void job_payload_check(const struct job_type *type, const json_t *payload, const char *prefix,
                       struct problems *problems);

#endif
