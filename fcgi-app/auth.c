#include "auth.h"

#include <string.h>

#include "domain/organization.h"
#include "ground/clock.h"

#define REALM "Bearer realm=\"bellman\""

bool auth_bearer(const char *header, const char **ret_token)
{
    static const char scheme[] = "Bearer ";
    if (header == NULL || g_ascii_strncasecmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    const char *token = header + sizeof(scheme) - 1;
    token += strspn(token, " ");
    *ret_token = token;
    return *token != '\0';
}

/* The reasons are fixed texts of token.c, but for names of header members, which come from a fixed list too. */
static bool refuse(struct call *c, const char *reason)
{
    g_autofree char *description = g_strdup(reason);
    g_strdelimit(description, "\"\\", '\'');
    response_header(c->response, "WWW-Authenticate", REALM ", error=\"invalid_token\", error_description=\"%s\"",
                    description);
    g_autofree char *detail = g_strdup_printf("The request is not signed in: %s.", reason);
    response_problem(c->response, 401, "invalid_token", detail);
    return false;
}

static bool refuse_missing(struct call *c)
{
    response_header(c->response, "WWW-Authenticate", REALM);
    response_problem(c->response, 401, "unauthenticated",
                     "This call needs a bearer token in the Authorization header.");
    return false;
}

/* The organization's row is what every other row hangs on; once seen it is remembered. */
bool auth_organization(struct call *c)
{
    struct err e = ERR_INIT;
    if (!c->is_known) {
        return true;
    }
    json_auto_t *known = cache_get(c->api->organizations, c->who.org);
    if (known != NULL) {
        return true;
    }
    bool found = false;
    bool done = c->conf->auth.auto_provision ? organization_ensure(c->db, c->who.org, &e)
                                             : organization_exists(c->db, c->who.org, &found, &e);
    if (!done) {
        call_fail(c, &e);
        return false;
    }
    if (!c->conf->auth.auto_provision && !found) {
        response_problem(c->response, 403, "unknown_organization", "The token's organization is not known here.");
        return false;
    }
    json_auto_t *yes = json_true();
    cache_put(c->api->organizations, c->who.org, yes);
    return true;
}

bool auth_authenticate(struct call *c)
{
    const char *token = NULL;
    struct err e = ERR_INIT;
    if (c->route->roles == 0) {
        return true;
    }
    if (!auth_bearer(request_param(c->request, "HTTP_AUTHORIZATION"), &token)) {
        return refuse_missing(c);
    }
    const struct token_opts opts = {
        .issuer = c->conf->auth.issuer,
        .audience = c->conf->auth.audience,
        .leeway_s = c->conf->auth.leeway_s,
        .now_s = clock_wall_us() / US_PER_S,
    };
    if (!token_cache_get(c->tokens, token, &opts, &c->who)) {
        if (!token_verify(c->keys, token, &opts, &c->who, &e)) {
            return refuse(c, e.text);
        }
        token_cache_put(c->tokens, token, &c->who);
    }
    c->is_known = true;
    return true;
}

bool auth_authorize(struct call *c)
{
    if (c->route->roles == 0) {
        return true;
    }
    if ((c->who.roles & c->route->roles) == 0) {
        response_header(c->response, "WWW-Authenticate", REALM ", error=\"insufficient_scope\"");
        response_problem(c->response, 403, "forbidden", "The token holds no role that may make this call.");
        return false;
    }
    return true;
}
