/*
 * handler_notify_wake.c: held deliveries look at the settings anew, a batch at a time: all at once they would keep the
 * database and every worker from what else there is to do.
 */
#include "domain/delivery.h"
#include "handlers.h"

#define PAUSE_MS 250 /* 2,000 a second at most */

enum job_outcome handler_notify_wake(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    struct delivery_waking waking = {.woken = 0};
    while (!waking.is_over) {
        int64_t before = waking.woken;
        bool is_superseded = false;
        if (!delivery_wake_is_superseded(ctx->db, ctx->claim->organization_id, ctx->claim->id, &is_superseded, &e) ||
            !(is_superseded || delivery_wake_some(ctx->db, ctx->claim->organization_id, &waking, &e))) {
            return job_error(ctx, JOB_RETRY, "%s", e.text);
        }
        if (is_superseded) {
            break;
        }
        if (!job_sleep_ms(ctx, waking.woken == before ? 0 : PAUSE_MS)) {
            return JOB_STOPPED;
        }
    }
    ctx->result = json_pack("{s:I}", "woken", (json_int_t)waking.woken);
    return JOB_DONE;
}
