/*
 * organization.h: the tenants. Everything else hangs off their rows by foreign key.
 */
#ifndef BELLMAN_ORGANIZATION_H
#define BELLMAN_ORGANIZATION_H

#include "ports/db.h"

/* 1 to 64 of A-Z a-z 0-9 . _ - */
bool organization_id_is_valid(const char *id);

/* Makes sure that the row is there; a new one is named after its id. Reads without a lock first: of an organization
 * that exists this is one SELECT by primary key. ERR_INVALID for an id that is none. */
bool organization_ensure(struct db *db, const char *id, struct err *e) MUST_CHECK;

/* Whether the row is there. */
bool organization_exists(struct db *db, const char *id, bool *ret, struct err *e) MUST_CHECK;

/* Adds an organization with a name (NULL or empty: its id; at most 200 characters). *ret_added false: it was there, and
 * its name is left alone. */
bool organization_add(struct db *db, const char *id, const char *name, bool *ret_added, struct err *e) MUST_CHECK;

#endif
