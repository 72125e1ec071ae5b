/*
 * What the figures of an organization's jobs and the audit log read from MariaDB, against the server of
 * $BELLMAN_CONFIG; test_job_statements.py runs it. The numbers are those of the server's own handler counters: they do
 * not depend on how fast the machine is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/audit_list.h"
#include "domain/org_stats.h"
#include "ground/clock.h"
#include "served.h"

#define ORG "watched"
#define FLOOD "flooded"
#define JOBS "40000"
#define ENTRIES 24000

#define JOB_COLUMNS                                                                                     \
    "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, timeout_s," \
    " created_at, updated_at, dispatch_at, scheduled_at, attempt, started_at, completed_at, cause)"
#define COUNT_JOBS                                                                           \
    "INSERT INTO job_counts SELECT organization_id, job_type, status, priority, 0, COUNT(*)" \
    " FROM background_jobs WHERE organization_id IN ('" ORG "', '" FLOOD "') GROUP BY 1, 2, 3, 4"

/* Half of the one's jobs have completed, within the hour; the others are for later, but for the last of them. The other
 * one's are due, as many are dead. */
static void fill(struct db *db)
{
    must_text(db, "DELETE FROM organizations WHERE id = '" FLOOD "'");
    must_text(db, "INSERT INTO organizations (id, name, created_at) VALUES ('" FLOOD "', '', UTC_TIMESTAMP(6))");
    must_text(db, JOB_COLUMNS
              " SELECT CAST(CONCAT('0190a6f0-0001-7000-8000-', LPAD(HEX(seq), 12, '0')) AS UUID), '" ORG "',"
              " ELT(1 + seq % 2, 'noop', 'sleep'), IF(seq <= 20000, 'completed', 'queued'), 0, '{}', 30,"
              " UTC_TIMESTAMP(6) - INTERVAL " JOBS " - seq SECOND, UTC_TIMESTAMP(6),"
              " IF(seq <= 20000 OR seq = " JOBS ", NULL, '2099-01-01'),"
              " IF(seq <= 20000 OR seq = " JOBS ", NULL, '2099-01-01'), 1,"
              " UTC_TIMESTAMP(6) - INTERVAL 600 SECOND, UTC_TIMESTAMP(6) - INTERVAL 590 SECOND, NULL"
              " FROM seq_1_to_" JOBS);
    must_text(db, JOB_COLUMNS
              " SELECT CAST(CONCAT('0190a6f0-0001-7000-9000-', LPAD(HEX(seq), 12, '0')) AS UUID), '" FLOOD "', 'noop',"
              " IF(seq <= 12000, 'queued', 'failed'), 0, '{}', 30, '2026-01-01', '2026-01-01',"
              " IF(seq <= 12000, '2026-01-01', NULL), NULL, 0, NULL, NULL, IF(seq <= 12000, NULL, 'exhausted')"
              " FROM seq_1_to_24000");
    must_text(db, COUNT_JOBS);
    must_text(db, "INSERT INTO dead_letters SELECT id, id, organization_id, job_type, cause, created_at, created_at"
                  " FROM background_jobs WHERE organization_id = '" FLOOD "' AND status = 'failed'");
    must_text(db, "INSERT INTO audit_log (organization_id, actor, action, subject, changes, created_at)"
                  " SELECT '" ORG "', IF(seq % 12000 = 1, 'rare', 'often'), IF(seq % 3 = 0, 'a.often', 'b.often'),"
                  " IF(seq % 4000 = 2, 'one', 'many'), '{}', '2026-01-01' + INTERVAL seq DIV 7 SECOND"
                  " FROM seq_1_to_24000");
    must_text(db, "ANALYZE TABLE background_jobs, audit_log, dead_letters");
}

static int set_up(void **state)
{
    struct served *s = g_new0(struct served, 1);
    *state = s;
    if (!served_open(s, ORG)) {
        return 1;
    }
    fill(s->db);
    return 0;
}

static int tear_down(void **state)
{
    struct served *s = *state;
    must_text(s->db, "DELETE FROM organizations WHERE id IN ('" ORG "', '" FLOOD "')");
    served_close(s);
    g_free(s);
    return 0;
}

static json_t *stats_of(struct db *db, const char *org, int64_t *ret_read)
{
    struct err e = ERR_INIT;
    json_t *stats = NULL;
    int64_t before = rows_read(db);
    if (!org_stats(db, org, clock_wall_us(), &stats, &e)) {
        fail_msg("%s", e.text);
    }
    *ret_read = rows_read(db) - before;
    return stats;
}

static int64_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* The sample, twice what waits of each type (the rows, and those of its temporary table) and the depths' one row more.
 */
