/*
 * api_settings.c: notification settings.
 */
#include <string.h>

#include "api.h"
#include "domain/settings.h"
#include "versioned.h"

void api_settings_get(struct call *c)
{
    struct err e = ERR_INIT;
    struct etag_list seen;
    json_auto_t *settings = NULL;
    int64_t version = 0;
    if (!settings_get(c->db, c->who.org, c->who.sub, &settings, &version, &e)) {
        call_fail(c, &e);
        return;
    }
    versioned_answer(c, 200, settings, version);
    const char *if_none_match = request_param(c->request, "HTTP_IF_NONE_MATCH");
    if (if_none_match != NULL && etag_parse(if_none_match, &seen) && etag_matches_weakly(&seen, version)) {
        response_empty(c->response, 304);
    }
}

static bool read_version(struct call *c, const void *key UNUSED, int64_t *ret_version, struct err *e)
{
    json_auto_t *settings = NULL;
    return settings_get(c->db, c->who.org, c->who.sub, &settings, ret_version, e);
}

static const struct versioned versioned = {
    .stale = "The settings have changed since the version in If-Match; read them again.",
    .read = read_version,
};

static void tell_others(struct call *c, const char *what)
{
    g_autofree char *body = g_strdup_printf("{\"cmd\":\"%s\",\"organization_id\":\"%s\"}", what, c->who.org);
    (void)dispatcher_broadcast(c->api->dispatcher, body);
}

void api_settings_update(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *settings = NULL;
    int64_t version = 0;
    struct settings_change change = {
        .organization_id = c->who.org,
        .user = c->who.sub,
        .request_id = c->request->id,
        .changes = c->body,
        .if_version = -1,
    };
    if (!versioned_choose(c, &versioned, &change.if_version)) {
        return;
    }
    if (settings_update(c->db, c->api->seal, &change, &problems, &settings, &version, &e)) {
        tell_others(c, "settings_changed");
        if (json_object_get(c->body, "slack_webhook_url") != NULL) {
            tell_others(c, "providers_changed"); /* the account with Slack goes with it */
        }
        versioned_answer(c, 200, settings, version);
    } else if (problems_any(&problems)) {
        response_faults(c->response, &problems);
    } else {
        versioned_fail(c, &versioned, &e);
    }
}
