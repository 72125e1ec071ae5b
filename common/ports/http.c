/*
 * http.c: the only place that speaks HTTP to others (RFC 9110, RFC 9112), by libcurl.
 */
#include "ports/http.h"

#include <curl/curl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

#include "ground/clock.h"
#include "ports/curl_once.h"
#include "ports/http_address.h"
#include "ports/mail_headers.h"

#define CONNECTIONS_KEPT 4L
#define CONNECTION_IDLE_MAX_S 20L /* load balancers close idle connections after 60 s, some sooner */
#define KEEPALIVE_S 30L           /* an endpoint that vanished while it worked on a request is noticed within minutes */

struct http {
    CURL *curl; /* NULL until the first request */
};

/* One request. */
struct exchange {
    const struct http_request *request;
    bool is_get;
    const atomic_bool *stop;
    struct http_reply *reply;
    GByteArray *body;
    int64_t begun_us;      /* monotonic */
    int64_t tls_begun_us;  /* monotonic; 0 until a new connection begins TLS */
    int64_t answer_end_us; /* monotonic; 0 until the answer's first byte */
    size_t header_bytes;
    bool in_interim;
    bool stopped;
    bool is_slow;
    bool headers_too_long;
    bool connected; /* an allowed address was tried */
    bool refused;   /* an address was not allowed */
    char error[CURL_ERROR_SIZE];
};

struct http *http_new(void)
{
    curl_once();
    return g_new0(struct http, 1);
}

void http_free(struct http *http)
{
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        g_free(http);
    }
}

void http_reply_release(struct http_reply *reply)
{
    g_free(reply->body);
    reply->body = NULL;
}

/* --- what libcurl calls ------------------------------------------------------------------------------------------- */

/* The one place behind the name server: whatever was asked for, this is where the bytes would go. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose UNUSED, struct curl_sockaddr *address)
{
    struct exchange *x = arg;
    if (!x->request->allow_private && !http_address_is_public(&address->addr, address->addrlen)) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    x->connected = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* libcurl does not say when it was connected while TLS has not come to its end. */
static CURLcode on_tls_begin(CURL *curl UNUSED, void *ssl_context UNUSED, void *arg)
{
    struct exchange *x = arg;
    x->tls_begun_us = clock_mono_us();
    return CURLE_OK;
}

/* "HTTP/1.1 103 Early Hints" and its like come before the answer, while the endpoint still works (RFC 9110 15.2). */
static void note_status_line(struct exchange *x, const char *line, size_t size)
{
    const char *blank = size > 5 && memcmp(line, "HTTP/", 5) == 0 ? memchr(line, ' ', size) : NULL;
    if (blank != NULL && blank + 1 < line + size) {
        x->in_interim = blank[1] == '1';
    }
}

static size_t on_header(char *line, size_t unit, size_t n, void *arg)
{
    struct exchange *x = arg;
    note_status_line(x, line, unit * n);
    if (x->answer_end_us == 0 && !x->in_interim) {
        x->answer_end_us = clock_mono_us() + HTTP_ANSWER_MAX_MS * US_PER_MS;
    }
    x->header_bytes += unit * n;
    x->headers_too_long = x->header_bytes > HTTP_HEADERS_MAX_BYTES;
    return x->headers_too_long ? 0 : unit * n;
}

static size_t on_body(char *bytes, size_t unit, size_t n, void *arg)
{
    struct exchange *x = arg;
    size_t size = unit * n;
    size_t room = HTTP_BODY_MAX_BYTES - x->body->len;
    g_byte_array_append(x->body, (const guint8 *)bytes, (guint)MIN(size, room));
    x->reply->is_cut = size > room;
    return x->reply->is_cut ? 0 : size;
}

static int on_progress(void *arg, curl_off_t dltotal UNUSED, curl_off_t dlnow UNUSED, curl_off_t ultotal UNUSED,
                       curl_off_t ulnow UNUSED)
{
    struct exchange *x = arg;
    x->stopped = x->stopped || (x->stop != NULL && atomic_load(x->stop));
    x->is_slow = x->is_slow || (x->answer_end_us != 0 && clock_mono_us() >= x->answer_end_us);
    return x->stopped || x->is_slow;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

static bool is_header_line(const char *line)
{
    for (const char *c = line; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c)) {
            return false;
        }
    }
    return strchr(line, ':') != NULL;
}

