/*
 * served.h: for the test programs of this folder that run against the server of $BELLMAN_CONFIG: the connection, an
 * organization of their own, and statements that must work. After cmocka.h and its four headers.
 */
#ifndef BELLMAN_SERVED_H
#define BELLMAN_SERVED_H

#include <glib.h>
#include <stdio.h>

#include "ground/conf.h"
#include "ports/db.h"

#define SERVED_TIMEOUT_S 60 /* of a statement: some prepare many rows */

struct served {
    struct conf *conf;
    struct db *db;
};

static inline void must(struct db *db, struct db_result *r, const char *sql)
{
    struct err e = ERR_INIT;
    if (!db_run_text(db, r, &e, sql)) {
        fail_msg("%s: %s", sql, e.text);
    }
}

static inline void must_text(struct db *db, const char *sql)
{
    must(db, NULL, sql);
}

/* The one number that sql finds; id is its one parameter, if it has one. */
static inline int64_t number_of(struct db *db, const char *sql, const char *id)
{
    struct err e = ERR_INIT;
    CLEANUP(db_result_release) struct db_result r = {0};
    const struct db_param param = db_text(id);
    if (!db_run(db, &r, &e, sql, &param, id == NULL ? 0 : 1)) {
        fail_msg("%s: %s", sql, e.text);
    }
    assert_int_equal(r.rows, 1);
    return db_cell_int(&r, 0, 0);
}

/* Rows that this connection has read from any table or index, since it began. */
static inline int64_t rows_read(struct db *db)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, "SHOW SESSION STATUS LIKE 'Handler_read%'");
    int64_t sum = 0;
    for (size_t i = 0; i < r.rows; i++) {
        sum += g_ascii_strtoll(db_cell(&r, i, 1), NULL, 10);
    }
    return sum;
}

/* Connects, and makes the organization anew: what a run before has left of it is deleted. */
static inline bool served_open(struct served *s, const char *organization)
{
    struct err e = ERR_INIT;
    s->conf = conf_load(NULL, &e);
    if (s->conf == NULL) {
        (void)fprintf(stderr, "%s\n", e.text);
        return false;
    }
    s->db = db_new(s->conf);
    db_set_read_timeout(s->db, SERVED_TIMEOUT_S);
    const struct db_param id = db_text(organization);
    if (!db_run(s->db, NULL, &e, "DELETE FROM organizations WHERE id = ?", &id, 1) ||
        !db_run(s->db, NULL, &e,
                "INSERT INTO organizations (id, name, created_at) VALUES (?, 'Test', UTC_TIMESTAMP(6))", &id, 1)) {
        (void)fprintf(stderr, "%s\n", e.text);
        return false;
    }
    return true;
}

static inline void served_close(struct served *s)
{
    db_free(s->db);
    conf_free(s->conf);
}

#endif
