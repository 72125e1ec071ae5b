/*
 * job_sweep_payload.c: operations on many jobs as they are asked for: their filters, and the job that each is.
 */
#include "domain/job_sweep.h"

#include <stdio.h>

#include "domain/job_types.h"
#include "ground/clock.h"

static const char *const cancel_statuses[] = {"queued", "processing", NULL};
static const char *const retry_statuses[] = {"failed", "cancelled", NULL};
static const char *const causes[] = {"exhausted", "permanent", "unknown_type", "unreadable", "crashed_worker",
                                     "signal",    NULL};

/* clang-format off */
#define ALL {.name = "all", .type = FIELD_BOOL, .def = "false", .help = "true, and nothing else: no filter"}
#define JOB_TYPE                                                                                                       \
    {.name = "job_type", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ASCII, .min = 1, .max = 64,             \
     .help = "Only jobs of this type"}
#define PRIORITY                                                                                                       \
    {.name = "priority", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = -1, .max = 1,                              \
     .help = "Only jobs of this priority"}
#define TIMES                                                                                                          \
    {.name = "created_after", .type = FIELD_TIME, .flags = FIELD_NULLABLE, .help = "Only jobs created after this"},    \
    {.name = "created_before", .type = FIELD_TIME, .flags = FIELD_NULLABLE, .help = "Only jobs created before this"}

static const struct field cancel_fields[] = {
    ALL,
    {.name = "status", .type = FIELD_ENUM, .flags = FIELD_NULLABLE, .choices = cancel_statuses,
     .help = "Only jobs of this status; null: both"},
    JOB_TYPE, PRIORITY, TIMES,
};
static const struct field retry_fields[] = {
    ALL,
    {.name = "status", .type = FIELD_ENUM, .flags = FIELD_NULLABLE, .choices = retry_statuses,
     .help = "Only jobs of this status; null: both"},
    JOB_TYPE, PRIORITY, TIMES,
};
static const struct field replay_fields[] = {
    ALL,
    JOB_TYPE,
    {.name = "cause", .type = FIELD_ENUM, .flags = FIELD_NULLABLE, .choices = causes,
     .help = "Only those that failed for this"},
    TIMES,
};
/* clang-format on */

const struct record jobs_cancel_payload = {
    .name = "JobsCancelPayload",
    .fields = cancel_fields,
    .n = ARRAY_SIZE(cancel_fields),
    .help = "Which of the queued and processing jobs to cancel",
};
const struct record jobs_retry_payload = {
    .name = "JobsRetryPayload",
    .fields = retry_fields,
    .n = ARRAY_SIZE(retry_fields),
    .help = "Which of the failed and cancelled jobs to retry",
};
const struct record deadletters_replay_payload = {
    .name = "DeadLettersReplayPayload",
    .fields = replay_fields,
    .n = ARRAY_SIZE(replay_fields),
    .help = "Which dead letters to replay",
};

static bool says_something(const json_t *payload)
{
    static const char *const names[] = {"status", "job_type", "priority", "cause", "created_after", "created_before"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const json_t *value = json_object_get(payload, names[i]);
        if (value != NULL && !json_is_null(value)) {
            return true;
        }
    }
    return false;
}

void job_sweep_check(const json_t *payload, const char *prefix, struct problems *problems)
{
    char pointer[64];
    int64_t after_us = 0;
    int64_t before_us = 0;
    const char *after = json_string_value(json_object_get(payload, "created_after"));
    const char *before = json_string_value(json_object_get(payload, "created_before"));
    bool is_all = json_is_true(json_object_get(payload, "all"));
    if (is_all && says_something(payload)) {
        (void)snprintf(pointer, sizeof(pointer), "%s/all", prefix);
        problems_add(problems, pointer, "conflict", "stands alone: with it there is no filter");
    } else if (!is_all && !says_something(payload)) {
        problems_add(problems, prefix, "required", "needs a filter, or {\"all\": true}");
    }
    if (after != NULL && before != NULL && clock_parse_rfc3339(after, &after_us) &&
        clock_parse_rfc3339(before, &before_us) && after_us >= before_us) {
        (void)snprintf(pointer, sizeof(pointer), "%s/created_before", prefix);
        problems_add(problems, pointer, "range", "must be later than created_after");
    }
}

/* --- as a job ---------------------------------------------------------------------------------------------------- */

#define PRIORITY_HIGH 1 /* it must not wait behind what it is to cancel */
#define RETRIES 10

struct job_new job_sweep_new_job(enum job_sweep_kind kind)
{
    const struct job_type *type = job_type_find(job_sweep_type(kind));
    g_assert(type != NULL);
    return (struct job_new){
        .job_type = type->name,
        .priority = PRIORITY_HIGH,
        .max_retries = RETRIES,
        .timeout_s = type->timeout_s,
    };
}
