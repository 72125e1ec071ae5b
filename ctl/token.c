#include "ports/token.h"

#include <stdio.h>
#include <sysexits.h>

#include "ctl.h"

#define TTL_DEFAULT_S 3600
#define TTL_MAX_S (INT64_C(366) * 24 * 3600)

int token_command(struct ctl *ctl)
{
    int exit_code = EX_OK;
    g_autofree char *org = NULL;
    g_autofree char *sub = NULL;
    g_autofree char *role = NULL;
    gint64 ttl_s = TTL_DEFAULT_S;
    const GOptionEntry entries[] = {
        {"org", 0, 0, G_OPTION_ARG_STRING, &org, "The organization that the token is for", "ORG"},
        {"sub", 0, 0, G_OPTION_ARG_STRING, &sub, "The user or service that holds it", "USER"},
        {"role", 0, 0, G_OPTION_ARG_STRING, &role, "SystemAdmin or Service", "ROLE"},
        {"ttl", 0, 0, G_OPTION_ARG_INT64, &ttl_s, "How long it is valid (default 3600, at most 366 days)", "SECONDS"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    if (org == NULL || sub == NULL || role == NULL) {
        return ctl_usage(ctl, "token needs --org, --sub and --role");
    }
    if (ttl_s < 1 || ttl_s > TTL_MAX_S) {
        return ctl_usage(ctl, "--ttl is from 1 to %d", (int)TTL_MAX_S);
    }
    struct err e = ERR_INIT;
    const struct conf *conf = ctl->conf;
    g_autofree char *token = token_sign(conf->auth.jwks_file, conf->auth.issuer, conf->auth.audience, org, sub, role,
                                        ttl_s, &e);
    if (token == NULL) {
        return ctl_fail(&e);
    }
    (void)puts(token);
    return EX_OK;
}
