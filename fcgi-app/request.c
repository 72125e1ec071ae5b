#include "request.h"

#include <string.h>

#include "ground/ids.h"

#define PAIRS_MAX 64
#define QUERY_MAX_BYTES 8192

static const char request_id_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

const char *request_param(const struct request *r, const char *name)
{
    size_t n = strlen(name);
    for (char *const *p = r->params; *p != NULL; p++) {
        if (strncmp(*p, name, n) == 0 && (*p)[n] == '=') {
            return *p + n + 1;
        }
    }
    return NULL;
}

static void choose_id(struct request *r)
{
    const char *given = request_param(r, "HTTP_X_REQUEST_ID");
    size_t n = given == NULL ? 0 : strspn(given, request_id_characters);
    if (n > 0 && n < REQUEST_ID_BYTES && given[n] == '\0') {
        g_strlcpy(r->id, given, sizeof(r->id));
    } else {
        uuid7_new(r->id);
    }
}

void request_init(struct request *r, char *const *params)
{
    *r = (struct request){.params = params};
    choose_id(r);
    const char *method = request_param(r, "REQUEST_METHOD");
    const char *uri = request_param(r, "REQUEST_URI");
    r->method = method == NULL ? "" : method;
    const char *query = uri == NULL ? NULL : strchr(uri, '?');
    r->path = request_decode_path(uri == NULL ? "" : uri, &r->fault);
    r->query = request_decode_query(query == NULL ? "" : query + 1, &r->fault);
}

void request_release(struct request *r)
{
    g_free(r->path);
    json_decref(r->query);
    g_free(r->body);
    *r = (struct request){.params = NULL};
}

/* --- the address ------------------------------------------------------------------------------------------------ */

/* Decodes n bytes; plus_is_space for query strings. False: a broken escape, or a character that no address of ours has.
 */
static bool percent_decode(const char *raw, size_t n, bool plus_is_space, GString *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)raw[i];
        if (c == '%') {
            int high = i + 2 < n ? g_ascii_xdigit_value(raw[i + 1]) : -1;
            int low = high < 0 ? -1 : g_ascii_xdigit_value(raw[i + 2]);
            if (low < 0) {
                return false;
            }
            c = (unsigned char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7F) {
            return false;
        }
        g_string_append_c(out, (char)c);
    }
    return g_utf8_validate(out->str, (gssize)out->len, NULL);
}

static bool has_encoded_slash(const char *raw, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++) {
        if (raw[i] == '%' && raw[i + 1] == '2' && (raw[i + 2] == 'F' || raw[i + 2] == 'f')) {
            return true;
        }
    }
    return false;
}

char *request_decode_path(const char *raw, struct err *e)
{
    size_t n = strcspn(raw, "?");
    g_autoptr(GString) out = g_string_sized_new(n + 1);
    if (raw[0] != '/' || has_encoded_slash(raw, n) || !percent_decode(raw, n, false, out)) {
        err_set(e, ERR_INVALID, "The path is malformed.");
        return NULL;
    }
    return g_strndup(out->str, out->len);
}

static bool decode_pair(const char *raw, size_t n, json_t *into, struct err *e)
{
    const char *equals = memchr(raw, '=', n);
    size_t name_bytes = equals == NULL ? n : (size_t)(equals - raw);
    const char *value_raw = equals == NULL ? raw + n : equals + 1;
    size_t value_bytes = (size_t)(raw + n - value_raw);
    g_autoptr(GString) name = g_string_sized_new(name_bytes + 1);
    g_autoptr(GString) value = g_string_sized_new(value_bytes + 1);
    if (name_bytes == 0 || !percent_decode(raw, name_bytes, true, name) ||
        !percent_decode(value_raw, value_bytes, true, value)) {
        return err_set(e, ERR_INVALID, "The query string is malformed.");
    }
    if (json_object_get(into, name->str) != NULL) {
        return err_set(e, ERR_INVALID, "A query parameter is given twice.");
    }
    json_object_set_new(into, name->str, json_stringn(value->str, value->len));
    return true;
}

