#include "response.h"
#include "ground/json.h"

#include <stdlib.h>

static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static void text_cleanup(char **text)
{
    free(*text);
}

const char *response_title(int status)
{
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Unknown";
}

void response_init(struct response *r, const char *request_id)
{
    *r = (struct response){
        .request_id = request_id,
        .headers = g_string_sized_new(256),
        .body = g_string_sized_new(1024),
    };
}

void response_release(struct response *r)
{
    g_string_free(r->headers, TRUE);
    g_string_free(r->body, TRUE);
    *r = (struct response){.status = 0};
}

void response_header(struct response *r, const char *name, const char *format, ...)
{
    va_list args;
    g_string_append_printf(r->headers, "%s: ", name);
    va_start(args, format);
    g_string_append_vprintf(r->headers, format, args);
    va_end(args);
    g_string_append(r->headers, "\r\n");
}

static void set_body(struct response *r, int status, const char *content_type, const json_t *body)
{
    char *text CLEANUP(text_cleanup) = json_dumps(body, JSON_COMPACT);
    r->status = status;
    r->content_type = content_type;
    g_string_assign(r->body, text == NULL ? "null" : text);
}

void response_json(struct response *r, int status, const json_t *body)
{
    set_body(r, status, "application/json", body);
}

void response_json_text(struct response *r, int status, const char *text, size_t text_bytes)
{
    r->status = status;
    r->content_type = "application/json";
    g_string_truncate(r->body, 0);
    g_string_append_len(r->body, text, (gssize)text_bytes);
}

void response_text(struct response *r, int status, const char *content_type, const char *text, size_t text_bytes)
{
    r->status = status;
    r->content_type = content_type;
    g_string_truncate(r->body, 0);
    g_string_append_len(r->body, text, (gssize)text_bytes);
}

void response_empty(struct response *r, int status)
{
    r->status = status;
    r->content_type = NULL;
    g_string_truncate(r->body, 0);
}

void response_problem(struct response *r, int status, const char *code, const char *detail)
{
    response_problem_with(r, status, code, detail, NULL);
}

void response_problem_with(struct response *r, int status, const char *code, const char *detail, const json_t *extra)
{
    json_auto_t *body = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", "about:blank", "title",
                                  response_title(status), "status", status, "detail", detail, "code", code,
                                  "request_id", r->request_id);
    if (extra != NULL) {
        json_t *copy = json_deep_copy(extra);
        json_object_update(body, copy);
        json_decref(copy);
    }
    set_body(r, status, "application/problem+json", body);
}

void response_faults(struct response *r, const struct problems *problems)
{
    json_auto_t *extra = json_pack("{s:O}", "errors", problems->list);
    size_t n = json_array_size(problems->list);
    response_problem_with(r, 422, "validation_failed",
                          n == 1 ? "One field is at fault; see errors." : "Several fields are at fault; see errors.",
                          extra);
}

void response_print(const struct response *r, bool is_head, GString *out)
{
    g_string_append_printf(out, "Status: %d %s\r\n", r->status, response_title(r->status));
    g_string_append_printf(out, "X-Request-Id: %s\r\n", r->request_id);
    g_string_append(out, "Cache-Control: no-store\r\n"
                         "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    if (r->content_type != NULL) {
        g_string_append_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", r->content_type, r->body->len);
    }
    g_string_append_len(out, r->headers->str, (gssize)r->headers->len);
    g_string_append(out, "\r\n");
    if (!is_head && r->content_type != NULL) {
        g_string_append_len(out, r->body->str, (gssize)r->body->len);
    }
}
