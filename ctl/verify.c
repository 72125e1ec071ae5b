/*
 * verify.c: compares the database with expected_tables and with the list of migrations.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "expected.h"
#include "schema.h"

struct check {
    struct db *db;
    const struct schema *schema;
    const struct expected_table *table;
    size_t differences;
};

static void differs(struct check *c, const char *format, ...) PRINTF_LIKE(2, 3);

static void differs(struct check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    c->differences++;
}

/* The row of r whose first cell is name, or -1. */
static ssize_t find_row(const struct db_result *r, const char *name)
{
    for (size_t i = 0; i < r->rows; i++) {
        if (strcmp(db_cell(r, i, 0), name) == 0) {
            return (ssize_t)i;
        }
    }
    return -1;
}

/* Rows about the table; sql has one parameter, its name. */
static bool ask(struct check *c, const char *sql, struct db_result *ret, struct err *e)
{
    return db_run(c->db, ret, e, sql, DB_PARAMS(db_text(c->table->name)));
}

/* --- columns ----------------------------------------------------------------------------------------------------- */

static const char sql_columns[] = "SELECT column_name, column_type, is_nullable FROM information_schema.columns"
                                  " WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position";

static bool has_column(const struct field *f)
{
    return (f->flags & FIELD_INPUT_ONLY) == 0 && f->derived == NULL;
}

static void check_column(struct check *c, const struct field *f, const struct db_result *r, size_t row)
{
    const char *table = c->table->name;
    bool nullable = (f->flags & FIELD_NULLABLE) != 0 && (f->flags & FIELD_COLUMN_NOT_NULL) == 0;
    const char *wanted = nullable ? "YES" : "NO";
    if (f->sql == NULL || strcmp(db_cell(r, row, 1), f->sql) != 0) {
        differs(c, "%s.%s: type is %s, expected %s", table, f->name, db_cell(r, row, 1), f->sql == NULL ? "?" : f->sql);
    }
    if (strcmp(db_cell(r, row, 2), wanted) != 0) {
        differs(c, "%s.%s: %s, expected %s", table, f->name, nullable ? "NOT NULL" : "may be NULL",
                nullable ? "NULL allowed" : "NOT NULL");
    }
}

/* Each expected column in turn: there, of its type, and after the one before it. */
static void check_expected_columns(struct check *c, const struct db_result *r)
{
    const struct record *record = c->table->record;
    const char *before = NULL;
    ssize_t last = -1;
    for (size_t i = 0; i < record->n; i++) {
        const struct field *f = &record->fields[i];
        ssize_t row = has_column(f) ? find_row(r, f->name) : -1;
        if (has_column(f) && row < 0) {
            differs(c, "%s.%s: the column is missing", c->table->name, f->name);
        }
        if (row < 0) {
            continue;
        }
        check_column(c, f, r, (size_t)row);
        if (row < last) {
            differs(c, "%s.%s: stands before %s, expected after it", c->table->name, f->name, before);
        }
        last = MAX(row, last);
        before = last == row ? f->name : before;
    }
}

static bool check_columns(struct check *c, bool *ret_there, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!ask(c, sql_columns, &r, e)) {
        return false;
    }
    *ret_there = r.rows > 0;
    if (r.rows == 0) {
        differs(c, "%s: the table is missing", c->table->name);
        return true;
    }
    check_expected_columns(c, &r);
    for (size_t i = 0; i < r.rows; i++) {
        const struct field *f = record_field(c->table->record, db_cell(&r, i, 0));
        if (f == NULL || !has_column(f)) {
            differs(c, "%s.%s: the column is not expected", c->table->name, db_cell(&r, i, 0));
        }
    }
    return true;
}

/* --- indexes ----------------------------------------------------------------------------------------------------- */

static const char sql_indexes[] =
    "SELECT index_name, non_unique, GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics"
    " WHERE table_schema = DATABASE() AND table_name = ? GROUP BY index_name, non_unique ORDER BY index_name";

static const struct expected_index *expected_index(const struct expected_table *table, const char *name)
{
    for (const struct expected_index *i = table->indexes; i->name != NULL; i++) {
        if (strcmp(i->name, name) == 0) {
            return i;
        }
    }
    return NULL;
}

static void check_index(struct check *c, const struct expected_index *i, const struct db_result *r)
{
    const char *table = c->table->name;
    ssize_t row = find_row(r, i->name);
    if (row < 0) {
        differs(c, "%s: index %s (%s) is missing", table, i->name, i->columns);
        return;
    }
    bool unique = db_cell_int(r, (size_t)row, 1) == 0;
    if (unique != i->unique) {
        differs(c, "%s: index %s is %s, expected %s", table, i->name, unique ? "unique" : "not unique",
                i->unique ? "unique" : "not unique");
    }
    if (strcmp(db_cell(r, (size_t)row, 2), i->columns) != 0) {
        differs(c, "%s: index %s is over (%s), expected (%s)", table, i->name, db_cell(r, (size_t)row, 2), i->columns);
    }
}

static bool check_indexes(struct check *c, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!ask(c, sql_indexes, &r, e)) {
        return false;
    }
    for (const struct expected_index *i = c->table->indexes; i->name != NULL; i++) {
        check_index(c, i, &r);
    }
    for (size_t i = 0; i < r.rows; i++) {
        if (expected_index(c->table, db_cell(&r, i, 0)) == NULL) {
            differs(c, "%s: index %s (%s) is not expected", c->table->name, db_cell(&r, i, 0), db_cell(&r, i, 2));
        }
    }
    return true;
}

/* --- foreign keys ------------------------------------------------------------------------------------------------ */

