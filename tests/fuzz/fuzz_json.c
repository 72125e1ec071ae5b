/* A body: the JSON limits, then the record of every route, the record and rules of every job type's payload, and the
 * checks that stand beside them. What passes is dumped and read again. */
#include "fuzz.h"

#include <string.h>

#include "api.h"
#include "domain/job.h"
#include "domain/job_types.h"
#include "domain/settings.h"
#include "ground/json.h"

static void check_value(const struct field *field, const json_t *value)
{
    struct problems problems = {0};
    g_autoptr(GStringChunk) arena = g_string_chunk_new(256);
    field_check_value(field, value, "/x", &problems);
    if (!problems_any(&problems)) {
        (void)field_to_param(field, value, arena);
    }
    MUST_HOLD(json_array_size(problems.list) <= PROBLEMS_MAX);
    problems_release(&problems);
}

static void check_record(const struct record *record, const json_t *body)
{
    struct problems problems = {0};
    record_check(record, body, "", &problems);
    for (size_t i = 0; i < record->n; i++) {
        const json_t *value = json_object_get(body, record->fields[i].name);
        if (value != NULL && !json_is_null(value) && record->fields[i].type != FIELD_ANY) {
            check_value(&record->fields[i], value);
        }
    }
    MUST_HOLD(json_array_size(problems.list) <= PROBLEMS_MAX);
    problems_release(&problems);
}

static void check_payloads(const json_t *body)
{
    for (size_t i = 0; i < job_types_n; i++) {
        struct problems problems = {0};
        job_payload_check(&job_types[i], body, "/payload", &problems);
        problems_release(&problems);
    }
}

static void check_round_trip(const json_t *value)
{
    struct err e = {0};
    char *text = json_dump_canonical(value);
    MUST_HOLD(text != NULL);
    json_auto_t *again = json_parse_limited(text, strlen(text), &e);
    MUST_HOLD(again != NULL);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct err e = {0};
    json_auto_t *value = json_parse_limited((const char *)data, bytes, &e);
    if (value == NULL) {
        MUST_HOLD(e.code == ERR_INVALID);
        return 0;
    }
    check_round_trip(value);
    for (size_t i = 0; i < routes_n; i++) {
        if (routes[i].body != NULL) {
            check_record(routes[i].body, value);
        }
    }
    check_payloads(value);
    return 0;
}
