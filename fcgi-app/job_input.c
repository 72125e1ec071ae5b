#include "job_input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job_sweep.h"
#include "domain/job_types.h"
#include "domain/retry_policy.h"
#include "ground/clock.h"

#define POINTER_BYTES 64
#define FULL_RETRY_S 5

void job_texts_release(struct job_texts *texts)
{
    free(texts->payload);
    free(texts->retry);
    texts->payload = NULL;
    texts->retry = NULL;
}

/* --- check ------------------------------------------------------------------------------------------------------- */

static void point_at(const char *prefix, const char *name, char out[POINTER_BYTES])
{
    (void)g_snprintf(out, POINTER_BYTES, "%s/%s", prefix, name);
}

static void check_payload(const struct call *c, const struct job_type *type, const json_t *payload, const char *pointer,
                          struct problems *problems)
{
    json_auto_t *empty = json_object();
    if (payload != NULL && !json_is_object(payload) && !json_is_null(payload)) {
        return; /* the record has said so */
    }
    if (json_is_object(payload) &&
        json_dumpb(payload, NULL, 0, JSON_COMPACT) > (size_t)c->conf->api.payload_max_bytes) {
        problems_add(problems, pointer, "length", "may have at most %" PRId64 " bytes", c->conf->api.payload_max_bytes);
        return;
    }
    job_payload_check(type, json_is_object(payload) ? payload : empty, pointer, problems);
}

static bool is_at_fault(const struct problems *problems, const char *pointer)
{
    for (size_t i = 0; i < json_array_size(problems->list); i++) {
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(problems->list, i), "pointer")), pointer) == 0) {
            return true;
        }
    }
    return false;
}

static void check_type(const struct call *c, const json_t *body, const char *prefix, struct problems *problems)
{
    char pointer[POINTER_BYTES];
    const char *name = json_string_value(json_object_get(body, "job_type"));
    const struct job_type *type = name == NULL ? NULL : job_type_find(name);
    point_at(prefix, "job_type", pointer);
    if (is_at_fault(problems, pointer)) {
        return;
    }
    if (type == NULL) {
        problems_add(problems, pointer, "choice", "is not a job type");
    } else if (type->diagnostic && !c->conf->consumer.diagnostics) {
        problems_add(problems, pointer, "choice", "is a diagnostic type, which this installation does not allow");
    } else if (job_type_is_internal(name)) {
        problems_add(problems, pointer, "choice", "is made by a call of its own");
    } else {
        point_at(prefix, "payload", pointer);
        check_payload(c, type, json_object_get(body, "payload"), pointer, problems);
    }
}

static bool is_given(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);
    return value != NULL && !json_is_null(value);
}

void job_input_check(const struct call *c, const json_t *body, const char *prefix, struct problems *problems)
{
    char pointer[POINTER_BYTES];
    check_type(c, body, prefix, problems);
    if (is_given(body, "unique_for_s") && !is_given(body, "unique_key")) {
        point_at(prefix, "unique_for_s", pointer);
        problems_add(problems, pointer, "conflict", "has no meaning without unique_key");
    }
    if (is_given(body, "retry")) {
        point_at(prefix, "retry", pointer);
        retry_policy_check(json_object_get(body, "retry"), pointer, problems);
    }
}

/* --- job --------------------------------------------------------------------------------------------------------- */