static const char sql_keys[] =
    "SELECT c.constraint_name, GROUP_CONCAT(k.column_name ORDER BY k.ordinal_position),"
    " CONCAT(c.referenced_table_name, '(', GROUP_CONCAT(k.referenced_column_name ORDER BY k.ordinal_position), ')'),"
    " c.delete_rule"
    " FROM information_schema.referential_constraints c"
    " JOIN information_schema.key_column_usage k ON k.constraint_schema = c.constraint_schema"
    " AND k.constraint_name = c.constraint_name AND k.table_name = c.table_name"
    " WHERE c.constraint_schema = DATABASE() AND c.table_name = ?"
    " GROUP BY c.constraint_name, c.referenced_table_name, c.delete_rule ORDER BY c.constraint_name";

static const struct expected_key *expected_key(const struct expected_table *table, const char *name)
{
    for (const struct expected_key *k = table->keys; k->name != NULL; k++) {
        if (strcmp(k->name, name) == 0) {
            return k;
        }
    }
    return NULL;
}

static void check_key(struct check *c, const struct expected_key *k, const struct db_result *r)
{
    ssize_t found = find_row(r, k->name);
    if (found < 0) {
        differs(c, "%s: foreign key %s (%s) to %s is missing", c->table->name, k->name, k->columns, k->references);
        return;
    }
    size_t row = (size_t)found;
    if (strcmp(db_cell(r, row, 1), k->columns) != 0 || strcmp(db_cell(r, row, 2), k->references) != 0) {
        differs(c, "%s: foreign key %s is (%s) to %s, expected (%s) to %s", c->table->name, k->name, db_cell(r, row, 1),
                db_cell(r, row, 2), k->columns, k->references);
    }
    if (strcmp(db_cell(r, row, 3), k->on_delete) != 0) {
        differs(c, "%s: foreign key %s is ON DELETE %s, expected %s", c->table->name, k->name, db_cell(r, row, 3),
                k->on_delete);
    }
}

static bool check_keys(struct check *c, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!ask(c, sql_keys, &r, e)) {
        return false;
    }
    for (const struct expected_key *k = c->table->keys; k->name != NULL; k++) {
        check_key(c, k, &r);
    }
    for (size_t i = 0; i < r.rows; i++) {
        if (expected_key(c->table, db_cell(&r, i, 0)) == NULL) {
            differs(c, "%s: foreign key %s (%s) to %s is not expected", c->table->name, db_cell(&r, i, 0),
                    db_cell(&r, i, 1), db_cell(&r, i, 2));
        }
    }
    return true;
}

/* --- migrations -------------------------------------------------------------------------------------------------- */

static void check_migration(struct check *c, const struct migration *m, const struct db_result *r)
{
    ssize_t found = find_row(r, m->name);
    if (found < 0) {
        differs(c, "schema_migrations: %s is not applied: run bellmanctl migrate", m->name);
        return;
    }
    if (db_cell_int(r, (size_t)found, 2) != 0) {
        differs(c, "schema_migrations: %s was interrupted: run bellmanctl migrate", m->name);
    }
    if (strcmp(db_cell(r, (size_t)found, 1), m->checksum) != 0) {
        differs(c, "schema_migrations: %s was changed after it was applied", m->name);
    }
}

static bool check_migrations(struct check *c, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(c->db, &r, e, "SELECT name, checksum, dirty, version FROM schema_migrations ORDER BY version",
                DB_NO_PARAMS)) {
        return false;
    }
    for (size_t i = 0; i < c->schema->n; i++) {
        check_migration(c, &c->schema->migrations[i], &r);
    }
    for (size_t i = 0; i < r.rows; i++) {
        const struct migration *m = schema_find(c->schema, db_cell_int(&r, i, 3));
        if (m == NULL || strcmp(m->name, db_cell(&r, i, 0)) != 0) {
            differs(c, "schema_migrations: %s is applied but not known to this program", db_cell(&r, i, 0));
        }
    }
    return true;
}

/* --- all --------------------------------------------------------------------------------------------------------- */

static bool check_table(struct check *c, const struct expected_table *table, struct err *e)
{
    bool there = false;
    c->table = table;
    if (!check_columns(c, &there, e)) {
        return false;
    }
    if (!there) {
        return true;
    }
    return check_indexes(c, e) && check_keys(c, e) &&
           (strcmp(table->name, "schema_migrations") != 0 || check_migrations(c, e));
}

static bool check_all(struct check *c, struct err *e)
{
    for (size_t i = 0; i < expected_tables_n; i++) {
        if (!check_table(c, &expected_tables[i], e)) {
            return false;
        }
    }
    return true;
}

int verify_command(struct ctl *ctl)
{
    int exit_code = EX_OK;
    g_autofree char *directory = NULL;
    const GOptionEntry entries[] = {
        {"schema", 0, 0, G_OPTION_ARG_FILENAME, &directory, "Take the migrations of DIR, not the program's own", "DIR"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    struct err e = ERR_INIT;
    CLEANUP(schema_cleanup) struct schema *schema = schema_load(directory, &e);
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    struct check c = {.db = db, .schema = schema};
    if (schema == NULL || !check_all(&c, &e)) {
        return ctl_fail(&e);
    }
    if (c.differences > 0) {
        (void)printf("%zu %s in database %s\n", c.differences, c.differences == 1 ? "difference" : "differences",
                     ctl->conf->database.name);
        return CTL_NO;
    }
    (void)printf("Database %s is as it should be: %zu tables, %zu migrations\n", ctl->conf->database.name,
                 expected_tables_n, schema->n);
    return EX_OK;
}
