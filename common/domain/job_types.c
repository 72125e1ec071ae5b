#include "domain/job_types.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "domain/job_sweep.h"
#include "domain/notify_check.h"
#include "domain/own_tables.h"
#include "domain/webhook_sign.h"
#include "ports/http.h"

#define TEXT_MAX 500000
#define TIMEOUT_S 60
#define MAX_RETRIES 3
#define RETRY                                                                              \
    {                                                                                      \
        .base_s = 15, .cap_s = 86400, .jitter_percent = 10, .curve = CONF_RETRY_POLYNOMIAL \
    }

/* --- payloads ----------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct field email_send_fields[] = {
    {.name = "to", .type = FIELD_EMAIL, .flags = FIELD_REQUIRED, .help = "Recipient's address"},
    {.name = "subject", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, .max = 200,
     .help = "Subject line"},
    {.name = "text", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = TEXT_MAX,
     .help = "Plain-text body; text, html or both must be there"},
    {.name = "html", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = TEXT_MAX, .help = "HTML body"},
};
/* clang-format on */

static const char *const db_operations[] = {"analyze", "optimize", NULL};
/* clang-format off */
static const struct field db_optimize_fields[] = {
    {.name = "tables", .type = FIELD_STRINGS, .flags = FIELD_REQUIRED, .min = 1, .max = 50,
     .help = "Bellman's own tables, one after the other"},
    {.name = "operation", .type = FIELD_ENUM, .choices = db_operations, .def = "\"analyze\"",
     .help = "ANALYZE TABLE (fast) or OPTIMIZE TABLE (rebuilds)"},
};

