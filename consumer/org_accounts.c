#include "org_accounts.h"

#include "domain/provider_account.h"

json_t *org_accounts(struct job_context *ctx, struct err *e)
{
    const char *org = ctx->claim->organization_id;
    json_t *accounts = cache_get(ctx->accounts_cache, org);
    if (accounts != NULL) {
        return accounts;
    }
    if (!provider_accounts_load(ctx->db, org, &accounts, e)) {
        return NULL;
    }
    cache_put(ctx->accounts_cache, org, accounts);
    return accounts;
}

void org_accounts_changed(struct job_context *ctx, const char *organization_id)
{
    g_autofree char *body = g_strdup_printf("{\"cmd\":\"providers_changed\",\"organization_id\":\"%s\"}",
                                            organization_id);
    if (organization_id[0] == '\0') {
        (void)cache_flush(ctx->accounts_cache);
    } else {
        cache_drop(ctx->accounts_cache, organization_id);
    }
    (void)dispatcher_broadcast(ctx->dispatcher, body);
}
