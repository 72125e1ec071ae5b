/*
 * Tests for ports/db*.c against the server of $BELLMAN_CONFIG; test_db_port.py runs them.
 */
#include "db_fixture.h"

/* --- sessions and values ----------------------------------------------------------------------------------------- */

static void test_session(void **state)
{
    struct state *s = *state;
    CLEANUP(db_result_release) struct db_result r = {0};
    assert_true(db_is_connected(s->db));
    assert_int_not_equal(db_shard(s->db), db_shard(s->other));
    must(s->db, &r,
         "SELECT @@time_zone, @@tx_isolation, @@innodb_lock_wait_timeout, @@character_set_client,"
         " @@sql_mode LIKE '%STRICT_ALL_TABLES%', @@autocommit",
         DB_NO_PARAMS);
    static const char *const wanted[] = {"+00:00", "READ-COMMITTED", "2", "utf8mb4", "1", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        assert_cell(&r, i, wanted[i]);
    }
}

static void test_values_come_back(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    static const char bytes[4] = {0, (char)0xff, '\'', 0};
    must(db, NULL, "INSERT INTO port VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
         DB_PARAMS(DB_INT(1), db_text("Größe 日本 🎉 '\"\\"), DB_INT(INT64_MIN), db_text("2026-01-02 03:04:05.000120"),
                   db_text(UUID), db_text("{\"a\": [1, null]}"), db_bytes(bytes, 4), db_text("")));
    must(db, NULL, "INSERT INTO port (id, n, t) VALUES (?, ?, ?)",
         DB_PARAMS(DB_INT(-2), DB_INT(INT64_MAX), db_text("2026-01-02 03:04:05")));

    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, "SELECT id, name, n, t, u, j, l, b FROM port WHERE b = ?", DB_PARAMS(db_bytes(bytes, 4)));
    static const char *const wanted[] = {
        "1", "Größe 日本 🎉 '\"\\", "-9223372036854775808", "2026-01-02 03:04:05.000120", UUID, "{\"a\": [1, null]}", "",
    };
    assert_int_equal(r.rows, 1);
    assert_int_equal(r.columns, 8);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        assert_cell(&r, i, wanted[i]);
    }
    assert_true(db_cell_int(&r, 0, 2) == INT64_MIN);
    assert_int_equal(r.lengths_bytes[7], 4);
    assert_memory_equal(db_cell(&r, 0, 7), bytes, 4);

    db_result_release(&r);
    must(db, &r, "SELECT n, t, name, u, SUM(id), COUNT(*), 1e0 / 4 FROM port WHERE id = -2", DB_NO_PARAMS);
    assert_cell(&r, 0, "9223372036854775807");
    assert_cell(&r, 1, "2026-01-02 03:04:05.000000");
    assert_cell(&r, 2, NULL);
    assert_int_equal(db_cell_int(&r, 0, 2), 0);
    assert_cell(&r, 3, NULL);
    assert_cell(&r, 4, "-2");
    assert_cell(&r, 5, "1");
    assert_cell(&r, 6, "0.25");
}

/* Around the size of the first buffer, and far beyond it; several in one row and in several rows. */
static void test_long_cells(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    static const size_t lengths[] = {0, 1, 255, 256, 257, 65535, 65536, 3000000};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        g_autofree char *text = g_malloc(lengths[i] + 1);
        memset(text, 'a' + (int)i, lengths[i]);
        text[lengths[i]] = '\0';
        must(db, NULL, "INSERT INTO port (id, l) VALUES (?, ?)", DB_PARAMS(DB_INT(i), db_text(text)));
    }
    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, "SELECT l, name, l, id FROM port ORDER BY id", DB_NO_PARAMS);
    assert_int_equal(r.rows, ARRAY_SIZE(lengths));
    for (size_t row = 0; row < r.rows; row++) {
        for (size_t column = 0; column < 3; column += 2) {
            const char *cell = db_cell(&r, row, column);
            assert_int_equal(strlen(cell), lengths[row]);
            assert_true(strspn(cell, (char[]){(char)('a' + (int)row), '\0'}) == lengths[row]);
        }
        assert_null(db_cell(&r, row, 1));
        assert_int_equal(db_cell_int(&r, row, 3), row);
    }
}

