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

/* Applies changes (checked by record_check already) as a JSON merge patch: absent keeps, null resets to the default. Row and audit
 * row in one transaction. if_version: -1 or the version the caller saw; another one gives ERR_CONFLICT. Rules over several
 * fields (settings_check_rules) are checked against the merged row: faults go to problems, ERR_INVALID, nothing changed. */
bool settings_update(struct db *db, const struct seal *seal, const char *organization_id, const char *user,
                     const char *request_id, const json_t *changes, int64_t if_version, struct problems *problems,
                     json_t **ret, int64_t *ret_version, struct err *e) MUST_CHECK;

/* Pure: quiet_hours_start and _end come together; a switched-on channel has what it needs to send. */
void settings_check_rules(const json_t *merged, struct problems *problems);

#endif
