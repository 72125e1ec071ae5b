/*
 * handlers.h: one run function per row of job_types.def, found by its name: handler_<symbol>.
 */
#ifndef BELLMAN_HANDLERS_H
#define BELLMAN_HANDLERS_H

#include "handler.h"

#define JOB_TYPE(name, symbol, timeout_s, diagnostic, help) job_run_fn handler_##symbol;
#include "domain/job_types.def"
#undef JOB_TYPE

/* Of the types that the configuration makes. */
job_run_fn handler_http;

#endif
