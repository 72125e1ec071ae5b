/*
 * stats.c: bellmanctl stats and jobs watch: how it goes now, and how it goes on.
 */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "domain/job_stats.h"
#include "ground/clock.h"
#include "ground/text.h"
#include "jobs.h"

static const struct output_column type_columns[] = {
    {"job_type", "TYPE", OUTPUT_PLAIN, true},          {"queued", "QUEUED", OUTPUT_COUNT, false},
    {"processing", "PROCESSING", OUTPUT_COUNT, false}, {"completed", "COMPLETED", OUTPUT_COUNT, false},
    {"failed", "FAILED", OUTPUT_COUNT, false},         {"cancelled", "CANCELLED", OUTPUT_COUNT, false},
};
static const struct output_column worker_columns[] = {
    {"host", "WORKER ON", OUTPUT_PLAIN, true},           {"pid", "PID", OUTPUT_PLAIN, false},
    {"version", "VERSION", OUTPUT_PLAIN, false},         {"started_at", "SINCE (UTC)", OUTPUT_TIME, false},
    {"running", "RUNNING", OUTPUT_COUNT, false},         {"capacity", "AT MOST", OUTPUT_COUNT, false},
    {"last_minute", "LAST MINUTE", OUTPUT_COUNT, false},
};
static const struct output_column summary_columns[] = {
    {"waiting_s", "Oldest waiting", OUTPUT_SECONDS, false}, {"waiting_job", "", OUTPUT_PLAIN, false},
    {"last_minute", "Last minute", OUTPUT_COUNT, false},    {"dead_letters", "Dead letters", OUTPUT_COUNT, false},
    {"outbox", "Due, not sent", OUTPUT_COUNT, false},
};

static void print_summary(const struct output *o, const json_t *stats)
{
    const json_t *oldest = json_object_get(stats, "oldest_waiting");
    json_auto_t *summary = json_pack("{s:O, s:O, s:O}", "last_minute", json_object_get(stats, "last_minute"),
                                     "dead_letters", json_object_get(stats, "dead_letters"), "outbox",
                                     json_object_get(stats, "outbox"));
    if (json_is_object(oldest)) {
        g_autofree char *job = g_strdup_printf("%s %s of %s", json_string_value(json_object_get(oldest, "job_type")),
                                               json_string_value(json_object_get(oldest, "job_id")),
                                               json_string_value(json_object_get(oldest, "organization_id")));
        json_object_set(summary, "waiting_s", json_object_get(oldest, "waiting_s"));
        json_object_set_new(summary, "waiting_job", json_string(job));
    }
    output_object(o, summary_columns, ARRAY_SIZE(summary_columns), summary);
}

static void print_stats(const struct output *o, const json_t *stats)
{
    if (o->json) {
        output_document(stats);
        return;
    }
    const json_t *types = json_object_get(stats, "by_type");
    const json_t *workers = json_object_get(stats, "workers");
    json_auto_t *rows = json_deep_copy(types);
    json_t *sum = json_deep_copy(json_object_get(stats, "by_status"));
    json_object_set_new(sum, "job_type", json_string("all"));
    json_array_append_new(rows, sum);
    output_list(o, type_columns, ARRAY_SIZE(type_columns), rows, rows, "No jobs");
    (void)putchar('\n');
    print_summary(o, stats);
    (void)putchar('\n');
    output_list(o, worker_columns, ARRAY_SIZE(worker_columns), workers, workers, "No worker is alive");
}

