/*
 * api_settings.c: notification settings.
 */
#include <string.h>

#include "api.h"
#include "domain/settings.h"

static void answer(struct call *c, const json_t *settings, int64_t version)
{
    char tag[ETAG_BYTES];
    etag_format(version, tag);
    response_header(c->response, "ETag", "%s", tag);
    response_json(c->response, 200, settings);
}

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
    answer(c, settings, version);
    const char *if_none_match = request_param(c->request, "HTTP_IF_NONE_MATCH");
    if (if_none_match != NULL && etag_parse(if_none_match, &seen) && etag_matches_weakly(&seen, version)) {
        response_empty(c->response, 304);
    }
}

static void answer_stale(struct call *c, int64_t version)
{
    char tag[ETAG_BYTES];
    etag_format(version, tag);
    response_header(c->response, "ETag", "%s", tag);
    response_problem(c->response, 412, "precondition_failed",
                     "The settings have changed since the version in If-Match; read them again.");
}

/* The settings' version now. False: the failure has been answered. */
static bool current_version(struct call *c, int64_t *ret)
{
    struct err e = ERR_INIT;
    json_auto_t *settings = NULL;
    if (settings_get(c->db, c->who.org, c->who.sub, &settings, ret, &e)) {
        return true;
    }
    call_fail(c, &e);
    return false;
}

/* The one version that the update may start from, or -1 for any. False: answered. */
static bool choose_version(struct call *c, int64_t *ret)
{
    int64_t version = -1;
    if (c->has_if_match && !c->if_match.any) {
        if (!current_version(c, &version)) {
            return false;
        }
        if (!etag_matches_strongly(&c->if_match, version)) {
            answer_stale(c, version);
            return false;
        }
    }
    *ret = version;
    return true;
}

static void tell_others(struct call *c)
{
    g_autofree char *body = g_strdup_printf("{\"cmd\":\"settings_changed\",\"organization_id\":\"%s\"}", c->who.org);
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
    if (!choose_version(c, &change.if_version)) {
        return;
    }
    if (settings_update(c->db, c->api->seal, &change, &problems, &settings, &version, &e)) {
        tell_others(c);
        answer(c, settings, version);
    } else if (problems_any(&problems)) {
        response_faults(c->response, &problems);
    } else if (e.code == ERR_CONFLICT) {
        if (current_version(c, &version)) {
            answer_stale(c, version);
        }
    } else {
        call_fail(c, &e);
    }
}
