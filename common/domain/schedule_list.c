/*
 * schedule_list.c: schedules page by page, in the order of their names.
 */
#include <string.h>

#include "domain/schedule.h"
#include "ground/text.h"

#define CURSOR_SPLIT "\n" /* between organization and name; neither may contain one */

/* --- cursor: base64url of the last schedule's organization and name ----------------------------------------------- */

static char *cursor_new(const json_t *last)
{
    g_autofree char *plain = g_strconcat(json_string_value(json_object_get(last, "organization_id")), CURSOR_SPLIT,
                                         json_string_value(json_object_get(last, "name")), NULL);
    return text_base64url(plain, strlen(plain));
}

/* A new text, cut into its two parts, or NULL. */
static char *cursor_read(const char *cursor, char **ret_name)
{
    size_t length = 0;
    g_autofree char *plain = (char *)text_base64url_decode(cursor, &length);
    char *split = plain == NULL ? NULL : strstr(plain, CURSOR_SPLIT);
    if (split == NULL || strlen(plain) != length || !g_utf8_validate(plain, -1, NULL)) {
        return NULL;
    }
    *split = '\0';
    *ret_name = split + strlen(CURSOR_SPLIT);
    return g_steal_pointer(&plain);
}

/* --- a page ------------------------------------------------------------------------------------------------------- */

static bool select_page(struct db *db, struct db_result *r, const char *organization_id, const char *after_org,
                        const char *after_name, int64_t n, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");
    record_columns(sql, &schedule_record, "", false);
    if (organization_id != NULL) {
        g_string_append(sql, " FROM schedules WHERE organization_id = ? AND name > ?"
                             " ORDER BY organization_id, name LIMIT ?");
        return db_run(db, r, e, sql->str, DB_PARAMS(db_text(organization_id), db_text(after_name), DB_INT(n)));
    }
    g_string_append(sql, " FROM schedules WHERE organization_id >= ? AND (organization_id > ? OR name > ?)"
                         " ORDER BY organization_id, name LIMIT ?");
    return db_run(db, r, e, sql->str,
                  DB_PARAMS(db_text(after_org), db_text(after_org), db_text(after_name), DB_INT(n)));
}

bool schedule_list(struct db *db, const char *organization_id, int64_t limit, const char *cursor, json_t **ret,
                   struct err *e)
{
    char *name = NULL;
    g_autofree char *org = cursor == NULL ? NULL : cursor_read(cursor, &name);
    bool foreign = org != NULL && organization_id != NULL && strcmp(org, organization_id) != 0;
    if (cursor != NULL && (org == NULL || foreign)) {
        return err_set(e, ERR_INVALID, "The cursor is not one that a list has given");
    }
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!select_page(db, &r, organization_id, org == NULL ? "" : org, name == NULL ? "" : name, limit + 1, e)) {
        return false;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < r.rows && i < (size_t)limit; i++) {
        json_array_append_new(list, record_row_json(&schedule_record, &r, i, 0));
    }
    bool more = r.rows > (size_t)limit;
    g_autofree char *next = more ? cursor_new(json_array_get(list, json_array_size(list) - 1)) : NULL;
    *ret = json_pack("{s:o, s:I, s:s?}", "schedules", list, "limit", (json_int_t)limit, "next_cursor", next);
    return true;
}

bool schedule_find(struct db *db, const char *organization_id, const char *what, char ret_organization_id[ORG_ID_BYTES],
                   char ret_id[UUID_TEXT_BYTES], struct err *e)
{
    static const char sql_id[] = "SELECT organization_id, id FROM schedules WHERE id = ? AND organization_id ="
                                 " COALESCE(?, organization_id)";
    static const char sql_name[] = "SELECT organization_id, id FROM schedules WHERE name = ? AND organization_id = ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, uuid_is_valid(what) ? sql_id : sql_name,
                DB_PARAMS(db_text(what), db_text(organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such schedule%s",
                       organization_id == NULL && !uuid_is_valid(what) ? "; a name needs --org" : "");
    }
    g_strlcpy(ret_organization_id, db_cell(&r, 0, 0), ORG_ID_BYTES);
    g_strlcpy(ret_id, db_cell(&r, 0, 1), UUID_TEXT_BYTES);
    return true;
}