static void test_stats_read_a_sample(void **state)
{
    int64_t read = 0;
    json_auto_t *stats = stats_of(((struct served *)*state)->db, ORG, &read);
    const json_t *speed = json_object_get(stats, "speed");
    const json_t *waiting = json_object_get(stats, "waiting");
    assert_int_equal(number(speed, "jobs"), ORG_STATS_SAMPLE);
    assert_int_equal(number(speed, "run_p95_ms"), 10000);
    assert_int_equal(json_array_size(waiting), 0); /* it is not among the first of its type */
    assert_int_equal(number(stats, "dead_letters"), 0);
    assert_int_equal(json_array_size(json_object_get(stats, "throughput")), ORG_STATS_MINUTES);
    assert_in_range(read, 1, 2 * ORG_STATS_SAMPLE + 6 * ORG_STATS_WAITING_READ + 3 * ORG_STATS_COUNT_MAX + 500);
    must_text(((struct served *)*state)->db,
              "UPDATE background_jobs SET dispatch_at = NULL WHERE organization_id = '" FLOOD
              "' AND status = 'queued'");
    json_auto_t *again = stats_of(((struct served *)*state)->db, ORG, &read);
    assert_int_equal(number(again, "outbox"), 0);
    assert_in_range(read, 1, 2 * ORG_STATS_SAMPLE + 6 * ORG_STATS_WAITING_READ + 500);
    must_text(((struct served *)*state)->db,
              "UPDATE background_jobs SET dispatch_at = '2026-01-01' WHERE organization_id = '" FLOOD
              "' AND status = 'queued'");
}

static void test_stats_count_to_the_limit(void **state)
{
    int64_t read = 0;
    json_auto_t *stats = stats_of(((struct served *)*state)->db, FLOOD, &read);
    assert_int_equal(number(stats, "outbox"), ORG_STATS_COUNT_MAX);
    assert_true(json_is_true(json_object_get(stats, "outbox_capped")));
    assert_int_equal(number(stats, "dead_letters"), ORG_STATS_COUNT_MAX);
    assert_true(json_is_true(json_object_get(stats, "dead_letters_capped")));
    assert_int_equal(json_array_size(json_object_get(stats, "waiting")), ORG_STATS_WAITING_SHOWN);
    assert_in_range(read, 1, 6 * ORG_STATS_COUNT_MAX);
}

static json_t *page_of(struct db *db, const struct audit_filter *f, int64_t *ret_read)
{
    struct err e = ERR_INIT;
    json_t *page = NULL;
    int64_t before = rows_read(db);
    if (!audit_list(db, f, &page, &e)) {
        fail_msg("%s", e.text);
    }
    *ret_read = rows_read(db) - before;
    return page;
}

/* The number of entries on all pages, no two of which are the same and each of which is older than the one before. */
static int64_t walk(struct db *db, struct audit_filter f, int64_t read_max)
{
    int64_t n = 0;
    int64_t last_id = INT64_MAX;
    g_autofree char *cursor = NULL;
    do {
        int64_t read = 0;
        size_t i;
        const json_t *entry;
        f.cursor = cursor;
        json_auto_t *page = page_of(db, &f, &read);
        assert_in_range(read, 1, read_max);
        json_array_foreach(json_object_get(page, "entries"), i, entry)
        {
            assert_true(number(entry, "id") < last_id);
            last_id = number(entry, "id");
            n++;
        }
        g_free(cursor);
        cursor = g_strdup(json_string_value(json_object_get(page, "next_cursor")));
    } while (cursor != NULL);
    return n;
}

static void test_audit_pages_are_bounded(void **state)
{
    struct db *db = ((struct served *)*state)->db;
    enum { LIMIT = 200, PAGE = 2 * (LIMIT + 2), CUT = 2 * AUDIT_READ_MAX + PAGE };
    static const struct {
        struct audit_filter filter;
        int64_t n;
        int64_t read_max;
    } rows[] = {
        {{.action = NULL}, ENTRIES, PAGE},
        {{.action = "a.often"}, ENTRIES / 3, PAGE},
        {{.subject = "one"}, 6, PAGE},
        {{.actor = "rare"}, 2, PAGE},
        {{.actor = "nobody"}, 0, PAGE},
        {{.actor = "rare", .subject = "many"}, 2, CUT},
        {{.action = "a.often", .subject = "many"}, ENTRIES / 3 - 2, CUT},
        {{.action = "a.often", .subject = "one", .actor = "often"}, 2, CUT},
        {{.action = "c.never", .subject = "many", .actor = "often"}, 0, CUT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct audit_filter f = rows[i].filter;
        f.organization_id = ORG;
        f.limit = LIMIT;
        if (walk(db, f, rows[i].read_max) != rows[i].n) {
            fail_msg("filter %zu has another number of entries", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_read_a_sample),
        cmocka_unit_test(test_stats_count_to_the_limit),
        cmocka_unit_test(test_audit_pages_are_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
