#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "router.h"

static bool is_mutating(const struct route *r)
{
    return strcmp(r->method, "GET") != 0;
}

static void test_rows_are_complete(void **state UNUSED)
{
    static const char *const methods[] = {"GET", "PUT", "PATCH", "POST", "DELETE"};
    for (size_t i = 0; i < routes_n; i++) {
        const struct route *r = &routes[i];
        bool known = false;
        for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
            known = known || strcmp(methods[m], r->method) == 0;
        }
        assert_true(known);
        assert_int_equal(r->pattern[0], '/');
        assert_non_null(r->operation);
        assert_non_null(r->summary);
        assert_non_null(r->handler);
        assert_true(r->answers[0].status != 0);
        bool reads_itself = (r->flags & ROUTE_OWN_BODY) != 0;
        if (is_mutating(r) && !reads_itself && (r->roles == 0 || r->body == NULL)) {
            fail_msg("%s %s has no role or no body record", r->method, r->pattern);
        }
        if (r->limit != LIMIT_NONE && r->roles == 0) {
            fail_msg("%s %s is limited by user but has none", r->method, r->pattern);
        }
        if (r->roles != 0 && (r->flags & (ROUTE_AT_ROOT | ROUTE_NO_DATABASE)) != 0) {
            fail_msg("%s %s is neither public nor safe", r->method, r->pattern);
        }
    }
}

static void test_rows_are_unique(void **state UNUSED)
{
    for (size_t i = 0; i < routes_n; i++) {
        for (size_t j = i + 1; j < routes_n; j++) {
            assert_string_not_equal(routes[i].operation, routes[j].operation);
            if (strcmp(routes[i].method, routes[j].method) == 0) {
                assert_string_not_equal(routes[i].pattern, routes[j].pattern);
            }
        }
    }
}

/* Every row is found by an address of its own pattern. */
static void test_no_row_is_shadowed(void **state UNUSED)
{
    for (size_t i = 0; i < routes_n; i++) {
        char value[PATH_VALUE_BYTES];
        g_autoptr(GString) allowed = g_string_new(NULL);
        g_autoptr(GString) path = g_string_new(API_BASE);
        g_string_append(path, routes[i].pattern);
        g_string_replace(path, "{job_type}", "email.send", 0);
        g_string_replace(path, "{job_id}", "0192f0c1-0000-7000-8000-000000000000", 0);
        if (router_match(routes[i].method, path->str, value, allowed) != &routes[i]) {
            fail_msg("%s %s is shadowed by another row", routes[i].method, routes[i].pattern);
        }
    }
}

static const struct {
    const char *method;
    const char *path;
    const char *operation; /* NULL: none */
    const char *value;
    const char *allowed;
} rows[] = {
    {"GET", "/api/system/notification-settings", "getNotificationSettings", "", ""},
    {"HEAD", "/api/system/notification-settings", "getNotificationSettings", "", ""},
    {"PUT", "/api/system/notification-settings", "updateNotificationSettings", "", NULL},
    {"DELETE", "/api/system/notification-settings", NULL, "", "GET, HEAD, PUT, PATCH"},
    {"get", "/api/system/notification-settings", NULL, "", "GET, HEAD, PUT, PATCH"},
    {"GET", "/api/system/background-jobs/abc", "getBackgroundJob", "abc", ""},
    {"POST", "/api/system/background-jobs/abc/cancel", "cancelBackgroundJob", "abc", ""},
    {"GET", "/api/system/background-jobs/abc/cancel", NULL, "", "POST"},
    {"OPTIONS", "/api/system/background-jobs", NULL, "", "GET, HEAD, POST"},
    {"GET", "/api/system/background-jobs/", NULL, "", ""},
    {"GET", "/api/system/background-jobs/a/b", NULL, "", ""},
    {"GET", "/api/system/background-jobs/a/", NULL, "", ""},
    {"GET", "/api/system/background-job", NULL, "", ""},
    {"GET", "/api/system/background-jobsx", NULL, "", ""},
    {"GET", "/api/systemx/background-jobs", NULL, "", ""},
    {"GET", "/api/system", NULL, "", ""},
    {"GET", "/api/system/", NULL, "", ""},
    {"GET", "/background-jobs", NULL, "", ""},
    {"GET", "//api/system/background-jobs", NULL, "", ""},
    {"GET", "/api/system//background-jobs", NULL, "", ""},
    {"GET", "/api/system/../system/background-jobs", NULL, "", ""},
    {"GET", "/healthz", "healthz", "", ""},
    {"GET", "/api/system/healthz", "healthz", "", ""},
    {"GET", "/readyz", "readyz", "", ""},
    {"POST", "/readyz", NULL, "", "GET, HEAD"},
    {"GET", "/", NULL, "", ""},
    /* A word goes before what takes any. */
    {"GET", "/api/system/background-jobs/pauses", "listPauses", "", ""},
    {"POST", "/api/system/background-jobs/pauses", NULL, "", "GET, HEAD"},
    {"GET", "/api/system/background-jobs/pausesx", "getBackgroundJob", "pausesx", ""},
    {"PUT", "/api/system/background-jobs/pauses/*", "pauseJobs", "*", ""},
    {"PUT", "/api/system/background-jobs/pauses/cancel", "pauseJobs", "cancel", ""},
    {"POST", "/api/system/background-jobs/pauses/cancel", NULL, "", "PUT, DELETE"},
};

static void test_matches(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char value[PATH_VALUE_BYTES];
        g_autoptr(GString) allowed = g_string_new(NULL);
        const struct route *r = router_match(rows[i].method, rows[i].path, value, allowed);
        if (g_strcmp0(r == NULL ? NULL : r->operation, rows[i].operation) != 0 || strcmp(value, rows[i].value) != 0 ||
            (r == NULL && strcmp(allowed->str, rows[i].allowed) != 0)) {
            fail_msg("%s %s: %s, value '%s', allowed '%s'", rows[i].method, rows[i].path,
                     r == NULL ? "none" : r->operation, value, allowed->str);
        }
    }
}

static void test_long_values_do_not_fit(void **state UNUSED)
{
    char value[PATH_VALUE_BYTES];
    g_autofree char *just = g_strnfill(PATH_VALUE_BYTES - 1, 'x');
    g_autofree char *too_long = g_strnfill(PATH_VALUE_BYTES, 'x');
    g_autofree char *good = g_strconcat("/a/", just, NULL);
    g_autofree char *bad = g_strconcat("/a/", too_long, NULL);
    assert_true(router_fits("/a/{id}", good, value));
    assert_string_equal(value, just);
    assert_false(router_fits("/a/{id}", bad, value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete),      cmocka_unit_test(test_rows_are_unique),
        cmocka_unit_test(test_no_row_is_shadowed),     cmocka_unit_test(test_matches),
        cmocka_unit_test(test_long_values_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
