/*
 * provider_open.c: accounts as those who send use them.
 */
#include <string.h>

#include "domain/provider_account.h"
#include "ground/json.h"

/* --- rows --------------------------------------------------------------------------------------------------------- */

#define ENTRY_COLUMNS \
    "organization_id, provider, position, enabled, max_per_second, paused_at IS NOT NULL, config, secrets, version"

static json_t *json_cell(const struct db_result *r, size_t row, size_t column)
{
    const char *cell = db_cell(r, row, column);
    return cell == NULL ? json_null() : json_string(cell);
}

static json_t *entry_of(const struct db_result *r, size_t row)
{
    json_t *config = json_loads(db_cell(r, row, 6), 0, NULL);
    json_t *rate = db_cell(r, row, 4) == NULL ? json_null() : json_integer(db_cell_int(r, row, 4));
    return json_pack("{s:o, s:o, s:I, s:b, s:o, s:b, s:o, s:o, s:I}", "organization_id", json_cell(r, row, 0),
                     "provider", json_cell(r, row, 1), "position", (json_int_t)db_cell_int(r, row, 2), "enabled",
                     (int)db_cell_int(r, row, 3), "max_per_second", rate, "paused", (int)db_cell_int(r, row, 5),
                     "config", config != NULL ? config : json_object(), "secrets", json_cell(r, row, 7), "version",
                     (json_int_t)db_cell_int(r, row, 8));
}

bool provider_accounts_load(struct db *db, const char *organization_id, json_t **ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT " ENTRY_COLUMNS
                " FROM provider_accounts WHERE organization_id IN (?, '') ORDER BY position, provider",
                DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    *ret = json_array();
    for (size_t i = 0; i < r.rows; i++) {
        json_array_append_new(*ret, entry_of(&r, i));
    }
    return true;
}

json_t *provider_account_open(const struct seal *seal, const json_t *account, struct err *e)
{
    const struct provider_kind *kind = provider_kind_find(json_text(account, "provider"));
    if (kind == NULL) {
        err_set(e, ERR_INVALID, "This version knows no provider \"%s\"", json_text(account, "provider"));
        return NULL;
    }
    return provider_config_open(kind, seal, json_text(account, "organization_id"), json_object_get(account, "config"),
                                json_text(account, "secrets"), e);
}

static bool load_config(struct db *db, const struct seal *seal, const char *organization_id, const char *or_else,
                        const char *provider, json_t **ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT " ENTRY_COLUMNS " FROM provider_accounts WHERE organization_id IN (?, ?) AND provider = ?"
                " ORDER BY organization_id DESC LIMIT 1",
                DB_PARAMS(db_text(organization_id), db_text(or_else), db_text(provider)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no account with %s", provider);
    }
    json_auto_t *entry = entry_of(&r, 0);
    *ret = provider_account_open(seal, entry, e);
    return *ret != NULL;
}

bool provider_account_config(struct db *db, const struct seal *seal, const char *organization_id, const char *provider,
                             json_t **ret, struct err *e)
{
    return load_config(db, seal, organization_id, PROVIDER_DEPLOYMENT, provider, ret, e);
}

bool provider_account_own_config(struct db *db, const struct seal *seal, const char *organization_id,
                                 const struct provider_kind *kind, json_t **ret, struct err *e)
{
    return load_config(db, seal, organization_id, organization_id, kind->name, ret, e);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

const char *provider_of_settings(const json_t *settings, enum notify_channel channel)
{
    static const char *const members[NOTIFY_CHANNELS] = {
        [NOTIFY_EMAIL] = "email_provider",
        [NOTIFY_SMS] = "sms_provider",
    };
    return members[channel] == NULL ? NULL : json_text(settings, members[channel]);
}

/* A disabled account is as good as none. */
static bool is_on_channel(const json_t *account, enum notify_channel channel)
{
    const struct provider_kind *kind = provider_kind_find(json_text(account, "provider"));
    return kind != NULL && kind->channel == channel && json_is_true(json_object_get(account, "enabled"));
}

static bool is_own(const json_t *account)
{
    const char *org = json_text(account, "organization_id");
    return org != NULL && org[0] != '\0';
}

static bool has_own(const json_t *accounts, enum notify_channel channel)
{
    size_t i;
    json_t *account;
    json_array_foreach((json_t *)(uintptr_t)accounts, i, account)
    {
        if (is_own(account) && is_on_channel(account, channel)) {
            return true;
        }
    }
    return false;
}

/* Puts the one that the settings name first; the others keep their order. */
static void favour(const json_t **list, size_t n, const char *provider)
{
    for (size_t i = 0; i < n; i++) {
        if (g_strcmp0(json_text(list[i], "provider"), provider) == 0) {
            const json_t *first = list[i];
            for (size_t k = i; k > 0; k--) {
                list[k] = list[k - 1];
            }
            list[0] = first;
            return;
        }
    }
}

size_t provider_accounts_choose(const json_t *accounts, const json_t *settings, enum notify_channel channel,
                                const json_t **ret, size_t max, bool *ret_has_any)
{
    bool own = has_own(accounts, channel);
    bool has_any = false;
    size_t n = 0;
    size_t i;
    json_t *account;
    json_array_foreach((json_t *)(uintptr_t)accounts, i, account)
    {
        if (is_own(account) != own || !is_on_channel(account, channel)) {
            continue;
        }
        has_any = true;
        if (n < max && json_is_false(json_object_get(account, "paused"))) {
            ret[n++] = account;
        }
    }
    favour(ret, n, provider_of_settings(settings, channel));
    if (ret_has_any != NULL) {
        *ret_has_any = has_any;
    }
    return n;
}
