/*
 * schedule_fields.c: the field tables of a schedule and of the bodies that make and preview one.
 */
#include "domain/retry_policy.h"
#include "domain/schedule.h"

static const char *const misfires[] = {"skip", "once", "all", NULL};

#define PAYLOAD_BYTES_MAX (64 << 10)
#define RO FIELD_READONLY
#define RO_NULL (FIELD_READONLY | FIELD_NULLABLE)

/* clang-format off */
#define NAME(flags_)                                                                                                   \
    {.name = "name", .type = FIELD_STRING, .flags = (flags_) | FIELD_ONE_LINE, .min = 1, .max = 100,                   \
     .sql = "varchar(100)", .help = "Unique within the organization"}
#define CRON(flags_)                                                                                                   \
    {.name = "cron", .type = FIELD_STRING, .flags = (flags_) | FIELD_ONE_LINE, .min = 1, .max = CRON_TEXT_MAX,         \
     .sql = "varchar(200)",                                                                                           \
     .help = "minute, hour, day of month, month, weekday as in crontab(5), or @daily and the like"}
#define ZONE                                                                                                           \
    {.name = "timezone", .type = FIELD_ZONE, .def = "\"UTC\"", .sql = "varchar(64)",                                   \
     .help = "IANA zone in whose local time cron is read; a time that a change of clocks skips fires after it, one "   \
             "that comes twice fires the first time; what runs every hour or minute follows the time that passes"}
#define JOB_TYPE(flags_)                                                                                               \
    {.name = "job_type", .type = FIELD_STRING, .flags = (flags_) | FIELD_ONE_LINE, .min = 1, .max = 64,                \
     .sql = "varchar(64)", .help = "One of the job types"}
#define PAYLOAD                                                                                                        \
    {.name = "payload", .type = FIELD_OBJECT, .max = PAYLOAD_BYTES_MAX, .def = "{}", .sql = "longtext",                \
     .help = "Each job's input, as its type wants it"}
#define PRIORITY                                                                                                       \
    {.name = "priority", .type = FIELD_INT, .min = -1, .max = 1, .def = "0", .sql = "tinyint(4)",                      \
     .help = "Of its jobs: 1 high, 0 normal, -1 low"}
#define MAX_RETRIES                                                                                                    \
    {.name = "max_retries", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 0, .max = 100, .sql = "int(11)",        \
     .help = "Of each job; null: the job type's own"}
#define RETRY                                                                                                          \
    {.name = "retry", .type = FIELD_RECORD, .flags = FIELD_NULLABLE, .record = &retry_policy_record,                   \
     .sql = "varchar(255)", .help = "Each job's own retry policy; null: the job type's"}
#define TIMEOUT                                                                                                        \
    {.name = "timeout_s", .type = FIELD_INT, .flags = FIELD_NULLABLE, .min = 1, .max = 86400, .sql = "int(11)",        \
     .help = "Seconds one attempt of a job may take; null: the job type's own"}
#define MISFIRE                                                                                                        \
    {.name = "misfire", .type = FIELD_ENUM, .choices = misfires, .def = "\"once\"", .sql = "varchar(16)",              \
     .help = "What becomes of instants that were missed by more than a minute because no consumer ran: none of them, " \
             "the latest, or all up to misfire_limit"}
#define MISFIRE_LIMIT                                                                                                  \
    {.name = "misfire_limit", .type = FIELD_INT, .min = 1, .max = SCHEDULE_MISFIRE_MAX, .def = "10", .sql = "int(11)", \
     .help = "With misfire all: the latest that many are made up for"}

static const struct field schedule_fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = RO, .sql = "uuid", .help = "UUIDv7"},
    {.name = "organization_id", .type = FIELD_STRING, .flags = RO, .min = 1, .max = 64, .sql = "varchar(64)",
     .help = "The organization that owns the schedule and its jobs"},
    NAME(0),
    CRON(0),
    ZONE,
    JOB_TYPE(0),
    PAYLOAD,
    PRIORITY,
    MAX_RETRIES,
    RETRY,
    TIMEOUT,
    MISFIRE,
    MISFIRE_LIMIT,
    {.name = "paused_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "Since when it has fired nothing; null: it fires"},
    {.name = "next_fire_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "The next firing; null while it is paused"},
    {.name = "last_fire_at", .type = FIELD_TIME, .flags = RO_NULL, .sql = "datetime(6)",
     .help = "The instant for which it last fired"},
    {.name = "last_job_id", .type = FIELD_UUID, .flags = RO_NULL, .sql = "uuid", .help = "The job of that firing"},
    {.name = "last_error", .type = FIELD_STRING, .flags = RO_NULL, .max = 500, .sql = "varchar(500)",
     .help = "Why the last firing created no job; null: it did"},
    {.name = "created_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)", .help = "When it was made"},
    {.name = "updated_at", .type = FIELD_TIME, .flags = RO, .sql = "datetime(6)",
     .help = "When somebody last changed it; firing does not count"},
    {.name = "created_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Who made it; also of its jobs"},
    {.name = "updated_by", .type = FIELD_STRING, .flags = RO_NULL, .max = 128, .sql = "varchar(128)",
     .help = "Who last changed it"},
    {.name = "version", .type = FIELD_INT, .flags = RO | FIELD_INTERNAL, .sql = "bigint(20)"},
};

const struct record schedule_record = {
    .name = "Schedule",
    .table = "schedules",
    .fields = schedule_fields,
    .n = ARRAY_SIZE(schedule_fields),
    .help = "What creates jobs again and again",
};

static const struct field create_fields[] = {
    NAME(FIELD_REQUIRED), CRON(FIELD_REQUIRED), ZONE, JOB_TYPE(FIELD_REQUIRED), PAYLOAD, PRIORITY, MAX_RETRIES, RETRY,
    TIMEOUT, MISFIRE, MISFIRE_LIMIT,
};

const struct record schedule_create_body = {
    .name = "ScheduleCreate",
    .fields = create_fields,
    .n = ARRAY_SIZE(create_fields),
    .help = "What makes a schedule",
};

static const struct field preview_fields[] = {CRON(FIELD_REQUIRED), ZONE};

const struct record schedule_preview_body = {
    .name = "SchedulePreviewRequest",
    .fields = preview_fields,
    .n = ARRAY_SIZE(preview_fields),
    .help = "A cron expression to try out",
};
/* clang-format on */
