/*
 * delivery_follow.c: deliveries follow what becomes of their jobs by other hands than their handler's.
 */
#include <string.h>

#include "domain/delivery.h"
#include "domain/job_types.h"
#include "domain/sql_ids.h"
#include "ground/clock.h"

#define OPEN_STATES "('queued', 'held')"
/* A job and its delivery are made in one transaction, but a record that has just changed is left to whoever is at it.
 */
#define SETTLED_S 10
#define TIME_FIRST "1970-01-01 00:00:00"
#define ID_FIRST "00000000-0000-0000-0000-000000000000"
/* Who has read the settings before they changed has mostly written by then when its delivery's job is due again. One
 * that waits longer for a lock is passed over, and its delivery goes at the time that the old settings said. */
#define WAKE_DELAY_US US_PER_S

/* --- cancelled and retried jobs ----------------------------------------------------------------------------------- */

bool delivery_follow_cancel(struct db *db, const GPtrArray *job_ids, struct err *e)
{
    static const char error[] = "the job that was to send it was cancelled";
    const struct db_param param = db_text(error);
    return sql_ids_run(db, NULL, e,
                       "UPDATE deliveries m JOIN deliveries d ON d.id = m.digest_id SET m.state = 'failed',"
                       " m.hold_reason = NULL, m.held_until = NULL, m.error_message = ?, m.updated_at ="
                       " UTC_TIMESTAMP(6) WHERE m.state = 'held' AND d.state IN " OPEN_STATES " AND d.job_id IN ",
                       &param, 1, job_ids, "") &&
           sql_ids_run(db, NULL, e,
                       "UPDATE deliveries SET state = 'failed', hold_reason = NULL, held_until = NULL, error_message ="
                       " ?, updated_at = UTC_TIMESTAMP(6) WHERE state IN " OPEN_STATES
                       " AND digest_id IS NULL AND job_id IN ",
                       &param, 1, job_ids, "");
}

/* The members of a digest wait for it again; it does not gather any more. */
bool delivery_follow_retry(struct db *db, const GPtrArray *job_ids, struct err *e)
{
    return sql_ids_run(
               db, NULL, e,
               "UPDATE deliveries m JOIN deliveries d ON d.id = m.digest_id SET m.state = 'held',"
               " m.hold_reason = 'digest', m.held_until = UTC_TIMESTAMP(6), m.error_message = NULL,"
               " m.updated_at = UTC_TIMESTAMP(6) WHERE m.state = 'failed' AND d.state = 'failed' AND d.job_id IN ",
               NULL, 0, job_ids, "") &&
           sql_ids_run(db, NULL, e,
                       "UPDATE deliveries SET state = 'queued', error_message = NULL, updated_at = UTC_TIMESTAMP(6)"
                       " WHERE state = 'failed' AND digest_id IS NULL AND job_id IN ",
                       NULL, 0, job_ids, "");
}

/* --- jobs that ended without their handler ------------------------------------------------------------------------ */

static bool fail_orphan(struct db *db, const struct db_result *r, size_t row, size_t *n, struct err *e)
{
    if (db_cell_int(r, row, 2) == 0) {
        return true;
    }
    (*n)++;
    return delivery_fail(db, db_cell(r, row, 0), db_cell(r, row, 3), e);
}

static void move_on(struct delivery_sweep *s, const struct db_result *r, size_t max)
{
    if (r->rows == max) {
        g_strlcpy(s->updated, db_cell(r, r->rows - 1, 1), sizeof(s->updated));
        g_strlcpy(s->id, db_cell(r, r->rows - 1, 0), sizeof(s->id));
        return;
    }
    s->updated[0] = '\0';
    s->at_held = !s->at_held;
    s->is_over = !s->at_held;
}

