/*
 * settings.h: an organization's notification settings: 32 columns, partial update with its audit row, versions.
 */
#ifndef BELLMAN_SETTINGS_H
#define BELLMAN_SETTINGS_H

#include <jansson.h>

#include "domain/field.h"
#include "ports/db.h"
#include "ports/seal.h"

extern const struct record settings_record;

/* What stands for a stored secret in answers. Sent back, it is a fault (code masked). */
#define SETTINGS_MASK FIELD_MASK

/* The settings with secrets masked; makes the organization's defaults when there are none. ret_version is the ETag's
 * number. New reference. */
bool settings_get(struct db *db, const char *organization_id, const char *user, json_t **ret, int64_t *ret_version,
                  struct err *e) MUST_CHECK;

/* The organization's Slack webhook, opened, to be freed with seal_text_free. NULL with e: ERR_NOT_FOUND when none is
 * set. */
char *settings_slack_url(struct db *db, const struct seal *seal, const char *organization_id, struct err *e) MUST_CHECK;

struct settings_change {
    const char *organization_id;
    const char *user;
    const char *request_id; /* finds this change again after a commit with unknown outcome */
    const json_t *changes;
    int64_t if_version; /* -1: whatever it is */
};

/* Applies changes (checked by record_check already) as a JSON merge patch: absent keeps, null resets to the default.
 * Row and audit row in one transaction; when nothing differs nothing is written and the version stays. Another
 * version than if_version gives ERR_CONFLICT. Rules over several fields (settings_check_rules) are
 * checked against the merged row: faults go to problems, ERR_INVALID, nothing changed. */
bool settings_update(struct db *db, const struct seal *seal, const struct settings_change *change,
                     struct problems *problems, json_t **ret, int64_t *ret_version, struct err *e) MUST_CHECK;

/* --- pure --------------------------------------------------------------------------------------------------------- */

/* The row with the changes laid over it (RFC 7396): null resets a field to its default, custom_settings is merged
 * member by member, where null removes one. New reference. */
json_t *settings_merge(const json_t *row, const json_t *changes);

/* quiet_hours_start and _end come together and differ; a switched-on channel has what it needs to send; the merged
 * custom_settings are not too large. */
void settings_check_rules(const json_t *merged, struct problems *problems);

/* {field: {from, to}} of every field that differs, for the audit row: secrets masked, values over 1000 bytes shortened
 * to text. New reference; empty when all is equal. */
json_t *settings_diff(const json_t *before, const json_t *after);

/* Puts SETTINGS_MASK in place of every stored secret. */
void settings_mask(json_t *row);

#endif
