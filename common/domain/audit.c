#include "domain/audit.h"

#include <stdlib.h>

static void free_text(char **text)
{
    free(*text);
}

bool audit_write(struct db *db, const struct audit_entry *entry, struct err *e)
{
    static const char sql[] =
        "INSERT INTO audit_log (organization_id, actor, action, subject, request_id, changes, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    CLEANUP(free_text) char *changes = NULL;
    if (entry->changes != NULL) {
        changes = json_dumps(entry->changes, JSON_COMPACT);
        if (changes == NULL) {
            return err_set(e, ERR_INTERNAL, "The changes of an audit entry cannot be written as JSON");
        }
    }
    return db_run(db, NULL, e, sql,
                  DB_PARAMS(db_text(entry->organization_id), db_text(entry->actor), db_text(entry->action),
                            db_text(entry->subject), db_text(entry->request_id), db_text(changes)));
}
