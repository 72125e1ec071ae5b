/*
 * provider_account.h: accounts with providers: of an organization, or of the whole deployment (organization_id ""), for
 * organizations that have none of their own on the channel. One for each provider.
 *
 * Their secrets are sealed together as one JSON object (seal.h; context "provider_accounts.secrets|<organization>|
 * <provider>") and never shown: a secret that is set is FIELD_MASK in answers.
 */
#ifndef BELLMAN_PROVIDER_ACCOUNT_H
#define BELLMAN_PROVIDER_ACCOUNT_H

#include <jansson.h>

#include "domain/provider_kind.h"
#include "ports/db.h"
#include "ports/seal.h"

extern const struct record provider_account_record; /* provider_accounts; also what may be changed in one */

#define PROVIDER_DEPLOYMENT "" /* organization_id of the deployment's accounts */
#define PROVIDER_PAUSED_REASON_CHARS 500

/* --- pure (provider_config.c) ------------------------------------------------------------------------------------- */

/* What a configuration becomes by changes (RFC 7396; null resets a member to its default), starting from the defaults
 * when before is NULL. New reference. */
json_t *provider_config_merge(const struct provider_kind *kind, const json_t *before, const json_t *changes);
/* With FIELD_MASK in place of each secret that is set. New reference. */
json_t *provider_config_mask(const struct provider_kind *kind, const json_t *config);
/* {"config.<member>": {from, to}} of what differs, secrets masked. New reference. */
json_t *provider_config_diff(const struct provider_kind *kind, const json_t *before, const json_t *after);

/* Seals the secrets of a whole configuration; ret_sealed, to be freed with seal_text_free, is NULL when none is set. */
bool provider_config_seal(const struct provider_kind *kind, const struct seal *seal, const char *organization_id,
                          const json_t *config, char **ret_sealed, struct err *e) MUST_CHECK;
/* The whole configuration again from the masked one, which the row has, and the sealed text, which may be NULL. New
 * reference, or NULL with e. */
json_t *provider_config_open(const struct provider_kind *kind, const struct seal *seal, const char *organization_id,
                             const json_t *masked, const char *sealed, struct err *e);

/* --- rows (provider_account.c) ------------------------------------------------------------------------------------ */

struct provider_account_call {
    const char *organization_id;
    const struct provider_kind *kind;
    const char *user;
    const char *request_id;  /* may be NULL; finds a change again after a commit with unknown outcome */
    int64_t if_version;      /* -1: whatever it is, also none */
    const struct seal *seal; /* of provider_account_put */
    bool allow_private;      /* [egress] allow_private */
};

/* As answers show it. ERR_NOT_FOUND: there is none. */
bool provider_account_get(struct db *db, const char *organization_id, const struct provider_kind *kind, json_t **ret,
                          int64_t *ret_version, struct err *e) MUST_CHECK;

/* All of the organization (NULL: of all, with the deployment's), by organization, position and name; an array of what
 * provider_account_get gives. */
bool provider_account_list(struct db *db, const char *organization_id, json_t **ret, struct err *e) MUST_CHECK;

/* Makes the account, or changes it by a merge patch (checked by provider_account_record already). What does not fit its
 * configuration goes to problems with ERR_INVALID and nothing is changed. Another configuration ends a pause: somebody
 * has mended it. Row and audit row in one transaction. ERR_CONFLICT: another version than if_version. */
bool provider_account_put(struct db *db, const struct provider_account_call *call, const json_t *changes,
                          struct problems *problems, json_t **ret, int64_t *ret_version, bool *ret_made, struct err *e)
    MUST_CHECK;
/* ERR_NOT_FOUND and ERR_CONFLICT as above; so with the next. */
bool provider_account_delete(struct db *db, const struct provider_account_call *call, struct err *e) MUST_CHECK;
/* reason NULL: lets it be used again. ret_changed: false for one that was in that state already. */
bool provider_account_pause(struct db *db, const struct provider_account_call *call, const char *reason, json_t **ret,
                            int64_t *ret_version, bool *ret_changed, struct err *e) MUST_CHECK;
/* Within the caller's transaction: what the account needs beside its own configuration is another now (Slack's address
 * is in the settings). That ends a pause, with an audit row, and makes a new version in any case, so that a worker that
 * used the old one cannot pause it. Nothing when there is no account. */
bool provider_account_renew_within(struct db *db, const struct provider_account_call *call, struct err *e) MUST_CHECK;

/* --- use (provider_open.c) ---------------------------------------------------------------------------------------- */

/* The organization's accounts and the deployment's with their secrets sealed, so that the list may be kept: an array of
 * {organization_id, provider, position, enabled, max_per_second, paused, config, secrets, version}. */
bool provider_accounts_load(struct db *db, const char *organization_id, json_t **ret, struct err *e) MUST_CHECK;

/* Which of them are for a channel, in order: the provider that settings name, then by position; the deployment's only
 * where the organization has none on the channel; no paused ones; a disabled one is as good as none. ret has room for
 * max; borrowed from accounts. ret_has_any (may be NULL): there is one on the channel, paused or not. Pure. */
size_t provider_accounts_choose(const json_t *accounts, const json_t *settings, enum notify_channel channel,
                                const json_t **ret, size_t max, bool *ret_has_any);
/* The provider that settings name for the channel; NULL: none. Pure. */
const char *provider_of_settings(const json_t *settings, enum notify_channel channel);

/* An entry's whole configuration. New reference, or NULL with e. */
json_t *provider_account_open(const struct seal *seal, const json_t *account, struct err *e);

/* The configuration with which the organization's messages go through the provider: its own account's, else the
 * deployment's. ERR_NOT_FOUND: there is neither. */
bool provider_account_config(struct db *db, const struct seal *seal, const char *organization_id, const char *provider,
                             json_t **ret, struct err *e) MUST_CHECK;

/* The same of an account of its own only. */
bool provider_account_own_config(struct db *db, const struct seal *seal, const char *organization_id,
                                 const struct provider_kind *kind, json_t **ret, struct err *e) MUST_CHECK;

/* --- another key (provider_rekey.c) ------------------------------------------------------------------------------- */

struct rekey {
    bool is_settings;         /* where it goes on: provider_accounts come first, then notification_settings */
    char organization_id[65]; /* the last one that was looked at; empty at first */
    char provider[17];
    int64_t looked_at;
    int64_t sealed_again;
    int64_t unopened; /* their key is not in the keyring, or they were tampered with: left as they are */
};
/* Looks at up to max rows and seals again, with the newest key, what another one has sealed. Each row is a transaction
 * of its own, so it may be broken off and begun again. r begins zeroed. ret_done: there are no more. */
bool provider_rekey(struct db *db, const struct seal *seal, size_t max, struct rekey *r, bool *ret_done, struct err *e)
    MUST_CHECK;

#endif
