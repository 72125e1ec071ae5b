#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ground/ids.h"
#include "request.h"

static const struct {
    const char *raw;
    const char *decoded; /* NULL: refused */
} paths[] = {
    {"/", "/"},
    {"/a/b", "/a/b"},
    {"/a%20b", "/a b"},
    {"/a+b", "/a+b"},
    {"/%7Euser", "/~user"},
    {"/caf%C3%A9", "/caf\xc3\xa9"},
    {"/a?b=%00", "/a"},
    {"/a%3Fb", "/a?b"},
    {"/a%25b", "/a%b"},
    {"/a%2525b", "/a%25b"},
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
    {"/a%00b", NULL},
    {"/a%2Fb", NULL},
    {"/a%2fb", NULL},
    {"/a%", NULL},
    {"/a%4", NULL},
    {"/a%4?5", NULL},
    {"/a%zz", NULL},
    {"/a%0Ab", NULL},
    {"/a%7Fb", NULL},
    {"/a\x01", NULL},
    {"/%C0%AF", NULL},       /* overlong '/' */
    {"/%E0%80%AF", NULL},    /* overlong '/' */
    {"/%C0%80", NULL},       /* overlong NUL */
    {"/%ED%A0%80", NULL},    /* surrogate */
    {"/%F4%90%80%80", NULL}, /* past U+10FFFF */
    {"/%E9", NULL},          /* Latin-1 */
};

static void test_paths(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct err e = ERR_INIT;
        g_autofree char *got = request_decode_path(paths[i].raw, &e);
        if (g_strcmp0(got, paths[i].decoded) != 0 || (got == NULL && e.code != ERR_INVALID)) {
            fail_msg("%s becomes %s", paths[i].raw, got);
        }
    }
}

static const struct {
    const char *raw;
    const char *json; /* NULL: refused */
} queries[] = {
    {"", "{}"},
    {"a=1", "{\"a\":\"1\"}"},
    {"a=1&b=2", "{\"a\":\"1\",\"b\":\"2\"}"},
    {"&a=1&&", "{\"a\":\"1\"}"},
    {"a", "{\"a\":\"\"}"},
    {"a=", "{\"a\":\"\"}"},
    {"a=b=c", "{\"a\":\"b=c\"}"},
    {"a=x+y%2Bz", "{\"a\":\"x y+z\"}"},
    {"%61=1", "{\"a\":\"1\"}"},
    {"a=%C3%A9", "{\"a\":\"\xc3\xa9\"}"},
    {"a=1&a=1", NULL},
    {"a=1&%61=2", NULL},
    {"=1", NULL},
    {"a=%", NULL},
    {"a=%4", NULL},
    {"a=%4&b=1", NULL},
    {"a=%00", NULL},
    {"a=%0d%0a", NULL},
    {"a=%C0%80", NULL},
    {"%ff=1", NULL},
};

static void test_queries(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        struct err e = ERR_INIT;
        json_auto_t *got = request_decode_query(queries[i].raw, &e);
        json_auto_t *expected = queries[i].json == NULL ? NULL : json_loads(queries[i].json, 0, NULL);
        if (got == NULL ? expected != NULL || e.code != ERR_INVALID : !json_equal(got, expected)) {
            fail_msg("%s should be %s", queries[i].raw, queries[i].json);
        }
    }
}

static void test_query_sizes(void **state UNUSED)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) many = g_string_new("p0=1");
    for (int i = 1; i < 64; i++) {
        g_string_append_printf(many, "&p%d=1", i);
    }
    json_auto_t *just = request_decode_query(many->str, &e);
    assert_non_null(just);
    g_string_append(many, "&last=1");
    assert_null(request_decode_query(many->str, &e));
    g_autofree char *spaces = g_strnfill(9000, '+');
    err_clear(&e);
    assert_null(request_decode_query(spaces, &e));
}

static const struct {
    const char *type;
    bool json;
    bool merge;
} types[] = {
    {"application/json", true, true},
    {"Application/JSON", true, true},
    {"application/json; charset=utf-8", true, true},
    {"application/json;charset=UTF-8", true, true},
    {"application/json; charset=\"utf-8\"", true, true},
    {" application/json ", true, true},
    {"application/merge-patch+json", false, true},
    {"application/merge-patch+json; charset=utf-8", false, true},
    {"application/json; charset=latin1", false, false},
    {"application/json; version=1", false, false},
    {"application/jsonx", false, false},
    {"application/x-www-form-urlencoded", false, false},
    {"text/plain", false, false},
    {"text/json", false, false},
    {"", false, false},
    {NULL, false, false},
};

static void test_content_types(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (request_is_json(types[i].type, false) != types[i].json ||
            request_is_json(types[i].type, true) != types[i].merge) {
            fail_msg("%s", types[i].type);
        }
    }
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define ZEROS "00000000000000000000000000000000"

