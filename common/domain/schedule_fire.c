/*
 * schedule_fire.c: schedules that are due become jobs.
 */
#include <stdlib.h>

#include "domain/job_settle.h"
#include "domain/org_load.h"
#include "domain/schedule.h"
#include "ground/clock.h"
#include "ground/json.h"

/* One transaction's work ends when any of these is reached; what is left is due at once again. */
#define SCHEDULES_MAX 100
#define JOBS_MAX 500
#define BYTES_MAX (4 << 20)

/* All that is due is in somebody else's hands. */
#define BUSY_MS 100

/* A schedule that was due, and what is written of it. */
struct fired {
    json_t *schedule;
    int64_t next_us;      /* 0: none */
    int64_t last_fire_us; /* 0: it did not fire */
    const char *last_job_id;
    struct err fault; /* why it created no job */
};

/* An instant that gets a job. */
struct instant {
    guint of; /* index in fired */
    int64_t at_us;
    bool is_known; /* it has its job already: next_fire_at was set back by hand */
    char job_id[UUID_TEXT_BYTES];
};

struct fire {
    const struct schedule_terms *terms;
    struct schedule_round *round;
    GArray *fired;    /* struct fired */
    GArray *instants; /* struct instant */
    GArray *jobs;     /* struct job_new; texts belong to fired and instants */
};

static void fired_clear(void *item)
{
    struct fired *f = item;
    json_decref(f->schedule);
}

static void fire_reset(struct fire *fire)
{
    g_array_set_size(fire->fired, 0);
    g_array_set_size(fire->instants, 0);
    g_array_set_size(fire->jobs, 0);
    g_array_set_size(fire->round->refs, 0);
    fire->round->dealt = 0;
    fire->round->failed = 0;
}

static struct instant *instant_at(const struct fire *fire, guint i)
{
    return &g_array_index(fire->instants, struct instant, i);
}

static struct fired *fired_at(const struct fire *fire, guint i)
{
    return &g_array_index(fire->fired, struct fired, i);
}

/* --- what is due -------------------------------------------------------------------------------------------------- */

static bool lock_due(struct db *db, struct db_result *r, struct err *e)
{
    g_autoptr(GString) sql = g_string_new("SELECT UTC_TIMESTAMP(6), next_fire_at, LENGTH(payload), ");
    record_columns(sql, &schedule_record, "", false);
    g_string_append(sql, " FROM schedules FORCE INDEX (ix_schedules_due) WHERE next_fire_at <= UTC_TIMESTAMP(6)"
                         " ORDER BY next_fire_at LIMIT ?"
                         " FOR UPDATE SKIP LOCKED");
    return db_run(db, r, e, sql->str, DB_PARAMS(DB_INT(SCHEDULES_MAX)));
}

static enum schedule_misfire misfire_of(const json_t *schedule)
{
    const char *name = json_text(schedule, "misfire");
    return g_strcmp0(name, "all") == 0 ? SCHEDULE_ALL : g_strcmp0(name, "skip") == 0 ? SCHEDULE_SKIP : SCHEDULE_ONCE;
}

/* The instants of one schedule, as int64_t. A row that cannot be read (its zone is gone from the system) has none, and
 * none to come. */
static void plan(struct fired *f, int64_t due_us, int64_t now_us, GArray *instants)
{
    struct schedule_due due = {
        .misfire = misfire_of(f->schedule),
        .misfire_limit = json_integer_value(json_object_get(f->schedule, "misfire_limit")),
        .due_us = due_us,
        .now_us = now_us,
        .grace_ms = SCHEDULE_GRACE_MS,
    };
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(json_text(f->schedule, "timezone"));
    due.zone = zone;
    if (zone == NULL) {
        err_set(&f->fault, ERR_INVALID, "/timezone is not known to this system");
    } else if (cron_parse(json_text(f->schedule, "cron"), &due.cron, &f->fault)) {
        schedule_plan(&due, instants, &f->next_us);
    }
}

/* ret_bytes gets the size of the payloads. */
static bool add_row(struct fire *fire, const struct db_result *r, size_t row, size_t *ret_bytes, struct err *e)
{
    int64_t now_us = 0;
    int64_t due_us = 0;
    struct fired f = {.next_us = 0};
    g_autoptr(GArray) instants = g_array_new(FALSE, FALSE, sizeof(int64_t));
    if (!clock_parse_sql(db_cell(r, row, 0), &now_us) || !clock_parse_sql(db_cell(r, row, 1), &due_us)) {
        return err_set(e, ERR_INTERNAL, "The times of a schedule cannot be read");
    }
    f.schedule = record_row_json(&schedule_record, r, row, 3);
    plan(&f, due_us, now_us, instants);
    for (guint i = 0; i < instants->len; i++) {
        struct instant instant = {.of = fire->fired->len, .at_us = g_array_index(instants, int64_t, i)};
        uuid7_new(instant.job_id);
        g_array_append_val(fire->instants, instant);
    }
    g_array_append_val(fire->fired, f);
    *ret_bytes = instants->len * (size_t)db_cell_int(r, row, 2);
    return true;
}