static const struct field notify_event_fields[] = {
    {.name = "event_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED, .help = "The event"},
};

static const struct field notify_deliver_fields[] = {
    {.name = "delivery_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED, .help = "The delivery"},
};

static const struct field sleep_fields[] = {
    {.name = "ms", .type = FIELD_INT, .flags = FIELD_REQUIRED, .min = 0, .max = 3600000,
     .help = "Milliseconds to wait"},
};

static const struct field fail_fields[] = {
    {.name = "times", .type = FIELD_INT, .min = 0, .max = 1000, .def = "1",
     .help = "Attempts that fail before one completes"},
    {.name = "permanent", .type = FIELD_BOOL, .def = "false", .help = "Fail for good at once"},
    {.name = "message", .type = FIELD_STRING, .flags = FIELD_NULLABLE, .min = 1, .max = 500,
     .help = "The error to report"},
};
/* clang-format on */

/* clang-format off */
#define PAYLOAD(symbol, component, list, text)                                                                         \
    static const struct record payload_##symbol = {                                                                    \
        .name = component, .fields = list, .n = ARRAY_SIZE(list), .help = text}
#define EMPTY_PAYLOAD(symbol, component)                                                                               \
    static const struct record payload_##symbol = {.name = component, .help = "Takes nothing"}

PAYLOAD(email_send, "EmailSendPayload", email_send_fields, "One mail to one recipient");
PAYLOAD(db_optimize, "DbOptimizePayload", db_optimize_fields, "Table maintenance");
PAYLOAD(sleep, "SleepPayload", sleep_fields, "How long to wait");
PAYLOAD(fail, "FailPayload", fail_fields, "How to fail");
PAYLOAD(notify_event, "NotifyEventPayload", notify_event_fields, "Which event");
PAYLOAD(notify_deliver, "NotifyDeliverPayload", notify_deliver_fields, "Which delivery");
EMPTY_PAYLOAD(cache_flush, "CacheFlushPayload");
EMPTY_PAYLOAD(noop, "NoopPayload");
EMPTY_PAYLOAD(crash, "CrashPayload");
EMPTY_PAYLOAD(notify_wake, "NotifyWakePayload");
/* clang-format on */
#define payload_notify_check notify_check_payload
#define payload_jobs_cancel jobs_cancel_payload
#define payload_jobs_retry jobs_retry_payload
#define payload_deadletters_replay deadletters_replay_payload

/* --- rules over several fields ------------------------------------------------------------------------------------ */

static void check_email_send(const json_t *payload, const char *prefix, struct problems *problems)
{
    if (!json_is_string(json_object_get(payload, "text")) && !json_is_string(json_object_get(payload, "html"))) {
        problems_add(problems, prefix, "required", "text, html or both must be given");
    }
}

static void check_db_optimize(const json_t *payload, const char *prefix, struct problems *problems)
{
    const json_t *tables = json_object_get(payload, "tables");
    for (size_t i = 0; i < json_array_size(tables); i++) {
        if (own_table_find(json_string_value(json_array_get(tables, i))) == NULL) {
            char pointer[64];
            (void)snprintf(pointer, sizeof(pointer), "%s/tables/%zu", prefix, i);
            problems_add(problems, pointer, "choice", "must be one of Bellman's own tables");
        }
    }
}

#define check_cache_flush NULL
#define check_noop NULL
#define check_sleep NULL
#define check_fail NULL
#define check_crash NULL
#define check_notify_event NULL
#define check_notify_check NULL
#define check_notify_deliver NULL
#define check_notify_wake NULL
#define check_jobs_cancel job_sweep_check
#define check_jobs_retry job_sweep_check
#define check_deadletters_replay job_sweep_check

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define JOB_TYPE(type_name, symbol, seconds, is_diagnostic, text)                                                      \
    {.name = type_name,                                                                                                \
     .payload = &payload_##symbol,                                                                                     \
     .check = check_##symbol,                                                                                          \
     .timeout_s = (seconds),                                                                                           \
     .max_retries = MAX_RETRIES,                                                                                       \
     .retry = RETRY,                                                                                                   \
     .diagnostic = (is_diagnostic),                                                                                    \
     .help = text},
/* clang-format on */

const struct job_type job_types[] = {
#include "domain/job_types.def"
};
const size_t job_types_n = ARRAY_SIZE(job_types);

/* --- the registry ------------------------------------------------------------------------------------------------- */

/* The one table that a reload replaces; the ones before it stay, since jobs may be running that look at them. */
struct registry {
    struct registry *before; /* so that none is lost from sight */
    GHashTable *by_name;     /* name -> struct job_type */
    struct job_type *types;
    size_t n;
};

static _Atomic(struct registry *) current;

static const struct job_type *find_built_in(const char *name)
{
    for (size_t i = 0; i < job_types_n; i++) {
        if (strcmp(job_types[i].name, name) == 0) {
            return &job_types[i];
        }
    }
    return NULL;
}

static bool refuse_stranger(const struct conf_job_type *t, struct err *e)
{
    g_autofree const char **names = g_new(const char *, job_types_n);
    for (size_t i = 0; i < job_types_n; i++) {
        names[i] = job_types[i].name;
    }
    const char *meant = conf_nearest(t->name, names, job_types_n);
    return err_set(e, ERR_INVALID, "%s: [%s] needs exec or http, for it is no built-in type%s%s%s", t->where, t->title,
                   meant == NULL ? "" : "; did you mean [" CONF_JOB_TYPE " ", meant == NULL ? "" : meant,
                   meant == NULL ? "" : "]?");
}

static bool refuse_key(const struct conf_job_type *t, const char *key, const struct err *why, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: [%s] %s: %s", t->where, t->title, key, why->text);
}

static bool check_http(const struct conf *conf, const struct conf_job_type *t, struct err *e)
{
    struct err why = ERR_INIT;
    if (!http_url_check(t->http, conf->egress.allow_private, &why)) {
        return refuse_key(t, "http", &why, e);
    }
    if (!webhook_secret_check(t->http_secret, &why)) {
        return refuse_key(t, "http_secret", &why, e);
    }
    if (*t->http_secret_previous != '\0' && !webhook_secret_check(t->http_secret_previous, &why)) {
        return refuse_key(t, "http_secret_previous", &why, e);
    }
    return true;
}

bool job_types_check(const struct conf *conf, struct err *e)
{
    for (guint i = 0; i < conf->job_types->len; i++) {
        const struct conf_job_type *t = g_ptr_array_index(conf->job_types, i);
        bool is_made = *t->exec != '\0' || *t->http != '\0';
        bool is_built_in = find_built_in(t->name) != NULL;
        if (is_made && is_built_in) {
            return err_set(e, ERR_INVALID, "%s: [%s] may have neither exec nor http: it is a built-in type", t->where,
                           t->title);
        }
        if (!is_made && !is_built_in) {
            return refuse_stranger(t, e);
        }
        if (*t->http != '\0' && !check_http(conf, t, e)) {
            return false;
        }
    }
    return true;
}

static void override(int64_t *member, int64_t value)
{
    if (value != CONF_UNSET) {
        *member = value;
    }
}

static void apply_section(struct job_type *type, const struct conf_job_type *t)
{
    int64_t curve = type->retry.curve;
    type->conf = t;
    type->help = *t->help != '\0' ? t->help : type->help;
    override(&type->timeout_s, t->timeout_s);
    override(&type->max_retries, t->max_retries);
    override(&curve, t->retry_curve);
    type->retry.curve = (enum conf_retry_curve)curve;
    override(&type->retry.base_s, t->retry_base_s);
    override(&type->retry.cap_s, t->retry_cap_s);
    override(&type->retry.jitter_percent, t->retry_jitter_percent);
    type->keep_completed_h = t->keep_completed_h;
    type->keep_failed_h = t->keep_failed_h;
    type->keep_cancelled_h = t->keep_cancelled_h;
}

static struct job_type made_type(const struct conf_job_type *t)
{
    return (struct job_type){
        .name = t->name,
        .kind = *t->exec != '\0' ? JOB_TYPE_EXEC : JOB_TYPE_HTTP,
        .timeout_s = TIMEOUT_S,
        .max_retries = MAX_RETRIES,
        .help = "",
    };
}

void job_types_register(const struct conf *conf)
{
    struct registry *r = g_new0(struct registry, 1);
    r->before = atomic_load(&current);
    r->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    r->types = g_new0(struct job_type, job_types_n + conf->job_types->len);
    for (size_t i = 0; i < job_types_n; i++) {
        r->types[r->n] = job_types[i];
        r->types[r->n].retry = backoff_of_conf(conf);
        g_hash_table_insert(r->by_name, (char *)(uintptr_t)job_types[i].name, &r->types[r->n]);
        r->n++;
    }
    for (guint i = 0; i < conf->job_types->len; i++) {
        const struct conf_job_type *t = g_ptr_array_index(conf->job_types, i);
        struct job_type *type = g_hash_table_lookup(r->by_name, t->name);
        if (type == NULL) {
            type = &r->types[r->n++];
            *type = made_type(t);
            type->retry = backoff_of_conf(conf);
            g_hash_table_insert(r->by_name, t->name, type);
        }
        apply_section(type, t);
    }
    atomic_store(&current, r);
}

bool job_type_is_internal(const char *name)
{
    return job_sweep_is_operation(name) || g_str_has_prefix(name, "notify.");
}

const struct job_type *job_type_find(const char *name)
{
    const struct registry *r = atomic_load(&current);
    return r == NULL ? find_built_in(name) : g_hash_table_lookup(r->by_name, name);
}

const struct job_type *job_type_at(size_t i)
{
    const struct registry *r = atomic_load(&current);
    if (r == NULL) {
        return i < job_types_n ? &job_types[i] : NULL;
    }
    return i < r->n ? &r->types[i] : NULL;
}

const char *job_type_kind_name(enum job_type_kind kind)
{
    static const char *const names[] = {
        [JOB_TYPE_BUILT_IN] = "built_in", [JOB_TYPE_EXEC] = "exec", [JOB_TYPE_HTTP] = "http"};
    return names[kind];
}

int64_t job_type_max_retries(const struct job_type *type)
{
    return type->max_retries;
}

/* --- payloads ----------------------------------------------------------------------------------------------------- */

void job_payload_check(const struct job_type *type, const json_t *payload, const char *prefix,
                       struct problems *problems)
{
    struct problems own = {0};
    if (type->payload == NULL) {
        if (!json_is_object(payload)) {
            problems_add(problems, prefix, "type", "must be an object");
        }
        return;
    }
    record_check(type->payload, payload, prefix, &own);
    if (!problems_any(&own) && type->check != NULL) {
        type->check(payload, prefix, &own);
    }
    if (!problems_any(&own)) {
        return;
    }
    if (problems->list == NULL) {
        *problems = own;
        return;
    }
    json_array_extend(problems->list, own.list);
    problems_release(&own);
}
