#include "provider_aws.h"

#include <string.h>

bool provider_aws_account(const struct provider_call *call, const char *service, struct http_aws *ret,
                          struct provider_reply *reply)
{
    *ret = (struct http_aws){
        .region = provider_config_text(call, "region"),
        .service = service,
        .access_key_id = provider_config_text(call, "access_key_id"),
        .secret_access_key = provider_config_text(call, "secret_access_key"),
    };
    if (ret->region == NULL || ret->access_key_id == NULL || ret->secret_access_key == NULL) {
        (void)provider_unusable(reply, "the account has no region, access_key_id or secret_access_key");
        return false;
    }
    return true;
}

char *provider_aws_url(const struct provider_call *call, const char *prefix, const char *path)
{
    const char *region = provider_config_text(call, "region");
    g_autofree char *own = g_strdup_printf("https://%s.%s.amazonaws.com", prefix, region);
    return provider_url(call, own, path);
}

void provider_aws_code(const char *raw, char *out, size_t size_bytes)
{
    const char *hash = strchr(raw, '#');
    const char *name = hash == NULL ? raw : hash + 1;
    g_autofree char *bare = g_strndup(name, strcspn(name, ":"));
    if (g_str_has_suffix(bare, "Exception")) {
        bare[strlen(bare) - strlen("Exception")] = '\0';
    }
    for (char *c = bare; *c != '\0'; c++) {
        *c = g_ascii_isalnum(*c) || *c == '.' ? *c : '?';
    }
    g_strlcpy(out, bare, size_bytes);
}
