/*
 * api.h: what the parts of bellman-api share: the process, one request's way through it, and the route table.
 */
#ifndef BELLMAN_API_H
#define BELLMAN_API_H

#include <stdatomic.h>

#include "domain/cache.h"
#include "domain/dispatcher.h"
#include "domain/field.h"
#include "domain/job_group.h"
#include "domain/job_read.h"
#include "domain/org_load.h"
#include "etag.h"
#include "ground/conf.h"
#include "ground/ids.h"
#include "ports/db.h"
#include "ports/seal.h"
#include "ports/token.h"
#include "ratelimit.h"
#include "request.h"
#include "response.h"
#include "sns_sender.h"
#include "state.h"

#define API_BASE "/api/system"
#define PATH_VALUE_BYTES 129

/* One per process; its parts are safe from any request thread. */
struct api {
    const struct conf *boot; /* what connections borrow for their whole life */
    struct state state;
    struct dispatcher *dispatcher;
    struct job_group *inserts;
    struct job_reads *reads;
    struct org_load *load;
    struct seal *seal;
    struct sns_sender *sns;
    struct cache *organizations;   /* ids that are known to have their row */
    atomic_int test_waiters;       /* requests that wait for a test mail */
    atomic_llong db_down_until_us; /* monotonic; until then nobody tries to connect */
    atomic_llong cleanup_due_us;   /* monotonic; when expired rows are next deleted */
    atomic_bool stopping;
};

/* One request on its way through the phases. */
struct call {
    struct api *api;
    const struct conf *conf;
    const struct token_keys *keys;
    struct token_cache *tokens;
    struct db *db;
    const struct request *request;
    struct response *response;
    const struct route *route; /* NULL until it matched */
    char path_value[PATH_VALUE_BYTES];
    bool is_head;
    bool is_known; /* who is filled */
    struct token_claims who;
    bool has_if_match;
    struct etag_list if_match;
    bool has_idempotency_key;
    char idempotency_key[IDEMPOTENCY_KEY_MAX + 1];
    json_t *query; /* typed, defaults filled in */
    json_t *body;
    char job_id[UUID_TEXT_BYTES]; /* for the log */
    struct err cause;             /* of a 5xx, for the log */
};

typedef void api_fn(struct call *c);
/* Called also when the records have found faults: what it looks at may be of another type. c->body is an object. */
typedef void api_check_fn(const struct call *c, struct problems *problems);

enum route_flags {
    ROUTE_AT_ROOT = 1 << 0,     /* also without API_BASE */
    ROUTE_MERGE_PATCH = 1 << 1, /* also takes application/merge-patch+json */
    ROUTE_IF_MATCH = 1 << 2,
    ROUTE_IDEMPOTENCY_KEY = 1 << 3, /* idempotency_key is filled */
    ROUTE_BODY_OPTIONAL = 1 << 4,
    ROUTE_NO_DATABASE = 1 << 5, /* answers also when MariaDB is known to be down */
    ROUTE_QUIET = 1 << 6,       /* logged at level debug */
    ROUTE_IF_NONE_MATCH = 1 << 7,
    ROUTE_BULK = 1 << 8,      /* takes bodies of up to bulk_body_max_bytes; a 201 has no Location */
    ROUTE_ETAG = 1 << 9,      /* its answers carry an entity tag, though no precondition is looked at */
    ROUTE_OWN_BODY = 1 << 10, /* its handler reads the body as it came: what is signed, and forms; it may be public */
};

struct answer {
    int status;
    const char *schema; /* name of an OpenAPI component; NULL: no body */
    const char *help;
    const char *type; /* of a body that is no JSON; NULL: there is none */
};

#define ROUTE_ANSWERS_MAX 8

struct route {
    const char *method;
    const char *pattern; /* below API_BASE; one segment may be {job_id} or another {name} */
    const char *operation;
    unsigned roles; /* any of enum token_role; 0: public */
    enum limit limit;
    const struct record *query; /* NULL: takes no parameter */
    const struct record *body;  /* NULL: takes no body */
    api_check_fn *check;        /* rules that the records do not know; NULL: none */
    api_fn *handler;
    unsigned flags;
    const char *summary;
    struct answer answers[ROUTE_ANSWERS_MAX]; /* those that only this call has; ends with status 0 */
};

