#include <string.h>

#include "ground/clock.h"
#include "jobs.h"

#define LIMIT_DEFAULT 50
#define OPTIONS_MAX 16

void job_args_release(struct job_args *args)
{
    g_free(args->org);
    g_free(args->status);
    g_free(args->job_type);
    g_free(args->cause);
    g_free(args->priority);
    g_free(args->created_after);
    g_free(args->created_before);
}

bool job_args_parse(struct ctl *ctl, struct job_args *args, unsigned options, int args_min, int args_max, int *ret_exit)
{
    const struct {
        unsigned of; /* 0: every command */
        GOptionEntry entry;
    } all[] = {
        {0, {"org", 0, 0, G_OPTION_ARG_STRING, &args->org, "The organization", "ORG"}},
        {0, {"json", 0, 0, G_OPTION_ARG_NONE, &args->json, "Print JSON", NULL}},
        {JOB_OPTION_STATUS,
         {"status", 0, 0, G_OPTION_ARG_STRING, &args->status,
          "Only jobs of this status: queued, processing, completed, failed, cancelled", "STATUS"}},
        {JOB_OPTION_FILTER, {"type", 0, 0, G_OPTION_ARG_STRING, &args->job_type, "Only jobs of this type", "TYPE"}},
        {JOB_OPTION_PRIORITY,
         {"priority", 0, 0, G_OPTION_ARG_STRING, &args->priority, "Only jobs of this priority: 1, 0 or -1", "N"}},
        {JOB_OPTION_CAUSE,
         {"cause", 0, 0, G_OPTION_ARG_STRING, &args->cause,
          "Only those that failed for this: exhausted, permanent, unknown_type, unreadable, crashed_worker, signal",
          "CAUSE"}},
        {JOB_OPTION_FILTER,
         {"after", 0, 0, G_OPTION_ARG_STRING, &args->created_after, "Only jobs created after this (RFC 3339)", "TIME"}},
        {JOB_OPTION_FILTER,
         {"before", 0, 0, G_OPTION_ARG_STRING, &args->created_before, "Only jobs created before this (RFC 3339)",
          "TIME"}},
        {JOB_OPTION_LIMIT,
         {"limit", 0, 0, G_OPTION_ARG_INT64, &args->limit, "Show at most this many (default 50)", "N"}},
        {JOB_OPTION_MANY, {"all", 0, 0, G_OPTION_ARG_NONE, &args->all, "All of the organization, no filter", NULL}},
        {JOB_OPTION_MANY,
         {"no-wait", 0, 0, G_OPTION_ARG_NONE, &args->no_wait, "Do not wait for the operation's end", NULL}},
    };
    GOptionEntry entries[OPTIONS_MAX] = {{.long_name = NULL}};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (all[i].of == 0 || (options & all[i].of) != 0) {
            g_assert(n < OPTIONS_MAX - 1);
            entries[n++] = all[i].entry;
        }
    }
    args->limit = LIMIT_DEFAULT;
    return ctl_parse(ctl, entries, args_min, args_max, ret_exit);
}

bool job_args_time(const struct ctl *ctl, const char *option, const char *text, int64_t *ret_us)
{
    *ret_us = 0;
    if (text == NULL || clock_parse_rfc3339(text, ret_us)) {
        return true;
    }
    (void)ctl_usage(ctl, "--%s needs a time such as 2026-11-23T16:00:00Z", option);
    return false;
}
