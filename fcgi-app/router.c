#include "router.h"

#include <inttypes.h>
#include <string.h>

#include "auth.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "ground/log.h"

#define DB_DOWN_MEMORY_US (300 * US_PER_MS)

/* --- answers of failures ---------------------------------------------------------------------------------------- */

static const struct {
    enum err_code code;
    int status;
    const char *word;
    const char *detail; /* NULL: the error's own text */
} failures[] = {
    {ERR_INVALID, 422, "invalid", NULL},
    {ERR_NOT_FOUND, 404, "not_found", NULL},
    {ERR_CONFLICT, 409, "conflict", NULL},
    {ERR_DUPLICATE, 409, "conflict", "A row with that key is there already."},
    {ERR_DENIED, 403, "forbidden", NULL},
    {ERR_UNAVAILABLE, 503, "unavailable", "The database is not available. Try again shortly."},
    {ERR_LOCKED, 503, "busy", "Too many requests want the same row. Try again shortly."},
    {ERR_UNKNOWN_OUTCOME, 503, "unavailable",
     "The connection to the database broke; whether the change was made is not known."},
    {ERR_TIMEOUT, 503, "timeout", "The database took too long. Try again shortly."},
};

static void answer_failure(struct response *r, enum err_code code, const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        if (failures[i].code != code) {
            continue;
        }
        if (failures[i].status == 503) {
            response_header(r, "Retry-After", "1");
        }
        response_problem(r, failures[i].status, failures[i].word,
                         failures[i].detail == NULL ? text : failures[i].detail);
        return;
    }
    response_problem(r, 500, "internal", "The server failed. The request id leads to the cause in its log.");
}

void call_fail(struct call *c, const struct err *e)
{
    if (e->code == ERR_UNAVAILABLE) {
        atomic_store(&c->api->db_down_until_us, clock_mono_us() + DB_DOWN_MEMORY_US);
    }
    answer_failure(c->response, e->code, e->text);
    if (c->response->status >= 500) {
        c->cause = *e;
    }
}

void call_answer_text(struct call *c, const char *text, size_t text_bytes)
{
    char tag[ETAG_BYTES];
    struct etag_list seen;
    int64_t version = etag_hash(text, text_bytes);
    const char *if_none_match = request_param(c->request, "HTTP_IF_NONE_MATCH");
    etag_format(version, tag);
    response_header(c->response, "ETag", "%s", tag);
    if (if_none_match != NULL && etag_parse(if_none_match, &seen) && etag_matches_weakly(&seen, version)) {
        response_empty(c->response, 304);
    } else {
        response_json_text(c->response, 200, text, text_bytes);
    }
}

void call_note_job(struct call *c, const char *job_id)
{
    g_strlcpy(c->job_id, job_id, sizeof(c->job_id));
}

/* --- match ------------------------------------------------------------------------------------------------------ */

bool router_fits(const char *pattern, const char *path, char value[PATH_VALUE_BYTES])
{
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        size_t n = strcspn(path, "/");
        if (n == 0 || n >= PATH_VALUE_BYTES) {
            return false;
        }
        memcpy(value, path, n);
        value[n] = '\0';
        path += n;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *path == '\0';
}

static bool route_fits(const struct route *route, const char *path, char value[PATH_VALUE_BYTES])
{
    static const size_t base_bytes = sizeof(API_BASE) - 1;
    if (strncmp(path, API_BASE "/", base_bytes + 1) == 0) {
        return router_fits(route->pattern, path + base_bytes, value);
    }
    return (route->flags & ROUTE_AT_ROOT) != 0 && router_fits(route->pattern, path, value);
}

static void add_allowed(GString *allowed, const char *method)
{
    g_string_append_printf(allowed, "%s%s", allowed->len > 0 ? ", " : "", method);
    if (strcmp(method, "GET") == 0) {
        g_string_append(allowed, ", HEAD");
    }
}

/* Where the patterns differ first, a has a word and b takes any. */
static bool is_more_literal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a != '{' && *b == '{';
}

/* The pattern that the path belongs to: of several that fit, the one with a word where others take any. */
static const char *find_pattern(const char *path, char value[PATH_VALUE_BYTES])
{
    const char *best = NULL;
    for (size_t i = 0; i < routes_n; i++) {
        char got[PATH_VALUE_BYTES] = "";
        if (route_fits(&routes[i], path, got) && (best == NULL || is_more_literal(routes[i].pattern, best))) {
            best = routes[i].pattern;
            memcpy(value, got, sizeof(got));
        }
    }
    return best;
}