static void test_affected_is_matched(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, "INSERT INTO port (id, n) VALUES (1, 5), (2, 5), (3, 6)", DB_NO_PARAMS);
    assert_int_equal(r.affected, 3);
    db_result_release(&r);
    must(db, &r, "UPDATE port SET n = 5 WHERE n = ?", DB_PARAMS(DB_INT(5)));
    assert_int_equal(r.affected, 2);
    assert_int_equal(r.rows, 0);
    db_result_release(&r);
    must(db, &r, "UPDATE port SET n = 5 WHERE n = ?", DB_PARAMS(DB_INT(7)));
    assert_int_equal(r.affected, 0);
    db_result_release(&r);
    db_result_release(&r);
    must(db, &r, "SELECT id FROM port WHERE id > 99", DB_NO_PARAMS);
    assert_int_equal(r.rows, 0);
    assert_int_equal(r.columns, 1);
}

static void test_lists_as_json(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    must_text(db, "INSERT INTO port (id, n, u) VALUES (1, 0, '" UUID "'), (2, 0, NULL), (3, 0, NULL)");
    static const char sql[] = "UPDATE JSON_TABLE(?, '$[*]' COLUMNS(id CHAR(36) PATH '$.id', a BIGINT PATH '$.a')) v"
                              " STRAIGHT_JOIN port p ON p.u = CAST(v.id AS UUID) SET p.n = v.a";
    CLEANUP(db_result_release) struct db_result r = {0};
    must(db, &r, sql, DB_PARAMS(db_text("[{\"id\":\"" UUID "\",\"a\":7}]")));
    assert_int_equal(r.affected, 1);
    db_result_release(&r);
    must(db, &r, sql, DB_PARAMS(db_text("[]")));
    assert_int_equal(r.affected, 0);
    assert_int_equal(number_of(db, "SELECT n FROM port WHERE id = 1"), 7);
    db_result_release(&r);
    must(db, &r,
         "SELECT p.id FROM JSON_TABLE(?, '$[*]' COLUMNS(i INT PATH '$')) v STRAIGHT_JOIN port p ON p.id = v.i"
         " ORDER BY p.id DESC FOR UPDATE SKIP LOCKED",
         DB_PARAMS(db_text("[1, 3, 99]")));
    assert_int_equal(r.rows, 2);
    assert_cell(&r, 0, "3");
}

/* --- errors ------------------------------------------------------------------------------------------------------ */

static void assert_error(struct db *db, const char *sql, enum err_code code, const char *said)
{
    for (int text = 0; text < 2; text++) {
        struct err e = ERR_INIT;
        struct db_result r = {0};
        bool done = text != 0 ? db_run_text(db, &r, &e, sql) : db_run(db, &r, &e, sql, DB_NO_PARAMS);
        assert_false(done);
        assert_int_equal(e.code, code);
        assert_null(r.memory);
        assert_null(strchr(e.text, '\n'));
        if (strstr(e.text, said) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", e.text, said);
        }
    }
    assert_int_equal(number_of(db, "SELECT 42"), 42);
}

/* One statement text for one row and for many, and the sizes change from call to call. */
static void test_rows(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    static const char sql[] = "INSERT INTO port (id, name, n) VALUES (?, ?, ? + 1) RETURNING id, name, n";
    const struct db_param params[] = {
        DB_INT(3), db_text("c"),     DB_NULL,   DB_INT(1), DB_NULL,      DB_INT(INT64_MIN),
        DB_INT(2), db_text("\"ü\""), DB_INT(8), DB_INT(4), db_text("d"), DB_INT(0),
        DB_INT(5), DB_NULL,          DB_NULL,   DB_INT(6), db_text("c"), DB_NULL,
    };
    static const char *const wanted[] = {"3", "c", NULL, "1", NULL, "-9223372036854775807", "2", "\"ü\"", "9"};
    struct err e = ERR_INIT;
    CLEANUP(db_result_release) struct db_result r = {0};
    assert_true(db_run_rows(db, &r, &e, sql, params, 3, 3));
    assert_int_equal(r.rows, 3);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        const char *cell = db_cell(&r, i / 3, i % 3);
        assert_true(g_strcmp0(cell, wanted[i]) == 0);
    }
    assert_false(db_run_rows(db, NULL, &e, sql, params + 9, 3, 3));
    assert_int_equal(e.code, ERR_DUPLICATE);
    assert_int_equal(number_of(db, "SELECT COUNT(*) FROM port"), 3);
    for (size_t n = 1; n <= 2; n++) {
        CLEANUP(db_result_release) struct db_result again = {0};
        must_text(db, "DELETE FROM port");
        err_clear(&e);
        assert_true(db_run_rows(db, &again, &e, sql, params + 9, 3, n));
        assert_int_equal(again.affected, n);
        assert_int_equal(number_of(db, "SELECT COUNT(*) FROM port"), n);
    }
}

