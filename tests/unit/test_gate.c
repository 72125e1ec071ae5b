/* Rules of pauses and limits, and the arithmetic of a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "domain/gate.h"

#define NOW_US INT64_C(1800000000000000)

/* --- rules ------------------------------------------------------------------------------------------------------- */

static void test_which_jobs_are_paused(void **state UNUSED)
{
    static const struct {
        const char *pauses[2][2];
        bool paused[4]; /* acme/mail, acme/noop, other/mail, other/noop */
    } rows[] = {
        {{{NULL}}, {false, false, false, false}},
        {{{"", ""}}, {true, true, true, true}},
        {{{"acme", ""}}, {true, true, false, false}},
        {{{"", "mail"}}, {true, false, true, false}},
        {{{"acme", "mail"}}, {true, false, false, false}},
        {{{"acme", "mail"}, {"", "noop"}}, {true, true, false, true}},
        {{{"acm", ""}, {"acme", "mai"}}, {false, false, false, false}},
    };
    static const char *const jobs[4][2] = {{"acme", "mail"}, {"acme", "noop"}, {"other", "mail"}, {"other", "noop"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(0);
        for (size_t p = 0; p < 2 && rows[i].pauses[p][0] != NULL; p++) {
            gate_rules_add_pause(rules, rows[i].pauses[p][0], rows[i].pauses[p][1]);
        }
        assert_int_equal(gate_rules_is_empty(rules), rows[i].pauses[0][0] == NULL);
        for (size_t j = 0; j < 4; j++) {
            if (gate_is_paused(rules, jobs[j][0], jobs[j][1]) != rows[i].paused[j]) {
                fail_msg("row %zu: %s of %s is %spaused", i, jobs[j][1], jobs[j][0], rows[i].paused[j] ? "not " : "");
            }
        }
    }
}

/* With them people clear up what made them pause everything, or what has filled the limits. */
static void test_operations_on_many_jobs_start_all_the_same(void **state UNUSED)
{
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(5);
    struct gate_key keys[GATE_KEYS_MAX];
    gate_rules_add_pause(rules, "", "");
    gate_rules_add_pause(rules, "acme", "");
    gate_rules_add_limit(rules, "acme", "");
    assert_false(gate_is_paused(rules, "acme", "jobs.cancel"));
    assert_int_equal(gate_limit_keys(rules, "acme", "jobs.cancel", keys), 0);
    gate_rules_add_pause(rules, "", "jobs.retry");
    assert_true(gate_is_paused(rules, "acme", "jobs.retry"));
}

static void test_which_limits_a_job_is_under(void **state UNUSED)
{
    static const struct {
        int64_t org_max_running;
        const char *limits[4][2];
        const char *found; /* for mail of acme */
    } rows[] = {
        {0, {{NULL}}, ""},
        {0, {{"acme", "mail"}, {"", ""}, {"acme", ""}, {"", "mail"}}, "/ /mail acme/ acme/mail "},
        {0, {{"acme", "noop"}, {"other", ""}, {"", "noop"}}, ""},
        {5, {{NULL}}, "acme/ "},
        {5, {{"acme", ""}, {"acme", "mail"}}, "acme/ acme/mail "},
        {0, {{"acme", "mail"}}, "acme/mail "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(rows[i].org_max_running);
        for (size_t l = 0; l < 4 && rows[i].limits[l][0] != NULL; l++) {
            gate_rules_add_limit(rules, rows[i].limits[l][0], rows[i].limits[l][1]);
        }
        struct gate_key keys[GATE_KEYS_MAX];
        size_t n = gate_limit_keys(rules, "acme", "mail", keys);
        g_autoptr(GString) found = g_string_new(NULL);
        for (size_t k = 0; k < n; k++) {
            g_string_append_printf(found, "%s/%s ", keys[k].organization_id, keys[k].job_type);
            assert_true(k == 0 || gate_key_compare(&keys[k - 1], &keys[k]) < 0);
        }
        assert_string_equal(found->str, rows[i].found);
    }
}

static void test_a_default_is_no_row(void **state UNUSED)
{
    CLEANUP(gate_rules_cleanup) struct gate_rules *rules = gate_rules_new(5);
    struct gate_key keys[GATE_KEYS_MAX];
    assert_int_equal(gate_limit_keys(rules, "acme", "mail", keys), 1);
    assert_false(gate_has_limit(rules, &keys[0]));
    gate_rules_add_limit(rules, "acme", "");
    assert_true(gate_has_limit(rules, &keys[0]));
}

/* --- one limit --------------------------------------------------------------------------------------------------- */

static void test_room_and_admission(void **state UNUSED)
{
    static const struct {
        struct gate_limit limit;
        int64_t room;
        bool newcomer; /* may start */
        bool promised; /* may start */
    } rows[] = {
        {{.max_running = 0}, INT64_MAX, true, true},
        {{.max_running = 2}, 2, true, true},
        {{.max_running = 2, .running = 1}, 1, true, true},
        {{.max_running = 2, .running = 2}, 0, false, false},
        {{.max_running = 2, .running = 5}, 0, false, false}, /* the limit was lowered */
        {{.max_running = 2, .running = 1, .promised = 1}, 0, false, true},
        {{.max_running = 2, .running = 0, .promised = 3}, 0, false, true},
        {{.max_per_minute = 61, .tat_us = NOW_US - US_PER_S}, 2, true, true}, /* steps of 1 s: two at once */
        {{.max_per_minute = 61, .tat_us = NOW_US + US_PER_S}, 1, true, true},
        {{.max_per_minute = 61, .tat_us = NOW_US + US_PER_S, .promised = 1}, 0, false, true},
        {{.max_per_minute = 61, .tat_us = NOW_US + US_PER_S + 1}, 0, false, false},
        {{.max_per_minute = 1}, 1, true, true},
        {{.max_per_minute = 1, .tat_us = NOW_US + 61 * US_PER_S}, 0, false, false},
        {{.max_per_minute = 600}, 10, true, true}, /* a second's worth */
        {{.max_per_minute = 600, .max_running = 3, .running = 1}, 2, true, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct gate_limit room = rows[i].limit;
        struct gate_limit newcomer = rows[i].limit;
        struct gate_limit promised = rows[i].limit;
        struct gate_limit *list[3][1] = {{&room}, {&newcomer}, {&promised}};
        int64_t got = gate_room(list[0], 1, NOW_US);
        if (got != rows[i].room) {
            fail_msg("row %zu: room %lld", i, (long long)got);
        }
        if (gate_admit(list[1], 1, false, NOW_US) != rows[i].newcomer ||
            gate_admit(list[2], 1, true, NOW_US) != rows[i].promised) {
            fail_msg("row %zu: admission", i);
        }
        assert_int_equal(newcomer.running - rows[i].limit.running, rows[i].newcomer);
        assert_int_equal(newcomer.promised, rows[i].limit.promised);
        assert_int_equal(promised.promised, MAX(rows[i].limit.promised - 1, 0));
    }
}

static void test_all_limits_or_none(void **state UNUSED)
{
    struct gate_limit open = {.max_running = 5, .max_per_minute = 60};
    struct gate_limit full = {.max_running = 1, .running = 1};
    struct gate_limit *const both[] = {&open, &full};
    assert_false(gate_admit(both, 2, false, NOW_US));
    assert_int_equal(open.running, 0);
    assert_int_equal(open.tat_us, 0);
    assert_int_equal(gate_room(both, 2, NOW_US), 0);
    assert_true(gate_admit(both, 1, false, NOW_US));
    assert_int_equal(open.running, 1);
    assert_true(open.tat_us > NOW_US);
    assert_int_equal(gate_room(both, 0, NOW_US), INT64_MAX);
}

/* However often it is asked: in no 60 s more starts than the limit, and nearly as many when there is always a job. */
static void test_starts_in_any_minute(void **state UNUSED)
{
    static const int64_t per_minute[] = {1, 2, 7, 60, 61, 600, 1000};
    for (size_t i = 0; i < ARRAY_SIZE(per_minute); i++) {
        struct gate_limit limit = {.max_per_minute = per_minute[i]};
        struct gate_limit *const list[] = {&limit};
        g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(int64_t));
        for (int64_t now_us = NOW_US; now_us < NOW_US + 200 * US_PER_S; now_us += 7919) {
            if (gate_admit(list, 1, false, now_us)) {
                g_array_append_val(starts, now_us);
            }
        }
        for (guint s = (guint)per_minute[i]; s < starts->len; s++) {
            int64_t span_us = g_array_index(starts, int64_t, s) - g_array_index(starts, int64_t, s - per_minute[i]);
            if (span_us < 60 * US_PER_S) {
                fail_msg("%lld a minute: one more within %lld us", (long long)per_minute[i], (long long)span_us);
            }
        }
        assert_true(starts->len >= 200 * per_minute[i] / 61);
    }
}

static void test_a_clock_that_was_set_back(void **state UNUSED)
{
    struct gate_limit limit = {.max_per_minute = 1};
    struct gate_limit *const list[] = {&limit};
    assert_true(gate_admit(list, 1, false, NOW_US));
    assert_false(gate_admit(list, 1, false, NOW_US + 59 * US_PER_S));
    assert_true(gate_admit(list, 1, false, NOW_US - 3600 * US_PER_S));
    assert_true(limit.tat_us < NOW_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_jobs_are_paused),
        cmocka_unit_test(test_operations_on_many_jobs_start_all_the_same),
        cmocka_unit_test(test_which_limits_a_job_is_under),
        cmocka_unit_test(test_a_default_is_no_row),
        cmocka_unit_test(test_room_and_admission),
        cmocka_unit_test(test_all_limits_or_none),
        cmocka_unit_test(test_starts_in_any_minute),
        cmocka_unit_test(test_a_clock_that_was_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
