/*
 * api_providers.c: the providers there are, and an organization's accounts with them.
 */
#include "api.h"
#include "domain/provider_account.h"
#include "versioned.h"

static const struct provider_kind *kind_of(struct call *c)
{
    const struct provider_kind *kind = provider_kind_find(c->path_value);
    if (kind == NULL) {
        response_problem(c->response, 404, "not_found", "There is no such provider.");
    }
    return kind;
}

static struct provider_account_call call_of(const struct call *c, const struct provider_kind *kind)
{
    return (struct provider_account_call){
        .organization_id = c->who.org,
        .kind = kind,
        .user = c->who.sub,
        .request_id = c->request->id,
        .if_version = -1,
        .seal = c->api->seal,
        .allow_private = c->conf->egress.allow_private,
    };
}

static void tell_workers(struct call *c)
{
    g_autofree char *body = g_strdup_printf("{\"cmd\":\"providers_changed\",\"organization_id\":\"%s\"}", c->who.org);
    (void)dispatcher_broadcast(c->api->dispatcher, body);
}

/* --- versions ----------------------------------------------------------------------------------------------------- */

static bool read_version(struct call *c, const void *key, int64_t *ret_version, struct err *e)
{
    json_auto_t *account = NULL;
    return provider_account_get(c->db, c->who.org, key, &account, ret_version, e);
}

static struct versioned versioned_of(const struct provider_kind *kind)
{
    return (struct versioned){
        .stale = "The account is not, or is no more, the version in If-Match; read it again.",
        .read = read_version,
        .key = kind,
        .may_be_missing = true,
    };
}

/* --- read --------------------------------------------------------------------------------------------------------- */

static json_t *account_of(const json_t *accounts, const char *provider)
{
    size_t i;
    json_t *account;
    json_array_foreach((json_t *)(uintptr_t)accounts, i, account)
    {
        if (g_strcmp0(json_string_value(json_object_get(account, "provider")), provider) == 0) {
            return json_incref(account);
        }
    }
    return json_null();
}

void api_providers_list(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *accounts = NULL;
    if (!provider_account_list(c->db, c->who.org, &accounts, &e)) {
        call_fail(c, &e);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < provider_kinds_n; i++) {
        const struct provider_kind *kind = &provider_kinds[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", kind->name, "channel",
                                              notify_channel_names[kind->channel], "help", kind->help, "config_schema",
                                              record_describe(kind->config, true), "account",
                                              account_of(accounts, kind->name)));
    }
    json_auto_t *body = json_pack("{s:o}", "providers", list);
    response_json(c->response, 200, body);
}

void api_providers_get(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *account = NULL;
    int64_t version = 0;
    const struct provider_kind *kind = kind_of(c);
    if (kind == NULL) {
        return;
    }
    if (provider_account_get(c->db, c->who.org, kind, &account, &version, &e)) {
        versioned_answer(c, 200, account, version);
    } else {
        call_fail(c, &e);
    }
}

/* --- change ------------------------------------------------------------------------------------------------------- */

void api_providers_put(struct call *c)
{
    struct err e = ERR_INIT;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *account = NULL;
    int64_t version = 0;
    bool made = false;
    const struct provider_kind *kind = kind_of(c);
    if (kind == NULL) {
        return;
    }
    struct provider_account_call call = call_of(c, kind);
    const struct versioned versioned = versioned_of(kind);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (provider_account_put(c->db, &call, c->body, &problems, &account, &version, &made, &e)) {
        tell_workers(c);
        if (made) {
            response_header(c->response, "Location", API_BASE "/providers/%s", kind->name);
        }
        versioned_answer(c, made ? 201 : 200, account, version);
    } else if (problems_any(&problems)) {
        response_faults(c->response, &problems);
    } else {
        versioned_fail(c, &versioned, &e);
    }
}

void api_providers_delete(struct call *c)
{
    struct err e = ERR_INIT;
    const struct provider_kind *kind = kind_of(c);
    if (kind == NULL) {
        return;
    }
    struct provider_account_call call = call_of(c, kind);
    const struct versioned versioned = versioned_of(kind);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (provider_account_delete(c->db, &call, &e)) {
        tell_workers(c);
        response_empty(c->response, 204);
    } else {
        versioned_fail(c, &versioned, &e);
    }
}

static void set_paused(struct call *c, const char *reason)
{
    struct err e = ERR_INIT;
    json_auto_t *account = NULL;
    int64_t version = 0;
    bool changed = false;
    const struct provider_kind *kind = kind_of(c);
    if (kind == NULL) {
        return;
    }
    struct provider_account_call call = call_of(c, kind);
    const struct versioned versioned = versioned_of(kind);
    if (!versioned_choose(c, &versioned, &call.if_version)) {
        return;
    }
    if (provider_account_pause(c->db, &call, reason, &account, &version, &changed, &e)) {
        tell_workers(c);
        versioned_answer(c, 200, account, version);
    } else {
        versioned_fail(c, &versioned, &e);
    }
}

void api_providers_resume(struct call *c)
{
    set_paused(c, NULL);
}

void api_providers_pause(struct call *c)
{
    const char *reason = json_string_value(json_object_get(c->body, "reason"));
    set_paused(c, reason != NULL ? reason : "paused by an administrator");
}