json_t *request_decode_query(const char *raw, struct err *e)
{
    size_t pairs = 0;
    json_auto_t *out = json_object();
    if (strlen(raw) > QUERY_MAX_BYTES) {
        err_set(e, ERR_INVALID, "The query string is longer than %d bytes.", QUERY_MAX_BYTES);
        return NULL;
    }
    for (const char *at = raw; *at != '\0';) {
        size_t n = strcspn(at, "&");
        if (n > 0 && ++pairs > PAIRS_MAX) {
            err_set(e, ERR_INVALID, "The query string has more than %d parameters.", PAIRS_MAX);
            return NULL;
        }
        if (n > 0 && !decode_pair(at, n, out, e)) {
            return NULL;
        }
        at += n + (at[n] == '&' ? 1 : 0);
    }
    return json_incref(out);
}

/* --- headers ---------------------------------------------------------------------------------------------------- */

bool request_length(const struct request *r, uint64_t *ret)
{
    const char *text = request_param(r, "CONTENT_LENGTH");
    guint64 value = 0;
    if (text == NULL || text[0] == '\0') {
        *ret = 0;
        return true;
    }
    if (strspn(text, "0123456789") != strlen(text) ||
        !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &value, NULL)) {
        return false;
    }
    *ret = value;
    return true;
}

bool request_is_plain(const char *content_encoding)
{
    return content_encoding == NULL || content_encoding[0] == '\0' ||
           g_ascii_strcasecmp(content_encoding, "identity") == 0;
}

static bool is_utf8_charset(const char *parameter)
{
    g_autofree char *copy = g_strdup(parameter);
    g_strstrip(copy);
    return g_ascii_strcasecmp(copy, "charset=utf-8") == 0 || g_ascii_strcasecmp(copy, "charset=\"utf-8\"") == 0;
}

bool request_is_json(const char *content_type, bool allow_merge_patch)
{
    g_auto(GStrv) parts = g_strsplit(content_type == NULL ? "" : content_type, ";", 8);
    if (parts[0] == NULL) {
        return false;
    }
    g_strstrip(parts[0]);
    bool is_known = g_ascii_strcasecmp(parts[0], "application/json") == 0 ||
                    (allow_merge_patch && g_ascii_strcasecmp(parts[0], "application/merge-patch+json") == 0);
    for (size_t i = 1; is_known && parts[i] != NULL; i++) {
        is_known = is_utf8_charset(parts[i]);
    }
    return is_known;
}

static bool is_hex(const char *text, size_t n)
{
    return strspn(text, "0123456789abcdef") >= n;
}

static bool is_zero(const char *text, size_t n)
{
    return strspn(text, "0") >= n;
}

bool request_traceparent(const char *header, char out[TRACEPARENT_BYTES])
{
    if (header == NULL || strnlen(header, TRACEPARENT_BYTES) < 55 || header[2] != '-' || header[35] != '-' ||
        header[52] != '-') {
        return false;
    }
    bool is_version_0 = strncmp(header, "00", 2) == 0;
    bool ends_well = header[55] == '\0' || (!is_version_0 && header[55] == '-');
    if (!ends_well || !is_hex(header, 2) || strncmp(header, "ff", 2) == 0 || !is_hex(header + 3, 32) ||
        !is_hex(header + 36, 16) || !is_hex(header + 53, 2) || is_zero(header + 3, 32) || is_zero(header + 36, 16)) {
        return false;
    }
    /* What came in a later version's header is passed on as the version that we understand. */
    g_strlcpy(out, header, TRACEPARENT_BYTES);
    out[0] = '0';
    out[1] = '0';
    return true;
}

/* Visible ASCII from begin on; false when there is something else. */
static bool copy_token(const char *begin, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    size_t n = strlen(begin);
    for (size_t i = 0; i < n; i++) {
        if (begin[i] < 0x21 || begin[i] > 0x7E) {
            return false;
        }
    }
    g_strlcpy(out, begin, IDEMPOTENCY_KEY_MAX + 1);
    return n > 0 && n <= IDEMPOTENCY_KEY_MAX;
}

/* From behind the opening quote to the closing one, which must be the end. */
static bool copy_quoted(const char *at, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    size_t n = 0;
    for (; *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
            at++;
        } else if (*at < 0x20 || *at > 0x7E || *at == '\\') {
            return false;
        }
        if (n == IDEMPOTENCY_KEY_MAX) {
            return false;
        }
        out[n++] = *at;
    }
    out[n] = '\0';
    return n > 0 && at[1] == '\0';
}

bool request_idempotency_key(const char *header, char out[IDEMPOTENCY_KEY_MAX + 1])
{
    return header[0] == '"' ? copy_quoted(header + 1, out) : copy_token(header, out);
}
