/*
 * own_tables.h: the tables that db_optimize may work on, with their statements. Names in a payload are only looked up
 * here, so no identifier from outside ever becomes part of a statement.
 */
#ifndef BELLMAN_OWN_TABLES_H
#define BELLMAN_OWN_TABLES_H

#include "ground/base.h"

enum own_table_operation { OWN_TABLE_ANALYZE, OWN_TABLE_OPTIMIZE, OWN_TABLE_OPERATIONS };

struct own_table {
    const char *name;
    const char *sql[OWN_TABLE_OPERATIONS];
};

extern const struct own_table own_tables[];
extern const size_t own_tables_n;

/* NULL when the table is not one of ours. */
const struct own_table *own_table_find(const char *name);

#endif
