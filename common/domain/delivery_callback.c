#include "domain/delivery_callback.h"

#include <string.h>

#include "domain/suppression.h"
#include "ground/clock.h"
#include "ports/seal.h"

#define ID_BYTES 32
#define OWN_PROVIDER "link" /* of callbacks that come through links of the message */

/* What each changes, state last, for MariaDB assigns from left to right. A state is moved only from those before it.
 * Queued, held and failed ones were taken after all: their answer was lost. @at is when it happened, @words are the
 * provider's. */
#define TAKEN "'queued', 'held', 'failed', 'sent'"
#define ARRIVED "sent_at = COALESCE(sent_at, @at), delivered_at = COALESCE(delivered_at, @at)"

static const char *const changes[CALLBACK_KINDS] = {
    [CALLBACK_DELIVERED] = ARRIVED ", error_message = IF(state IN (" TAKEN "), NULL, error_message),"
                                   " state = IF(state IN (" TAKEN "), 'delivered', state)",
    [CALLBACK_OPENED] = ARRIVED ", opened_at = COALESCE(opened_at, @at), error_message = IF(state IN (" TAKEN "), NULL,"
                                " error_message), state = IF(state IN (" TAKEN ", 'delivered'), 'opened', state)",
    [CALLBACK_CLICKED] = ARRIVED ", opened_at = COALESCE(opened_at, @at), clicked_at = COALESCE(clicked_at, @at),"
                                 " error_message = IF(state IN (" TAKEN "), NULL, error_message),"
                                 " state = IF(state IN (" TAKEN ", 'delivered'), 'opened', state)",
    [CALLBACK_BOUNCED] = "sent_at = COALESCE(sent_at, @at), error_message = IF(state IN (" TAKEN ", 'delivered'),"
                         " @words, error_message), state = IF(state IN (" TAKEN ", 'delivered'), 'bounced', state)",
    [CALLBACK_COMPLAINED] = ARRIVED ", error_message = IF(state IN (" TAKEN ", 'delivered', 'opened'), @words,"
                                    " error_message), state = IF(state IN (" TAKEN
                                    ", 'delivered', 'opened'), 'complained', state)",
    [CALLBACK_UNSUBSCRIBED] = "state = state",
};

struct batch {
    const struct delivery_callback *callbacks;
    size_t n;
    size_t known;
};

/* --- one ---------------------------------------------------------------------------------------------------------- */

/* Whether the delivery that a callback names can be what it tells of: the provider tried to send it. That may have been
 * another than the last one, for whom it failed; that the former could not deliver it says nothing then. */
static bool is_about(const struct delivery_callback *c, const struct db_result *r)
{
    bool was_tried = db_cell_int(r, 0, 2) > 0;
    bool was_tried_by_it = c->provider == NULL || db_cell_int(r, 0, 3) > 0;
    bool is_its = c->provider == NULL || g_strcmp0(db_cell(r, 0, 1), c->provider) == 0;
    bool is_held = strcmp(db_cell(r, 0, 0), "held") == 0;
    return (is_its || (was_tried_by_it && c->kind != CALLBACK_BOUNCED)) && (!is_held || was_tried);
}

/* Locked, so that it does not change before its members are looked at. */
static bool find_named(struct db *db, const struct delivery_callback *c, bool *ret_found, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT d.state, d.provider, (SELECT COUNT(*) FROM delivery_attempts a WHERE a.delivery_id = d.id),"
                " (SELECT COUNT(*) FROM delivery_attempts a WHERE a.delivery_id = d.id AND a.provider = ?)"
                " FROM deliveries d WHERE d.id = ? AND (? IS NULL OR d.organization_id = ?) FOR UPDATE",
                DB_PARAMS(db_text(c->provider), db_text(c->delivery_id), db_text(c->organization_id),
                          db_text(c->organization_id)))) {
        return false;
    }
    *ret_found = r.rows > 0 && is_about(c, &r);
    return true;
}

/* With a digest all its members: they were sent with it, and are known by the same message id. Held ones among them are
 * those of a digest whose answer was lost. Locked. */
static bool find_rows(struct db *db, const struct delivery_callback *c, struct db_result *ret, struct err *e)
{
    bool found = false;
    if (c->delivery_id != NULL && uuid_is_valid(c->delivery_id)) {
        return find_named(db, c, &found, e) &&
               (!found || db_run(db, ret, e,
                                 "SELECT id, organization_id, channel, address FROM deliveries WHERE id = ? OR"
                                 " digest_id = ? ORDER BY id LIMIT 10000 FOR UPDATE",
                                 DB_PARAMS(db_text(c->delivery_id), db_text(c->delivery_id))));
    }
    if (c->message_id == NULL || c->message_id[0] == '\0') {
        return true;
    }
    return db_run(db, ret, e,
                  "SELECT id, organization_id, channel, address FROM deliveries WHERE provider_message_id = ? AND"
                  " (? IS NULL OR organization_id = ?) AND (? IS NULL OR provider = ?) AND state <> 'held'"
                  " ORDER BY id LIMIT 10000 FOR UPDATE",
                  DB_PARAMS(db_text(c->message_id), db_text(c->organization_id), db_text(c->organization_id),
                            db_text(c->provider), db_text(c->provider)));
}

