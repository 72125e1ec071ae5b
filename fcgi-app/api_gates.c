/*
 * api_gates.c: pauses of an organization, and the limits it is under.
 */
#include <string.h>

#include "api.h"
#include "domain/gates.h"
#include "domain/job_sweep.h"
#include "domain/job_types.h"
#include "domain/limits.h"
#include "domain/pauses.h"

#define ALL_TYPES "*"

static const struct field pause_fields[] = {
    {.name = "reason",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE | FIELD_ONE_LINE,
     .min = 1,
     .max = PAUSE_REASON_CHARS_MAX,
     .help = "Shown to whoever asks why nothing starts"},
};

const struct record pause_body = {
    .name = "PauseCreate",
    .fields = pause_fields,
    .n = ARRAY_SIZE(pause_fields),
    .help = "Why jobs are paused",
};

/* --- pauses ------------------------------------------------------------------------------------------------------ */

static void answer_pauses(struct call *c)
{
    struct err e = ERR_INIT;
    json_t *pauses = NULL;
    if (!pauses_list(c->db, c->who.org, &pauses, &e)) {
        call_fail(c, &e);
        return;
    }
    json_auto_t *answer = json_pack("{s:o}", "pauses", pauses);
    response_json(c->response, 200, answer);
}

void api_pauses_get(struct call *c)
{
    answer_pauses(c);
}

static bool can_be_paused(const char *job_type)
{
    return job_type_find(job_type) != NULL && !job_sweep_is_operation(job_type);
}

/* The job type in the path, "" for all of them; NULL: answered, there is none. */
static const char *job_type_of(struct call *c, bool must_be_known)
{
    bool is_all = strcmp(c->path_value, ALL_TYPES) == 0;
    bool is_name = strlen(c->path_value) < JOB_TYPE_BYTES && g_str_is_ascii(c->path_value);
    if (!is_all && (!is_name || (must_be_known && !can_be_paused(c->path_value)))) {
        response_problem(c->response, 404, "not_found",
                         "There is no such job type that can be paused; * stands for all of them.");
        return NULL;
    }
    return is_all ? "" : c->path_value;
}

static void tell_workers(struct call *c)
{
    (void)dispatcher_broadcast(c->api->dispatcher, GATES_CHANGED);
}

void api_pauses_put(struct call *c)
{
    struct err e = ERR_INIT;
    bool is_new = false;
    const char *job_type = job_type_of(c, true);
    if (job_type == NULL) {
        return;
    }
    const struct gate_change change = gate_change_of(c->who.org, job_type, c->who.sub, c->request->id);
    if (!pause_set(c->db, &change, json_string_value(json_object_get(c->body, "reason")), &is_new, &e)) {
        call_fail(c, &e);
        return;
    }
    tell_workers(c);
    answer_pauses(c);
}

/* That there was none is no fault: what was wanted is so. */
void api_pauses_delete(struct call *c)
{
    struct err e = ERR_INIT;
    const char *job_type = job_type_of(c, false);
    if (job_type == NULL) {
        return;
    }
    const struct gate_change change = gate_change_of(c->who.org, job_type, c->who.sub, c->request->id);
    if (!pause_clear(c->db, &change, &e) && e.code != ERR_NOT_FOUND) {
        call_fail(c, &e);
        return;
    }
    tell_workers(c);
    answer_pauses(c);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

void api_limits_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_t *limits = NULL;
    if (!limits_list(c->db, c->who.org, c->conf->limits.org_max_running, &limits, &e)) {
        call_fail(c, &e);
        return;
    }
    json_auto_t *answer = json_pack("{s:o}", "limits", limits);
    response_json(c->response, 200, answer);
}
