#include "org_settings.h"

#include "domain/settings.h"

json_t *org_settings(struct job_context *ctx, struct err *e)
{
    const char *org = ctx->claim->organization_id;
    json_t *settings = cache_get(ctx->settings_cache, org);
    int64_t version = 0;
    if (settings != NULL) {
        return settings;
    }
    if (!settings_get(ctx->db, org, NULL, &settings, &version, e)) {
        return NULL;
    }
    cache_put(ctx->settings_cache, org, settings);
    return settings;
}
