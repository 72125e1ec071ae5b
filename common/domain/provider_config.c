/*
 * provider_config.c: configurations of accounts: changes, masks, and their secrets apart. No database.
 */
#include <stdlib.h>
#include <string.h>

#include "domain/provider_account.h"
#include "domain/record_patch.h"

static bool is_secret(const struct field *field)
{
    return (field->flags & FIELD_SECRET) != 0;
}

static json_t *defaults(const struct provider_kind *kind)
{
    json_t *config = json_object();
    for (size_t i = 0; i < kind->config->n; i++) {
        json_object_set_new(config, kind->config->fields[i].name, field_default(&kind->config->fields[i]));
    }
    return config;
}

json_t *provider_config_merge(const struct provider_kind *kind, const json_t *before, const json_t *changes)
{
    json_auto_t *base = defaults(kind);
    if (before != NULL) {
        json_object_update(base, (json_t *)(uintptr_t)before);
    }
    return record_merge(kind->config, base, changes);
}

json_t *provider_config_mask(const struct provider_kind *kind, const json_t *config)
{
    json_t *masked = json_copy((json_t *)(uintptr_t)config);
    for (size_t i = 0; i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        if (is_secret(field) && json_is_string(json_object_get(config, field->name))) {
            json_object_set_new(masked, field->name, json_string(FIELD_MASK));
        }
    }
    return masked;
}

json_t *provider_config_diff(const struct provider_kind *kind, const json_t *before, const json_t *after)
{
    json_auto_t *diff = record_diff(kind->config, before, after);
    json_t *named = json_object();
    const char *name;
    json_t *change;
    json_object_foreach(diff, name, change)
    {
        g_autofree char *whole = g_strconcat("config.", name, NULL);
        json_object_set(named, whole, change);
    }
    return named;
}

/* --- sealing ------------------------------------------------------------------------------------------------------ */

static char *context_of(const struct provider_kind *kind, const char *organization_id)
{
    return g_strdup_printf("provider_accounts.secrets|%s|%s", organization_id, kind->name);
}

/* The secrets that are set. */
static json_t *secrets_of(const struct provider_kind *kind, const json_t *config)
{
    json_t *secrets = json_object();
    for (size_t i = 0; i < kind->config->n; i++) {
        const struct field *field = &kind->config->fields[i];
        json_t *value = json_object_get(config, field->name);
        if (is_secret(field) && json_is_string(value)) {
            json_object_set(secrets, field->name, value);
        }
    }
    return secrets;
}

static void remove_secrets(const struct provider_kind *kind, json_t *config)
{
    for (size_t i = 0; i < kind->config->n; i++) {
        if (is_secret(&kind->config->fields[i])) {
            json_object_set_new(config, kind->config->fields[i].name, json_null());
        }
    }
}

static void free_dump(char *dump)
{
    memset(dump, 0, strlen(dump));
    free(dump);
}

bool provider_config_seal(const struct provider_kind *kind, const struct seal *seal, const char *organization_id,
                          const json_t *config, char **ret_sealed, struct err *e)
{
    g_autofree char *context = context_of(kind, organization_id);
    json_auto_t *secrets = secrets_of(kind, config);
    *ret_sealed = NULL;
    if (json_object_size(secrets) == 0) {
        return true;
    }
    char *dump = json_dumps(secrets, JSON_COMPACT);
    g_assert(dump != NULL);
    *ret_sealed = seal_encrypt(seal, context, dump, e);
    free_dump(dump);
    return *ret_sealed != NULL;
}

json_t *provider_config_open(const struct provider_kind *kind, const struct seal *seal, const char *organization_id,
                             const json_t *masked, const char *sealed, struct err *e)
{
    json_auto_t *config = provider_config_merge(kind, masked, NULL);
    remove_secrets(kind, config);
    if (sealed == NULL) {
        return g_steal_pointer(&config);
    }
    g_autofree char *context = context_of(kind, organization_id);
    char *plain = seal_decrypt(seal, context, sealed, e);
    if (plain == NULL) {
        return NULL;
    }
    json_auto_t *secrets = json_loads(plain, 0, NULL);
    seal_text_free(plain);
    if (!json_is_object(secrets)) {
        err_set(e, ERR_INTERNAL, "The secrets of an account (%s) are no JSON object", context);
        return NULL;
    }
    json_object_update(config, secrets);
    return g_steal_pointer(&config);
}
