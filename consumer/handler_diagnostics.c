/*
 * handler_diagnostics.c: job types that do nothing, wait, fail or kill, for tests, measurements and drills.
 */
#include <signal.h>
#include <stdlib.h>

#include "handlers.h"

enum job_outcome handler_noop(struct job_context *ctx UNUSED)
{
    return JOB_DONE;
}

enum job_outcome handler_sleep(struct job_context *ctx)
{
    json_int_t ms = json_integer_value(json_object_get(ctx->payload, "ms"));
    if (!job_sleep_ms(ctx, ms)) {
        return JOB_STOPPED;
    }
    ctx->result = json_pack("{s:I}", "slept_ms", ms);
    return JOB_DONE;
}

enum job_outcome handler_fail(struct job_context *ctx)
{
    const json_t *times_value = json_object_get(ctx->payload, "times");
    json_int_t times = json_is_integer(times_value) ? json_integer_value(times_value)
                                                    : 1; /* absent and null mean the default */
    const char *message = json_string_value(json_object_get(ctx->payload, "message"));
    if (json_is_true(json_object_get(ctx->payload, "permanent"))) {
        return job_error(ctx, JOB_PERMANENT, "%s", message != NULL ? message : "failed for good, as asked");
    }
    if (ctx->claim->retry_count >= times) {
        ctx->result = json_pack("{s:I}", "failures", (json_int_t)ctx->claim->retry_count);
        return JOB_DONE;
    }
    if (message != NULL) {
        return job_error(ctx, JOB_RETRY, "%s", message);
    }
    return job_error(ctx, JOB_RETRY, "failure %lld of %lld, as asked", (long long)ctx->claim->retry_count + 1,
                     (long long)times);
}

enum job_outcome handler_crash(struct job_context *ctx UNUSED)
{
    (void)raise(SIGKILL);
    abort(); /* not reached */
}
