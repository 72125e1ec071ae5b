#include "domain/retry_policy.h"

#include "ground/conf_key.h"

#define OPTIONAL FIELD_INPUT_ONLY | FIELD_NULLABLE

/* clang-format off */
static const struct field fields[] = {
    {.name = "curve", .type = FIELD_ENUM, .flags = OPTIONAL, .choices = conf_retry_curves,
     .help = "Before retry n: polynomial base_s + n^4, exponential base_s * 2^(n-1), linear base_s * n, fixed base_s"},
    {.name = "base_s", .type = FIELD_INT, .flags = OPTIONAL, .min = 0, .max = 86400, .help = "Seconds"},
    {.name = "cap_s", .type = FIELD_INT, .flags = OPTIONAL, .min = 0, .max = 2592000,
     .help = "Longest wait in seconds; at least base_s"},
    {.name = "jitter_percent", .type = FIELD_INT, .flags = OPTIONAL, .min = 0, .max = 50,
     .help = "Give or take this share of the wait at random"},
};
/* clang-format on */

const struct record retry_policy_record = {
    .name = "RetryPolicy",
    .fields = fields,
    .n = ARRAY_SIZE(fields),
    .help = "When a failed job is tried again; what is left out or null comes from its type",
};

void retry_policy_check(const json_t *policy, const char *prefix, struct problems *problems)
{
    const json_t *base = json_object_get(policy, "base_s");
    const json_t *cap = json_object_get(policy, "cap_s");
    if (json_is_integer(base) && json_is_integer(cap) && json_integer_value(cap) < json_integer_value(base)) {
        g_autofree char *pointer = g_strconcat(prefix, "/cap_s", NULL);
        problems_add(problems, pointer, "range", "must not be below base_s");
    }
}

char *retry_policy_text(const json_t *policy)
{
    json_auto_t *said = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)policy, name, value)
    {
        if (!json_is_null(value)) {
            json_object_set(said, name, value);
        }
    }
    return json_object_size(said) == 0 ? NULL : json_dumps(said, JSON_COMPACT);
}
