/*
 * job_fields.c: the field tables of a job, its attempts and the body that creates one.
 */
#include <string.h>

#include "domain/job.h"
#include "domain/retry_policy.h"

static const char *const status_names[] = {"queued", "processing", "completed", "failed", "cancelled", NULL};

const char *job_status_name(enum job_status status)
{
    return status < JOB_STATUSES ? status_names[status] : "unknown";
}

bool job_status_parse(const char *name, enum job_status *ret)
{
    for (size_t i = 0; name != NULL && i < JOB_STATUSES; i++) {
        if (strcmp(status_names[i], name) == 0) {
            *ret = (enum job_status)i;
            return true;
        }
    }
    return false;
}

bool job_status_is_final(enum job_status status)
{
    return status == JOB_COMPLETED || status == JOB_FAILED || status == JOB_CANCELLED;
}

#define STATUS_SQL "enum('queued','processing','completed','failed','cancelled')"
#define PAYLOAD_BYTES_MAX (1 << 20)
#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)
#define HIDDEN (FIELD_READONLY | FIELD_INTERNAL)

static const char *const held_reasons[] = {"paused", "limit", NULL};
/* Rows of jobs that have left the queue may stay a moment; nobody looks for theirs. */
#define HELD_SQL \
    "IF($status = 'queued', (SELECT h.reason FROM held_jobs h WHERE h.job_id = $id AND h.released = 0), NULL)"