const struct route *router_match(const char *method, const char *path, char value[PATH_VALUE_BYTES], GString *allowed)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    char got[PATH_VALUE_BYTES] = "";
    const char *pattern = find_pattern(path, got);
    value[0] = '\0';
    for (size_t i = 0; pattern != NULL && i < routes_n; i++) {
        if (strcmp(routes[i].pattern, pattern) != 0) {
            continue;
        }
        if (strcmp(routes[i].method, wanted) == 0) {
            memcpy(value, got, sizeof(got));
            return &routes[i];
        }
        add_allowed(allowed, routes[i].method);
    }
    return NULL;
}

static bool phase_match(struct call *c)
{
    g_autoptr(GString) allowed = g_string_new(NULL);
    if (c->request->path == NULL) {
        response_problem(c->response, 400, "malformed_address", c->request->fault.text);
        return false;
    }
    c->is_head = strcmp(c->request->method, "HEAD") == 0;
    c->route = router_match(c->request->method, c->request->path, c->path_value, allowed);
    if (c->route != NULL) {
        return true;
    }
    if (allowed->len == 0) {
        response_problem(c->response, 404, "not_found", "There is nothing at this address.");
        return false;
    }
    response_header(c->response, "Allow", "%s, OPTIONS", allowed->str);
    if (strcmp(c->request->method, "OPTIONS") == 0) {
        response_empty(c->response, 204);
    } else {
        response_problem(c->response, 405, "method_not_allowed", "This address does not take that method; see Allow.");
    }
    return false;
}

/* --- database, limit, preconditions ----------------------------------------------------------------------------- */

/* While MariaDB is known to be away nobody waits for a connection: the threads stay free to say so. */
static bool phase_database(struct call *c)
{
    if ((c->route->flags & ROUTE_NO_DATABASE) != 0 || clock_mono_us() >= atomic_load(&c->api->db_down_until_us)) {
        return true;
    }
    struct err e = ERR_INIT;
    err_set(&e, ERR_UNAVAILABLE, "MariaDB did not answer a moment ago");
    answer_failure(c->response, e.code, e.text);
    c->cause = e;
    return false;
}

static bool phase_limit(struct call *c)
{
    struct limit_state state;
    struct err e = ERR_INIT;
    if (limit_per_minute(c->route->limit, c->conf) == 0) {
        return true;
    }
    if (!ratelimit_take(c->db, c->route->limit, c->conf, c->who.org, c->who.sub, &state, &e)) {
        call_fail(c, &e);
        return false;
    }
    response_header(c->response, "RateLimit-Policy", "\"default\";q=%" PRId64 ";w=%d", state.quota, RATELIMIT_WINDOW_S);
    response_header(c->response, "RateLimit", "\"default\";r=%" PRId64 ";t=%" PRId64, state.remaining, state.reset_s);
    if (!state.allowed) {
        response_header(c->response, "Retry-After", "%" PRId64, state.retry_after_s);
        response_problem(c->response, 429, "rate_limited", "Too many of these calls; see Retry-After.");
    }
    return state.allowed;
}

static bool phase_preconditions(struct call *c)
{
    const char *if_match = request_param(c->request, "HTTP_IF_MATCH");
    const char *key = request_param(c->request, "HTTP_IDEMPOTENCY_KEY");
    if ((c->route->flags & ROUTE_IF_MATCH) != 0 && if_match != NULL) {
        c->has_if_match = etag_parse(if_match, &c->if_match);
        if (!c->has_if_match) {
            response_problem(c->response, 400, "malformed_header", "If-Match is not a list of entity tags, nor '*'.");
            return false;
        }
    }
    if ((c->route->flags & ROUTE_IDEMPOTENCY_KEY) != 0 && key != NULL) {
        c->has_idempotency_key = request_idempotency_key(key, c->idempotency_key);
        if (!c->has_idempotency_key) {
            response_problem(c->response, 400, "malformed_header",
                             "Idempotency-Key must be a string of 1 to 255 ASCII characters in double quotes, or "
                             "without both quotes and spaces.");
            return false;
        }
    }
    return true;
}

/* --- parse and validate ----------------------------------------------------------------------------------------- */

static bool parse_query(struct call *c, struct problems *problems)
{
    if (c->request->query == NULL) {
        response_problem(c->response, 400, "malformed_address", c->request->fault.text);
        return false;
    }
    c->query = record_parse_query(c->route->query == NULL ? &empty_body : c->route->query, c->request->query, problems);
    return true;
}

int64_t router_body_max_bytes(const struct route *route, const struct conf *conf)
{
    bool is_bulk = route != NULL && (route->flags & ROUTE_BULK) != 0;
    return MAX(is_bulk ? conf->api.bulk_body_max_bytes : 0, conf->api.body_max_bytes);
}

