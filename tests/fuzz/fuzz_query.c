/* What a request says before its body: address, query and headers, as far as the route table and the query's record.
 * The input is "METHOD SP address LF header value", the header standing for each of those that are parsed. */
#include "fuzz.h"

#include <string.h>

#include "api.h"
#include "router.h"

static void check_query(const struct route *route, const json_t *pairs)
{
    struct problems problems = {0};
    json_auto_t *query = route->query == NULL ? NULL : record_parse_query(route->query, pairs, &problems);
    if (query != NULL && !problems_any(&problems)) {
        for (size_t i = 0; i < route->query->n; i++) {
            MUST_HOLD(json_object_get(query, route->query->fields[i].name) != NULL);
        }
    }
    problems_release(&problems);
}

static void match(const struct request *request)
{
    char value[PATH_VALUE_BYTES] = "";
    g_autoptr(GString) allowed = g_string_new(NULL);
    const struct route *route = router_match(request->method, request->path, value, allowed);
    MUST_HOLD(memchr(value, '\0', sizeof(value)) != NULL);
    MUST_HOLD(route == NULL || strchr(value, '/') == NULL);
    if (route != NULL && request->query != NULL) {
        check_query(route, request->query);
    }
}

static void read_headers(const char *header)
{
    struct etag_list tags;
    char traceparent[TRACEPARENT_BYTES];
    char key[IDEMPOTENCY_KEY_MAX + 1];
    if (etag_parse(header, &tags)) {
        MUST_HOLD(tags.n <= ETAG_LIST_MAX);
        (void)etag_matches_strongly(&tags, 1);
        (void)etag_matches_weakly(&tags, 1);
    }
    if (request_traceparent(header, traceparent)) {
        MUST_HOLD(strlen(traceparent) == TRACEPARENT_BYTES - 1);
    }
    if (request_idempotency_key(header, key)) {
        MUST_HOLD(key[0] != '\0' && strlen(key) <= IDEMPOTENCY_KEY_MAX);
    }
    (void)request_is_json(header, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    g_autofree char *text = g_strndup((const char *)data, bytes);
    char *header = strchr(text, '\n');
    if (header != NULL) {
        *header++ = '\0';
    }
    char *address = strchr(text, ' ');
    if (address != NULL) {
        *address++ = '\0';
    }
    header = header == NULL ? text : header;
    g_autofree char *method = g_strconcat("REQUEST_METHOD=", text, NULL);
    g_autofree char *uri = g_strconcat("REQUEST_URI=", address == NULL ? "" : address, NULL);
    g_autofree char *id = g_strconcat("HTTP_X_REQUEST_ID=", header, NULL);
    g_autofree char *length = g_strconcat("CONTENT_LENGTH=", header, NULL);
    char *params[] = {method, uri, id, length, NULL};

    struct request request;
    uint64_t content_length = 0;
    request_init(&request, params);
    (void)request_length(&request, &content_length);
    if (request.path != NULL) {
        MUST_HOLD(request.path[0] == '/' && g_utf8_validate(request.path, -1, NULL));
        match(&request);
    }
    read_headers(header);
    request_release(&request);
    return 0;
}
