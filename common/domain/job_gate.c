#include "domain/job_gate.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "domain/job_settle.h"
#include "domain/job_sweep.h"
#include "domain/sql_ids.h"
#include "ground/json.h"
#include "ports/mq.h"

#define REASON_PAUSED "paused"
#define REASON_LIMIT "limit"

/* What is known of one claim that is under limits. */
struct candidate {
    struct job_claim *claim;
    struct gate_key keys[GATE_KEYS_MAX];
    size_t n_keys;
    bool has_row;     /* in held_jobs */
    bool is_promised; /* it was held and has been let go */
    bool is_behind;   /* others of its organization and type are held */
};

struct passage {
    const struct gate_rules *rules;
    GPtrArray *paused; /* ids, borrowed from the claims and in their order */
    GArray *limited;   /* struct candidate, in the claims' order */
    GArray *limits;    /* struct job_limit_row, sorted */
    int64_t now_us;
};

static void passage_release(struct passage *p)
{
    g_ptr_array_unref(p->paused);
    g_array_unref(p->limited);
    g_array_unref(p->limits);
}

/* The claim is no claim any more. */
static void turn_away(struct job_claim *claim, enum job_claim_result result)
{
    claim->result = result;
    job_claim_release(claim);
}

/* --- what is asked of whom --------------------------------------------------------------------------------------- */

/* Parks what is paused and gathers what is under limits. Operations on jobs go on: what a pause has piled up can be
 * cancelled. */