static bool take_due(struct db *db, struct fire *fire, struct err *e)
{
    size_t bytes = 0;
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!lock_due(db, &r, e)) {
        return false;
    }
    for (size_t i = 0; i < r.rows && fire->instants->len < JOBS_MAX && bytes < BYTES_MAX; i++) {
        size_t more = 0;
        if (!add_row(fire, &r, i, &more, e)) {
            return false;
        }
        bytes += more;
    }
    return true;
}

/* --- jobs --------------------------------------------------------------------------------------------------------- */

/* [{n, s, j, at}] of instants, of those that are not known. The caller frees with free(). */
static char *dump_instants(const struct fire *fire, struct err *e)
{
    json_auto_t *list = json_array();
    for (guint i = 0; i < fire->instants->len; i++) {
        const struct instant *instant = instant_at(fire, i);
        char at[CLOCK_TEXT_BYTES];
        clock_format_sql(instant->at_us, at);
        if (!instant->is_known) {
            json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s}", "n", (int)i, "s",
                                                  json_text(fired_at(fire, instant->of)->schedule, "id"), "j",
                                                  instant->job_id, "at", at));
        }
    }
    return job_dump_list(list, e);
}

#define INSTANTS_TABLE                                                                       \
    "JSON_TABLE(?, '$[*]' COLUMNS(n INT PATH '$.n', s CHAR(36) PATH '$.s', j CHAR(36) PATH " \
    "'$.j', at DATETIME(6) PATH '$.at')) v"

static bool find_known(struct db *db, const struct fire *fire, struct err *e)
{
    json_auto_text char *list = dump_instants(fire, e);
    CLEANUP(db_result_release) struct db_result r = {0};
    if (list == NULL || !db_run(db, &r, e,
                                "SELECT v.n FROM " INSTANTS_TABLE " STRAIGHT_JOIN schedule_firings f"
                                " ON f.schedule_id = CAST(v.s AS UUID) AND f.fire_at = v.at",
                                DB_PARAMS(db_text(list)))) {
        return false;
    }
    for (size_t i = 0; i < r.rows; i++) {
        instant_at(fire, (guint)db_cell_int(&r, i, 0))->is_known = true;
    }
    return true;
}

static void make_jobs(struct fire *fire)
{
    for (guint i = 0; i < fire->instants->len; i++) {
        struct instant *instant = instant_at(fire, i);
        struct fired *f = fired_at(fire, instant->of);
        struct job_new job;
        if (instant->is_known || f->fault.code != ERR_NONE) {
            continue;
        }
        if (!schedule_make_job(f->schedule, instant->job_id, fire->terms->diagnostics, fire->terms->dispatch_grace_ms,
                               &job, &f->fault)) {
            continue;
        }
        g_array_append_val(fire->jobs, job);
        f->last_fire_us = instant->at_us;
        f->last_job_id = instant->job_id;
    }
    /* An instant whose schedule could create no job has been dealt with, and is written nowhere. */
    for (guint i = 0; i < fire->instants->len; i++) {
        struct instant *instant = instant_at(fire, i);
        instant->is_known = instant->is_known || fired_at(fire, instant->of)->fault.code != ERR_NONE;
    }
}

