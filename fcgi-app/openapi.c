#include "openapi.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "openapi_schemas.h"
#include "yaml.h"

/* --- parameters ------------------------------------------------------------------------------------------------- */

static void add_parameter(json_t *list, const char *in, const char *name, const char *help, json_t *schema)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", in, "required",
                                          strcmp(in, "path") == 0, "description", help, "schema", schema));
}

static void add_header(json_t *list, const char *name, const char *help, json_t *schema)
{
    add_parameter(list, "header", name, help, schema);
}

static json_t *text_schema(void)
{
    return json_pack("{s:s}", "type", "string");
}

static void add_query(json_t *list, const struct record *record)
{
    json_auto_t *schema = record_describe(record, true);
    json_t *properties = json_object_get(schema, "properties");
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(properties, name, value)
    {
        const char *help = json_string_value(json_object_get(value, "description"));
        json_t *own = json_deep_copy(value);
        json_object_del(own, "description");
        add_parameter(list, "query", name, help == NULL ? "" : help, own);
    }
}

static json_t *uuid_schema(void)
{
    return json_pack("{s:s, s:s}", "type", "string", "format", "uuid");
}

/* What stands in patterns. */
static const struct {
    const char *name;
    const char *help;
    json_t *(*schema)(void);
} path_values[] = {
    {"job_id", "The job's id", uuid_schema},
    {"organization", "Whose account it is; - for the deployment's", text_schema},
    {"token", "Of the link", text_schema},
    {"event_id", "The event's id", uuid_schema},
    {"delivery_id", "The delivery's id", uuid_schema},
    {"schedule_id", "The schedule's id", uuid_schema},
    {"job_type", "A job type, or * for all", text_schema},
    {"event_id", "The event's id", uuid_schema},
    {"delivery_id", "The delivery's id", uuid_schema},
    {"template_id", "event.channel or event.channel.locale: payroll.email.de-CH", text_schema},
    {"provider", "Name of a provider", text_schema},
};

static bool has_path_name(const struct route *r, const char *name)
{
    g_autofree char *segment = g_strdup_printf("{%s}", name);
    return strstr(r->pattern, segment) != NULL;
}

static json_t *make_parameters(const struct route *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(path_values); i++) {
        if (has_path_name(r, path_values[i].name)) {
            add_parameter(list, "path", path_values[i].name, path_values[i].help, path_values[i].schema());
        }
    }
    if (r->query != NULL) {
        add_query(list, r->query);
    }
    if ((r->flags & ROUTE_IF_MATCH) != 0) {
        add_header(list, "If-Match", "Changes only the version that one of these entity tags names", text_schema());
    }
    if ((r->flags & ROUTE_IF_NONE_MATCH) != 0) {
        add_header(list, "If-None-Match", "304 when one of these entity tags names the version", text_schema());
    }
    if ((r->flags & ROUTE_IDEMPOTENCY_KEY) != 0) {
        add_header(list, "Idempotency-Key",
                   "A quoted string (RFC 8941) or a word: the same request with the same key within 24 hours gets the "
                   "first one's answer and creates nothing",
                   json_pack("{s:s, s:i}", "type", "string", "minLength", 1));
        add_header(list, "traceparent", "W3C trace context; goes with the job to its worker", text_schema());
    }
    return list;
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

static bool is_for_all(const struct route *r UNUSED)
{
    return true;
}
static bool has_roles(const struct route *r)
{
    return r->roles != 0;
}
static bool has_limit(const struct route *r)
{
    return r->limit != LIMIT_NONE;
}
static bool has_body(const struct route *r)
{
    return r->body != NULL;
}
static bool has_input(const struct route *r)
{
    return r->roles != 0;
}
static bool has_id(const struct route *r)
{
    return strstr(r->pattern, "_id}") != NULL;
}
static bool has_job_type(const struct route *r)
{
    return has_path_name(r, "job_type");
}
static bool has_provider(const struct route *r)
{
    return has_path_name(r, "provider");
}
static bool has_if_match(const struct route *r)
{
    return (r->flags & ROUTE_IF_MATCH) != 0;
}
static bool needs_database(const struct route *r)
{
    return (r->flags & ROUTE_NO_DATABASE) == 0;
}

