/*
 * api_job_types.c: which job types there are, so that a page can offer them.
 */
#include "api.h"
#include "domain/job_sweep.h"
#include "domain/job_types.h"

static json_t *retry_json(const struct backoff *retry)
{
    return json_pack("{s:s, s:I, s:I, s:I}", "curve", conf_retry_curves[retry->curve], "base_s",
                     (json_int_t)retry->base_s, "cap_s", (json_int_t)retry->cap_s, "jitter_percent",
                     (json_int_t)retry->jitter_percent);
}

static json_t *type_json(const struct job_type *type)
{
    json_t *schema = type->payload == NULL ? json_null() : record_describe(type->payload, true);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "name", type->name, "kind", job_type_kind_name(type->kind),
                     "help", type->help, "timeout_s", (json_int_t)type->timeout_s, "max_retries",
                     (json_int_t)type->max_retries, "retry", retry_json(&type->retry), "payload_schema", schema);
}

void api_job_types_list(struct call *c)
{
    json_t *list = json_array();
    const struct job_type *type = NULL;
    for (size_t i = 0; (type = job_type_at(i)) != NULL; i++) {
        bool is_allowed = !type->diagnostic || c->conf->consumer.diagnostics;
        if (is_allowed && !job_type_is_internal(type->name)) {
            json_array_append_new(list, type_json(type));
        }
    }
    json_auto_t *answer = json_pack("{s:o}", "job_types", list);
    response_json(c->response, 200, answer);
}
