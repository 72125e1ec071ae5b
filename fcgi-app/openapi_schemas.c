#include "openapi_schemas.h"

#include "api.h"
#include "domain/audit_list.h"
#include "domain/delivery.h"
#include "domain/event.h"
#include "domain/job.h"
#include "domain/job_log.h"
#include "domain/job_sweep.h"
#include "domain/job_types.h"
#include "domain/provider_account.h"
#include "domain/retry_policy.h"
#include "domain/schedule.h"
#include "domain/settings.h"
#include "domain/suppression.h"
#include "domain/template_store.h"

json_t *openapi_ref(const char *schema)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", schema);
}

char *openapi_input_name(const struct record *record)
{
    return g_strconcat(record->name, record->table == NULL ? "" : "Update", NULL);
}

/* --- answers that are no row of a table ------------------------------------------------------------------------- */

#define ALWAYS FIELD_REQUIRED

static const char *const health_words[] = {"ok", NULL};
static const char *const readiness_words[] = {"ready", "degraded", "unavailable", NULL};
static const char *const component_words[] = {"ok", "unavailable", NULL};

static const struct field health_fields[] = {
    {.name = "status", .type = FIELD_ENUM, .flags = ALWAYS, .choices = health_words},
};
static const struct field readiness_fields[] = {
    {.name = "status", .type = FIELD_ENUM, .flags = ALWAYS, .choices = readiness_words},
};
static const struct field component_fields[] = {
    {.name = "database", .type = FIELD_ENUM, .flags = ALWAYS, .choices = component_words},
    {.name = "broker", .type = FIELD_ENUM, .flags = ALWAYS, .choices = component_words},
};
static const struct field test_email_fields[] = {
    {.name = "success", .type = FIELD_BOOL, .flags = ALWAYS},
    {.name = "job_id", .type = FIELD_UUID, .flags = ALWAYS},
    {.name = "message", .type = FIELD_STRING, .help = "What the provider said"},
    {.name = "error", .type = FIELD_STRING, .help = "Why there was no success"},
};
static const char *const stage_words[] = {"resolved", "connected", "tls", "authenticated", "accepted", NULL};
static const struct field stage_fields[] = {
    {.name = "stage", .type = FIELD_ENUM, .flags = ALWAYS, .choices = stage_words},
    {.name = "ok", .type = FIELD_BOOL, .flags = ALWAYS, .help = "It was reached"},
    {.name = "detail", .type = FIELD_STRING, .flags = ALWAYS, .help = "The provider's words, or what went wrong"},
    {.name = "ms",
     .type = FIELD_INT,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Since the beginning; null: it was not reached"},
};
static const struct field job_list_fields[] = {
    {.name = "total", .type = FIELD_INT, .flags = ALWAYS, .help = "Jobs that the filters let through"},
    {.name = "total_capped",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help = "There are at least total; counting stopped there"},
    {.name = "skip", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "limit", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "next_cursor",
     .type = FIELD_STRING,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Where the next page begins; null: this is the last"},
};
static const struct field job_counts_fields[] = {
    {.name = "total", .type = FIELD_INT, .flags = ALWAYS, .help = "All jobs of the organization"},
};
#define COUNT(status, text)                                              \
    {                                                                    \
        .name = status, .type = FIELD_INT, .flags = ALWAYS, .help = text \
    }
#define COUNTS                                                                                       \
    COUNT("queued", "Waiting, scheduled ones and retries included"), COUNT("processing", "Running"), \
        COUNT("completed", "Done"), COUNT("failed", "Failed for good"), COUNT("cancelled", "Cancelled")
static const struct field status_counts_fields[] = {COUNTS};
static const struct field type_counts_fields[] = {{.name = "job_type", .type = FIELD_STRING, .flags = ALWAYS}, COUNTS};
#define ENDINGS                                                                              \
    COUNT("completed", "Jobs that completed"), COUNT("failed", "Jobs that failed for good"), \
        COUNT("retried", "Attempts that failed, of jobs that were queued again"),            \
        COUNT("cancelled", "Jobs that were stopped while they ran")
static const struct field stats_fields[] = {
    {.name = "outbox",
     .type = FIELD_INT,
     .flags = ALWAYS,
     .help = "Jobs that are due and not in the broker yet, of all organizations"},
    {.name = "outbox_capped",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help = "There are more than outbox; counting stopped there"},
    {.name = "dead_letters", .type = FIELD_INT, .flags = ALWAYS, .help = "Dead letters of the organization"},
    {.name = "dead_letters_capped",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help =
         "There may be more than dead_letters: counting stopped after 10,000, those that are being removed among them"},
};
static const struct field stats_minute_fields[] = {
    {.name = "minute", .type = FIELD_TIME, .flags = ALWAYS, .help = "When it began"}, ENDINGS};
static const struct field stats_type_fields[] = {{.name = "job_type", .type = FIELD_STRING, .flags = ALWAYS}, ENDINGS};
#define LENGTH(name_, text)                                                              \
    {                                                                                    \
        .name = name_, .type = FIELD_INT, .flags = ALWAYS | FIELD_NULLABLE, .help = text \
    }
static const struct field stats_speed_fields[] = {
    {.name = "jobs",
     .type = FIELD_INT,
     .flags = ALWAYS,
     .help = "Of how many jobs; 0: none has started within the hour"},
    LENGTH("wait_p50_ms", "Half of them waited no longer for their first attempt, from when they were due"),
    LENGTH("wait_p95_ms", "95 in 100 waited no longer"),
    LENGTH("run_p50_ms", "The last attempt of half of them took no longer"),
    LENGTH("run_p95_ms", "That of 95 in 100 took no longer"),
};
static const struct field stats_waiting_fields[] = {
    {.name = "job_id", .type = FIELD_UUID, .flags = ALWAYS},
    {.name = "job_type", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "priority", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "created_at", .type = FIELD_TIME, .flags = ALWAYS},
    {.name = "due_at", .type = FIELD_TIME, .flags = ALWAYS, .help = "Since when it could have started"},
};
static const struct field stats_worker_fields[] = {
    {.name = "worker", .type = FIELD_STRING, .flags = ALWAYS, .help = "host:pid"},
    {.name = "live",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help = "It has been heard of within ten seconds; false: others take its jobs over when their leases end"},
    {.name = "version", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE},
    {.name = "started_at", .type = FIELD_TIME, .flags = ALWAYS | FIELD_NULLABLE},
    LENGTH("capacity", "How many jobs it can run at one time"),
    {.name = "running", .type = FIELD_INT, .flags = ALWAYS, .help = "How many it runs"},
    {.name = "others", .type = FIELD_INT, .flags = ALWAYS, .help = "How many of these are other organizations'"},
};
static const struct field stats_running_fields[] = {
    {.name = "job_id", .type = FIELD_UUID, .flags = ALWAYS},
    {.name = "job_type", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "started_at", .type = FIELD_TIME, .flags = ALWAYS | FIELD_NULLABLE},
    LENGTH("progress", "Percent done, where the job says"),
};
static const struct field bulk_result_fields[] = {
    {.name = "count", .type = FIELD_INT, .flags = ALWAYS, .help = "How many were created"},
};
static const struct field bulk_job_fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = ALWAYS},
    {.name = "job_type", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "status", .type = FIELD_STRING, .flags = ALWAYS, .help = "queued"},
};
static const struct field dead_list_fields[] = {
    {.name = "total", .type = FIELD_INT, .flags = ALWAYS, .help = "Dead letters that the filters let through"},
    {.name = "total_capped",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help = "There are at least total; counting stopped there"},
    {.name = "limit", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "next_cursor",
     .type = FIELD_STRING,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Where the next page begins; null: this is the last"},
};
static const struct field schedule_list_fields[] = {
    {.name = "limit", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "next_cursor",
     .type = FIELD_STRING,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Where the next page begins; null: this is the last"},
};
static const struct field audit_log_fields[] = {
    {.name = "limit", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "next_cursor",
     .type = FIELD_STRING,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Where the next page begins; null: this is the last. With several filters a page may have fewer entries "
             "than limit, or none, and yet not be the last"},
};
static const struct field schedule_preview_fields[] = {
    {.name = "next_firings",
     .type = FIELD_STRINGS,
     .flags = ALWAYS,
     .help = "RFC 3339 times with the zone's offset at each; empty when nothing fires within eight years"},
};
static const char *const gate_scopes[] = {"organization", "deployment", NULL};
#define GATE_SCOPE                                                                                                     \
    {.name = "scope", .type = FIELD_ENUM, .flags = ALWAYS, .choices = gate_scopes, .help = "Whose it is"},             \
        {.name = "organization_id",                                                                                    \
         .type = FIELD_STRING,                                                                                         \
         .flags = ALWAYS | FIELD_NULLABLE,                                                                             \
         .help = "null: all organizations"},                                                                           \
    {                                                                                                                  \
        .name = "job_type", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE, .help = "null: all types together" \
    }
static const struct field pause_fields[] = {
    GATE_SCOPE,
    {.name = "reason", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE},
    {.name = "created_by", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "created_at", .type = FIELD_TIME, .flags = ALWAYS},
};
static const struct field limit_fields[] = {
    GATE_SCOPE,
    {.name = "max_running",
     .type = FIELD_INT,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Jobs that run at one time; null: any number"},
    {.name = "max_per_minute",
     .type = FIELD_INT,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Jobs that start in any 60 seconds; null: any number"},
    {.name = "running", .type = FIELD_INT, .flags = ALWAYS, .help = "Jobs of the organization that run now"},
    {.name = "queued", .type = FIELD_INT, .flags = ALWAYS, .help = "Its jobs that wait, held ones among them"},
    {.name = "held",
     .type = FIELD_INT,
     .flags = ALWAYS,
     .help = "Its jobs that a pause or a limit keeps from starting"},
    {.name = "held_capped",
     .type = FIELD_BOOL,
     .flags = ALWAYS,
     .help = "There are at least held; counting stopped there"},
};
static const struct field digest_preview_fields[] = {
    {.name = "delivery_id", .type = FIELD_UUID, .flags = ALWAYS, .help = "The digest"},
    {.name = "channel", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "recipient", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "address", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "held_until", .type = FIELD_TIME, .flags = ALWAYS | FIELD_NULLABLE, .help = "When it goes"},
    {.name = "members_n", .type = FIELD_INT, .flags = ALWAYS, .help = "How many it has; members shows the first 200"},
};
static const struct field digest_message_fields[] = {
    {.name = "subject", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE},
    {.name = "text", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE},
    {.name = "html", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE, .help = "Show it in a sandbox only"},
};
static const struct field fault_fields[] = {
    {.name = "pointer",
     .type = FIELD_STRING,
     .flags = ALWAYS,
     .help = "JSON Pointer (RFC 6901) into the body, or ?name of a query parameter"},
    {.name = "code", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "detail", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "job_id", .type = FIELD_UUID, .help = "The job that is in the way"},
};
static const struct field problem_fields[] = {
    {.name = "type", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "title", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "status", .type = FIELD_INT, .flags = ALWAYS},
    {.name = "detail", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "request_id", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "code", .type = FIELD_STRING, .help = "The machine's word for it; missing in nginx's own answers"},
    {.name = "job_id", .type = FIELD_UUID, .help = "The job that is in the way"},
    {.name = "job_status", .type = FIELD_STRING, .help = "Its status"},
};

static const struct field job_log_fields[] = {
    {.name = "next_cursor",
     .type = FIELD_STRING,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "Where the next page begins; null: there are no more lines by now"},
};
static const char *const kind_words[] = {"built_in", "exec", "http", NULL};
static const struct field job_type_fields[] = {
    {.name = "name", .type = FIELD_STRING, .flags = ALWAYS, .help = "What a new job has as its job_type"},
    {.name = "kind",
     .type = FIELD_ENUM,
     .flags = ALWAYS,
     .choices = kind_words,
     .help = "Whether it is a part of Bellman, runs a program or calls an address"},
    {.name = "help", .type = FIELD_STRING, .flags = ALWAYS, .help = "One line for people; may be empty"},
    {.name = "timeout_s", .type = FIELD_INT, .flags = ALWAYS, .help = "Of a job that does not say another"},
    {.name = "max_retries", .type = FIELD_INT, .flags = ALWAYS, .help = "Of a job that does not say another"},
    {.name = "retry",
     .type = FIELD_OBJECT,
     .flags = ALWAYS,
     .help = "Its retry policy: curve, base_s, cap_s, jitter_percent"},
    {.name = "payload_schema",
     .type = FIELD_OBJECT,
     .flags = ALWAYS | FIELD_NULLABLE,
     .help = "JSON Schema of the payload; null: any object"},
};

static const struct field template_field_fields[] = {
    {.name = "name", .type = FIELD_STRING, .flags = ALWAYS, .help = "As templates write it"},
    {.name = "help", .type = FIELD_STRING, .flags = ALWAYS, .help = "What it is"},
};
static const char *const sms_encodings[] = {"gsm-7", "ucs-2", NULL};
static const struct field sms_fields[] = {
    {.name = "encoding", .type = FIELD_ENUM, .flags = ALWAYS, .choices = sms_encodings},
    {.name = "length", .type = FIELD_INT, .flags = ALWAYS, .help = "Septets or UCS-2 units"},
    {.name = "segments", .type = FIELD_INT, .flags = ALWAYS, .help = "What is paid for"},
};
static const struct field template_preview_fields[] = {
    {.name = "subject", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE},
    {.name = "text", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "html", .type = FIELD_STRING, .flags = ALWAYS | FIELD_NULLABLE, .help = "Show it in a sandbox only"},
    {.name = "source", .type = FIELD_STRING, .flags = ALWAYS, .help = "Whose template there is: default, organization"},
    {.name = "locale", .type = FIELD_STRING, .flags = ALWAYS, .help = "For which locale it is"},
};
static const struct field template_validity_fields[] = {
    {.name = "valid", .type = FIELD_BOOL, .flags = ALWAYS},
};
static const struct field provider_fields[] = {
    {.name = "name", .type = FIELD_STRING, .flags = ALWAYS},
    {.name = "channel", .type = FIELD_ENUM, .flags = ALWAYS, .choices = notify_channel_names},
    {.name = "help", .type = FIELD_STRING, .flags = ALWAYS, .help = "One line for people"},
    {.name = "config_schema",
     .type = FIELD_OBJECT,
     .flags = ALWAYS,
     .help = "JSON Schema of an account's config; what is neither nullable nor has a default is needed"},
};

#define ANSWER(record_name, list, text)                                          \
    {                                                                            \
        .name = record_name, .fields = list, .n = ARRAY_SIZE(list), .help = text \
    }

static const struct record answers[] = {
    ANSWER("Health", health_fields, "The process answers"),
    ANSWER("Readiness", readiness_fields, "Whether requests can be served"),
    ANSWER("ReadinessComponents", component_fields, "What they need"),
    ANSWER("TestEmailResult", test_email_fields, "What became of a test mail"),
    ANSWER("CheckStage", stage_fields, "How far a try came"),
    ANSWER("JobList", job_list_fields, "One page of jobs"),
    ANSWER("JobCounts", job_counts_fields, "How many jobs there are"),
    ANSWER("JobStatusCounts", status_counts_fields, "Jobs of each status"),
    ANSWER("JobTypeCounts", type_counts_fields, "Jobs of one type, of each status"),
    ANSWER("JobStats", stats_fields, "How an organization's jobs are doing"),
    ANSWER("JobStatsMinute", stats_minute_fields, "What workers have ended within a minute, up to seconds ago"),
    ANSWER("JobStatsType", stats_type_fields, "What workers have ended of one type within the hour"),
    ANSWER("JobStatsSpeed", stats_speed_fields, "Waits and run times of a sample of what started within the hour"),
    ANSWER("JobStatsWaiting", stats_waiting_fields, "A job that is due and waits"),
    ANSWER("JobStatsWorker", stats_worker_fields, "A worker"),
    ANSWER("JobStatsRunning", stats_running_fields, "A job that runs"),
    ANSWER("JobBulkResult", bulk_result_fields, "What was created, in the order of the request"),
    ANSWER("JobBulkEntry", bulk_job_fields, "A job that was created"),
    ANSWER("JobLogPage", job_log_fields, "Lines of a job's log"),
    ANSWER("JobType", job_type_fields, "A job type"),
    {.name = "JobTypeList", .help = "Every job type that can be created here"},
    ANSWER("DeadLetterList", dead_list_fields, "One page of dead letters"),
    ANSWER("ScheduleList", schedule_list_fields, "One page of schedules"),
    ANSWER("DeliveryList", schedule_list_fields, "One page of deliveries"),
    ANSWER("DigestPreview", digest_preview_fields, "A digest that still gathers"),
    ANSWER("DigestMessage", digest_message_fields, "What it would say"),
    ANSWER("AuditLog", audit_log_fields, "One page of the audit log"),
    ANSWER("SuppressionList", schedule_list_fields, "One page of addresses that get nothing"),
    {.name = "NotificationTemplateList", .help = "Every template"},
    ANSWER("NotificationTemplateField", template_field_fields, "What a template may name"),
    ANSWER("SmsMeasure", sms_fields, "How a text travels as SMS"),
    ANSWER("NotificationTemplatePreview", template_preview_fields, "A message as it would be sent"),
    ANSWER("NotificationTemplateValidity", template_validity_fields, "Whether texts can be saved"),
    {.name = "EventFields", .help = "What templates may name"},
    ANSWER("SchedulePreview", schedule_preview_fields, "Firings to come"),
    ANSWER("Pause", pause_fields, "Jobs that do not start"),
    ANSWER("Limit", limit_fields, "How many jobs may run or start, and how many there are"),
    ANSWER("Provider", provider_fields, "A way to send messages"),
    {.name = "ProviderList", .help = "Every way to send messages"},
    {.name = "PauseList", .help = "The pauses that an organization is under"},
    {.name = "LimitList", .help = "The limits that an organization is under"},
    ANSWER("Fault", fault_fields, "One field that is at fault"),
    ANSWER("Problem", problem_fields, "RFC 9457"),
};

static json_t *array_of(const char *schema)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", openapi_ref(schema));
}

static void add_member(json_t *schemas, const char *schema, const char *name, bool always, json_t *type)
{
    json_t *at = json_object_get(schemas, schema);
    json_object_set_new(json_object_get(at, "properties"), name, type);
    if (always) {
        json_array_append_new(json_object_get(at, "required"), json_string(name));
    }
}

static json_t *or_null(const char *schema)
{
    return json_pack("{s:[o, {s:s}]}", "anyOf", openapi_ref(schema), "type", "null");
}

static void add_templates(json_t *schemas)
{
    add_member(schemas, "NotificationTemplateList", "templates", true, array_of("NotificationTemplateSummary"));
    add_member(schemas, "NotificationTemplatePreview", "sms", true, or_null("SmsMeasure"));
    add_member(schemas, "NotificationTemplateValidity", "errors", true, array_of("Fault"));
    json_object_set_new(schemas, "NotificationTemplateDetail",
                        json_pack("{s:s, s:[o, {s:s, s:[s, s], s:{s:o, s:o}}]}", "description",
                                  "A template, the product's beside it, and what it may name", "allOf",
                                  openapi_ref("NotificationTemplate"), "type", "object", "required", "default",
                                  "fields", "properties", "default", or_null("NotificationTemplateTexts"), "fields",
                                  array_of("NotificationTemplateField")));
}

static void add_stats(json_t *schemas)
{
    add_member(schemas, "JobStats", "throughput", true, array_of("JobStatsMinute"));
    add_member(schemas, "JobStats", "by_type", true, array_of("JobStatsType"));
    add_member(schemas, "JobStats", "speed", true, openapi_ref("JobStatsSpeed"));
    add_member(schemas, "JobStats", "waiting", true, array_of("JobStatsWaiting"));
    add_member(schemas, "JobStats", "workers", true, array_of("JobStatsWorker"));
    add_member(schemas, "JobStatsWorker", "jobs", true, array_of("JobStatsRunning"));
}

static void add_answers(json_t *schemas)
{
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        /* As an input only what is flagged is required; unlike an input, an answer may grow. */
        json_t *schema = record_describe(&answers[i], true);
        json_object_del(schema, "additionalProperties");
        json_object_set_new(schemas, answers[i].name, schema);
    }
    add_member(schemas, "Readiness", "components", true, openapi_ref("ReadinessComponents"));
    add_member(schemas, "TestEmailResult", "stages", true, array_of("CheckStage"));
    add_member(schemas, "JobList", "jobs", true, array_of("Job"));
    add_member(schemas, "JobCounts", "by_status", true, openapi_ref("JobStatusCounts"));
    add_member(schemas, "JobCounts", "by_type", true, array_of("JobTypeCounts"));
    add_member(schemas, "JobBulkResult", "jobs", true, array_of("JobBulkEntry"));
    add_member(schemas, "JobLogPage", "logs", true, array_of("JobLogLine"));
    add_member(schemas, "JobTypeList", "job_types", true, array_of("JobType"));
    add_member(schemas, "DeadLetterList", "dead_letters", true, array_of("Job"));
    add_member(schemas, "ScheduleList", "schedules", true, array_of("Schedule"));
    json_object_set_new(schemas, "ScheduleDetail",
                        json_pack("{s:s, s:[o, o]}", "description",
                                  "A schedule with its next ten firings; a paused one has none", "allOf",
                                  openapi_ref("Schedule"), openapi_ref("SchedulePreview")));
    add_templates(schemas);
    add_stats(schemas);
    add_member(schemas, "AuditLog", "entries", true, array_of("AuditEntry"));
    add_member(schemas, "DeliveryList", "deliveries", true, array_of("Delivery"));
    add_member(schemas, "DigestPreview", "members", true,
               json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "object"));
    add_member(schemas, "DigestPreview", "message", true, openapi_ref("DigestMessage"));
    add_member(schemas, "SuppressionList", "suppressions", true, array_of("Suppression"));
    add_member(schemas, "EventFields", "events", true, json_pack("{s:s}", "type", "object"));
    json_object_set_new(schemas, "DeliveryDetail",
                        json_pack("{s:s, s:[o, {s:s, s:[s], s:{s:o}}]}", "description",
                                  "A delivery with its tries; a digest has also members", "allOf",
                                  openapi_ref("Delivery"), "type", "object", "required", "attempts", "properties",
                                  "attempts", array_of("DeliveryAttempt")));
    json_object_set_new(schemas, "EventDetail",
                        json_pack("{s:s, s:[o, {s:s, s:[s], s:{s:{s:s, s:{s:s}}}}]}", "description",
                                  "An event, and how many of its deliveries are in which state", "allOf",
                                  openapi_ref("Event"), "type", "object", "required", "deliveries", "properties",
                                  "deliveries", "type", "object", "additionalProperties", "type", "integer"));
    add_member(schemas, "Provider", "account", true,
               json_pack("{s:[o, {s:s}]}", "anyOf", openapi_ref("ProviderAccount"), "type", "null"));
    add_member(schemas, "ProviderList", "providers", true, array_of("Provider"));
    add_member(schemas, "PauseList", "pauses", true, array_of("Pause"));
    add_member(schemas, "LimitList", "limits", true, array_of("Limit"));
    add_member(schemas, "Problem", "errors", false, array_of("Fault"));
    json_object_set_new(schemas, "JobDetail",
                        json_pack("{s:s, s:[o, {s:s, s:[s], s:{s:o}}]}", "description",
                                  "A job with its attempts that have ended, the last 200 in their order", "allOf",
                                  openapi_ref("Job"), "type", "object", "required", "attempts", "properties",
                                  "attempts", array_of("JobAttempt")));
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static const struct record *const outputs[] = {
    &settings_record,       &job_record,         &job_attempt_record,      &job_log_record,  &schedule_record,
    &event_record,          &delivery_record,    &delivery_attempt_record, &template_record, &template_summary_record,
    &template_texts_record, &suppression_record, &provider_account_record, &audit_record,
};
static const struct record *const inputs[] = {
    &settings_record,         &job_create_body,
    &job_bulk_body,           &retry_policy_record,
    &test_email_body,         &empty_body,
    &schedule_create_body,    &schedule_record,
    &schedule_preview_body,   &pause_body,
    &event_create_body,       &event_recipient_record,
    &template_put_body,       &template_preview_body,
    &template_validate_body,  &suppression_create_body,
    &suppression_remove_body, &provider_account_record,
    &test_sms_body,           &test_slack_body,
    &test_webhook_body,       &provider_check_body,
};

/* JobCreate knows the job types, and which payload goes with which. */
static void add_job_types(json_t *schemas)
{
    json_t *create = json_object_get(schemas, job_create_body.name);
    json_t *names = json_array();
    json_t *rules = json_array();
    for (size_t i = 0; i < job_types_n; i++) {
        const struct job_type *t = &job_types[i];
        json_object_set_new(schemas, t->payload->name, record_describe(t->payload, true));
        if (job_type_is_internal(t->name)) {
            continue; /* they have calls of their own */
        }
        json_array_append_new(names, json_string(t->name));
        json_array_append_new(rules,
                              json_pack("{s:{s:{s:{s:s}}}, s:{s:{s:o}}}", "if", "properties", "job_type", "const",
                                        t->name, "then", "properties", "payload", openapi_ref(t->payload->name)));
    }
    json_object_set_new(json_object_get(json_object_get(create, "properties"), "job_type"), "enum", names);
    json_object_set_new(create, "allOf", rules);
}

json_t *openapi_schemas(void)
{
    json_t *schemas = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
        json_object_set_new(schemas, outputs[i]->name, record_describe(outputs[i], false));
    }
    for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
        g_autofree char *name = openapi_input_name(inputs[i]);
        json_object_set_new(schemas, name, record_describe(inputs[i], true));
    }
    add_job_types(schemas);
    add_answers(schemas);
    return schemas;
}
