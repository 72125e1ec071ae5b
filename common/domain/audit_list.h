/*
 * audit_list.h: the audit log, read page by page.
 */
#ifndef BELLMAN_AUDIT_LIST_H
#define BELLMAN_AUDIT_LIST_H

#include <jansson.h>

#include "domain/field.h"
#include "ports/db.h"

extern const struct record audit_record; /* audit_log */

/* Entries that one page looks at, at the most. */
#define AUDIT_READ_MAX 5000

struct audit_filter {
    const char *organization_id;
    const char *action; /* NULL: any; so with the next two */
    const char *subject;
    const char *actor;
    int64_t created_after_us;  /* 0: none; exclusive */
    int64_t created_before_us; /* 0: none; exclusive */
    int64_t limit;
    const char *cursor; /* NULL: first page */
};

/* {entries, limit, next_cursor}, newest first. With more than one of action, subject and actor a page may have fewer
 * entries than limit though another one follows: it ends after AUDIT_READ_MAX entries that fit the most telling of
 * them. ERR_INVALID: the cursor is not one of ours. New reference. */
bool audit_list(struct db *db, const struct audit_filter *filter, json_t **ret, struct err *e) MUST_CHECK;

#endif
