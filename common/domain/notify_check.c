#include "domain/notify_check.h"

#include <stdlib.h>
#include <string.h>

#define SEALED_CHARS_MAX 65536

/* clang-format off */
static const struct field payload_fields[] = {
    {.name = "provider", .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_ONE_LINE, .min = 1, .max = 16,
     .help = "Which one"},
    {.name = "to", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1, .max = 254,
     .help = "Address, number or channel"},
    {.name = "login", .type = FIELD_BOOL, .def = "false", .help = "Nothing is sent where the provider can be asked so"},
    {.name = "sealed", .type = FIELD_STRING, .flags = FIELD_NULLABLE | FIELD_ONE_LINE, .min = 1,
     .max = SEALED_CHARS_MAX, .help = "What is tried out before it is saved, sealed"},
};
/* clang-format on */

const struct record notify_check_payload = {
    .name = "NotifyCheckPayload",
    .fields = payload_fields,
    .n = ARRAY_SIZE(payload_fields),
    .help = "Which provider is tried out",
};

/* --- the change --------------------------------------------------------------------------------------------------- */

static char *context_of(const char *organization_id, const char *job_id)
{
    return g_strdup_printf(NOTIFY_CHECK_JOB_TYPE "|%s|%s", organization_id, job_id);
}

char *notify_check_seal(const struct seal *seal, const char *organization_id, const char *job_id, const json_t *change,
                        struct err *e)
{
    g_autofree char *context = context_of(organization_id, job_id);
    char *dump = json_dumps(change, JSON_COMPACT);
    g_assert(dump != NULL);
    char *sealed = seal_encrypt(seal, context, dump, e);
    explicit_bzero(dump, strlen(dump));
    free(dump);
    return sealed;
}

json_t *notify_check_open(const struct seal *seal, const char *organization_id, const char *job_id, const char *sealed,
                          struct err *e)
{
    g_autofree char *context = context_of(organization_id, job_id);
    char *plain = seal_decrypt(seal, context, sealed, e);
    if (plain == NULL) {
        return NULL;
    }
    json_t *change = json_loads(plain, 0, NULL);
    seal_text_free(plain);
    if (change == NULL) {
        err_set(e, ERR_INVALID, "What is to be tried out cannot be read");
    }
    return change;
}

/* --- stages ------------------------------------------------------------------------------------------------------- */

static json_t *stage(const char *name, int64_t at_ms, const char *detail)
{
    return json_pack("{s:s, s:b, s:s, s:o}", "stage", name, "ok", at_ms >= 0, "detail", detail, "ms",
                     at_ms >= 0 ? json_integer(at_ms) : json_null());
}

json_t *notify_check_stages(const struct notify_check_view *view)
{
    const struct {
        const char *name;
        bool applies;
        int64_t at_ms;
    } stages[] = {
        {"resolved", true, view->times.resolved_ms},
        {"connected", true, view->times.connected_ms},
        {"tls", view->has_tls, view->times.tls_ms},
        {"authenticated", view->has_login, view->times.authenticated_ms},
        {"accepted", view->has_message, view->times.accepted_ms},
    };
    json_t *list = json_array();
    size_t last = view->has_message ? 4 : view->has_login ? 3 : view->has_tls ? 2 : 1;
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
        if (!stages[i].applies) {
            continue;
        }
        bool is_end = stages[i].at_ms < 0 || i == last;
        json_array_append_new(list, stage(stages[i].name, stages[i].at_ms, is_end ? view->words : ""));
        if (stages[i].at_ms < 0) {
            break;
        }
    }
    return list;
}
