/*
 * handlers.c: the run functions' table, from the rows of job_types.def.
 */
#include "handlers.h"

#include <string.h>

#define JOB_TYPE(type_name, symbol, timeout_s, diagnostic, help) {.name = type_name, .run = handler_##symbol},

static const struct {
    const char *name;
    job_run_fn *run;
} handlers[] = {
#include "domain/job_types.def"
};

#undef JOB_TYPE

job_run_fn *handler_find(const char *job_type)
{
    for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
        if (strcmp(handlers[i].name, job_type) == 0) {
            return handlers[i].run;
        }
    }
    return NULL;
}