/* clang-format off */
static const struct field job_fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = RO, .sql = "uuid", .help = "UUIDv7: later jobs have greater ids"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "The organization that owns the job"},
    {.name = "job_type", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "What is run"},
    {.name = "status", .type = FIELD_ENUM, .flags = RO, .choices = status_names, .sql = STATUS_SQL,
     .help = "completed, failed and cancelled are final"},
    {.name = "priority", .type = FIELD_INT, .flags = RO, .min = -1, .max = 1, .def = "0", .sql = "tinyint(4)",
     .help = "1 high, 0 normal, -1 low"},
    {.name = "payload", .type = FIELD_OBJECT, .flags = RO_NULL | FIELD_COLUMN_NOT_NULL, .max = PAYLOAD_BYTES_MAX,
     .sql = "longtext", .help = "The job's input; null in a list when it is larger than 4 KB"},
    {.name = "result", .type = FIELD_ANY, .flags = RO_NULL, .max = PAYLOAD_BYTES_MAX, .sql = "longtext",
     .help = "What a completed job returned; null in a list when it is larger than 4 KB"},
    {.name = "error_message", .type = FIELD_STRING, .flags = RO_NULL, .max = 2000, .sql = "varchar(2000)",
     .help = "Why the last attempt went wrong"},
    {.name = "retry_count", .type = FIELD_INT, .flags = RO, .max = 1000, .def = "0", .sql = "int(11)",
     .help = "Retries used up"},
    {.name = "max_retries", .type = FIELD_INT, .flags = RO, .max = 1000, .def = "3", .sql = "int(11)",
     .help = "Retries allowed; a job runs at most once more than this for its own errors"},
    {.name = "next_retry_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When a failed attempt is repeated"},
    {.name = "started_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "Start of the last attempt"},
    {.name = "completed_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When the job reached its final status"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When the job was accepted"},
    {.name = "updated_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When the row last changed"},
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Subject of the token that created it"},
    {.name = "updated_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Subject of the token that last changed it"},
    {.name = "attempt", .type = FIELD_INT, .flags = RO, .max = INT32_MAX, .def = "0", .sql = "int(11)",
     .help = "Times a worker has taken the job"},
    {.name = "dispatch_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When the relay acts next: publishes a queued job, rescues a processing one"},
    {.name = "worker_id", .type = FIELD_STRING, .flags = RO_NULL, .max = 100, .sql = "varchar(100)",
     .help = "host:pid:random of the last worker"},
    {.name = "cancel_requested_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When somebody asked a running job to stop"},
    {.name = "timeout_s", .type = FIELD_INT, .flags = RO, .min = 1, .max = 86400, .sql = "int(11)",
     .help = "Seconds one attempt may take"},
    {.name = "held", .type = FIELD_ENUM, .flags = RO_NULL, .choices = held_reasons, .derived = HELD_SQL,
     .help = "What keeps a queued job from starting: a pause, or a limit that has no room for it now"},
    {.name = "scheduled_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "Not before this time"},
    {.name = "unique_key", .type = FIELD_STRING, .flags = RO_NULL, .max = 200, .sql = "varchar(200)",
     .help = "At most one queued or processing job of the organization has it; with unique_for_s also for a time"},
    {.name = "unique_live", .type = FIELD_STRING, .flags = HIDDEN | FIELD_NULLABLE, .max = 200, .sql = "varchar(200)"},
    {.name = "unique_for_s", .type = FIELD_INT, .flags = RO_NULL, .min = 1, .max = 31536000, .sql = "int(11)",
     .help = "unique_key is held for this many seconds after created_at, also by a finished job; null: while live"},
    {.name = "progress", .type = FIELD_INT, .flags = RO_NULL, .max = 100, .sql = "tinyint(4)", .help = "Percent done"},
    {.name = "progress_message", .type = FIELD_STRING, .flags = RO_NULL, .max = 200, .sql = "varchar(200)",
     .help = "What the job is doing"},
    {.name = "crash_count", .type = FIELD_INT, .flags = RO, .max = INT32_MAX, .def = "0", .sql = "int(11)",
     .help = "Attempts that ended with the worker's death"},
    {.name = "snooze_count", .type = FIELD_INT, .flags = RO, .max = INT32_MAX, .def = "0", .sql = "int(11)",
     .help = "Times the handler asked to run later without spending a retry"},
    {.name = "retry", .type = FIELD_OBJECT, .flags = RO_NULL, .max = 255, .sql = "varchar(255)",
     .help = "This job's own retry policy; null: its type's"},
    {.name = "schedule_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid",
     .help = "The schedule that created it"},
    {.name = "discarded_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "When its dead letter was put aside for good"},
    {.name = "cause", .type = FIELD_STRING, .flags = RO_NULL, .max = 64, .sql = "varchar(64)",
     .help = "Why the job failed for good: exhausted, permanent, unknown_type, unreadable, "
             "crashed_worker, signal"},
    {.name = "traceparent", .type = FIELD_STRING, .flags = RO_NULL, .max = 55, .sql = "varchar(55)",
     .help = "W3C trace context of the request that created it"},
};
/* clang-format on */

const struct record job_record = {
    .name = "Job",
    .table = "background_jobs",
    .fields = job_fields,
    .n = ARRAY_SIZE(job_fields),
    .help = "A background job",
};

static const char *const outcomes[] = {"completed", "failed",  "timeout", "cancelled",
                                       "released",  "snoozed", "lost",    NULL};

/* clang-format off */
static const struct field attempt_fields[] = {
    {.name = "job_id", .type = FIELD_UUID, .flags = HIDDEN, .sql = "uuid"},
    {.name = "number", .type = FIELD_INT, .flags = RO, .min = 1, .max = INT32_MAX, .sql = "int(11)",
     .help = "Counts the times a worker took the job, from 1"},
    {.name = "worker_id", .type = FIELD_STRING, .flags = RO_NULL, .max = 100, .sql = "varchar(100)",
     .help = "host:pid:random"},
    {.name = "started_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it began"},
    {.name = "ended_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)",
     .help = "When its outcome was recorded"},
    {.name = "outcome", .type = FIELD_ENUM, .flags = RO, .choices = outcomes, .sql = "varchar(16)",
     .help = "released: handed back unharmed at shutdown; snoozed: asked to run later; lost: the worker died"},
    {.name = "error", .type = FIELD_STRING, .flags = RO_NULL, .max = 2000, .sql = "varchar(2000)",
     .help = "What went wrong"},
    {.name = "host", .type = FIELD_STRING, .flags = RO_NULL, .max = 100, .sql = "varchar(100)",
     .help = "The worker's host"},
};
/* clang-format on */

const struct record job_attempt_record = {
    .name = "JobAttempt",
    .table = "job_attempts",
    .fields = attempt_fields,
    .n = ARRAY_SIZE(attempt_fields),
    .help = "One attempt at a job that has ended",
};

/* clang-format off */
static const struct field create_fields[] = {
    {.name = "job_type", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, .max = 64,
     .help = "One of the job types"},
    {.name = "payload", .type = FIELD_OBJECT, .max = PAYLOAD_BYTES_MAX, .def = "{}",
     .help = "Input as the job type wants it"},
    {.name = "priority", .type = FIELD_INT, .min = -1, .max = 1, .def = "0", .help = "1 high, 0 normal, -1 low"},
    {.name = "max_retries", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 0, .max = 100,
     .help = "Retries after a failed attempt; null: the job type's own, which is 3 unless configured"},
    {.name = "scheduled_at", .type = FIELD_TIME, .flags = FIELD_NULLABLE, .help = "Not before this time; null: now"},
    {.name = "timeout_s", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 1, .max = 86400,
     .help = "Seconds one attempt may take; null: the job type's own"},
    {.name = "unique_key", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1, .max = 200,
     .help = "Refused with 409 while a job with this key is queued or processing, or within its unique_for_s"},
    {.name = "unique_for_s", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 1, .max = 31536000,
     .help = "With unique_key: it stays taken for this many seconds after the creation, also when the job has ended"},
    {.name = "retry", .type = FIELD_RECORD, .flags = FIELD_NULLABLE, .record = &retry_policy_record,
     .help = "This job's own retry policy; null: its type's"},
};
/* clang-format on */

const struct record job_create_body = {
    .name = "JobCreate",
    .fields = create_fields,
    .n = ARRAY_SIZE(create_fields),
    .help = "What creates a job",
};

/* clang-format off */
static const struct field bulk_fields[] = {
    {.name = "jobs", .type = FIELD_RECORDS, .flags = FIELD_REQUIRED, .min = 1, .max = JOB_BULK_MAX,
     .record = &job_create_body, .help = "All are created, or none"},
};
/* clang-format on */

const struct record job_bulk_body = {
    .name = "JobBulk",
    .fields = bulk_fields,
    .n = ARRAY_SIZE(bulk_fields),
    .help = "What creates many jobs at once",
};