static const char *find_bad_header(const struct http_request *request)
{
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        if (!is_header_line(request->headers[i])) {
            return request->headers[i];
        }
    }
    return NULL;
}

static bool has_header(const struct http_request *request, const char *name_and_colon)
{
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        if (g_ascii_strncasecmp(request->headers[i], name_and_colon, strlen(name_and_colon)) == 0) {
            return true;
        }
    }
    return false;
}

/* Without an empty Expect libcurl would wait for "100 Continue" before a body of over 1 MiB. It may not stand in a
 * signed request: libcurl 7.88 signs also the headers that it is told not to send. */
static struct curl_slist *make_headers(const struct http_request *request)
{
    struct curl_slist *list = NULL;
    if (request->aws == NULL) {
        list = curl_slist_append(list, "Expect:");
    }
    if (!has_header(request, "accept:")) {
        list = curl_slist_append(list, "Accept: application/json");
    }
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        list = curl_slist_append(list, request->headers[i]);
    }
    g_assert(list != NULL);
    return list;
}

static bool is_name_of_aws(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && text[length] == '\0';
}

static bool can_be_signed(const struct http_request *request)
{
    const struct http_aws *aws = request->aws;
    return aws == NULL ||
           (is_name_of_aws(aws->region) && is_name_of_aws(aws->service) && strpbrk(request->url, "?#%~") == NULL);
}

/* libcurl copies what it is given, and curl_easy_reset forgets it. */
static void set_credentials(CURL *curl, const struct http_request *request)
{
    const struct http_aws *aws = request->aws;
    if (aws != NULL) {
        g_autofree char *scope = g_strdup_printf("aws:amz:%s:%s", aws->region, aws->service);
        curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scope);
        curl_easy_setopt(curl, CURLOPT_USERNAME, aws->access_key_id);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, aws->secret_access_key);
        curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    } else if (request->basic_user != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->basic_user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->basic_password);
    }
}

static void set_method(CURL *curl, const struct exchange *x)
{
    if (x->is_get) {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
        return;
    }
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->request->body_bytes);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->request->body);
}

static void set_request(CURL *curl, const struct http_request *request, const struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (request->ca_file != NULL && request->ca_file[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
}

/* Nothing of the environment, of other hosts or of other protocols takes part. */
static void set_fences(CURL *curl, struct exchange *x)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, x->request->allow_private ? "https,http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, x);
}

/* Not LOW_SPEED: an endpoint may think for as long as the job's timeout allows before it says its first byte. Once it
 * has begun, on_progress gives it HTTP_ANSWER_MAX_MS. */
static void set_limits(CURL *curl, const struct http_request *request)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_MAX_S);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a slow name server must not hold back a stop */
}

static void set_watch(CURL *curl, struct exchange *x)
{
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_begin);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, x);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
}

/* --- the outcome -------------------------------------------------------------------------------------------------- */

static enum http_outcome judge(CURLcode rc, const struct exchange *x)
{
    if (rc == CURLE_OK || (rc == CURLE_WRITE_ERROR && x->reply->is_cut)) {
        return HTTP_ANSWERED;
    }
    if (x->stopped) {
        return HTTP_STOPPED;
    }
    return x->refused && !x->connected ? HTTP_FORBIDDEN : HTTP_NO_ANSWER;
}

static const char *explain(CURLcode rc, enum http_outcome outcome, const struct exchange *x)
{
    if (outcome == HTTP_STOPPED) {
        return "told to stop";
    }
    if (outcome == HTTP_FORBIDDEN) {
        return "the endpoint's name leads to a private address";
    }
    if (x->headers_too_long) {
        return "the answer's headers are too long";
    }
    if (x->is_slow) {
        return "the answer did not end in time";
    }
    if (rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR) {
        return "the connection was lost";
    }
    return x->error[0] != '\0' ? x->error : curl_easy_strerror(rc);
}

static void read_wanted(CURL *curl, const struct http_request *request, struct http_reply *reply)
{
    for (size_t i = 0; i < HTTP_WANTED_MAX; i++) {
        struct curl_header *found = NULL;
        if (request->wanted[i] != NULL &&
            curl_easy_header(curl, request->wanted[i], 0, CURLH_HEADER, -1, &found) == CURLHE_OK) {
            mail_make_printable(reply->wanted[i], sizeof(reply->wanted[i]), found->value);
        }
    }
}

