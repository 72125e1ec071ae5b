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

/* Who runs what the configuration has made. */
static job_run_fn *const of_kind[] = {
    [JOB_TYPE_BUILT_IN] = NULL,
    [JOB_TYPE_EXEC] = handler_exec,
    [JOB_TYPE_HTTP] = handler_http,
};

job_run_fn *handler_find(const struct job_type *type)
{
    for (size_t i = 0; type->kind == JOB_TYPE_BUILT_IN && i < ARRAY_SIZE(handlers); i++) {
        if (strcmp(handlers[i].name, type->name) == 0) {
            return handlers[i].run;
        }
    }
    return of_kind[type->kind];
}

bool handlers_check(const struct conf *conf, struct err *e)
{
    if (!job_types_check(conf, e)) {
        return false;
    }
    for (guint i = 0; i < conf->job_types->len; i++) {
        const struct conf_job_type *t = g_ptr_array_index(conf->job_types, i);
        if (*t->exec != '\0' && !handler_exec_check(t, e)) {
            return false;
        }
    }
    return true;
}