static const struct {
    const char *header;
    const char *kept; /* NULL: ignored */
} traces[] = {
    {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
    {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
    {"cc-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
    {"cc-" TRACE "-" SPAN "-01-more", "00-" TRACE "-" SPAN "-01"},
    {"cc-" TRACE "-" SPAN "-01more", NULL},
    {"00-" TRACE "-" SPAN "-01-more", NULL},
    {"ff-" TRACE "-" SPAN "-01", NULL},
    {"00-" ZEROS "-" SPAN "-01", NULL},
    {"00-" TRACE "-0000000000000000-01", NULL},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "-0", NULL},
    {"00-" TRACE "-" SPAN, NULL},
    {"00_" TRACE "-" SPAN "-01", NULL},
    {"00-" TRACE "-" SPAN "-0g", NULL},
    {"", NULL},
    {NULL, NULL},
};

static void test_traceparent(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
        char got[TRACEPARENT_BYTES] = "";
        bool kept = request_traceparent(traces[i].header, got);
        if (kept != (traces[i].kept != NULL) || (kept && strcmp(got, traces[i].kept) != 0)) {
            fail_msg("%s becomes %s", traces[i].header, got);
        }
    }
}

static void test_idempotency_keys(void **state UNUSED)
{
    g_autofree char *longest = g_strnfill(255, 'k');
    g_autofree char *longer = g_strnfill(256, 'k');
    g_autofree char *longest_quoted = g_strconcat("\"", longest, "\"", NULL);
    g_autofree char *longer_quoted = g_strconcat("\"", longer, "\"", NULL);
    const struct {
        const char *header;
        const char *key; /* NULL: none */
    } cases[] = {
        {"a", "a"},
        {"8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"},
        {"\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"},
        {"\"two words\"", "two words"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"!~{}a\"b\\", "!~{}a\"b\\"},
        {longest, longest},
        {longest_quoted, longest},
        {longer, NULL},
        {longer_quoted, NULL},
        {"", NULL},
        {"\"\"", NULL},
        {"\"", NULL},
        {"\"a", NULL},
        {"\"a\\\"", NULL},
        {"\"a\\b\"", NULL},
        {"\"a\"b", NULL},
        {"\"a\";p=1", NULL},
        {"\"a\", \"b\"", NULL},
        {"two words", NULL},
        {"a\tb", NULL},
        {"\"a\tb\"", NULL},
        {"\"a\x7f\"", NULL},
        {"caf\xc3\xa9", NULL},
        {"\"caf\xc3\xa9\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char key[IDEMPOTENCY_KEY_MAX + 1] = "";
        bool is_key = request_idempotency_key(cases[i].header, key);
        if (is_key != (cases[i].key != NULL) || (is_key && strcmp(key, cases[i].key) != 0)) {
            fail_msg("%s: %d %s", cases[i].header, is_key, key);
        }
    }
}

static void test_lengths(void **state UNUSED)
{
    static const char *const rows[] = {
        "CONTENT_LENGTH=",   "CONTENT_LENGTH=0",  "CONTENT_LENGTH=12",  "CONTENT_LENGTH=-1",
        "CONTENT_LENGTH=+1", "CONTENT_LENGTH=1 ", "CONTENT_LENGTH=0x1", "CONTENT_LENGTH=99999999999999999999"};
    static const struct {
        bool ok;
        uint64_t length;
    } expected[] = {{true, 0}, {true, 0}, {true, 12}, {false, 0}, {false, 0}, {false, 0}, {false, 0}, {false, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *param = g_strdup(rows[i]);
        char *const params[] = {param, NULL};
        const struct request r = {.params = params};
        uint64_t length = 0;
        assert_int_equal(request_length(&r, &length), expected[i].ok);
        assert_int_equal(length, expected[i].length);
    }
}

static void test_whole_request(void **state UNUSED)
{
    char *const params[] = {(char[]){"REQUEST_METHOD=GET"}, (char[]){"REQUEST_URI=/api/system/x?limit=5"},
                            (char[]){"HTTP_X_REQUEST_ID=abc-1.2_3"}, (char[]){"HTTP_X=HTTP_Y=2"}, NULL};
    struct request r;
    request_init(&r, params);
    assert_string_equal(r.id, "abc-1.2_3");
    assert_string_equal(r.method, "GET");
    assert_string_equal(r.path, "/api/system/x");
    assert_string_equal(json_string_value(json_object_get(r.query, "limit")), "5");
    assert_null(request_param(&r, "HTTP_Y"));
    assert_string_equal(request_param(&r, "HTTP_X"), "HTTP_Y=2");
    request_release(&r);
}

static void test_request_ids_that_are_replaced(void **state UNUSED)
{
    static const char *const rows[] = {
        "HTTP_X_REQUEST_ID=", "HTTP_X_REQUEST_ID=a b", "HTTP_X_REQUEST_ID=a\"b",
        "HTTP_X_REQUEST_ID=0123456789012345678901234567890123456789012345678901234567890123456789", "OTHER=1"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autofree char *param = g_strdup(rows[i]);
        char *const params[] = {param, NULL};
        struct request r;
        request_init(&r, params);
        assert_true(uuid_is_valid(r.id));
        assert_null(r.path);
        request_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_query_sizes),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_idempotency_keys),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_whole_request),
        cmocka_unit_test(test_request_ids_that_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
