/*
 * provider_rekey.c: what older keys have sealed is sealed again with the newest, row by row.
 */
#include <string.h>

#include "domain/provider_account.h"

/* The two places that have sealed columns. Each text takes or gives: organization, second key, sealed text. */
struct place {
    const char *list;   /* rows behind (organization, second key), at most ? */
    const char *lock;   /* the one row again, by organization and second key */
    const char *update; /* the sealed text of the row */
    const char *context;
};

static const struct place accounts = {
    .list =
        "SELECT organization_id, provider FROM provider_accounts WHERE secrets IS NOT NULL AND"
        " (organization_id > ? OR (organization_id = ? AND provider > ?)) ORDER BY organization_id, provider LIMIT ?",
    .lock = "SELECT secrets, provider FROM provider_accounts WHERE organization_id = ? AND provider = ? FOR UPDATE",
    .update = "UPDATE provider_accounts SET secrets = ? WHERE organization_id = ? AND provider = ?",
    .context = "provider_accounts.secrets",
};

/* An organization has one row; its id stands in the context. */
static const struct place settings = {
    .list = "SELECT organization_id, '-' FROM notification_settings WHERE slack_webhook_url IS NOT NULL AND"
            " (organization_id > ? OR (organization_id = ? AND '-' > ?)) ORDER BY organization_id LIMIT ?",
    .lock = "SELECT slack_webhook_url, id FROM notification_settings WHERE organization_id = ? AND '-' = ? FOR UPDATE",
    .update = "UPDATE notification_settings SET slack_webhook_url = ? WHERE organization_id = ? AND '-' = ?",
    .context = "notification_settings.slack_webhook_url",
};

enum what { LEFT, SEALED, UNOPENED };

struct one {
    const struct place *place;
    const struct seal *seal;
    const char *organization_id;
    const char *second;
    enum what what;
};

static bool seal_again(struct db *db, struct one *o, const char *sealed, const char *row, struct err *e)
{
    struct err why = ERR_INIT;
    g_autofree char *context = g_strdup_printf("%s|%s|%s", o->place->context, o->organization_id, row);
    char *plain = seal_decrypt(o->seal, context, sealed, &why);
    if (plain == NULL) {
        o->what = UNOPENED;
        return true;
    }
    char *fresh = seal_encrypt(o->seal, context, plain, e);
    seal_text_free(plain);
    bool ok = fresh != NULL && db_run(db, NULL, e, o->place->update,
                                      DB_PARAMS(db_text(fresh), db_text(o->organization_id), db_text(o->second)));
    seal_text_free(fresh);
    o->what = SEALED;
    return ok;
}

/* The row as it is now: somebody may have changed or removed it since it was listed. */
static bool one_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct one *o = arg;
    CLEANUP(db_result_release) struct db_result r = {0};
    o->what = LEFT;
    if (!db_run(db, &r, e, o->place->lock, DB_PARAMS(db_text(o->organization_id), db_text(o->second)))) {
        return false;
    }
    const char *sealed = r.rows == 0 ? NULL : db_cell(&r, 0, 0);
    if (sealed == NULL || seal_is_newest(o->seal, sealed)) {
        return true;
    }
    return seal_again(db, o, sealed, db_cell(&r, 0, 1), e);
}

static bool run_one(struct db *db, struct one *o, struct rekey *r, struct err *e)
{
    if (!db_transaction(db, one_body, o, e)) {
        return false;
    }
    r->looked_at++;
    r->sealed_again += o->what == SEALED;
    r->unopened += o->what == UNOPENED;
    g_strlcpy(r->organization_id, o->organization_id, sizeof(r->organization_id));
    g_strlcpy(r->provider, o->second, sizeof(r->provider));
    return true;
}

bool provider_rekey(struct db *db, const struct seal *seal, size_t max, struct rekey *r, bool *ret_done, struct err *e)
{
    CLEANUP(db_result_release) struct db_result rows = {0};
    const struct place *place = r->is_settings ? &settings : &accounts;
    if (!db_run(
            db, &rows, e, place->list,
            DB_PARAMS(db_text(r->organization_id), db_text(r->organization_id), db_text(r->provider), DB_INT(max)))) {
        return false;
    }
    for (size_t i = 0; i < rows.rows; i++) {
        struct one o = {
            .place = place, .seal = seal, .organization_id = db_cell(&rows, i, 0), .second = db_cell(&rows, i, 1)};
        if (!run_one(db, &o, r, e)) {
            return false;
        }
    }
    bool is_over = rows.rows < max;
    *ret_done = is_over && r->is_settings;
    if (is_over && !r->is_settings) {
        r->is_settings = true;
        r->organization_id[0] = '\0';
        r->provider[0] = '\0';
    }
    return true;
}
