/*
 * delivery_prune.c: deletes what is too old of the record of deliveries, a batch at a time.
 */
#include <string.h>

#include "domain/delivery.h"
#include "domain/sql_ids.h"

#define TIME_FIRST "1970-01-01 00:00:00"
#define ID_FIRST "00000000-0000-0000-0000-000000000000"
/* A provider repeats a callback for some days at most. */
#define CALLBACKS_D 14

/* States that a delivery stays in. */
static const char *const final_states[] = {"sent", "delivered", "opened", "bounced", "complained", "failed"};

enum { STEP_EVENTS = ARRAY_SIZE(final_states), STEP_CALLBACKS, STEPS };

static bool next_step(struct delivery_pruner *p)
{
    p->step = (p->step + 1) % STEPS;
    p->created[0] = '\0';
    p->is_over = p->step == 0;
    return true;
}

/* Tries go with them, by their foreign key. */
static bool prune_state(struct delivery_pruner *p, struct db *db, int64_t keep_d, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (keep_d == 0) {
        return next_step(p);
    }
    if (!db_run(db, &r, e,
                "DELETE FROM deliveries WHERE state = ? AND updated_at < UTC_TIMESTAMP(6) - INTERVAL ? DAY"
                " ORDER BY updated_at LIMIT ?",
                DB_PARAMS(db_text(final_states[p->step]), DB_INT(keep_d), DB_INT(DELIVERY_PRUNE_ROWS)))) {
        return false;
    }
    p->deliveries += (int64_t)r.affected;
    return r.affected == DELIVERY_PRUNE_ROWS || next_step(p);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* The next old events: id, created_at, whether nothing hangs on them any more. */
static bool load_events(const struct delivery_pruner *p, struct db *db, int64_t keep_d, struct db_result *ret,
                        struct err *e)
{
    static const char sql[] =
        "SELECT v.id, v.created_at, NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = v.id) AND NOT EXISTS"
        " (SELECT 1 FROM background_jobs j WHERE j.id = v.job_id AND j.status IN ('queued', 'processing'))"
        " FROM notification_events v FORCE INDEX (ix_events_age) WHERE v.created_at >= ? AND (v.created_at > ?) +"
        " (v.id > ?) > 0 AND v.created_at < UTC_TIMESTAMP(6) - INTERVAL ? DAY ORDER BY v.created_at, v.id LIMIT ?";
    bool begins = p->created[0] == '\0';
    const char *from = begins ? TIME_FIRST : p->created;
    return db_run(db, ret, e, sql,
                  DB_PARAMS(db_text(from), db_text(from), db_text(begins ? ID_FIRST : p->id), DB_INT(keep_d),
                            DB_INT(DELIVERY_PRUNE_ROWS)));
}

/* A delivery may have been made meanwhile, by somebody who sends another of the event again. */
static bool delete_events(struct db *db, const GPtrArray *ids, int64_t *n, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!sql_ids_run(db, &r, e, "DELETE FROM notification_events WHERE id IN ", NULL, 0, ids,
                     " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = notification_events.id)")) {
        return false;
    }
    *n += (int64_t)r.affected;
    return true;
}

static bool prune_events(struct delivery_pruner *p, struct db *db, int64_t keep_d, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    if (keep_d == 0) {
        return next_step(p);
    }
    if (!load_events(p, db, keep_d, &r, e)) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        if (db_cell_int(&r, i, 2) != 0) {
            g_ptr_array_add(ids, r.cells[i * r.columns]);
        }
    }
    if (ids->len > 0 && !delete_events(db, ids, &p->events, e)) {
        return false;
    }
    if (r.rows < DELIVERY_PRUNE_ROWS) {
        return next_step(p);
    }
    g_strlcpy(p->id, db_cell(&r, r.rows - 1, 0), sizeof(p->id));
    g_strlcpy(p->created, db_cell(&r, r.rows - 1, 1), sizeof(p->created));
    return true;
}

/* --- callbacks ---------------------------------------------------------------------------------------------------- */

static bool prune_callbacks(struct delivery_pruner *p, struct db *db, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "DELETE FROM provider_callbacks WHERE seen_at < UTC_TIMESTAMP(6) - INTERVAL ? DAY ORDER BY seen_at"
                " LIMIT ?",
                DB_PARAMS(DB_INT(CALLBACKS_D), DB_INT(DELIVERY_PRUNE_ROWS)))) {
        return false;
    }
    return r.affected == DELIVERY_PRUNE_ROWS || next_step(p);
}

bool delivery_prune(struct db *db, struct delivery_pruner *p, int64_t deliveries_d, int64_t events_d, struct err *e)
{
    if (p->is_over) {
        *p = (struct delivery_pruner){.step = 0};
    }
    switch (p->step) {
    case STEP_EVENTS:
        return prune_events(p, db, events_d, e);
    case STEP_CALLBACKS:
        return prune_callbacks(p, db, e);
    default:
        return prune_state(p, db, deliveries_d, e);
    }
}