static void sort_out(struct passage *p, struct job_claim *const *sorted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct job_claim *claim = sorted[i];
        if (claim->result != JOB_CLAIMED || job_sweep_is_operation(claim->job_type)) {
            continue;
        }
        if (gate_is_paused(p->rules, claim->organization_id, claim->job_type)) {
            turn_away(claim, JOB_PARKED);
            g_ptr_array_add(p->paused, claim->id);
            continue;
        }
        struct candidate c = {.claim = claim};
        c.n_keys = gate_limit_keys(p->rules, claim->organization_id, claim->job_type, c.keys);
        job_limits_add(p->limits, c.keys, c.n_keys);
        if (c.n_keys > 0) {
            g_array_append_val(p->limited, c);
        } else if (claim->park_only) {
            turn_away(claim, JOB_HELD);
        }
    }
    job_limits_sort(p->limits);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static bool look_at_held(struct db *db, struct passage *p, struct err *e)
{
    static const char sql[] =
        "SELECT v.o, h.job_id IS NOT NULL, COALESCE(h.released, 0), EXISTS (SELECT 1 FROM held_jobs b"
        " FORCE INDEX (ix_held_group) WHERE b.released = 0 AND b.organization_id = v.g AND b.job_type = v.t)"
        " FROM JSON_TABLE(?, '$[*]' COLUMNS(o FOR ORDINALITY, id CHAR(36) PATH '$.id',"
        " g VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.g',"
        " t VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.t')) v"
        " LEFT JOIN held_jobs h ON h.job_id = CAST(v.id AS UUID)";

    json_auto_t *list = json_array();
    for (guint i = 0; i < p->limited->len; i++) {
        const struct job_claim *claim = g_array_index(p->limited, struct candidate, i).claim;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "id", claim->id, "g", claim->organization_id, "t", claim->job_type));
    }
    json_auto_text char *text = job_dump_list(list, e);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (text == NULL || !db_run(db, &r, e, sql, DB_PARAMS(db_text(text)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        struct candidate *c = &g_array_index(p->limited, struct candidate, db_cell_int(&r, i, 0) - 1);
        c->has_row = db_cell_int(&r, i, 1) != 0;
        c->is_promised = db_cell_int(&r, i, 2) != 0;
        c->is_behind = db_cell_int(&r, i, 3) != 0;
    }
    return true;
}

static void admit(struct passage *p, struct candidate *c)
{
    struct gate_limit *limits[GATE_KEYS_MAX];
    bool may_try = c->is_promised || !c->is_behind;
    job_limits_find(p->limits, c->keys, c->n_keys, limits);
    if (may_try && c->claim->park_only) {
        turn_away(c->claim, JOB_HELD);
    } else if (!may_try || !gate_admit(limits, c->n_keys, c->is_promised, p->now_us)) {
        turn_away(c->claim, JOB_PARKED);
    }
}

/* Promised ones first, then by priority and age. */
static void admit_all(struct passage *p)
{
    for (int round = 0; round < 2 * LANES; round++) {
        bool promised = round < LANES;
        enum lane lane = (enum lane)(round % LANES);
        for (guint i = 0; i < p->limited->len; i++) {
            struct candidate *c = &g_array_index(p->limited, struct candidate, i);
            if (c->is_promised == promised && lane_of_priority(c->claim->priority) == lane &&
                c->claim->result == JOB_CLAIMED) {
                admit(p, c);
            }
        }
    }
}

static bool write_pace(struct db *db, const struct passage *p, struct err *e)
{
    for (guint i = 0; i < p->limits->len; i++) {
        const struct job_limit_row *row = &g_array_index(p->limits, struct job_limit_row, i);
        if (row->limit.tat_us != row->tat_read_us &&
            !db_run(
                db, NULL, e, "UPDATE job_limits SET tat_us = ? WHERE organization_id = ? AND job_type = ?",
                DB_PARAMS(DB_INT(row->limit.tat_us), db_text(row->key.organization_id), db_text(row->key.job_type)))) {
            return false;
        }
    }
    return true;
}

static bool pass_limits(struct db *db, struct passage *p, struct err *e)
{
    if (p->limited->len == 0) {
        return true;
    }
    struct job_limit_row *rows = (struct job_limit_row *)(void *)p->limits->data;
    if (!job_limits_read(db, p->rules, rows, p->limits->len, true, &p->now_us, e) || !look_at_held(db, p, e)) {
        return false;
    }
    admit_all(p);
    return write_pace(db, p, e);
}

/* --- rows -------------------------------------------------------------------------------------------------------- */

static bool write_parked(struct db *db, const GPtrArray *ids, const char *reason, struct err *e)
{
    static const char later[] = "UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) + " JOB_PARK_SQL
                                " WHERE id IN ";
    static const char held[] =
        "INSERT INTO held_jobs (job_id, organization_id, job_type, priority, reason, released, held_at)"
        " SELECT id, organization_id, job_type, priority, ?, 0, UTC_TIMESTAMP(6) FROM background_jobs WHERE id IN ";

    return ids->len == 0 || (sql_ids_run(db, NULL, e, later, DB_NO_PARAMS, ids, "") &&
                             sql_ids_run(db, NULL, e, held, DB_PARAMS(db_text(reason)), ids,
                                         " ON DUPLICATE KEY UPDATE reason = VALUES(reason), released = 0"));
}

static bool write_limited(struct db *db, const struct passage *p, struct err *e)
{
    g_autoptr(GPtrArray) parked = g_ptr_array_new();
    g_autoptr(GPtrArray) passed = g_ptr_array_new();
    for (guint i = 0; i < p->limited->len; i++) {
        const struct candidate *c = &g_array_index(p->limited, struct candidate, i);
        if (c->claim->result == JOB_PARKED) {
            g_ptr_array_add(parked, c->claim->id);
        } else if (c->claim->result == JOB_CLAIMED && c->has_row) {
            g_ptr_array_add(passed, c->claim->id);
        }
    }
    return (passed->len == 0 ||
            sql_ids_run(db, NULL, e, "DELETE FROM held_jobs WHERE job_id IN ", DB_NO_PARAMS, passed, "")) &&
           write_parked(db, parked, REASON_LIMIT, e);
}

static void turn_away_park_only(struct job_claim *const *sorted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sorted[i]->result == JOB_CLAIMED && sorted[i]->park_only) {
            turn_away(sorted[i], JOB_HELD);
        }
    }
}

bool job_gate_claims(struct db *db, const struct gate_rules *rules, struct job_claim *const *sorted, size_t n,
                     struct err *e)
{
    if (rules == NULL || gate_rules_is_empty(rules)) {
        turn_away_park_only(sorted, n);
        return true;
    }
    CLEANUP(passage_release)
    struct passage p = {
        .rules = rules,
        .paused = g_ptr_array_new(),
        .limited = g_array_new(FALSE, FALSE, sizeof(struct candidate)),
        .limits = g_array_new(FALSE, FALSE, sizeof(struct job_limit_row)),
    };
    sort_out(&p, sorted, n);
    return pass_limits(db, &p, e) && write_limited(db, &p, e) && write_parked(db, p.paused, REASON_PAUSED, e);
}
