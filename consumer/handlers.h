/*
 * handlers.h: one run function per row of job_types.def, found by its name: handler_<symbol>; and one for each kind of
 * type that the configuration makes.
 */
#ifndef BELLMAN_HANDLERS_H
#define BELLMAN_HANDLERS_H

#include "handler.h"

#define JOB_TYPE(name, symbol, timeout_s, diagnostic, help) job_run_fn handler_##symbol;
#include "domain/job_types.def"
#undef JOB_TYPE

/* Of the types that the configuration makes. */
job_run_fn handler_exec;
job_run_fn handler_http;
/* Whether the program and its directory are there. */
bool handler_exec_check(const struct conf_job_type *t, struct err *e) MUST_CHECK;

/* For a configuration before it is used: job_types_check, and that what its types need is there. */
bool handlers_check(const struct conf *conf, struct err *e) MUST_CHECK;

#endif
