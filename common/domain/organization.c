#include "domain/organization.h"

#include <glib.h>
#include <string.h>

#define ID_CHARS_MAX 64
#define NAME_CHARS_MAX 200

bool organization_id_is_valid(const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strnlen(id, ID_CHARS_MAX + 1);
    return length >= 1 && length <= ID_CHARS_MAX && strspn(id, allowed) == length;
}

static bool check_input(const char *id, const char *name, struct err *e)
{
    if (!organization_id_is_valid(id)) {
        return err_set(e, ERR_INVALID, "An organization's id is 1 to %d of A-Z a-z 0-9 . _ -", ID_CHARS_MAX);
    }
    if (!g_utf8_validate(name, -1, NULL) || g_utf8_strlen(name, -1) > NAME_CHARS_MAX) {
        return err_set(e, ERR_INVALID, "An organization's name is at most %d characters of UTF-8", NAME_CHARS_MAX);
    }
    return true;
}

bool organization_exists(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM organizations WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

bool organization_add(struct db *db, const char *id, const char *name, bool *ret_added, struct err *e)
{
    const char *shown = name == NULL || name[0] == '\0' ? id : name;
    bool there = false;
    if (!check_input(id, shown, e) || !organization_exists(db, id, &there, e)) {
        return false;
    }
    struct err insert = ERR_INIT;
    bool added = !there && db_run(db, NULL, &insert,
                                  "INSERT INTO organizations (id, name, created_at) VALUES (?, ?, UTC_TIMESTAMP(6))",
                                  DB_PARAMS(db_text(id), db_text(shown)));
    if (!added && !there && insert.code != ERR_DUPLICATE) {
        return err_set(e, insert.code, "%s", insert.text);
    }
    *ret_added = added;
    return true;
}

bool organization_ensure(struct db *db, const char *id, struct err *e)
{
    bool added = false;
    return organization_add(db, id, NULL, &added, e);
}
