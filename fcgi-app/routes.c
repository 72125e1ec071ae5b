/*
 * routes.c: THE route table. To add a call: a row here, its handler in the resource's file, its records if it has any, one
 * test. docs/openapi.yaml is printed from these rows.
 */
#include "api.h"
#include "domain/job.h"
#include "domain/settings.h"

#define ADMIN TOKEN_ROLE_SYSTEM_ADMIN
#define ADMIN_OR_SERVICE (TOKEN_ROLE_SYSTEM_ADMIN | TOKEN_ROLE_SERVICE)

const struct record empty_body = {.name = "Empty", .help = "Takes nothing"};

const struct route routes[] = {
    {.method = "GET", .pattern = "/notification-settings", .operation = "getNotificationSettings", .roles = ADMIN,
     .handler = api_settings_get, .flags = ROUTE_IF_NONE_MATCH,
     .summary = "The organization's notification settings; made with the defaults at first sight",
     .answers = {{200, "NotificationSettings", "The settings; ETag is their version"},
                 {304, NULL, "If-None-Match names the version that there is"}}},
    {.method = "PUT", .pattern = "/notification-settings", .operation = "updateNotificationSettings", .roles = ADMIN,
     .limit = LIMIT_SETTINGS_PUT, .body = &settings_record, .handler = api_settings_update,
     .flags = ROUTE_IF_MATCH | ROUTE_MERGE_PATCH,
     .summary = "Changes the settings as an RFC 7396 merge patch: absent keeps, null resets to the default",
     .answers = {{200, "NotificationSettings", "The settings after the change"}}},
    {.method = "PATCH", .pattern = "/notification-settings", .operation = "patchNotificationSettings", .roles = ADMIN,
     .limit = LIMIT_SETTINGS_PUT, .body = &settings_record, .handler = api_settings_update,
     .flags = ROUTE_IF_MATCH | ROUTE_MERGE_PATCH, .summary = "The same as PUT, and counted with it",
     .answers = {{200, "NotificationSettings", "The settings after the change"}}},
    {.method = "POST", .pattern = "/notification-settings/test-email", .operation = "testEmail", .roles = ADMIN,
     .limit = LIMIT_TEST_EMAIL, .body = &test_email_body, .handler = api_test_email,
     .summary = "Sends a test mail through the queue and the real provider, and waits for what the provider says",
     .answers = {{200, "TestEmailResult", "Whether the mail was taken; success is false also when it is still on its way"}}},
    {.method = "GET", .pattern = "/background-jobs", .operation = "listBackgroundJobs", .roles = ADMIN,
     .query = &job_list_query, .check = api_jobs_list_check, .handler = api_jobs_list,
     .summary = "The organization's jobs, newest first",
     .answers = {{200, "JobList", "One page"}}},
    {.method = "POST", .pattern = "/background-jobs", .operation = "createBackgroundJob", .roles = ADMIN_OR_SERVICE,
     .body = &job_create_body, .check = api_jobs_create_check, .handler = api_jobs_create,
     .flags = ROUTE_IDEMPOTENCY_KEY, .summary = "Creates a job; once answered it is never lost",
     .answers = {{201, "JobDetail", "Accepted; with Idempotency-Replayed: true the answer to an earlier, equal request"},
                 {409, "Problem", "A live job holds unique_key; job_id names it"}}},
    {.method = "GET", .pattern = "/background-jobs/{job_id}", .operation = "getBackgroundJob", .roles = ADMIN,
     .handler = api_jobs_get, .summary = "One job with its attempts",
     .answers = {{200, "JobDetail", "The job"}}},
    {.method = "POST", .pattern = "/background-jobs/{job_id}/cancel", .operation = "cancelBackgroundJob", .roles = ADMIN,
     .limit = LIMIT_CANCEL, .body = &empty_body, .handler = api_jobs_cancel, .flags = ROUTE_BODY_OPTIONAL,
     .summary = "Cancels a queued job, or tells a running one to stop",
     .answers = {{200, "JobDetail", "Cancelled, now or before"},
                 {202, "JobDetail", "The worker has been told"},
                 {409, "Problem", "The job has completed or failed"}}},
    {.method = "GET", .pattern = "/healthz", .operation = "healthz", .handler = api_healthz,
     .flags = ROUTE_AT_ROOT | ROUTE_NO_DATABASE | ROUTE_QUIET, .summary = "The process answers",
     .answers = {{200, "Health", "Always"}}},
    {.method = "GET", .pattern = "/readyz", .operation = "readyz", .handler = api_readyz,
     .flags = ROUTE_AT_ROOT | ROUTE_NO_DATABASE | ROUTE_QUIET, .summary = "Requests can be served",
     .answers = {{200, "Readiness", "Ready; degraded while the broker is away, since jobs are accepted all the same"},
                 {503, "Readiness", "The database does not answer"}}},
};
const size_t routes_n = ARRAY_SIZE(routes);
