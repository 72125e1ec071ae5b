/*
 * drain.c: what a drain costs when nothing is done but the two updates of each job: queued to processing, processing to
 * completed, 256 jobs a statement and one transaction each. No broker, no attempts, no counters: the bare client that
 * Bellman's drain is measured against.
 *
 *   drain SOCKET USER PASSWORD DATABASE CONNECTIONS
 *
 * Takes all queued jobs of organization demo; prints {"jobs", "seconds"}.
 */
#include <glib.h>
#include <mysql.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256
#define ID_BYTES 36
#define CONNECTIONS_MAX 16
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

struct login {
    const char *socket;
    const char *user;
    const char *password;
    const char *database;
};

struct part {
    const struct login *login;
    char (*ids)[ID_BYTES];
    size_t n;
    bool ok;
};

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    _exit(EXIT_FAILURE);
}

static MYSQL *open_session(const struct login *login)
{
    MYSQL *db = mysql_init(NULL);
    if (mysql_real_connect(db, NULL, login->user, login->password, login->database, 0, login->socket,
                           CLIENT_FOUND_ROWS) == NULL ||
        mysql_query(db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") != 0) {
        die("connect", mysql_error(db));
    }
    return db;
}

static MYSQL_STMT *prepare(MYSQL *db, const char *head, const char *tail)
{
    MYSQL_STMT *stmt = mysql_stmt_init(db);
    g_autoptr(GString) sql = g_string_new(head);
    for (int i = 0; i < BATCH; i++) {
        g_string_append(sql, i == 0 ? "?" : ", ?");
    }
    g_string_append(sql, tail);
    if (stmt == NULL || mysql_stmt_prepare(stmt, sql->str, sql->len) != 0) {
        die("prepare", mysql_error(db));
    }
    return stmt;
}

/* A batch that is not full repeats its last id. */
static bool run(MYSQL_STMT *stmt, char (*ids)[ID_BYTES], size_t n)
{
    static const unsigned long length = ID_BYTES;
    MYSQL_BIND binds[BATCH];
    memset(binds, 0, sizeof(binds));
    for (size_t i = 0; i < BATCH; i++) {
        binds[i].buffer_type = MYSQL_TYPE_STRING;
        binds[i].buffer = ids[i < n ? i : n - 1];
        binds[i].buffer_length = length;
    }
    return mysql_stmt_bind_param(stmt, binds) == 0 && mysql_stmt_execute(stmt) == 0 &&
           mysql_stmt_affected_rows(stmt) == n;
}

static void *drain(void *arg)
{
    struct part *part = arg;
    MYSQL *db = open_session(part->login);
    MYSQL_STMT *claim = prepare(
        db,
        "UPDATE background_jobs SET status = 'processing', attempt = attempt + 1, worker_id = 'bare',"
        " started_at = UTC_TIMESTAMP(6), dispatch_at = UTC_TIMESTAMP(6) + INTERVAL 4 SECOND, next_retry_at = NULL,"
        " updated_at = UTC_TIMESTAMP(6) WHERE id IN (",
        ") AND status = 'queued'");
    MYSQL_STMT *finish = prepare(db,
                                 "UPDATE background_jobs SET status = 'completed', dispatch_at = NULL, progress = 100,"
                                 " completed_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6) WHERE id IN (",
                                 ") AND status = 'processing' AND attempt = 1");
    part->ok = true;
    for (size_t i = 0; i < part->n && part->ok; i += BATCH) {
        size_t n = part->n - i < BATCH ? part->n - i : BATCH;
        part->ok = run(claim, part->ids + i, n) && run(finish, part->ids + i, n);
    }
    if (!part->ok) {
        (void)fprintf(stderr, "%s%s\n", mysql_stmt_error(claim), mysql_stmt_error(finish));
    }
    mysql_stmt_close(claim);
    mysql_stmt_close(finish);
    mysql_close(db);
    return NULL;
}

static size_t load_ids(const struct login *login, char (**ret)[ID_BYTES])
{
    MYSQL *db = open_session(login);
    if (mysql_query(db, "SELECT id FROM background_jobs WHERE organization_id = 'demo' AND status = 'queued'"
                        " ORDER BY id") != 0) {
        die("ids", mysql_error(db));
    }
    MYSQL_RES *rows = mysql_store_result(db);
    if (rows == NULL) {
        die("ids", mysql_error(db));
    }
    size_t n = 0;
    char(*ids)[ID_BYTES] = calloc(mysql_num_rows(rows) + 1, ID_BYTES);
    for (MYSQL_ROW row = mysql_fetch_row(rows); ids != NULL && row != NULL; row = mysql_fetch_row(rows)) {
        memcpy(ids[n++], row[0], ID_BYTES);
    }
    mysql_free_result(rows);
    mysql_close(db);
    *ret = ids;
    return n;
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        die(argv[0], "SOCKET USER PASSWORD DATABASE CONNECTIONS");
    }
    const struct login login = {argv[1], argv[2], argv[3], argv[4]};
    const size_t connections = strtoul(argv[5], NULL, 10);
    struct part parts[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
    char(*ids)[ID_BYTES] = NULL;
    if (connections < 1 || connections > CONNECTIONS_MAX || mysql_library_init(0, NULL, NULL) != 0) {
        (void)fprintf(stderr, "%s: 1 to " STRING(CONNECTIONS_MAX) " connections\n", argv[0]);
        return EXIT_FAILURE;
    }
    size_t n = load_ids(&login, &ids);
    size_t share = (n + connections - 1) / connections;
    double began_s = now_s();
    for (size_t i = 0; i < connections; i++) {
        size_t first = i * share < n ? i * share : n;
        parts[i] = (struct part){&login, ids + first, n - first < share ? n - first : share, false};
        if (pthread_create(&threads[i], NULL, drain, &parts[i]) != 0) {
            die("thread", "cannot be made");
        }
    }
    bool ok = true;
    for (size_t i = 0; i < connections; i++) {
        pthread_join(threads[i], NULL);
        ok = ok && parts[i].ok;
    }
    (void)printf("{\"jobs\": %zu, \"seconds\": %.6f}\n", n, now_s() - began_s);
    free(ids);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
