#include "expected.h"

#include "domain/audit_list.h"
#include "domain/delivery.h"
#include "domain/event.h"
#include "domain/job.h"
#include "domain/job_log.h"
#include "domain/provider_account.h"
#include "domain/schedule.h"
#include "domain/settings.h"
#include "domain/suppression.h"
#include "domain/template_store.h"

/* Tables that no answer shows have their columns here: name, column_type and whether they may be NULL. */
#define COLUMN(name_, sql_)            \
    {                                  \
        .name = (name_), .sql = (sql_) \
    }
#define COLUMN_NULL(name_, sql_)                                \
    {                                                           \
        .name = (name_), .sql = (sql_), .flags = FIELD_NULLABLE \
    }
#define RECORD(table_)                                                                  \
    {                                                                                   \
        .table = #table_, .fields = table_##_columns, .n = ARRAY_SIZE(table_##_columns) \
    }
#define INDEXES(...) ((const struct expected_index[]){__VA_ARGS__, {.name = NULL}})
#define KEYS(...) ((const struct expected_key[]){__VA_ARGS__, {.name = NULL}})
#define NO_KEYS ((const struct expected_key[]){{.name = NULL}})

#define ID_SQL "varchar(64)"
#define TIME_SQL "datetime(6)"
#define STATUS_SQL "enum('queued','processing','completed','failed','cancelled')"

static const struct field organizations_columns[] = {
    COLUMN("id", ID_SQL),
    COLUMN("name", "varchar(200)"),
    COLUMN("created_at", TIME_SQL),
};
static const struct record organizations = RECORD(organizations);

static const struct field job_counts_columns[] = {
    COLUMN("organization_id", ID_SQL), COLUMN("job_type", "varchar(64)"), COLUMN("status", STATUS_SQL),
    COLUMN("priority", "tinyint(4)"),  COLUMN("shard", "tinyint(4)"),     COLUMN("jobs", "bigint(20)"),
};
static const struct record job_counts = RECORD(job_counts);

static const struct field job_minutes_columns[] = {
    COLUMN("organization_id", ID_SQL), COLUMN("minute_at", TIME_SQL), COLUMN("job_type", "varchar(64)"),
    COLUMN("completed", "int(11)"),    COLUMN("failed", "int(11)"),   COLUMN("retried", "int(11)"),
    COLUMN("cancelled", "int(11)"),
};
static const struct record job_minutes = RECORD(job_minutes);

static const struct field rate_limits_columns[] = {
    COLUMN("bucket", "varchar(255)"),
    COLUMN("tat_us", "bigint(20)"),
    COLUMN("allowed", "tinyint(1)"),
    COLUMN("expires_at", TIME_SQL),
};
static const struct record rate_limits = RECORD(rate_limits);

static const struct field idempotency_keys_columns[] = {
    COLUMN("organization_id", ID_SQL), COLUMN("scope", "binary(32)"),           COLUMN("request_sha256", "binary(32)"),
    COLUMN("status", "smallint(6)"),   COLUMN_NULL("location", "varchar(255)"), COLUMN("body", "longtext"),
    COLUMN("expires_at", TIME_SQL),
};
static const struct record idempotency_keys = RECORD(idempotency_keys);

static const struct field processes_columns[] = {
    COLUMN("id", "uuid"),          COLUMN("kind", "varchar(16)"),       COLUMN("host", "varchar(255)"),
    COLUMN("pid", "int(11)"),      COLUMN("version", "varchar(32)"),    COLUMN("started_at", TIME_SQL),
    COLUMN("seen_at", TIME_SQL),   COLUMN_NULL("flush_id", "uuid"),     COLUMN("running", "int(11)"),
    COLUMN("capacity", "int(11)"), COLUMN("last_minute", "bigint(20)"),
};
static const struct record processes = RECORD(processes);

static const struct field dead_letters_columns[] = {
    COLUMN("job_id", "uuid"),    COLUMN_NULL("live_id", "uuid"), COLUMN("organization_id", ID_SQL),
    COLUMN("job_type", ID_SQL),  COLUMN("cause", ID_SQL),        COLUMN("created_at", TIME_SQL),
    COLUMN("died_at", TIME_SQL),
};
static const struct record dead_letters = RECORD(dead_letters);

static const struct field schedule_firings_columns[] = {
    COLUMN("schedule_id", "uuid"),
    COLUMN("fire_at", TIME_SQL),
    COLUMN("job_id", "uuid"),
    COLUMN("created_at", TIME_SQL),
};
static const struct record schedule_firings = RECORD(schedule_firings);

static const struct field pauses_columns[] = {
    COLUMN("organization_id", ID_SQL),    COLUMN("job_type", "varchar(64)"), COLUMN_NULL("reason", "varchar(200)"),
    COLUMN("created_by", "varchar(128)"), COLUMN("created_at", TIME_SQL),
};
static const struct record pauses = RECORD(pauses);

