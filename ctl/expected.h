/*
 * expected.h: what verify expects of the tables beside the field tables of the domain.
 */
#ifndef BELLMAN_CTL_EXPECTED_H
#define BELLMAN_CTL_EXPECTED_H

#include "domain/field.h"

struct expected_index {
    const char *name;
    bool unique;
    const char *columns; /* "a,b" */
};

struct expected_key {
    const char *name;
    const char *columns;
    const char *references; /* "table(column)" */
    const char *on_delete;
};

/* Lists end with a row whose name is NULL. */
struct expected_table {
    const char *name;
    const struct record *record;
    const struct expected_index *indexes;
    const struct expected_key *keys;
};

extern const struct expected_table expected_tables[];
extern const size_t expected_tables_n;

#endif
