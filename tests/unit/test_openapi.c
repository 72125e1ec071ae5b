#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api.h"
#include "openapi.h"

static const json_t *find(const json_t *at, const char *const *names)
{
    for (; *names != NULL && at != NULL; names++) {
        at = json_object_get(at, *names);
    }
    return at;
}
#define FIND(at, ...) find((at), (const char *const[]){__VA_ARGS__, NULL})

static bool has_own(const struct route *r, int status)
{
    const struct answer *a = r->answers;
    while (a->status != 0 && a->status != status) {
        a++;
    }
    return a->status != 0;
}

static void test_every_route_is_described(void **state UNUSED)
{
    json_auto_t *document = openapi_document();
    assert_non_null(document);
    for (size_t i = 0; i < routes_n; i++) {
        const struct route *r = &routes[i];
        g_autofree char *method = g_ascii_strdown(r->method, -1);
        const json_t *operation = FIND(document, "paths", r->pattern, method);
        assert_non_null(operation);
        assert_string_equal(json_string_value(json_object_get(operation, "operationId")), r->operation);
        assert_int_equal(json_object_get(operation, "requestBody") != NULL, r->body != NULL);
        assert_int_equal(json_array_size(json_object_get(operation, "security")), r->roles == 0 ? 0 : 1);
        assert_int_equal(FIND(operation, "responses", "429") != NULL, r->limit != LIMIT_NONE || has_own(r, 429));
        assert_int_equal(FIND(operation, "responses", "401") != NULL, r->roles != 0);
        for (const struct answer *a = r->answers; a->status != 0; a++) {
            char status[16];
            (void)snprintf(status, sizeof(status), "%d", a->status);
            assert_non_null(FIND(operation, "responses", status));
        }
    }
}

static bool is_route(const char *method, const char *pattern)
{
    for (size_t i = 0; i < routes_n; i++) {
        if (g_ascii_strcasecmp(routes[i].method, method) == 0 && strcmp(routes[i].pattern, pattern) == 0) {
            return true;
        }
    }
    return false;
}

static void test_nothing_else_is_described(void **state UNUSED)
{
    json_auto_t *document = openapi_document();
    const char *pattern = NULL;
    json_t *path = NULL;
    size_t n = 0;
    json_object_foreach(json_object_get(document, "paths"), pattern, path)
    {
        const char *method = NULL;
        json_t *operation = NULL;
        json_object_foreach(path, method, operation)
        {
            n++;
            if (!is_route(method, pattern)) {
                fail_msg("%s %s is no route", method, pattern);
            }
        }
    }
    assert_int_equal(n, routes_n);
}

static void check_refs(const json_t *schemas, json_t *at)
{
    static const char prefix[] = "#/components/schemas/";
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;
    json_object_foreach(at, key, member)
    {
        if (strcmp(key, "$ref") == 0) {
            const char *name = json_string_value(member);
            assert_true(g_str_has_prefix(name, prefix));
            if (json_object_get(schemas, name + strlen(prefix)) == NULL) {
                fail_msg("%s leads nowhere", name);
            }
        }
        check_refs(schemas, member);
    }
    json_array_foreach(at, i, member)
    {
        check_refs(schemas, member);
    }
}

static void test_references_lead_somewhere(void **state UNUSED)
{
    json_auto_t *document = openapi_document();
    check_refs(FIND(document, "components", "schemas"), document);
}

/* The file is what this program prints; `make openapi` writes it. */
static void test_the_file_is_up_to_date(void **state UNUSED)
{
    g_autofree char *printed = openapi_yaml();
    g_autofree char *file = NULL;
    if (!g_file_get_contents("docs/openapi.yaml", &file, NULL, NULL)) {
        fail_msg("docs/openapi.yaml is not there; tests run from the repository's root");
    }
    if (strcmp(file, printed) != 0) {
        fail_msg("docs/openapi.yaml is not what bellman-api --print-openapi prints: make openapi");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_nothing_else_is_described),
        cmocka_unit_test(test_references_lead_somewhere),
        cmocka_unit_test(test_the_file_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