/* After the commit. */
static void note_refs(struct db *db, const struct fire *fire)
{
    const struct job_tiers *tiers = &fire->terms->tiers;
    for (guint i = 0; i < fire->jobs->len; i++) {
        const struct job_new *job = &g_array_index(fire->jobs, struct job_new, i);
        const struct org_kind kind = {job->organization_id, job->job_type, job->priority};
        struct job_ref ref = {.lane = lane_of_priority(job->priority)};
        if (tiers->load != NULL) {
            org_load_add(tiers->load, &kind, 1);
        }
        g_strlcpy(ref.id, job->id, sizeof(ref.id));
        g_strlcpy(ref.job_type, job->job_type, sizeof(ref.job_type));
        job_ref_place(&ref, db, tiers, job->organization_id);
        g_array_append_val(fire->round->refs, ref);
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static bool write_firings(struct db *db, const struct fire *fire, struct err *e)
{
    json_auto_text char *list = dump_instants(fire, e);
    return list != NULL &&
           db_run(db, NULL, e,
                  "INSERT INTO schedule_firings (schedule_id, fire_at, job_id, created_at)"
                  " SELECT CAST(v.s AS UUID), v.at, CAST(v.j AS UUID), UTC_TIMESTAMP(6) FROM " INSTANTS_TABLE,
                  DB_PARAMS(db_text(list)));
}

static json_t *json_time(int64_t at_us)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format_sql(at_us, text);
    return at_us == 0 ? json_null() : json_string(text);
}

static bool write_schedules(struct db *db, const struct fire *fire, struct err *e)
{
    static const char sql[] =
        "UPDATE JSON_TABLE(?, '$[*]' COLUMNS(id CHAR(36) PATH '$.id', nx DATETIME(6) PATH '$.nx',"
        " lf DATETIME(6) PATH '$.lf', lj CHAR(36) PATH '$.lj', er VARCHAR(500) PATH '$.er')) v"
        " STRAIGHT_JOIN schedules s ON s.id = CAST(v.id AS UUID)"
        " SET s.next_fire_at = v.nx, s.last_fire_at = COALESCE(v.lf, s.last_fire_at),"
        " s.last_job_id = IF(v.lj IS NULL, s.last_job_id, CAST(v.lj AS UUID)), s.last_error = v.er";
    json_auto_t *list = json_array();
    for (guint i = 0; i < fire->fired->len; i++) {
        const struct fired *f = fired_at(fire, i);
        const char *fault = f->fault.code == ERR_NONE ? NULL : f->fault.text;
        fire->round->failed += fault != NULL ? 1 : 0;
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s?, s:s?}", "id", json_text(f->schedule, "id"), "nx",
                                              json_time(f->next_us), "lf", json_time(f->last_fire_us), "lj",
                                              f->last_job_id, "er", fault));
    }
    fire->round->dealt = fire->fired->len;
    json_auto_text char *text = job_dump_list(list, e);
    return text != NULL && db_run(db, NULL, e, sql, DB_PARAMS(db_text(text)));
}

/* After a COMMIT without an answer the schedules it dealt with are due no longer, or are dealt with now; what the relay
 * finds unpublished it publishes. */
static bool fire_body(struct db *db, void *arg, bool repeated UNUSED, struct err *e)
{
    struct fire *fire = arg;
    fire_reset(fire);
    if (!take_due(db, fire, e)) {
        return false;
    }
    if (fire->instants->len > 0) {
        if (!find_known(db, fire, e)) {
            return false;
        }
        make_jobs(fire);
    }
    if (fire->jobs->len > 0 &&
        !(job_insert_within(db, (const struct job_new *)(void *)fire->jobs->data, fire->jobs->len, e) &&
          write_firings(db, fire, e))) {
        return false;
    }
    return fire->fired->len == 0 || write_schedules(db, fire, e);
}

static bool run(struct db *db, const struct schedule_terms *terms, struct schedule_round *round, struct err *e)
{
    struct fire fire = {
        .terms = terms,
        .round = round,
        .fired = g_array_new(FALSE, FALSE, sizeof(struct fired)),
        .instants = g_array_new(FALSE, FALSE, sizeof(struct instant)),
        .jobs = g_array_new(FALSE, FALSE, sizeof(struct job_new)),
    };
    g_array_set_clear_func(fire.fired, fired_clear);
    bool ok = db_transaction(db, fire_body, &fire, e);
    if (ok) {
        note_refs(db, &fire);
    } else {
        fire_reset(&fire);
    }
    g_array_unref(fire.fired);
    g_array_unref(fire.instants);
    g_array_unref(fire.jobs);
    return ok;
}

/* Milliseconds until the next one is due, at most limit_ms. */
static bool ask_wait(struct db *db, int64_t limit_ms, int64_t *ret_ms, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "SELECT GREATEST(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), MIN(next_fire_at)), 0) FROM schedules",
                DB_NO_PARAMS)) {
        return false;
    }
    bool is_none = r.rows == 0 || db_cell(&r, 0, 0) == NULL;
    *ret_ms = is_none ? limit_ms : MIN((db_cell_int(&r, 0, 0) + US_PER_MS - 1) / US_PER_MS, limit_ms);
    return true;
}

bool schedule_fire(struct db *db, const struct schedule_terms *terms, int64_t limit_ms, struct schedule_round *round,
                   struct err *e)
{
    if (!ask_wait(db, limit_ms, &round->wait_ms, e)) {
        return false;
    }
    if (round->wait_ms > 0) {
        return true;
    }
    if (!run(db, terms, round, e)) {
        return false;
    }
    round->wait_ms = round->dealt == 0 ? MIN(BUSY_MS, limit_ms) : 0;
    return true;
}

bool schedule_forget(struct db *db, int64_t keep_days, size_t max, size_t *ret_n, struct err *e)
{
    CLEANUP(db_result_release) struct db_result r = {0};
    if (!db_run(db, &r, e,
                "DELETE FROM schedule_firings WHERE created_at < UTC_TIMESTAMP(6) - INTERVAL ? DAY"
                " ORDER BY created_at LIMIT ?",
                DB_PARAMS(DB_INT(keep_days), DB_INT(max)))) {
        return false;
    }
    *ret_n = r.affected;
    return true;
}