static void test_errors(void **state)
{
    struct state *s = *state;
    must_text(s->db, "INSERT INTO port (id, name) VALUES (1, 'their secret')");
    assert_error(s->db, "INSERT INTO port (id, name) VALUES (2, 'their secret')", ERR_DUPLICATE, "'uq_port_name'");
    assert_error(s->db, "INSERT INTO port (id) VALUES (1)", ERR_DUPLICATE, "'PRIMARY'");
    assert_error(s->db, "SELEC\n1", ERR_INTERNAL, "SQL syntax");
    assert_error(s->db, "SELECT * FROM nowhere", ERR_INTERNAL, "nowhere");
    assert_error(s->db, "INSERT INTO port (id, name) VALUES (3, REPEAT('x', 51))", ERR_INTERNAL, "too long");
    assert_error(s->db, "INSERT INTO port (id, t) VALUES (3, '2026-13-01')", ERR_INTERNAL, "datetime");

    struct err e = ERR_INIT;
    assert_false(db_run_text(s->db, NULL, &e, "INSERT INTO port (id, name) VALUES (2, 'their secret')"));
    assert_null(strstr(e.text, "secret"));
}

static void test_lock_wait_is_locked(void **state)
{
    struct state *s = *state;
    must_text(s->db, "INSERT INTO port (id) VALUES (1)");
    must_text(s->other, "SET innodb_lock_wait_timeout = 1");
    must_text(s->db, "START TRANSACTION");
    must_text(s->db, "UPDATE port SET n = 1 WHERE id = 1");
    assert_error(s->other, "UPDATE port SET n = 2 WHERE id = 1", ERR_LOCKED, "1205");
    must_text(s->db, "ROLLBACK");
}

static void test_no_server(void **state)
{
    struct state *s = *state;
    char *real = s->conf->database.socket;
    char *password = s->conf->database.password;
    s->conf->database.socket = g_strdup("/nonexistent/mariadb.sock");
    CLEANUP(db_cleanup) struct db *db = db_new(s->conf);
    struct err e = ERR_INIT;
    assert_false(db_run(db, NULL, &e, "SELECT 1", DB_NO_PARAMS));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "Cannot connect"));
    assert_false(db_is_connected(db));

    g_free(s->conf->database.socket);
    s->conf->database.socket = real;
    s->conf->database.password = g_strdup("wrong");
    err_clear(&e);
    assert_false(db_run(db, NULL, &e, "SELECT 1", DB_NO_PARAMS));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_null(strstr(e.text, "wrong"));

    g_free(s->conf->database.password);
    s->conf->database.password = password;
    assert_int_equal(number_of(db, "SELECT 1"), 1);
}

static void test_slow_statement_is_given_up(void **state)
{
    struct state *s = *state;
    db_set_read_timeout(s->db, 1);
    assert_false(db_is_connected(s->db));
    int64_t start_us = clock_mono_us();
    struct err e = ERR_INIT;
    assert_false(db_run(s->db, NULL, &e,
                        "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b,"
                        " information_schema.columns c",
                        DB_NO_PARAMS));
    assert_int_equal(e.code, ERR_TIMEOUT); /* one slow statement: the database is not away */
    assert_true(clock_mono_us() - start_us < 8 * US_PER_S);
    assert_true(db_is_connected(s->db));
    assert_int_equal(number_of(s->db, "SELECT 1"), 1);
    db_set_read_timeout(s->db, 60);
    assert_int_equal(number_of(s->db, "SELECT @@max_statement_time > 50"), 1);
}

