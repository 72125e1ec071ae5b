/*
 * org_settings.h: the notification settings of the organization that a job is for.
 */
#ifndef BELLMAN_ORG_SETTINGS_H
#define BELLMAN_ORG_SETTINGS_H

#include "handler.h"

/* From the process's cache, else from the database, secrets masked. The cache is told of changes, but learns of one
 * whose teller has died only when its entry is too old. New reference, or NULL with e. */
json_t *org_settings(struct job_context *ctx, struct err *e);
/* From the database: for what is decided once. */
json_t *org_settings_read(struct job_context *ctx, struct err *e);

#endif