/* False in ret_fresh: it was told before. */
static bool note_callback(struct db *db, const struct delivery_callback *c, bool *ret_fresh, struct err *e)
{
    unsigned char id[ID_BYTES];
    CLEANUP(db_result_release) struct db_result r = {0};
    seal_sha256(c->callback_id, strlen(c->callback_id), id);
    if (!db_run(db, &r, e,
                "INSERT IGNORE INTO provider_callbacks (provider, callback_id, seen_at) VALUES (?, ?,"
                " UTC_TIMESTAMP(6))",
                DB_PARAMS(db_text(c->provider == NULL ? OWN_PROVIDER : c->provider), db_bytes(id, sizeof(id))))) {
        return false;
    }
    *ret_fresh = r.affected > 0;
    return true;
}

#define PARAMS_MAX 16

/* The statement of a change, its @at and @words replaced by parameters, which ret_params gets. */
static char *change_sql(const struct delivery_callback *c, const char *at, struct db_param *ret_params, size_t *ret_n)
{
    GString *sql = g_string_new("UPDATE deliveries SET ");
    for (const char *p = changes[c->kind]; *p != '\0'; p++) {
        if (*p != '@') {
            g_string_append_c(sql, *p);
            continue;
        }
        bool is_time = g_str_has_prefix(p, "@at");
        g_assert(*ret_n < PARAMS_MAX - 3);
        ret_params[(*ret_n)++] = db_text(is_time ? at : c->words);
        g_string_append_c(sql, '?');
        p += strlen(is_time ? "@at" : "@words") - 1;
    }
    g_string_append(sql, ", hold_reason = IF(state = 'held', hold_reason, NULL), held_until = IF(state = 'held',"
                         " held_until, NULL), provider = COALESCE(provider, ?), provider_message_id ="
                         " COALESCE(provider_message_id, ?), updated_at = UTC_TIMESTAMP(6) WHERE id = ?");
    return g_string_free(sql, FALSE);
}

static bool change_row(struct db *db, const struct delivery_callback *c, const char *id, struct err *e)
{
    char at[CLOCK_TEXT_BYTES];
    struct db_param params[PARAMS_MAX];
    size_t n = 0;
    int64_t now_us = clock_wall_us();
    clock_format_sql(c->at_us > 0 && c->at_us < now_us ? c->at_us : now_us, at);
    g_autofree char *sql = change_sql(c, at, params, &n);
    params[n++] = db_text(c->provider);
    params[n++] = c->message_id != NULL && c->message_id[0] != '\0' ? db_text(c->message_id) : DB_NULL;
    params[n++] = db_text(id);
    return db_run(db, NULL, e, sql, params, n);
}

static bool suppress(struct db *db, const struct delivery_callback *c, const struct db_result *r, struct err *e)
{
    bool made = false;
    g_autofree char *actor = g_strconcat("callback:", c->provider == NULL ? OWN_PROVIDER : c->provider, NULL);
    const struct suppression s = {
        .organization_id = db_cell(r, 0, 1),
        .channel = db_cell(r, 0, 2),
        .address = db_cell(r, 0, 3),
        .reason = c->suppress,
        .note = c->words,
        .delivery_id = db_cell(r, 0, 0),
        .actor = actor,
    };
    return suppression_add_within(db, &s, &made, e);
}

static bool apply_one(struct db *db, const struct delivery_callback *c, size_t *known, struct err *e)
{
    bool is_fresh = false;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!find_rows(db, c, &r, e)) {
        return false;
    }
    if (r.rows == 0) {
        return true;
    }
    (*known)++;
    if (!note_callback(db, c, &is_fresh, e)) {
        return false;
    }
    for (size_t i = 0; is_fresh && i < r.rows; i++) {
        if (!change_row(db, c, db_cell(&r, i, 0), e)) {
            return false;
        }
    }
    return !is_fresh || c->suppress == NULL || suppress(db, c, &r, e);
}

/* --- several ------------------------------------------------------------------------------------------------------ */

static bool apply_all(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct batch *b = arg;
    b->known = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!apply_one(db, &b->callbacks[i], &b->known, e)) {
            return false;
        }
    }
    return true;
}

bool delivery_callbacks_apply(struct db *db, const struct delivery_callback *callbacks, size_t n, size_t *ret_known,
                              struct err *e)
{
    struct batch b = {.callbacks = callbacks, .n = MIN(n, CALLBACK_BATCH_MAX)};
    if (!db_transaction(db, apply_all, &b, e)) {
        return false;
    }
    *ret_known = b.known;
    return true;
}
