/*
 * db_fixture.h: two connections to the server of $BELLMAN_CONFIG, a table, and what db_port.c does with them again and
 * again.
 */
#ifndef BELLMAN_DB_FIXTURE_H
#define BELLMAN_DB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/clock.h"
#include "ports/db.h"

#define UUID "01890a5d-ac96-774b-bcce-b302099a8057"

struct state {
    struct conf *conf;
    struct db *db;
    struct db *other;
};

static inline void must_text(struct db *db, const char *sql)
{
    struct err e = ERR_INIT;
    if (!db_run_text(db, NULL, &e, sql)) {
        fail_msg("%s: %s", sql, e.text);
    }
}

static inline void must(struct db *db, struct db_result *r, const char *sql, const struct db_param *params, size_t n)
{
    struct err e = ERR_INIT;
    if (!db_run(db, r, &e, sql, params, n)) {
        fail_msg("%s: %s", sql, e.text);
    }
}

static inline int64_t number_of(struct db *db, const char *sql)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, sql, DB_NO_PARAMS);
    assert_int_equal(r.rows, 1);
    return db_cell_int(&r, 0, 0);
}

static inline void assert_cell(const struct db_result *r, size_t column, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(db_cell(r, 0, column));
    } else {
        assert_non_null(db_cell(r, 0, column));
        assert_string_equal(db_cell(r, 0, column), wanted);
        assert_int_equal(r->lengths_bytes[column], strlen(wanted));
    }
}

/* Kills victim's connection from the other one and returns once the server has forgotten it. */
static inline void kill_connection(struct db *killer, int64_t id)
{
    g_autofree char *kill = g_strdup_printf("KILL %" G_GINT64_FORMAT, id);
    must_text(killer, kill);
    g_autofree char *left = g_strdup_printf(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %" G_GINT64_FORMAT, id);
    for (int64_t end_us = clock_mono_us() + 10 * US_PER_S; number_of(killer, left) > 0;) {
        assert_true(clock_mono_us() < end_us);
    }
}

static inline int set_up(void **state)
{
    struct err e = ERR_INIT;
    struct state *s = g_new0(struct state, 1);
    s->conf = conf_load(NULL, &e);
    if (s->conf == NULL) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    s->conf->database.read_timeout_s = 3;
    s->db = db_new(s->conf);
    s->other = db_new(s->conf);
    must_text(s->db, "DROP TABLE IF EXISTS port_child, port");
    must_text(s->db, "CREATE TABLE port (id INT PRIMARY KEY, name VARCHAR(50) CHARACTER SET utf8mb4, n BIGINT,"
                     " t DATETIME(6), u UUID, j JSON, b BINARY(4), l LONGTEXT, UNIQUE KEY uq_port_name (name))");
    *state = s;
    return 0;
}

static inline int tear_down(void **state)
{
    struct state *s = *state;
    db_free(s->db);
    db_free(s->other);
    conf_free(s->conf);
    g_free(s);
    return 0;
}

#endif