/* --- connections that end ---------------------------------------------------------------------------------------- */

static void test_idle_connection_was_closed(void **state)
{
    struct state *s = *state;
    int64_t before = number_of(s->db, "SELECT CONNECTION_ID()");
    kill_connection(s->other, before);
    int64_t after = number_of(s->db, "SELECT CONNECTION_ID()");
    assert_int_not_equal(before, after);

    kill_connection(s->other, after);
    must_text(s->db, "INSERT INTO port (id) VALUES (1)");
    assert_int_equal(number_of(s->db, "SELECT COUNT(*) FROM port"), 1);
}

struct script {
    struct state *s;
    int runs;
    bool saw_repeated;
    const char *sql;
    bool kill_first_run;
    bool go_on;
};

/* Inserts row 1; on its first run its connection is then killed. Repeated, it looks before it inserts. */
static bool insert_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct script *script = arg;
    script->runs++;
    script->saw_repeated = script->saw_repeated || repeated;
    if (repeated && number_of(db, "SELECT COUNT(*) FROM port WHERE id = 1") > 0) {
        return true;
    }
    if (!db_run(db, NULL, e, "INSERT INTO port (id) VALUES (1)", DB_NO_PARAMS)) {
        return false;
    }
    if (script->kill_first_run && script->runs == 1) {
        kill_connection(script->s->other, number_of(db, "SELECT CONNECTION_ID()"));
    }
    return script->sql == NULL || db_run(db, NULL, e, script->sql, DB_NO_PARAMS) || script->go_on;
}

static void assert_loss_at_commit_heals(struct state *s, int64_t rows_before)
{
    struct script script = {.s = s, .kill_first_run = true};
    struct err e = ERR_INIT;
    assert_true(db_transaction(s->db, insert_body, &script, &e));
    assert_int_equal(script.runs, 2);
    assert_true(script.saw_repeated);
    assert_int_equal(number_of(s->other, "SELECT COUNT(*) FROM port"), rows_before + 1);
}

static void test_connection_lost_at_commit(void **state)
{
    assert_loss_at_commit_heals(*state, 0);
}

static void test_connection_lost_in_body(void **state)
{
    struct script script = {.s = *state, .kill_first_run = true, .sql = "INSERT INTO port (id) VALUES (2)"};
    struct err e = ERR_INIT;
    assert_false(db_transaction(script.s->db, insert_body, &script, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_int_equal(script.runs, 1);
    assert_int_equal(number_of(script.s->db, "SELECT COUNT(*) FROM port"), 0);
}

/* A body that overlooks the loss must not commit its second half by itself. */
static bool careless_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct script *script = arg;
    struct err ignored = ERR_INIT;
    script->runs++;
    if (script->runs == 1) {
        kill_connection(script->s->other, number_of(db, "SELECT CONNECTION_ID()"));
        assert_false(db_run(db, NULL, &ignored, "INSERT INTO port (id) VALUES (1)", DB_NO_PARAMS));
        assert_false(db_run(db, NULL, &ignored, "INSERT INTO port (id) VALUES (2)", DB_NO_PARAMS));
        assert_int_equal(number_of(script->s->other, "SELECT COUNT(*) FROM port"), 0);
        return true;
    }
    return db_run(db, NULL, e, "INSERT INTO port (id) VALUES (3)", DB_NO_PARAMS);
}

static void test_no_half_after_a_loss(void **state)
{
    struct script script = {.s = *state};
    struct err e = ERR_INIT;
    assert_true(db_transaction(script.s->db, careless_body, &script, &e));
    assert_int_equal(script.runs, 2);
    assert_int_equal(number_of(script.s->db, "SELECT GROUP_CONCAT(id) FROM port"), 3);
}

/* --- transactions ------------------------------------------------------------------------------------------------ */

static void test_body_that_fails_is_rolled_back(void **state)
{
    struct script script = {.s = *state, .sql = "INSERT INTO port (id) VALUES (1)"};
    struct err e = ERR_INIT;
    assert_false(db_transaction(script.s->db, insert_body, &script, &e));
    assert_int_equal(e.code, ERR_DUPLICATE);
    assert_int_equal(script.runs, 1);
    assert_int_equal(number_of(script.s->db, "SELECT COUNT(*) FROM port"), 0);
    assert_int_equal(number_of(script.s->db, "SELECT @@in_transaction"), 0);
}

/* --- transactions in turn ---------------------------------------------------------------------------------------- */

static bool insert_id_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    const int64_t *id = arg;
    return db_run(db, NULL, e, "INSERT INTO port (id) VALUES (?)", DB_PARAMS(DB_INT(*id)));
}