int stats_command(struct ctl *ctl)
{
    CLEANUP(job_args_release) struct job_args a = {.org = NULL};
    int exit_code = EX_OK;
    if (!job_args_parse(ctl, &a, 0, 0, 0, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    json_auto_t *stats = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!job_stats(db, a.org, &stats, &e)) {
        return ctl_fail(&e);
    }
    const struct output o = output_new(a.json);
    print_stats(&o, stats);
    return EX_OK;
}

/* --- watch ------------------------------------------------------------------------------------------------------- */

#define CLEAR_SCREEN "\033[H\033[J"

struct watch {
    gboolean json;
    char *org;
    gint64 interval_ms;
    gint64 count; /* samples; 0: for ever */
};

static void watch_release(struct watch *w)
{
    g_free(w->org);
}

static int64_t finished(const json_t *stats)
{
    const json_t *counts = json_object_get(stats, "by_status");
    return json_integer_value(json_object_get(counts, "completed")) +
           json_integer_value(json_object_get(counts, "failed")) +
           json_integer_value(json_object_get(counts, "cancelled"));
}

static void print_line(const json_t *stats, double per_s)
{
    char now[CLOCK_TEXT_BYTES];
    clock_format_sql(clock_wall_us(), now);
    (void)printf("%.19s ", now);
    const char *status = NULL;
    json_t *n = NULL;
    json_auto_t *counts = json_deep_copy(json_object_get(stats, "by_status"));
    json_object_foreach(counts, status, n)
    {
        char text[TEXT_COUNT_BYTES];
        text_count(json_integer_value(n), text);
        (void)printf(" %s %s ", status, text);
    }
    (void)printf(" %.1f/s\n", per_s);
    (void)fflush(stdout);
}

static void print_sample(const struct output *o, json_t *stats, double per_s)
{
    if (o->json) {
        json_auto_t *line = json_pack("{s:O, s:f, s:O, s:O}", "by_status", json_object_get(stats, "by_status"),
                                      "finished_per_s", per_s, "dead_letters", json_object_get(stats, "dead_letters"),
                                      "outbox", json_object_get(stats, "outbox"));
        output_line(line);
    } else if (o->width > 0) {
        (void)fputs(CLEAR_SCREEN, stdout);
        print_stats(o, stats);
        (void)printf("\n%.1f jobs ended per second; Ctrl-C ends this\n", per_s);
        (void)fflush(stdout);
    } else {
        print_line(stats, per_s);
    }
}

/* Pruning takes finished jobs away: that is no negative speed. */
static int watch_counts(struct ctl *ctl, const struct watch *w)
{
    const struct output o = output_new(w->json);
    int64_t before = 0;
    int64_t before_us = 0;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    for (gint64 i = 0; w->count == 0 || i < w->count; i++) {
        struct err e = ERR_INIT;
        json_auto_t *stats = NULL;
        if (i > 0) {
            (void)usleep((useconds_t)(w->interval_ms * US_PER_MS));
        }
        int64_t now_us = clock_mono_us();
        if (!job_stats(db, w->org, &stats, &e)) {
            return ctl_fail(&e);
        }
        int64_t ended = i == 0 ? 0 : MAX(finished(stats) - before, 0);
        print_sample(&o, stats, i == 0 ? 0 : (double)ended * (double)US_PER_S / (double)(now_us - before_us));
        before = finished(stats);
        before_us = now_us;
    }
    return EX_OK;
}

static int watch_job(struct ctl *ctl, const struct watch *w)
{
    json_auto_t *job = NULL;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    int exit_code = job_follow(db, w->org, ctl->argv[1], w->json, &job);
    if (job != NULL && !w->json) {
        const struct output o = output_new(false);
        job_print(&o, job);
    }
    return exit_code;
}

int jobs_watch_command(struct ctl *ctl)
{
    CLEANUP(watch_release) struct watch w = {.interval_ms = 1000};
    int exit_code = EX_OK;
    const GOptionEntry entries[] = {
        {"org", 0, 0, G_OPTION_ARG_STRING, &w.org, "The organization", "ORG"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &w.json, "Print a JSON object a line", NULL},
        {"interval-ms", 0, 0, G_OPTION_ARG_INT64, &w.interval_ms, "Between two looks (default 1000)", "MS"},
        {"count", 0, 0, G_OPTION_ARG_INT64, &w.count, "End after this many (default: never)", "N"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 1, &exit_code)) {
        return exit_code;
    }
    if (w.interval_ms < 50 || w.interval_ms > 3600000 || w.count < 0) {
        return ctl_usage(ctl, w.count < 0 ? "--count is not negative" : "--interval-ms is from 50 to 3600000");
    }
    return ctl->argc > 1 ? watch_job(ctl, &w) : watch_counts(ctl, &w);
}
