/*
 * sql_ids.h: lists of ids as parameters of a statement: "id IN (?, ?, ...)".
 *
 * MariaDB reads and changes rows named by such a list in the order of the primary key, in one pass. A join with a
 * JSON_TABLE of ids, which looks neater, first collects what it will change in a temporary table and costs a third
 * more. Lists are filled up to one of a few lengths, so that few statements are prepared: the last id is repeated.
 */
#ifndef BELLMAN_SQL_IDS_H
#define BELLMAN_SQL_IDS_H

#include <glib.h>

#include "ports/db.h"

/* Parameters that a list of n ids takes; n is at least 1. */
size_t sql_ids_slots(size_t n);
/* Appends "(?, ?, ...)" with as many marks. */
void sql_ids_append(GString *sql, size_t n);
/* Fills params[0..sql_ids_slots(n)) with the ids, which are borrowed. */
void sql_ids_fill(struct db_param *params, const char *const *ids, size_t n);

/* A list of one id, which it copies. */
GPtrArray *sql_ids_of(const char *id);

/* Runs head, the list of ids and tail as one statement; params (n_params of them) stand in head. ids holds at least
 * one, as const char *. ret may be NULL. */
bool sql_ids_run(struct db *db, struct db_result *ret, struct err *e, const char *head, const struct db_param *params,
                 size_t n_params, const GPtrArray *ids, const char *tail) MUST_CHECK;

#endif