static void insert_in_turn(struct db *db, int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++) {
        struct err e = ERR_INIT;
        assert_true(db_transaction(db, insert_id_body, &id, &e));
    }
}

static int64_t begun(struct db *db)
{
    return number_of(db,
                     "SELECT VARIABLE_VALUE FROM information_schema.session_status WHERE VARIABLE_NAME = 'COM_BEGIN'");
}

/* Transactions one after the other do not begin by a statement each; what comes between them is none the less a
 * transaction of its own. */
static void test_transactions_in_turn(void **state)
{
    struct state *s = *state;
    insert_in_turn(s->db, 1, 6);
    assert_int_equal(number_of(s->other, "SELECT COUNT(*) FROM port"), 6);
    assert_int_equal(begun(s->db), 2);
    assert_int_equal(number_of(s->db, "SELECT @@autocommit"), 1);

    insert_in_turn(s->db, 7, 12);
    must_text(s->db, "INSERT INTO port (id) VALUES (13)");
    assert_int_equal(number_of(s->other, "SELECT COUNT(*) FROM port"), 13);

    insert_in_turn(s->db, 14, 16);
    int64_t again = 1;
    struct err e = ERR_INIT;
    assert_false(db_transaction(s->db, insert_id_body, &again, &e));
    assert_int_equal(e.code, ERR_DUPLICATE);
    insert_in_turn(s->db, 17, 17);
    assert_int_equal(number_of(s->other, "SELECT COUNT(*) FROM port"), 17);
}

/* The connection that is lost is one whose transactions begin by themselves. */
static void test_lost_in_turn(void **state)
{
    struct state *s = *state;
    insert_in_turn(s->db, 11, 14);
    assert_loss_at_commit_heals(s, 4);
}

/* Its first run loses the connection; its second one inserts a row and is then not to have been. */
static bool undone_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct script *script = arg;
    bool done = db_run(db, NULL, e, "INSERT INTO port (id) VALUES (1)", DB_NO_PARAMS);
    if (++script->runs == 1) {
        kill_connection(script->s->other, number_of(db, "SELECT CONNECTION_ID()"));
        return done;
    }
    return done && err_set(e, ERR_INVALID, "not to be");
}

static void test_rolled_back_after_a_loss_in_turn(void **state)
{
    struct script script = {.s = *state};
    struct err e = ERR_INIT;
    insert_in_turn(script.s->db, 11, 14);
    assert_false(db_transaction(script.s->db, undone_body, &script, &e));
    assert_int_equal(script.runs, 2);
    assert_int_equal(number_of(script.s->other, "SELECT COUNT(*) FROM port"), 4);
}

struct clash {
    struct conf *conf;
    pthread_barrier_t *both_hold_one;
    int first;
    int second;
    int runs;
    bool done;
};

static bool clash_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct clash *c = arg;
    static const char sql[] = "UPDATE port SET n = n + 1 WHERE id = ?";
    c->runs++;
    if (!db_run(db, NULL, e, sql, DB_PARAMS(DB_INT(c->first)))) {
        return false;
    }
    if (c->runs == 1) {
        pthread_barrier_wait(c->both_hold_one);
    }
    return db_run(db, NULL, e, sql, DB_PARAMS(DB_INT(c->second)));
}

static void *clash_run(void *arg)
{
    struct clash *c = arg;
    struct err e = ERR_INIT;
    CLEANUP(db_cleanup) struct db *db = db_new(c->conf);
    c->done = db_transaction(db, clash_body, c, &e);
    return NULL;
}