/* THE route table (routes.c). */
extern const struct route routes[];
extern const size_t routes_n;

/* --- for handlers (router.c) ------------------------------------------------------------------------------------ */

/* Answers an error of the layers below: 404, 409, 422 with its text; 503 with Retry-After or 500 without it. */
void call_fail(struct call *c, const struct err *e);
/* 200 with JSON text whose entity tag is a hash of it, or 304 when If-None-Match names that. */
void call_answer_text(struct call *c, const char *text, size_t text_bytes);
/* Notes the job for the log line. */
void call_note_job(struct call *c, const char *job_id);

/* Answers with the job (api_jobs.c). */
void api_answer_job(struct call *c, int status, const char *id);

/* --- handlers --------------------------------------------------------------------------------------------------- */

api_fn api_settings_get;
api_fn api_settings_update;
api_fn api_test_email;
api_fn api_jobs_list;
api_fn api_jobs_counts;
api_fn api_jobs_stats;
api_fn api_jobs_get;
api_fn api_jobs_create;
api_fn api_jobs_bulk;
api_fn api_jobs_cancel;
api_fn api_job_logs;
api_fn api_job_types_list;
api_fn api_jobs_retry;
api_fn api_jobs_cancel_many;
api_fn api_jobs_retry_many;
api_fn api_dead_list;
api_fn api_dead_get;
api_fn api_dead_replay;
api_fn api_dead_discard;
api_fn api_dead_replay_many;
api_fn api_schedules_list;
api_fn api_schedules_get;
api_fn api_schedules_create;
api_fn api_schedules_update;
api_fn api_schedules_delete;
api_fn api_schedules_pause;
api_fn api_schedules_resume;
api_fn api_schedules_run;
api_fn api_schedules_preview;
api_fn api_pauses_get;
api_fn api_pauses_put;
api_fn api_pauses_delete;
api_fn api_limits_get;
api_fn api_events_create;
api_fn api_events_get;
api_fn api_events_fields;
api_fn api_templates_list;
api_fn api_templates_get;
api_fn api_templates_put;
api_fn api_templates_delete;
api_fn api_templates_preview;
api_fn api_templates_validate;
api_fn api_deliveries_list;
api_fn api_deliveries_get;
api_fn api_deliveries_resend;
api_fn api_deliveries_export;
api_fn api_digest_preview;
api_fn api_callback_twilio;
api_fn api_callback_sendgrid;
api_fn api_callback_ses;
api_fn api_callback_sns;
api_fn api_link_open;
api_fn api_link_click;
api_fn api_link_unsubscribe_page;
api_fn api_link_unsubscribe;
api_fn api_audit_list;
api_fn api_suppressions_list;
api_fn api_suppressions_create;
api_fn api_suppressions_remove;
api_fn api_providers_list;
api_fn api_providers_get;
api_fn api_providers_put;
api_fn api_providers_delete;
api_fn api_providers_pause;
api_fn api_providers_resume;
api_fn api_providers_check;
api_fn api_test_sms;
api_fn api_test_slack;
api_fn api_test_webhook;
api_fn api_healthz;
api_fn api_readyz;
api_check_fn api_jobs_list_check;
api_check_fn api_jobs_create_check;
api_check_fn api_jobs_bulk_check;
api_check_fn api_operation_check;
api_check_fn api_schedules_create_check;
api_check_fn api_events_create_check;
api_check_fn api_suppressions_check;
api_check_fn api_digest_preview_check;
api_check_fn api_templates_put_check;
api_check_fn api_templates_preview_check;
api_check_fn api_templates_validate_check;

extern const struct record job_list_query;
extern const struct record job_log_query;
extern const struct record dead_list_query;
extern const struct record audit_list_query;
extern const struct record schedule_list_query;
extern const struct record delivery_list_query;
extern const struct record delivery_export_query;
extern const struct record digest_preview_query;
extern const struct record callback_twilio_query;
extern const struct record link_click_query;
extern const struct record suppression_list_query;
extern const struct record template_preview_body;
extern const struct record template_validate_body;
extern const struct record test_email_body;
extern const struct record test_sms_body;
extern const struct record test_slack_body;
extern const struct record test_webhook_body;
extern const struct record provider_check_body;
extern const struct record empty_body;
extern const struct record pause_body;

#endif