static bool check_body_state(struct call *c)
{
    const struct request *r = c->request;
    if (r->body_state == REQUEST_BODY_TOO_LARGE) {
        g_autofree char *detail = g_strdup_printf("The body may have at most %" PRId64 " bytes.",
                                                  router_body_max_bytes(c->route, c->conf));
        response_problem(c->response, 413, "too_large", detail);
        return false;
    }
    if (r->body_state == REQUEST_BODY_BROKEN) {
        response_problem(c->response, 400, "malformed_body", "The body is not as long as Content-Length says.");
        return false;
    }
    if (r->body_bytes > 0 && !request_is_plain(request_param(r, "HTTP_CONTENT_ENCODING"))) {
        response_header(c->response, "Accept-Encoding", "identity");
        response_problem(c->response, 415, "unsupported_media_type", "The body must not be compressed.");
        return false;
    }
    if (r->body_bytes > 0 &&
        !request_is_json(request_param(r, "CONTENT_TYPE"), (c->route->flags & ROUTE_MERGE_PATCH) != 0)) {
        response_problem(c->response, 415, "unsupported_media_type",
                         (c->route->flags & ROUTE_MERGE_PATCH) != 0
                             ? "The body must be application/json or application/merge-patch+json, in UTF-8."
                             : "The body must be application/json, in UTF-8.");
        return false;
    }
    return true;
}

static bool parse_body(struct call *c, struct problems *problems)
{
    struct err e = ERR_INIT;
    if (c->route->body == NULL) {
        return true;
    }
    if (!check_body_state(c)) {
        return false;
    }
    bool is_empty = c->request->body_bytes == 0;
    c->body = is_empty && (c->route->flags & ROUTE_BODY_OPTIONAL) != 0
                  ? json_object()
                  : json_parse_limited(c->request->body, c->request->body_bytes, &e);
    if (c->body == NULL) {
        g_autofree char *detail = g_strdup_printf("The body is not JSON that is taken here: %s.", e.text);
        response_problem(c->response, 400, "malformed_json", is_empty ? "The call needs a JSON body." : detail);
        return false;
    }
    record_check(c->route->body, c->body, "", problems);
    return true;
}

static bool phase_parse(struct call *c)
{
    struct problems problems CLEANUP(problems_release) = {0};
    if (!parse_query(c, &problems) || !parse_body(c, &problems)) {
        return false;
    }
    if (c->route->check != NULL && (c->body == NULL || json_is_object(c->body))) {
        c->route->check(c, &problems);
    }
    if (problems_any(&problems)) {
        response_faults(c->response, &problems);
        return false;
    }
    return true;
}

static bool phase_handle(struct call *c)
{
    c->route->handler(c);
    return true;
}

/* --- the walk --------------------------------------------------------------------------------------------------- */

/* Each returns false when it has answered. */
static bool (*const phases[])(struct call *) = {
    phase_match, auth_authenticate,   auth_authorize, phase_database, auth_organization,
    phase_limit, phase_preconditions, phase_parse,    phase_handle,
};

static const char *or_null(bool is_there, const char *text)
{
    return is_there ? text : NULL;
}

static void log_call(const struct call *c, int64_t began_us)
{
    const struct response *r = c->response;
    bool is_quiet = c->route != NULL && (c->route->flags & ROUTE_QUIET) != 0;
    enum log_level level = r->status >= 500 ? LOG_LEVEL_WARN : is_quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    bool has_cause = c->cause.code != ERR_NONE;
    if (!log_wants(level)) {
        return;
    }
    const struct log_field fields[] = {
        LSTR("request_id", r->request_id),
        LSTR("method", c->request->method),
        LSTR("route", c->route == NULL ? NULL : c->route->pattern),
        LINT("status", r->status),
        LINT("duration_us", clock_mono_us() - began_us),
        LSTR("org", or_null(c->is_known, c->who.org)),
        LSTR("sub", or_null(c->is_known, c->who.sub)),
        LSTR("job_id", or_null(c->job_id[0] != '\0', c->job_id)),
        has_cause ? LSTR("error_code", err_code_name(c->cause.code)) : (struct log_field){.key = NULL},
        LSTR("error", c->cause.text),
        {.key = NULL},
    };
    log_write(level, "http.request", fields);
}

static void make_sure_of_answer(struct call *c)
{
    if (c->response->status == 0) {
        err_set(&c->cause, ERR_INTERNAL, "the handler gave no answer");
        answer_failure(c->response, ERR_INTERNAL, "");
    }
}

void router_serve(struct api *api, struct db *db, const struct request *request, struct response *response)
{
    int64_t began_us = clock_mono_us();
    struct snapshot *snapshot = state_get(&api->state);
    struct call c = {
        .api = api,
        .conf = snapshot->conf,
        .keys = snapshot->keys,
        .tokens = snapshot->tokens,
        .db = db,
        .request = request,
        .response = response,
    };
    for (size_t i = 0; i < ARRAY_SIZE(phases) && phases[i](&c); i++) {
    }
    make_sure_of_answer(&c);
    log_call(&c, began_us);
    json_decref(c.query);
    json_decref(c.body);
    snapshot_unref(snapshot);
}