static void test_deadlock_is_run_again(void **state)
{
    struct state *s = *state;
    must_text(s->db, "INSERT INTO port (id, n) VALUES (1, 0), (2, 0)");
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    struct clash clashes[2] = {
        {.conf = s->conf, .both_hold_one = &barrier, .first = 1, .second = 2},
        {.conf = s->conf, .both_hold_one = &barrier, .first = 2, .second = 1},
    };
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, clash_run, &clashes[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&barrier);
    assert_true(clashes[0].done && clashes[1].done);
    assert_true(clashes[0].runs + clashes[1].runs >= 3);
    assert_int_equal(number_of(s->db, "SELECT SUM(n) FROM port"), 4);
}

static void test_locked_ends(void **state)
{
    struct script script = {.s = *state, .sql = "UPDATE port SET n = 1 WHERE id = 5"};
    must_text(script.s->other, "INSERT INTO port (id) VALUES (5)");
    must_text(script.s->other, "START TRANSACTION");
    must_text(script.s->other, "UPDATE port SET n = 9 WHERE id = 5");
    int64_t start_us = clock_mono_us();
    struct err e = ERR_INIT;
    assert_false(db_transaction(script.s->db, insert_body, &script, &e));
    assert_int_equal(e.code, ERR_LOCKED);
    assert_in_range(script.runs, 2, 8);
    assert_true(clock_mono_us() - start_us < 15 * US_PER_S);
    must_text(script.s->other, "ROLLBACK");
    assert_int_equal(number_of(script.s->db, "SELECT COUNT(*) FROM port WHERE id = 1"), 0);
}

/* --- the statement cache ----------------------------------------------------------------------------------------- */

static void test_many_statements(void **state)
{
    struct db *db = ((struct state *)*state)->db;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 450; i++) {
            g_autofree char *sql = g_strdup_printf("SELECT %d", i);
            assert_int_equal(number_of(db, sql), i);
        }
    }
}

static void test_table_changes_under_a_statement(void **state)
{
    struct state *s = *state;
    must_text(s->db, "INSERT INTO port (id, n) VALUES (1, 7)");
    assert_int_equal(number_of(s->db, "SELECT n FROM port"), 7);
    must_text(s->other, "ALTER TABLE port ADD COLUMN more INT NOT NULL DEFAULT 3 FIRST, MODIFY n INT");
    assert_int_equal(number_of(s->db, "SELECT n FROM port"), 7);
    must_text(s->other, "ALTER TABLE port CHANGE n n VARCHAR(9)");
    assert_int_equal(number_of(s->db, "SELECT n FROM port"), 7);
}

static void test_select_star_heals(void **state)
{
    struct state *s = *state;
    must_text(s->db, "INSERT INTO port (id) VALUES (1)");
    must(s->db, NULL, "SELECT * FROM port", DB_NO_PARAMS);
    must_text(s->other, "ALTER TABLE port ADD COLUMN more INT NULL");
    struct err e = ERR_INIT;
    (void)!db_run(s->db, NULL, &e, "SELECT * FROM port", DB_NO_PARAMS);
    assert_int_equal(number_of(s->db, "SELECT 5"), 5);
    CLEANUP(db_result_release) struct db_result r = {0};
    must(s->db, &r, "SELECT * FROM port", DB_NO_PARAMS);
    assert_int_equal(r.columns, 9);
}

#define SERVED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(test_session),
        SERVED(test_values_come_back),
        SERVED(test_long_cells),
        SERVED(test_affected_is_matched),
        SERVED(test_lists_as_json),
        SERVED(test_rows),
        SERVED(test_errors),
        SERVED(test_lock_wait_is_locked),
        SERVED(test_no_server),
        SERVED(test_slow_statement_is_given_up),
        SERVED(test_idle_connection_was_closed),
        SERVED(test_connection_lost_at_commit),
        SERVED(test_transactions_in_turn),
        SERVED(test_lost_in_turn),
        SERVED(test_rolled_back_after_a_loss_in_turn),
        SERVED(test_connection_lost_in_body),
        SERVED(test_no_half_after_a_loss),
        SERVED(test_body_that_fails_is_rolled_back),
        SERVED(test_deadlock_is_run_again),
        SERVED(test_locked_ends),
        SERVED(test_many_statements),
        SERVED(test_table_changes_under_a_statement),
        SERVED(test_select_star_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