static int64_t int_member(const json_t *body, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(body, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static int64_t scheduled_us(const json_t *body)
{
    int64_t at_us = 0;
    const char *text = json_string_value(json_object_get(body, "scheduled_at"));
    bool is_later = text != NULL && clock_parse_rfc3339(text, &at_us) && at_us > clock_wall_us();
    return is_later ? at_us : 0;
}

static char *payload_text(const json_t *body)
{
    json_t *payload = json_object_get(body, "payload");
    char *text = json_is_object(payload) ? json_dumps(payload, JSON_COMPACT) : strdup("{}");
    if (text == NULL) {
        abort(); /* out of memory */
    }
    return text;
}

static void fill_one(const struct call *c, const json_t *body, const char *traceparent, struct job_new *ret,
                     struct job_texts *ret_texts)
{
    const struct job_type *type = job_type_find(json_string_value(json_object_get(body, "job_type")));
    g_assert(type != NULL); /* job_input_check has looked */
    uuid7_new(ret_texts->id);
    ret_texts->payload = payload_text(body);
    ret_texts->retry = retry_policy_text(json_object_get(body, "retry"));
    *ret = (struct job_new){
        .id = ret_texts->id,
        .organization_id = c->who.org,
        .job_type = type->name,
        .created_by = c->who.sub,
        .payload_text = ret_texts->payload,
        .priority = int_member(body, "priority", 0),
        .max_retries = int_member(body, "max_retries", job_type_max_retries(type)),
        .timeout_s = int_member(body, "timeout_s", type->timeout_s),
        .scheduled_wall_us = scheduled_us(body),
        .unique_key = json_string_value(json_object_get(body, "unique_key")),
        .unique_for_s = int_member(body, "unique_for_s", 0),
        .retry = ret_texts->retry,
        .traceparent = traceparent,
        .grace_ms = c->conf->consumer.dispatch_grace_ms,
    };
}

void job_input_fill(const struct call *c, const json_t *const *bodies, size_t n, const char *traceparent,
                    struct job_new *ret, struct job_texts *ret_texts)
{
    for (size_t i = 0; i < n; i++) {
        fill_one(c, bodies[i], traceparent, &ret[i], &ret_texts[i]);
        const struct org_kind kind = {c->who.org, ret[i].job_type, ret[i].priority};
        enum tier tier = org_load_tier(c->api->load, c->db, &kind, c->conf->limits.backlog_threshold);
        ret[i].left_to_relay = !dispatcher_has_room(c->api->dispatcher, tier, n);
    }
}

const char *job_input_traceparent(const struct call *c, char buffer[TRACEPARENT_BYTES])
{
    return request_traceparent(request_param(c->request, "HTTP_TRACEPARENT"), buffer) ? buffer : NULL;
}

/* --- the queue --------------------------------------------------------------------------------------------------- */

bool job_input_has_room(struct call *c, size_t n)
{
    struct err e = ERR_INIT;
    int64_t queued = 0;
    const int64_t max = c->conf->limits.org_max_queued;
    if (max == 0) {
        return true;
    }
    if (!org_load_queued(c->api->load, c->db, c->who.org, &queued, &e)) {
        call_fail(c, &e);
        return false;
    }
    if (queued + (int64_t)n <= max) {
        return true;
    }
    g_autofree char *detail = g_strdup_printf("The organization has %" PRId64 " of at most %" PRId64
                                              " jobs queued; some have to end before more are taken.",
                                              queued, max);
    response_header(c->response, "Retry-After", "%d", FULL_RETRY_S);
    response_problem(c->response, 429, "queue_full", detail);
    return false;
}

void job_input_publish(struct call *c, const struct job_new *jobs, size_t n)
{
    const struct job_tiers tiers = {c->api->load, c->conf->limits.backlog_threshold};
    for (size_t i = 0; i < n; i++) {
        org_load_add(c->api->load, &(struct org_kind){c->who.org, jobs[i].job_type, jobs[i].priority}, 1);
    }
    for (size_t i = 0; i < n; i++) {
        const struct job_new *job = &jobs[i];
        struct job_ref ref = {.lane = lane_of_priority(job->priority)};
        if (job->scheduled_wall_us != 0 || job->left_to_relay) {
            continue;
        }
        g_strlcpy(ref.id, job->id, sizeof(ref.id));
        g_strlcpy(ref.job_type, job->job_type, sizeof(ref.job_type));
        g_strlcpy(ref.traceparent, job->traceparent == NULL ? "" : job->traceparent, sizeof(ref.traceparent));
        job_ref_place(&ref, c->db, &tiers, c->who.org);
        (void)dispatcher_publish(c->api->dispatcher, &ref);
    }
}