static const struct field job_limits_columns[] = {
    COLUMN("organization_id", ID_SQL),     COLUMN("job_type", "varchar(64)"),
    COLUMN_NULL("max_running", "int(11)"), COLUMN_NULL("max_per_minute", "int(11)"),
    COLUMN("tat_us", "bigint(20)"),        COLUMN_NULL("updated_by", "varchar(128)"),
    COLUMN("updated_at", TIME_SQL),
};
static const struct record job_limits = RECORD(job_limits);

static const struct field held_jobs_columns[] = {
    COLUMN("job_id", "uuid"),         COLUMN("organization_id", ID_SQL),          COLUMN("job_type", "varchar(64)"),
    COLUMN("priority", "tinyint(4)"), COLUMN("reason", "enum('paused','limit')"), COLUMN("released", "tinyint(1)"),
    COLUMN("held_at", TIME_SQL),
};
static const struct record held_jobs = RECORD(held_jobs);

static const struct field schema_migrations_columns[] = {
    COLUMN("version", "int(11)"),  COLUMN("name", "varchar(200)"), COLUMN("checksum", "char(64)"),
    COLUMN("dirty", "tinyint(1)"), COLUMN("started_at", TIME_SQL), COLUMN_NULL("duration_ms", "bigint(20)"),
};
static const struct record schema_migrations = RECORD(schema_migrations);

static const struct field provider_callbacks_columns[] = {
    COLUMN("provider", "varchar(16)"),
    COLUMN("callback_id", "binary(32)"),
    COLUMN("seen_at", TIME_SQL),
};
static const struct record provider_callbacks = RECORD(provider_callbacks);

