/*
 * digest_preview.c: what the next digest of a recipient would be.
 */
#include "domain/digest_preview.h"

#include "domain/delivery.h"
#include "domain/template.h"
#include "ground/json.h"

/* The one that is sent next of those that still gather. */
static bool find_next(struct db *db, const struct digest_wanted *w, char ret_id[UUID_TEXT_BYTES], struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT id FROM deliveries WHERE organization_id = ? AND channel = ? AND recipient = ? AND digest_slot"
                " IS NOT NULL AND state = 'held' ORDER BY digest_slot LIMIT 1",
                DB_PARAMS(db_text(w->organization_id), db_text(w->channel), db_text(w->recipient)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "No digest gathers for this recipient");
    }
    g_strlcpy(ret_id, db_cell(&r, 0, 0), UUID_TEXT_BYTES);
    return true;
}

static bool gathers(const json_t *delivery)
{
    return delivery_is_digest(delivery) && g_strcmp0(json_text(delivery, "state"), "held") == 0;
}

static json_t *answer_of(const json_t *digest, const struct template_message *m)
{
    json_t *message = json_pack("{s:s?, s:s?, s:s?}", "subject", m->subject, "text", m->text, "html", m->html);
    return json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:o}", "delivery_id", json_object_get(digest, "id"),
                     "channel", json_object_get(digest, "channel"), "recipient", json_object_get(digest, "recipient"),
                     "address", json_object_get(digest, "address"), "held_until", json_object_get(digest, "held_until"),
                     "members", json_object_get(digest, "members"), "members_n", json_object_get(digest, "members_n"),
                     "message", message);
}

bool digest_preview(struct db *db, const struct digest_wanted *w, json_t **ret, struct err *e)
{
    char id[UUID_TEXT_BYTES] = "";
    json_auto_t *digest = NULL;
    CLEANUP(template_message_release) struct template_message message = {0};
    if (w->delivery_id == NULL && !find_next(db, w, id, e)) {
        return false;
    }
    if (!delivery_load(db, w->organization_id, w->delivery_id != NULL ? w->delivery_id : id, &digest, e)) {
        return false;
    }
    if (!gathers(digest)) {
        return err_set(e, ERR_NOT_FOUND, "This is no digest that still gathers");
    }
    if (!template_render(db, digest, &message, e)) {
        return false;
    }
    *ret = answer_of(digest, &message);
    return true;
}