static bool was_sent(CURL *curl)
{
    long request_bytes = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0;
}

/* libcurl counts microseconds from the beginning; 0 is what did not happen, or happened in less than one because the
 * connection was there already. */
static int64_t stage_ms(CURL *curl, CURLINFO info, bool has_happened)
{
    curl_off_t us = 0;
    (void)curl_easy_getinfo(curl, info, &us);
    return us > 0 || has_happened ? us / US_PER_MS : -1;
}

static void read_times(CURL *curl, enum http_outcome outcome, const struct exchange *x)
{
    struct http_reply *reply = x->reply;
    bool is_answered = outcome == HTTP_ANSWERED;
    reply->times = (struct net_times){
        .resolved_ms = stage_ms(curl, CURLINFO_NAMELOOKUP_TIME_T, reply->is_sent),
        .connected_ms = stage_ms(curl, CURLINFO_CONNECT_TIME_T, reply->is_sent),
        .tls_ms = stage_ms(curl, CURLINFO_APPCONNECT_TIME_T, false),
        .authenticated_ms = -1,
        .accepted_ms = is_answered ? stage_ms(curl, CURLINFO_TOTAL_TIME_T, true) : -1,
    };
    if (reply->times.connected_ms < 0 && x->tls_begun_us != 0) {
        reply->times.connected_ms = (x->tls_begun_us - x->begun_us) / US_PER_MS;
    }
}

static void fill_reply(CURL *curl, CURLcode rc, enum http_outcome outcome, struct exchange *x)
{
    struct http_reply *reply = x->reply;
    reply->is_sent = was_sent(curl);
    read_times(curl, outcome, x);
    if (outcome != HTTP_ANSWERED) {
        mail_make_printable(reply->text, sizeof(reply->text), explain(rc, outcome, x));
        return;
    }
    long status = 0;
    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    reply->status = (int)status;
    reply->retry_after_s = MAX(retry_after_s, 0);
    read_wanted(curl, x->request, reply);
    reply->body_bytes = x->body->len;
    g_byte_array_append(x->body, (const guint8 *)"", 1);
    reply->body = g_memdup2(x->body->data, x->body->len);
    mail_make_printable(reply->text, sizeof(reply->text), reply->body);
}

static enum http_outcome forbid(struct http_reply *reply, const char *why)
{
    mail_make_printable(reply->text, sizeof(reply->text), why);
    return HTTP_FORBIDDEN;
}

static enum http_outcome perform(CURL *curl, struct exchange *x)
{
    struct curl_slist *headers = make_headers(x->request);
    set_method(curl, x);
    set_request(curl, x->request, headers);
    set_credentials(curl, x->request);
    set_fences(curl, x);
    set_limits(curl, x->request);
    set_watch(curl, x);
    x->begun_us = clock_mono_us();
    CURLcode rc = curl_easy_perform(curl);
    enum http_outcome outcome = judge(rc, x);
    fill_reply(curl, rc, outcome, x);
    curl_easy_reset(curl); /* the handle must not remember x; the connections stay */
    curl_slist_free_all(headers);
    return outcome;
}

static enum http_outcome exchange(struct http *http, const struct http_request *request, bool is_get,
                                  const atomic_bool *stop, struct http_reply *reply)
{
    *reply = (struct http_reply){.times = NET_TIMES_NONE};
    struct err e = ERR_INIT;
    if (!http_url_check(request->url, request->allow_private, &e)) {
        return forbid(reply, e.text);
    }
    if (find_bad_header(request) != NULL) {
        return forbid(reply, "a header line is malformed");
    }
    if (!can_be_signed(request)) {
        return forbid(reply, "the region or the URL is none that can be signed for AWS");
    }
    if (http->curl == NULL) {
        http->curl = curl_easy_init();
        g_assert(http->curl != NULL);
    }
    g_autoptr(GByteArray) body = g_byte_array_new();
    struct exchange x = {.request = request, .is_get = is_get, .stop = stop, .reply = reply, .body = body};
    return perform(http->curl, &x);
}

enum http_outcome http_post(struct http *http, const struct http_request *request, const atomic_bool *stop,
                            struct http_reply *reply)
{
    return exchange(http, request, false, stop, reply);
}

enum http_outcome http_get(struct http *http, const struct http_request *request, const atomic_bool *stop,
                           struct http_reply *reply)
{
    return exchange(http, request, true, stop, reply);
}
