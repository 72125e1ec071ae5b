/*
 * migrate.c: applies the migrations that the database does not have yet.
 *
 * schema_migrations has one row for each file. It is inserted with dirty=1 before the file's statement and set to
 * dirty=0 after it: a dirty row says that whoever applied it was stopped in between. MariaDB makes each DDL statement
 * atomic, so either it has happened or not, and the next run finds out which (finish_dirty). One connection at a time
 * holds the lock, and the server keeps it for a killed client until its statement has ended.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "ground/clock.h"
#include "schema.h"

#define STATEMENT_LIMIT_S (24 * 3600)
#define LOCK_WAIT_DEFAULT_S 600
#define LOCK_NAME "CONCAT('bellman.migrate.', MD5(DATABASE()))"

struct run {
    struct db *db;
    const struct schema *schema;
    size_t applied_now;
};

/* --- lock -------------------------------------------------------------------------------------------------------- */

static bool get_lock(struct db *db, int64_t wait_s, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT GET_LOCK(" LOCK_NAME ", ?)", DB_PARAMS(DB_INT(wait_s)))) {
        return false;
    }
    *ret = db_cell_int(&r, 0, 0) == 1;
    return true;
}

static bool take_lock(struct db *db, int64_t wait_s, struct err *e)
{
    bool taken = false;
    if (!get_lock(db, 0, &taken, e)) {
        return false;
    }
    if (!taken) {
        (void)puts("Another migration is running: waiting for it to end");
        (void)fflush(stdout);
        if (!get_lock(db, wait_s, &taken, e)) {
            return false;
        }
    }
    return taken || err_set(e, ERR_TIMEOUT, "Another migration still runs after %" PRId64 " s", wait_s);
}

/* A connection that was lost and made again has lost the lock too. */
static bool check_lock(struct db *db, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT IS_USED_LOCK(" LOCK_NAME ") <=> CONNECTION_ID()", DB_NO_PARAMS)) {
        return false;
    }
    return db_cell_int(&r, 0, 0) == 1 || err_set(e, ERR_UNAVAILABLE, "The connection was lost; run migrate again");
}

/* --- what is there ----------------------------------------------------------------------------------------------- */

