/*
 * handler_sweep.c: jobs.cancel, jobs.retry and deadletters.replay: batch after batch until nothing is left.
 */
#include "domain/job_sweep.h"
#include "ground/clock.h"
#include "handlers.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS 3200

static void tell_workers(struct job_context *ctx, GPtrArray *told)
{
    for (guint i = 0; i < told->len; i++) {
        g_autofree char *body = g_strdup_printf("{\"cmd\":\"cancel\",\"job_id\":\"%s\"}",
                                                (const char *)g_ptr_array_index(told, i));
        (void)dispatcher_broadcast(ctx->dispatcher, body); /* their next renewal tells them too */
    }
    g_ptr_array_set_size(told, 0);
}

static enum job_outcome work_through(struct job_context *ctx, struct job_sweep *sweep)
{
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
    int64_t pause_ms = PAUSE_FIRST_MS;
    for (bool more = true; more;) {
        struct err e = ERR_INIT;
        if (job_stopping(ctx)) {
            return JOB_STOPPED;
        }
        if (job_sweep_step(sweep, ctx->db, told, &more, &e)) {
            tell_workers(ctx, told);
            pause_ms = PAUSE_FIRST_MS;
        } else if (pause_ms > PAUSE_LAST_MS) {
            return job_error(ctx, JOB_RETRY, "%s", e.text);
        } else if (!job_sleep_ms(ctx, pause_ms)) {
            return JOB_STOPPED;
        } else {
            pause_ms *= 2;
        }
    }
    return JOB_DONE;
}

static enum job_outcome run(struct job_context *ctx, enum job_sweep_kind kind)
{
    struct err e = ERR_INIT;
    json_auto_t *operation = NULL;
    const struct job_claim *claim = ctx->claim;
    if (!job_get(ctx->db, claim->organization_id, claim->id, &operation, &e)) {
        return job_error(ctx, JOB_RETRY, "%s", e.text);
    }
    const char *user = json_string_value(json_object_get(operation, "created_by"));
    const struct job_sweep_terms terms = {
        .kind = kind,
        .organization_id = claim->organization_id,
        .operation_id = claim->id,
        .attempt = claim->attempt,
        .created_wall_us = claim->created_wall_us,
        .user = user == NULL ? "" : user,
        .payload = ctx->payload,
    };
    CLEANUP(job_sweep_cleanup) struct job_sweep *sweep = job_sweep_new(&terms);
    enum job_outcome outcome = work_through(ctx, sweep);
    if (outcome == JOB_DONE) {
        ctx->result = job_sweep_result(sweep);
    }
    return outcome;
}

enum job_outcome handler_jobs_cancel(struct job_context *ctx)
{
    return run(ctx, JOB_SWEEP_CANCEL);
}

enum job_outcome handler_jobs_retry(struct job_context *ctx)
{
    return run(ctx, JOB_SWEEP_RETRY);
}

enum job_outcome handler_deadletters_replay(struct job_context *ctx)
{
    return run(ctx, JOB_SWEEP_REPLAY);
}
