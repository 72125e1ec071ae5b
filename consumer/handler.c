/*
 * handler.c: what every handler may call.
 */
#include "handler.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>

#include "ground/clock.h"

bool job_sleep_ms(struct job_context *ctx, int64_t ms)
{
    struct timespec deadline;
    clock_deadline(ms, &deadline);
    pthread_mutex_lock(&ctx->stop_lock);
    int rc = 0;
    while (!job_stopping(ctx) && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&ctx->stop_cond, &ctx->stop_lock, &deadline);
    }
    pthread_mutex_unlock(&ctx->stop_lock);
    return !job_stopping(ctx);
}

/* The text goes into a column of utf8mb4: a character cut in half, or a byte a server sent, must not make the row
 * unwritable. */
static void mend_utf8(char *text)
{
    const char *bad = NULL;
    while (!g_utf8_validate(text, -1, &bad)) {
        text[bad - text] = '?';
    }
}

enum job_outcome job_error(struct job_context *ctx, enum job_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(ctx->error, sizeof(ctx->error), format, args);
    va_end(args);
    mend_utf8(ctx->error);
    return outcome;
}
