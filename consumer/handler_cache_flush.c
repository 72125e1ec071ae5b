/*
 * handler_cache_flush.c: tells every process to drop what it caches and counts those that say they did.
 */
#include <stdio.h>

#include "domain/control.h"
#include "ground/clock.h"
#include "handlers.h"

#define WAIT_MS INT64_C(5000)
#define POLL_MS 50

enum job_outcome handler_cache_flush(struct job_context *ctx)
{
    char id[UUID_TEXT_BYTES];
    uuid7_new(id);
    char body[96];
    (void)snprintf(body, sizeof(body), "{\"cmd\":\"cache_flush\",\"id\":\"%s\"}", id);
    if (!dispatcher_broadcast(ctx->dispatcher, body)) {
        return job_error(ctx, JOB_RETRY, "the broker did not take the broadcast");
    }
    int64_t live = 0;
    int64_t answered = 0;
    for (int64_t end_us = clock_mono_us() + WAIT_MS * US_PER_MS; clock_mono_us() < end_us;) {
        struct err e = ERR_INIT;
        if (!control_count_answers(ctx->db, id, &live, &answered, &e)) {
            return job_error(ctx, JOB_RETRY, "the answers cannot be counted: %s", e.text);
        }
        if (live > 0 && answered >= live) {
            break;
        }
        if (!job_sleep_ms(ctx, POLL_MS)) {
            return JOB_STOPPED;
        }
    }
    if (answered == 0) {
        return job_error(ctx, JOB_RETRY, "none of %lld processes answered within %d s", (long long)live,
                         (int)(WAIT_MS / MS_PER_S));
    }
    ctx->result = json_pack("{s:I, s:I}", "processes", (json_int_t)live, "answered", (json_int_t)answered);
    return JOB_DONE;
}
