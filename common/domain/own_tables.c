#include "domain/own_tables.h"

#include <string.h>

#define TABLE(name_)                                             \
    {                                                            \
        .name = #name_, .sql = {                                 \
            [OWN_TABLE_ANALYZE] = "ANALYZE TABLE `" #name_ "`",  \
            [OWN_TABLE_OPTIMIZE] = "OPTIMIZE TABLE `" #name_ "`" \
        }                                                        \
    }

const struct own_table own_tables[] = {
    TABLE(organizations),
    TABLE(notification_settings),
    TABLE(background_jobs),
    TABLE(job_attempts),
    TABLE(job_counts),
    TABLE(audit_log),
    TABLE(rate_limits),
    TABLE(processes),
    TABLE(schema_migrations),
    TABLE(idempotency_keys),
    TABLE(job_logs),
    TABLE(dead_letters),
    TABLE(schedules),
    TABLE(schedule_firings),
    TABLE(pauses),
    TABLE(job_limits),
    TABLE(held_jobs),
    TABLE(notification_events),
    TABLE(deliveries),
    TABLE(delivery_attempts),
    TABLE(notification_templates),
    TABLE(provider_accounts),
    TABLE(suppressions),
    TABLE(provider_callbacks),
    TABLE(job_minutes),
};
const size_t own_tables_n = ARRAY_SIZE(own_tables);

const struct own_table *own_table_find(const char *name)
{
    for (size_t i = 0; i < own_tables_n; i++) {
        if (strcmp(own_tables[i].name, name) == 0) {
            return &own_tables[i];
        }
    }
    return NULL;
}