static const struct {
    int status;
    bool (*applies)(const struct route *r);
    const char *help;
} common_answers[] = {
    {400, is_for_all, "The address, a header or the body is malformed"},
    {401, has_roles, "No valid token; WWW-Authenticate says why"},
    {403, has_roles, "The token holds no role for this call"},
    {404, has_id, "There is none of that id in the token's organization"},
    {404, has_job_type, "There is no such job type"},
    {404, has_provider, "There is no such provider, or no account with it"},
    {412, has_if_match, "It has changed since the version in If-Match; ETag is the version now"},
    {413, has_body, "The body is too large"},
    {415, has_body, "The body is not JSON in UTF-8"},
    {422, has_input, "Fields are at fault; errors names each"},
    {429, has_limit, "Too many of these calls"},
    {500, is_for_all, "The server failed; its log knows the request id"},
    {503, needs_database, "The database is away or busy"},
};

static json_t *header_of(const char *help, const char *type)
{
    return json_pack("{s:s, s:{s:s}}", "description", help, "schema", "type", type);
}

static bool has_etag(const struct route *r, int status)
{
    bool is_tagged = (r->flags & (ROUTE_IF_MATCH | ROUTE_IF_NONE_MATCH | ROUTE_ETAG)) != 0;
    return is_tagged && (status == 200 || status == 201 || status == 304 || status == 412);
}

static json_t *make_headers(const struct route *r, int status)
{
    json_t *headers = json_pack("{s:o}", "X-Request-Id", header_of("Names this request in the logs", "string"));
    if (has_etag(r, status)) {
        json_object_set_new(headers, "ETag", header_of("Names this version of the answer", "string"));
    }
    if (status == 302 || (status == 201 && (r->flags & ROUTE_BULK) == 0)) {
        json_object_set_new(headers, "Location", header_of("The new address", "string"));
    }
    if (status == 201 && (r->flags & ROUTE_IDEMPOTENCY_KEY) != 0) {
        json_object_set_new(headers, "Idempotency-Replayed",
                            header_of("true: the answer to an earlier request", "string"));
    }
    if (r->roles != 0 && (status == 401 || status == 403)) {
        json_object_set_new(headers, "WWW-Authenticate", header_of("RFC 6750", "string"));
    }
    if (status == 429 || status == 503) {
        json_object_set_new(headers, "Retry-After", header_of("Seconds", "integer"));
    }
    if (r->limit != LIMIT_NONE && status != 401 && status != 403 && status != 500) {
        json_object_set_new(headers, "RateLimit-Policy", header_of("\"default\";q=calls;w=seconds", "string"));
        json_object_set_new(headers, "RateLimit",
                            header_of("\"default\";r=calls left;t=seconds until all are back", "string"));
    }
    return headers;
}

static void add_answer(json_t *responses, const struct route *r, const struct answer *a)
{
    int status = a->status;
    const char *schema = a->schema;
    char key[16];
    (void)g_snprintf(key, sizeof(key), "%d", status);
    json_t *answer = json_pack("{s:s, s:o}", "description", a->help, "headers", make_headers(r, status));
    if (schema != NULL) {
        bool is_problem = strcmp(schema, "Problem") == 0;
        json_object_set_new(answer, "content",
                            json_pack("{s:{s:o}}", is_problem ? "application/problem+json" : "application/json",
                                      "schema", openapi_ref(schema)));
    }
    if (a->type != NULL) {
        json_object_set_new(answer, "content", json_pack("{s:{s:{s:s}}}", a->type, "schema", "type", "string"));
    }
    json_object_set_new(responses, key, answer);
}

static bool is_own(const struct route *r, int status)
{
    for (const struct answer *a = r->answers; a->status != 0; a++) {
        if (a->status == status) {
            return true;
        }
    }
    return false;
}

