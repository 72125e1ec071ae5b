#include "org_settings.h"

#include "domain/settings.h"

json_t *org_settings_read(struct job_context *ctx, struct err *e)
{
    const char *org = ctx->claim->organization_id;
    json_t *settings = NULL;
    int64_t version = 0;
    if (!settings_get(ctx->db, org, NULL, &settings, &version, e)) {
        return NULL;
    }
    cache_put(ctx->settings_cache, org, settings);
    return settings;
}

json_t *org_settings(struct job_context *ctx, struct err *e)
{
    json_t *settings = cache_get(ctx->settings_cache, ctx->claim->organization_id);
    return settings != NULL ? settings : org_settings_read(ctx, e);
}
