/*
 * job_report.c: what a handler tells about its job while it runs: log lines and progress. Kept in memory for a moment
 * and written together, so that a handler which tells a lot costs the database little.
 */
#include <stdarg.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/log.h"
#include "handler.h"

/* Between two writes for one job. */
#define INTERVAL_US (500 * US_PER_MS)
/* After one that failed. */
#define FAILED_PAUSE_US (3 * US_PER_S)

struct line {
    enum log_level level;
    int64_t at_us; /* monotonic */
    char message[JOB_LOG_LINE_BYTES_MAX + 1];
};

/* Cut at a whole character; what is not UTF-8, or would end a line, becomes something that does not harm. */
static void tidy(char *text)
{
    const char *bad = NULL;
    while (!g_utf8_validate(text, -1, &bad)) {
        text[bad - text] = '?';
    }
    g_strchomp(text);
}

static void wait_for_more(struct job_reports *r)
{
    if (r->write_at_us == 0) {
        r->write_at_us = clock_mono_us() + INTERVAL_US;
    }
}

static void add_line(struct job_reports *r, enum log_level level, const char *text)
{
    struct line *line = g_new0(struct line, 1);
    line->level = level;
    line->at_us = clock_mono_us();
    (void)g_strlcpy(line->message, text, sizeof(line->message));
    tidy(line->message);
    if (r->lines == NULL) {
        r->lines = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(r->lines, line);
    wait_for_more(r);
}

void job_log(struct job_context *ctx, enum log_level level, const char *format, ...)
{
    struct job_reports *r = &ctx->reports;
    int64_t count = r->written + (r->lines == NULL ? 0 : (int64_t)r->lines->len);
    if (count >= JOB_LOG_LINES_MAX || r->is_over) {
        return;
    }
    if (count == JOB_LOG_LINES_MAX - 1) {
        add_line(r, LOG_LEVEL_WARN, "This attempt has written too much; its further lines are not kept");
    } else {
        va_list args;
        va_start(args, format);
        g_autofree char *text = g_strdup_vprintf(format, args);
        va_end(args);
        add_line(r, level, text);
    }
    job_report_tick(ctx);
}

void job_report(struct job_context *ctx, int64_t percent, const char *message)
{
    struct job_reports *r = &ctx->reports;
    r->has_progress = true;
    r->percent = percent;
    (void)g_strlcpy(r->message, message == NULL ? "" : message, sizeof(r->message));
    tidy(r->message);
    wait_for_more(r);
    job_report_tick(ctx);
}

static bool write_lines(struct job_context *ctx, struct err *e)
{
    struct job_reports *r = &ctx->reports;
    guint n = r->lines == NULL ? 0 : r->lines->len;
    if (n == 0) {
        return true;
    }
    g_autofree struct job_log_line *lines = g_new0(struct job_log_line, n);
    for (guint i = 0; i < n; i++) {
        const struct line *line = g_ptr_array_index(r->lines, i);
        lines[i] = (struct job_log_line){
            .number = r->written + i + 1,
            .age_us = clock_mono_us() - line->at_us,
            .level = line->level,
            .message = line->message,
        };
    }
    if (!job_log_write(ctx->db, ctx->claim->id, ctx->claim->attempt, lines, n, e)) {
        return false;
    }
    r->written += n;
    g_ptr_array_set_size(r->lines, 0);
    return true;
}

static bool write_progress(struct job_context *ctx, struct err *e)
{
    struct job_reports *r = &ctx->reports;
    if (!r->has_progress) {
        return true;
    }
    const char *message = r->message[0] == '\0' ? NULL : r->message;
    if (!job_progress(ctx->db, ctx->claim->id, ctx->claim->attempt, r->percent, message, e)) {
        return false;
    }
    r->has_progress = false;
    return true;
}

/* What cannot be written now stays for the next time; nothing of this is worth failing a job. */
static void write_all(struct job_context *ctx)
{
    struct job_reports *r = &ctx->reports;
    struct err e = ERR_INIT;
    r->write_at_us = 0;
    if (r->is_over || (write_lines(ctx, &e) && write_progress(ctx, &e))) {
        return;
    }
    log_warn("job.report_not_written", LSTR("job_id", ctx->claim->id), LERR(&e));
    r->is_over = e.code == ERR_CONFLICT; /* another has the job now */
    r->write_at_us = clock_mono_us() + FAILED_PAUSE_US;
}

void job_report_tick(struct job_context *ctx)
{
    if (ctx->reports.write_at_us != 0 && clock_mono_us() >= ctx->reports.write_at_us) {
        write_all(ctx);
    }
}

void job_report_end(struct job_context *ctx)
{
    if (ctx->reports.write_at_us != 0) {
        write_all(ctx);
    }
    g_clear_pointer(&ctx->reports.lines, g_ptr_array_unref);
}
