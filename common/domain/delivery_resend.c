/*
 * delivery_resend.c: a delivery once more, as a delivery of its own.
 */
#include <string.h>

#include "domain/audit.h"
#include "domain/delivery.h"

#define COPY_TRIES 5 /* others may make copies at the same time */

struct resend {
    const struct delivery_call *call;
    enum delivery_resend outcome;
    char new_id[UUID_TEXT_BYTES];
    char job_id[UUID_TEXT_BYTES];
};

static bool is_there(struct db *db, const char *id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM deliveries WHERE id = ?", DB_PARAMS(db_text(id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

/* The highest copy of the target is read in the same statement; whoever was quicker has taken the number, and the
 * unique index says so. */
static bool insert_copy(struct db *db, const struct resend *r, struct err *e)
{
    static const char sql[] =
        "INSERT INTO deliveries (id, organization_id, event_id, event, severity, channel, recipient, address, locale,"
        " timezone, state, job_id, resend_of, copy, created_at, updated_at) SELECT ?, organization_id, event_id, event,"
        " severity, channel, recipient, address, locale, timezone, 'queued', ?, id, (SELECT MAX(c.copy) + 1 FROM"
        " deliveries c WHERE c.event_id = d.event_id AND c.channel = d.channel AND c.recipient = d.recipient),"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM deliveries d WHERE id = ?";
    return db_run(db, NULL, e, sql, DB_PARAMS(db_text(r->new_id), db_text(r->job_id), db_text(r->call->id)));
}

static bool insert_job(struct db *db, const struct resend *r, int64_t priority, struct err *e)
{
    g_autofree char *payload = g_strdup_printf("{\"delivery_id\":\"%s\"}", r->new_id);
    struct job_new job = delivery_job(r->call->organization_id, r->job_id, payload, r->call->user);
    job.priority = priority;
    return job_insert_within(db, &job, 1, e);
}

static bool write_audit(struct db *db, const struct resend *r, struct err *e)
{
    json_auto_t *changes = json_pack("{s:{s:n, s:s}}", "delivery", "from", "to", r->new_id);
    const struct audit_entry entry = {
        .organization_id = r->call->organization_id,
        .actor = r->call->user,
        .action = "delivery.resend",
        .subject = r->call->id,
        .request_id = r->call->request_id,
        .changes = changes,
    };
    return audit_write(db, &entry, e);
}

static bool resend_body(struct db *db, void *arg, bool repeated, struct err *e)
{
    struct resend *resend = arg;
    bool done = false;
    CLEANUP(db_result_release) struct db_result r = {0};
    resend->outcome = DELIVERY_RESENT;
    if (repeated && (!is_there(db, resend->new_id, &done, e) || done)) {
        return done;
    }
    if (!db_run(db, &r, e,
                "SELECT state, event, severity FROM deliveries WHERE id = ? AND organization_id = ? FOR UPDATE",
                DB_PARAMS(db_text(resend->call->id), db_text(resend->call->organization_id)))) {
        return false;
    }
    if (r.rows == 0) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    if (strcmp(db_cell(&r, 0, 0), "queued") == 0 || strcmp(db_cell(&r, 0, 0), "held") == 0) {
        resend->outcome = DELIVERY_OPEN;
        return true;
    }
    if (strcmp(db_cell(&r, 0, 1), DELIVERY_DIGEST) == 0) {
        resend->outcome = DELIVERY_IS_DIGEST;
        return true;
    }
    bool urgent = strcmp(db_cell(&r, 0, 2), notify_severity_names[NOTIFY_CRITICAL]) == 0;
    return insert_copy(db, resend, e) && insert_job(db, resend, urgent ? 1 : 0, e) && write_audit(db, resend, e);
}

bool delivery_resend(struct db *db, const struct delivery_call *call, enum delivery_resend *ret,
                     char ret_id[UUID_TEXT_BYTES], struct err *e)
{
    struct resend resend = {.call = call};
    struct err cause = ERR_INIT;
    bool done = false;
    if (!uuid_is_valid(call->id)) {
        return err_set(e, ERR_NOT_FOUND, "There is no such delivery");
    }
    uuid7_new(resend.new_id);
    uuid7_new(resend.job_id);
    for (int tries = 0; !done && tries < COPY_TRIES; tries++) {
        err_clear(&cause);
        done = db_transaction(db, resend_body, &resend, &cause);
        if (!done && cause.code != ERR_DUPLICATE) {
            break;
        }
    }
    if (!done) {
        return err_set(e, cause.code == ERR_DUPLICATE ? ERR_LOCKED : cause.code, "%s", cause.text);
    }
    *ret = resend.outcome;
    g_strlcpy(ret_id, resend.new_id, UUID_TEXT_BYTES);
    return true;
}