static json_t *make_responses(const struct route *r)
{
    json_t *responses = json_object();
    for (const struct answer *a = r->answers; a->status != 0; a++) {
        add_answer(responses, r, a);
    }
    for (size_t i = 0; i < ARRAY_SIZE(common_answers); i++) {
        if (common_answers[i].applies(r) && !is_own(r, common_answers[i].status)) {
            add_answer(responses, r,
                       &(struct answer){common_answers[i].status, "Problem", common_answers[i].help, NULL});
        }
    }
    return responses;
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

static json_t *make_body(const struct route *r)
{
    g_autofree char *name = openapi_input_name(r->body);
    json_t *content = json_pack("{s:{s:o}}", "application/json", "schema", openapi_ref(name));
    if ((r->flags & ROUTE_MERGE_PATCH) != 0) {
        json_object_set_new(content, "application/merge-patch+json", json_pack("{s:o}", "schema", openapi_ref(name)));
    }
    return json_pack("{s:b, s:o}", "required", (r->flags & ROUTE_BODY_OPTIONAL) == 0, "content", content);
}

static json_t *make_description(const struct route *r)
{
    g_autoptr(GString) text = g_string_new(NULL);
    static const unsigned bits[] = {TOKEN_ROLE_SYSTEM_ADMIN, TOKEN_ROLE_SERVICE};
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        if ((r->roles & bits[i]) != 0) {
            g_string_append_printf(text, "%s%s", text->len == 0 ? "Needs role " : " or ", token_role_name(bits[i]));
        }
    }
    g_string_append(text, text->len == 0 ? "Public." : ".");
    if ((r->flags & ROUTE_AT_ROOT) != 0) {
        g_string_append_printf(text, " Also at %s of the server.", r->pattern);
    }
    if (r->limit != LIMIT_NONE) {
        g_string_append(text, " Limited per user and minute.");
    }
    return json_string(text->str);
}

static json_t *make_operation(const struct route *r)
{
    json_t *operation = json_pack("{s:s, s:s, s:o, s:o}", "operationId", r->operation, "summary", r->summary,
                                  "description", make_description(r), "security",
                                  r->roles == 0 ? json_array() : json_pack("[{s:[]}]", "bearer"));
    json_t *parameters = make_parameters(r);
    if (json_array_size(parameters) > 0) {
        json_object_set(operation, "parameters", parameters);
    }
    json_decref(parameters);
    if (r->body != NULL) {
        json_object_set_new(operation, "requestBody", make_body(r));
    }
    json_object_set_new(operation, "responses", make_responses(r));
    return operation;
}

static json_t *make_paths(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < routes_n; i++) {
        g_autofree char *method = g_ascii_strdown(routes[i].method, -1);
        json_t *path = json_object_get(paths, routes[i].pattern);
        if (path == NULL) {
            path = json_object();
            json_object_set_new(paths, routes[i].pattern, path);
        }
        json_object_set_new(path, method, make_operation(&routes[i]));
    }
    return paths;
}

json_t *openapi_document(void)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s, s:s}], s:o, s:{s:{s:{s:s, s:s, s:s, s:s}}, s:o}}", "openapi",
                     "3.1.0", "info", "title", "Bellman", "version", BELLMAN_VERSION, "description",
                     "Notification settings, notification delivery and background jobs. Times are RFC 3339 in UTC with "
                     "microseconds; errors are RFC 9457 problem documents; HEAD is answered wherever GET is.",
                     "servers", "url", API_BASE, "description", "Below the address of nginx", "paths", make_paths(),
                     "components", "securitySchemes", "bearer", "type", "http", "scheme", "bearer", "bearerFormat",
                     "JWT", "description", "HS256, RS256 or ES256 with the claims sub, org, roles and exp", "schemas",
                     openapi_schemas());
}

char *openapi_yaml(void)
{
    json_auto_t *document = openapi_document();
    g_autoptr(GString)
        out = g_string_new("# Printed by bellman-api --print-openapi from the route table and the records: "
                           "`make openapi` writes it.\n");
    yaml_append(out, document);
    return g_strndup(out->str, out->len);
}