const struct expected_table expected_tables[] = {
    {
        .name = "organizations",
        .record = &organizations,
        .indexes = INDEXES({"PRIMARY", true, "id"}),
        .keys = NO_KEYS,
    },
    {
        .name = "notification_settings",
        .record = &settings_record,
        .indexes = INDEXES({"PRIMARY", true, "id"}, {"uq_settings_organization", true, "organization_id"}),
        .keys = KEYS({"fk_settings_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "background_jobs",
        .record = &job_record,
        .indexes = INDEXES({"PRIMARY", true, "id"},
                           {"ix_jobs_filter", false, "organization_id,status,job_type,priority,created_at,id"},
                           {"ix_jobs_created", false, "organization_id,created_at,id"},
                           {"ix_jobs_dispatch", false, "status,dispatch_at,priority"},
                           {"uq_jobs_unique", true, "organization_id,unique_live"}),
        .keys = KEYS({"fk_jobs_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "job_attempts",
        .record = &job_attempt_record,
        .indexes = INDEXES({"PRIMARY", true, "job_id,number"}),
        .keys = KEYS({"fk_attempts_job", "job_id", "background_jobs(id)", "CASCADE"}),
    },
    {
        .name = "job_counts",
        .record = &job_counts,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,job_type,status,priority,shard"}),
        .keys = KEYS({"fk_counts_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "audit_log",
        .record = &audit_record,
        .indexes = INDEXES({"PRIMARY", true, "id"}, {"ix_audit_created", false, "organization_id,created_at,id"},
                           {"ix_audit_action", false, "organization_id,action,created_at,id"},
                           {"ix_audit_actor", false, "organization_id,actor,created_at,id"},
                           {"ix_audit_subject", false, "organization_id,subject,created_at,id"}),
        .keys = KEYS({"fk_audit_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "job_minutes",
        .record = &job_minutes,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,minute_at,job_type"},
                           {"ix_minutes_age", false, "minute_at"}),
        .keys = NO_KEYS,
    },
    {
        .name = "rate_limits",
        .record = &rate_limits,
        .indexes = INDEXES({"PRIMARY", true, "bucket"}, {"ix_rate_limits_expires", false, "expires_at"}),
        .keys = NO_KEYS,
    },
    {
        .name = "idempotency_keys",
        .record = &idempotency_keys,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,scope"}, {"ix_idempotency_expires", false, "expires_at"}),
        .keys = KEYS({"fk_idempotency_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "processes",
        .record = &processes,
        .indexes = INDEXES({"PRIMARY", true, "id"}, {"ix_processes_seen", false, "seen_at"}),
        .keys = NO_KEYS,
    },
    {
        .name = "job_logs",
        .record = &job_log_record,
        .indexes = INDEXES({"PRIMARY", true, "job_id,attempt,number"}),
        .keys = KEYS({"fk_logs_job", "job_id", "background_jobs(id)", "CASCADE"}),
    },
    {
        .name = "dead_letters",
        .record = &dead_letters,
        .indexes = INDEXES({"PRIMARY", true, "job_id"}, {"ix_dead_live", false, "live_id"},
                           {"ix_dead_created", false, "organization_id,created_at,job_id"},
                           {"ix_dead_type", false, "organization_id,job_type,created_at,job_id"},
                           {"ix_dead_cause", false, "organization_id,cause,created_at,job_id"},
                           {"ix_dead_type_cause", false, "organization_id,job_type,cause,created_at,job_id"}),
        .keys = KEYS({"fk_dead_job", "live_id", "background_jobs(id)", "SET NULL"}),
    },
    {
        .name = "schedules",
        .record = &schedule_record,
        .indexes = INDEXES({"PRIMARY", true, "id"}, {"uq_schedules_name", true, "organization_id,name"},
                           {"ix_schedules_due", false, "next_fire_at"}),
        .keys = KEYS({"fk_schedules_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "schedule_firings",
        .record = &schedule_firings,
        .indexes = INDEXES({"PRIMARY", true, "schedule_id,fire_at"}, {"ix_firings_created", false, "created_at"}),
        .keys = KEYS({"fk_firings_schedule", "schedule_id", "schedules(id)", "CASCADE"}),
    },
    {
        .name = "pauses",
        .record = &pauses,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,job_type"}),
        .keys = NO_KEYS,
    },
    {
        .name = "job_limits",
        .record = &job_limits,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,job_type"}),
        .keys = NO_KEYS,
    },
    {
        .name = "held_jobs",
        .record = &held_jobs,
        .indexes = INDEXES({"PRIMARY", true, "job_id"},
                           {"ix_held_group", false, "released,organization_id,job_type,priority,job_id"}),
        .keys = KEYS({"fk_held_job", "job_id", "background_jobs(id)", "CASCADE"}),
    },
    {
        .name = "notification_events",
        .record = &event_record,
        .indexes = INDEXES({"PRIMARY", true, "id"}, {"uq_events_dedupe", true, "organization_id,dedupe_key"},
                           {"ix_events_created", false, "organization_id,created_at,id"},
                           {"ix_events_age", false, "created_at,id"}),
        .keys = KEYS({"fk_events_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "deliveries",
        .record = &delivery_record,
        .indexes = INDEXES(
            {"PRIMARY", true, "id"}, {"uq_deliveries_target", true, "event_id,channel,recipient,copy"},
            {"uq_deliveries_digest", true, "organization_id,channel,recipient,address,digest_slot"},
            {"ix_deliveries_created", false, "organization_id,created_at,id"},
            {"ix_deliveries_state", false, "organization_id,state,created_at,id"},
            {"ix_deliveries_event", false, "organization_id,event,created_at,id"},
            {"ix_deliveries_channel", false, "organization_id,channel,created_at,id"},
            {"ix_deliveries_recipient", false, "organization_id,recipient,created_at,id"},
            {"ix_deliveries_address", false, "organization_id,address,created_at,id"},
            {"ix_deliveries_members", false, "digest_id,id"}, {"ix_deliveries_open", false, "state,updated_at"},
            {"ix_deliveries_provider", false, "provider_message_id"}, {"ix_deliveries_job", false, "job_id"}),
        .keys = KEYS({"fk_deliveries_organization", "organization_id", "organizations(id)", "CASCADE"},
                     {"fk_deliveries_event", "event_id", "notification_events(id)", "CASCADE"}),
    },
    {
        .name = "delivery_attempts",
        .record = &delivery_attempt_record,
        .indexes = INDEXES({"PRIMARY", true, "delivery_id,number"}),
        .keys = KEYS({"fk_delivery_attempts", "delivery_id", "deliveries(id)", "CASCADE"}),
    },
    {
        .name = "notification_templates",
        .record = &template_record,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,event,channel,locale"}),
        .keys = KEYS({"fk_templates_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "provider_accounts",
        .record = &provider_account_record,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,provider"}),
        .keys = NO_KEYS,
    },
    {
        .name = "suppressions",
        .record = &suppression_record,
        .indexes = INDEXES({"PRIMARY", true, "organization_id,channel,address"},
                           {"ix_suppressions_created", false, "organization_id,created_at,channel,address"}),
        .keys = KEYS({"fk_suppressions_organization", "organization_id", "organizations(id)", "CASCADE"}),
    },
    {
        .name = "provider_callbacks",
        .record = &provider_callbacks,
        .indexes = INDEXES({"PRIMARY", true, "provider,callback_id"}, {"ix_callbacks_seen", false, "seen_at"}),
        .keys = NO_KEYS,
    },
    {
        .name = "schema_migrations",
        .record = &schema_migrations,
        .indexes = INDEXES({"PRIMARY", true, "version"}),
        .keys = NO_KEYS,
    },
};
const size_t expected_tables_n = ARRAY_SIZE(expected_tables);