static bool create_table(struct db *db, struct err *e)
{
    return db_run_text(db, NULL, e,
                       "CREATE TABLE IF NOT EXISTS schema_migrations ("
                       " version INT NOT NULL,"
                       " name VARCHAR(200) NOT NULL,"
                       " checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
                       " dirty TINYINT(1) NOT NULL,"
                       " started_at DATETIME(6) NOT NULL,"
                       " duration_ms BIGINT NULL,"
                       " PRIMARY KEY (version)"
                       ") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
}

static bool check_row(const struct schema *schema, const struct db_result *r, size_t row, struct err *e)
{
    int64_t version = db_cell_int(r, row, 0);
    const struct migration *m = schema_find(schema, version);
    if (m == NULL) {
        return err_set(e, ERR_CONFLICT,
                       "The database has migration %s, which this program does not know: use the newer one",
                       db_cell(r, row, 1));
    }
    if (strcmp(m->name, db_cell(r, row, 1)) != 0) {
        return err_set(e, ERR_CONFLICT, "Migration %" PRId64 " was applied as %s and is now called %s", version,
                       db_cell(r, row, 1), m->name);
    }
    if (strcmp(m->checksum, db_cell(r, row, 2)) != 0) {
        return err_set(e, ERR_CONFLICT,
                       "%s was changed after it was applied (SHA-256 %.12s, now %.12s): restore it and add a new file",
                       m->name, db_cell(r, row, 2), m->checksum);
    }
    return true;
}

/* --- one migration ----------------------------------------------------------------------------------------------- */

static bool mark_clean(struct db *db, const struct migration *m, int64_t duration_ms, struct err *e)
{
    return db_run(db, NULL, e, "UPDATE schema_migrations SET dirty = 0, duration_ms = ? WHERE version = ?",
                  DB_PARAMS(DB_INT(duration_ms), DB_INT(m->version)));
}

static bool mark_dirty(struct db *db, const struct migration *m, struct err *e)
{
    return db_run(db, NULL, e,
                  "INSERT INTO schema_migrations (version, name, checksum, dirty, started_at)"
                  " VALUES (?, ?, ?, 1, UTC_TIMESTAMP(6))",
                  DB_PARAMS(DB_INT(m->version), db_text(m->name), db_text(m->checksum)));
}

/* The statement was refused, so nothing of it is there: neither shall its row be. */
static void forget(struct db *db, const struct migration *m)
{
    struct err ignored = ERR_INIT;
    if (!db_run(db, NULL, &ignored, "DELETE FROM schema_migrations WHERE version = ?", DB_PARAMS(DB_INT(m->version)))) {
        return; /* stays dirty, and the next run sorts it out */
    }
}

static bool execute(struct run *run, const struct migration *m, const char *how, struct err *e)
{
    (void)printf("%-40s ", m->name);
    (void)fflush(stdout);
    int64_t start_us = clock_mono_us();
    struct err failed = ERR_INIT;
    if (!db_run_text(run->db, NULL, &failed, m->text)) {
        (void)puts("failed");
        if (failed.code != ERR_UNAVAILABLE) {
            forget(run->db, m);
        }
        return err_set(e, failed.code, "%s: %s", m->name, failed.text);
    }
    int64_t duration_ms = (clock_mono_us() - start_us) / US_PER_MS;
    (void)printf("%s in %" PRId64 " ms\n", how, duration_ms);
    run->applied_now++;
    return mark_clean(run->db, m, duration_ms, e);
}

/* The name of the table that the statement creates, or NULL when it is another statement; to be freed with g_free. */
static char *created_table(const char *sql)
{
    g_autoptr(GRegex)
        regex = g_regex_new("^(?:\\s|--[^\\n]*\\n|/\\*.*?\\*/)*CREATE\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?`?(\\w+)",
                            G_REGEX_CASELESS | G_REGEX_DOTALL, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    return g_regex_match(regex, sql, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}

static bool table_exists(struct db *db, const char *table, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
                DB_PARAMS(db_text(table)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

/* A table that is there was created by the run that was stopped. Any other statement bears being run again. */
static bool finish_dirty(struct run *run, const struct migration *m, struct err *e)
{
    g_autofree char *table = created_table(m->text);
    bool there = false;
    if (table != NULL && !table_exists(run->db, table, &there, e)) {
        return false;
    }
    if (!there) {
        return execute(run, m, "was interrupted: applied again", e);
    }
    (void)printf("%-40s was interrupted: already in place\n", m->name);
    return mark_clean(run->db, m, 0, e);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static ssize_t row_of(const struct db_result *r, int64_t version)
{
    for (size_t i = 0; i < r->rows; i++) {
        if (db_cell_int(r, i, 0) == version) {
            return (ssize_t)i;
        }
    }
    return -1;
}

static bool bring_up(struct run *run, const struct migration *m, const struct db_result *applied, struct err *e)
{
    ssize_t row = row_of(applied, m->version);
    if (row >= 0 && db_cell_int(applied, (size_t)row, 3) == 0) {
        return true;
    }
    if (!check_lock(run->db, e)) {
        return false;
    }
    return row >= 0 ? finish_dirty(run, m, e) : mark_dirty(run->db, m, e) && execute(run, m, "applied", e);
}

static bool migrate(struct run *run, struct err *e)
{
    CLEANUP(db_result_release) struct db_result applied = {0};
    if (!create_table(run->db, e) ||
        !db_run(run->db, &applied, e, "SELECT version, name, checksum, dirty FROM schema_migrations ORDER BY version",
                DB_NO_PARAMS)) {
        return false;
    }
    for (size_t i = 0; i < applied.rows; i++) {
        if (!check_row(run->schema, &applied, i, e)) {
            return false;
        }
    }
    for (size_t i = 0; i < run->schema->n; i++) {
        if (!bring_up(run, &run->schema->migrations[i], &applied, e)) {
            return false;
        }
    }
    return true;
}

int migrate_command(struct ctl *ctl)
{
    int exit_code = EX_OK;
    g_autofree char *directory = NULL;
    gint64 lock_wait_s = LOCK_WAIT_DEFAULT_S;
    const GOptionEntry entries[] = {
        {"schema", 0, 0, G_OPTION_ARG_FILENAME, &directory, "Take the files of DIR, not the program's own", "DIR"},
        {"lock-wait", 0, 0, G_OPTION_ARG_INT64, &lock_wait_s,
         "Wait this long for another migration to end (default 600)", "SECONDS"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    if (lock_wait_s < 0 || lock_wait_s > STATEMENT_LIMIT_S / 2) {
        return ctl_usage(ctl, "--lock-wait is from 0 to %d", STATEMENT_LIMIT_S / 2);
    }
    struct err e = ERR_INIT;
    CLEANUP(schema_cleanup) struct schema *schema = schema_load(directory, &e);
    if (schema == NULL) {
        return ctl_fail(&e);
    }
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    db_set_read_timeout(db, STATEMENT_LIMIT_S);
    struct run run = {.db = db, .schema = schema};
    if (!take_lock(db, lock_wait_s, &e) || !migrate(&run, &e)) {
        return ctl_fail(&e);
    }
    (void)printf("Database %s is at %s", ctl->conf->database.name, schema->migrations[schema->n - 1].name);
    (void)printf(run.applied_now == 0 ? ": nothing to do\n" : " (%zu applied)\n", run.applied_now);
    return EX_OK;
}
