#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <string.h>

#include "ports/db_internal.h"

#define SQL_SHOWN_CHARS 48

struct meaning {
    unsigned number;
    enum err_code code;
    bool ends_connection;
};

/* Every number that is not here is ERR_INTERNAL: the statement or the schema is wrong. */
static const struct meaning meanings[] = {
    {ER_DUP_ENTRY, ERR_DUPLICATE, false},
    {ER_LOCK_DEADLOCK, ERR_LOCKED, false},
    {ER_LOCK_WAIT_TIMEOUT, ERR_LOCKED, false},
    {ER_CHECKREAD, ERR_LOCKED, false}, /* 1020: the row changed since the snapshot */

    {CR_CONNECTION_ERROR, ERR_UNAVAILABLE, true},
    {CR_CONN_HOST_ERROR, ERR_UNAVAILABLE, true},
    {CR_UNKNOWN_HOST, ERR_UNAVAILABLE, true},
    {CR_SERVER_GONE_ERROR, ERR_UNAVAILABLE, true},
    {CR_SERVER_HANDSHAKE_ERR, ERR_UNAVAILABLE, true},
    {CR_SERVER_LOST, ERR_UNAVAILABLE, true},
    {CR_SERVER_LOST_EXTENDED, ERR_UNAVAILABLE, true},
    {CR_COMMANDS_OUT_OF_SYNC, ERR_INTERNAL, true},
    {CR_NEW_STMT_METADATA, ERR_INTERNAL, true}, /* SELECT * over a table that has changed; its rows are still unread */
    {CR_MALFORMED_PACKET, ERR_UNAVAILABLE, true},
    {CR_SSL_CONNECTION_ERROR, ERR_UNAVAILABLE, true},
    {ER_CON_COUNT_ERROR, ERR_UNAVAILABLE, true},
    {ER_SERVER_SHUTDOWN, ERR_UNAVAILABLE, true},
    {ER_NORMAL_SHUTDOWN, ERR_UNAVAILABLE, true},
    {ER_UNKNOWN_COM_ERROR, ERR_UNAVAILABLE, true}, /* 1047, also Galera's "not ready" */
    {ER_HOST_IS_BLOCKED, ERR_UNAVAILABLE, true},
    {ER_ABORTING_CONNECTION, ERR_UNAVAILABLE, true},
    {ER_NEW_ABORTING_CONNECTION, ERR_UNAVAILABLE, true},
    {ER_NET_PACKET_TOO_LARGE, ERR_INTERNAL, true},
    {ER_NET_READ_ERROR_FROM_PIPE, ERR_UNAVAILABLE, true},
    {ER_NET_FCNTL_ERROR, ERR_UNAVAILABLE, true},
    {ER_NET_PACKETS_OUT_OF_ORDER, ERR_UNAVAILABLE, true},
    {ER_NET_UNCOMPRESS_ERROR, ERR_UNAVAILABLE, true},
    {ER_NET_READ_ERROR, ERR_UNAVAILABLE, true},
    {ER_NET_READ_INTERRUPTED, ERR_UNAVAILABLE, true},
    {ER_NET_ERROR_ON_WRITE, ERR_UNAVAILABLE, true},
    {ER_NET_WRITE_INTERRUPTED, ERR_UNAVAILABLE, true},
    {ER_CONNECTION_KILLED, ERR_UNAVAILABLE, true},
    {ER_USER_LIMIT_REACHED, ERR_UNAVAILABLE, true},
    {ER_TOO_MANY_USER_CONNECTIONS, ERR_UNAVAILABLE, true},
    /* Another server may have become the primary: connecting again finds it. */
    {ER_OPTION_PREVENTS_STATEMENT, ERR_UNAVAILABLE, true},
    {ER_READ_ONLY_MODE, ERR_UNAVAILABLE, true},

    {ER_QUERY_INTERRUPTED, ERR_UNAVAILABLE, false},
    {ER_STATEMENT_TIMEOUT, ERR_TIMEOUT, false}, /* one slow statement does not mean that the database is away */
    {ER_MAX_PREPARED_STMT_COUNT_REACHED, ERR_UNAVAILABLE, true},
    {ER_DISK_FULL, ERR_UNAVAILABLE, false},
    {ER_RECORD_FILE_FULL, ERR_UNAVAILABLE, false},
    {ER_OUTOFMEMORY, ERR_UNAVAILABLE, false},
    {ER_OUT_OF_RESOURCES, ERR_UNAVAILABLE, false},
    {ER_ERROR_DURING_COMMIT, ERR_UNAVAILABLE, true},
};

static const struct meaning *meaning_of(unsigned number)
{
    static const struct meaning internal = {.code = ERR_INTERNAL};
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (meanings[i].number == number) {
            return &meanings[i];
        }
    }
    return &internal;
}

bool db_error_ends_connection(unsigned number)
{
    return meaning_of(number)->ends_connection;
}

bool db_error_asks_prepare(unsigned number)
{
    return number == ER_NEED_REPREPARE || number == ER_UNKNOWN_STMT_HANDLER;
}

/* "Duplicate entry '...' for key 'uq_x'" without the entry, which is somebody's data. */
static void describe_duplicate(const char *message, struct err *e)
{
    const char *key = g_strrstr(message, "for key ");
    err_set(e, ERR_DUPLICATE, "A row with this value is there already %s", key == NULL ? "" : key);
}

bool db_fail(struct db *db, const struct db_failure *failure, const char *sql, struct err *e)
{
    const struct meaning *meaning = meaning_of(failure->number);
    if (meaning->code == ERR_DUPLICATE) {
        describe_duplicate(failure->message, e);
    } else {
        g_autofree char *line = g_strdelimit(g_strdup(failure->message), "\r\n\t", ' ');
        err_set(e, meaning->code, "MariaDB: %s (error %u, in \"%.*s\")", line, failure->number, SQL_SHOWN_CHARS, sql);
    }
    if (meaning->ends_connection) {
        db_disconnect(db);
    }
    if (db->in_transaction && (meaning->code == ERR_LOCKED || meaning->ends_connection)) {
        db->transaction_lost = true;
    }
    return false;
}