bool delivery_reconcile(struct db *db, struct delivery_sweep *s, size_t max, size_t *ret_n, struct err *e)
{
    static const char sql[] =
        "SELECT d.id, d.updated_at, j.id IS NULL OR j.status IN ('failed', 'cancelled', 'completed'),"
        " COALESCE(j.error_message, CONCAT('the job that was to send it is ', COALESCE(j.status, 'gone')))"
        " FROM deliveries d FORCE INDEX (ix_deliveries_open) LEFT JOIN background_jobs j ON j.id = d.job_id"
        " WHERE d.state = ? AND d.updated_at >= ? AND (d.updated_at > ?) + (d.id > ?) > 0"
        " AND d.updated_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND d.digest_id IS NULL"
        " ORDER BY d.updated_at, d.id LIMIT ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    size_t n = 0;
    bool begins = s->updated[0] == '\0';
    const char *from = begins ? TIME_FIRST : s->updated;
    const char *from_id = begins ? ID_FIRST : s->id;
    s->is_over = false;
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(s->at_held ? "held" : "queued"), db_text(from), db_text(from), db_text(from_id),
                          DB_INT(SETTLED_S), DB_INT(max)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        if (!fail_orphan(db, &r, i, &n, e)) {
            return false;
        }
    }
    move_on(s, &r, max);
    *ret_n = n;
    return true;
}

/* --- other settings ----------------------------------------------------------------------------------------------- */

/* Ids first: an UPDATE that joins would lock every delivery it looks at. Members of digests go with these. */
bool delivery_wake_some(struct db *db, const char *organization_id, struct delivery_waking *w, struct err *e)
{
    static const char sql[] =
        "SELECT id, created_at, IF(digest_id IS NULL, job_id, NULL) FROM deliveries FORCE INDEX (ix_deliveries_state)"
        " WHERE organization_id = ? AND state = 'held' AND created_at >= ? AND (created_at > ?) + (id > ?) > 0"
        " ORDER BY created_at, id LIMIT ?";
    CLEANUP(db_result_release) struct db_result r = {0};
    const char *from = w->created[0] == '\0' ? TIME_FIRST : w->created;
    const char *from_id = w->created[0] == '\0' ? ID_FIRST : w->id;
    if (!db_run(db, &r, e, sql,
                DB_PARAMS(db_text(organization_id), db_text(from), db_text(from), db_text(from_id),
                          DB_INT(DELIVERY_WAKE_ROWS)))) {
        return false;
    }
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (size_t i = 0; i < r.rows; i++) {
        if (db_cell(&r, i, 2) != NULL) {
            g_ptr_array_add(ids, r.cells[i * r.columns + 2]);
        }
    }
    if (ids->len > 0 && !job_wake(db, ids, 0, e)) {
        return false;
    }
    w->woken += ids->len;
    w->is_over = r.rows < DELIVERY_WAKE_ROWS;
    if (r.rows > 0) {
        g_strlcpy(w->id, db_cell(&r, r.rows - 1, 0), sizeof(w->id));
        g_strlcpy(w->created, db_cell(&r, r.rows - 1, 1), sizeof(w->created));
    }
    return true;
}

bool delivery_wake_is_superseded(struct db *db, const char *organization_id, const char *job_id, bool *ret,
                                 struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT 1 FROM background_jobs FORCE INDEX (ix_jobs_filter) WHERE organization_id = ? AND status IN"
                " ('queued', 'processing') AND job_type = '" DELIVERY_WAKE_JOB_TYPE "' AND id > ? LIMIT 1",
                DB_PARAMS(db_text(organization_id), db_text(job_id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static bool has_open(struct db *db, const char *organization_id, bool *ret, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e, "SELECT 1 FROM deliveries WHERE organization_id = ? AND state IN " OPEN_STATES " LIMIT 1",
                DB_PARAMS(db_text(organization_id)))) {
        return false;
    }
    *ret = r.rows > 0;
    return true;
}

static bool insert_waker(struct db *db, const char *organization_id, struct err *e)
{
    char id[UUID_TEXT_BYTES];
    const struct job_type *type = job_type_find(DELIVERY_WAKE_JOB_TYPE);
    const struct job_new job = {
        .id = id,
        .organization_id = organization_id,
        .job_type = type->name,
        .payload_text = "{}",
        .priority = 0,
        .max_retries = DELIVERY_MAX_RETRIES,
        .timeout_s = type->timeout_s,
        .scheduled_wall_us = clock_wall_us() + WAKE_DELAY_US,
        .left_to_relay = true,
    };
    uuid7_new(id);
    return job_insert_within(db, &job, 1, e);
}

bool delivery_wake(struct db *db, const char *organization_id, struct err *e)
{
    bool found = false;
    return has_open(db, organization_id, &found, e) && (!found || insert_waker(db, organization_id, e));
}
