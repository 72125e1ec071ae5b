/*
 * audit.h: who changed what; one INSERT inside the caller's transaction.
 */
#ifndef BELLMAN_AUDIT_H
#define BELLMAN_AUDIT_H

#include <jansson.h>

#include "ports/db.h"

struct audit_entry {
    const char *organization_id; /* NULL: it concerns the whole deployment */
    const char *actor;
    const char *action;     /* "notification_settings.update", "job.cancel" */
    const char *subject;    /* id of the row */
    const char *request_id; /* may be NULL */
    const json_t *changes;  /* {field: {from, to}}, secrets masked; may be NULL */
};
bool audit_write(struct db *db, const struct audit_entry *entry, struct err *e) MUST_CHECK;

/* Adds {version: {from, to}} to an entry's changes: by it audit_find_version tells it from others. */
void audit_add_version(json_t *changes, int64_t from);
/* After a COMMIT without an answer: whether it took effect, since the row itself may have been changed again. Looks for
 * an entry of the last hour like this one that made version. */
bool audit_find_version(struct db *db, const struct audit_entry *entry, int64_t version, bool *ret_found, struct err *e)
    MUST_CHECK;

#endif
