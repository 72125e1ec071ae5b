#include "domain/audit.h"
#include "ground/json.h"

#include <stdlib.h>

bool audit_write(struct db *db, const struct audit_entry *entry, struct err *e)
{
    static const char sql[] =
        "INSERT INTO audit_log (organization_id, actor, action, subject, request_id, changes, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))";
    json_auto_text char *changes = NULL;
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

void audit_add_version(json_t *changes, int64_t from)
{
    json_object_set_new(changes, "version",
                        json_pack("{sIsI}", "from", (json_int_t)from, "to", (json_int_t)(from + 1)));
}

bool audit_find_version(struct db *db, const struct audit_entry *entry, int64_t version, bool *ret_found, struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM audit_log WHERE organization_id <=> ? AND created_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR"
        " AND action = ? AND subject = ? AND actor = ? AND request_id <=> ?"
        " AND JSON_VALUE(changes, '$.version.to') = ? LIMIT 1";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(entry->organization_id), db_text(entry->action), db_text(entry->subject),
                          db_text(entry->actor), db_text(entry->request_id), DB_INT(version)))) {
        return false;
    }
    *ret_found = r.rows > 0;
    return true;
}
