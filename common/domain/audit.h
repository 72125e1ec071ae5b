/*
 * audit.h: who changed what; one INSERT inside the caller's transaction.
 */
#ifndef BELLMAN_AUDIT_H
#define BELLMAN_AUDIT_H

#include <jansson.h>

#include "ports/db.h"

struct audit_entry {
    const char *organization_id;
    const char *actor;
    const char *action;     /* "notification_settings.update", "job.cancel" */
    const char *subject;    /* id of the row */
    const char *request_id; /* may be NULL */
    const json_t *changes;  /* {field: {from, to}}, secrets masked; may be NULL */
};
bool audit_write(struct db *db, const struct audit_entry *entry, struct err *e) MUST_CHECK;

#endif
