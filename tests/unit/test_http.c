/*
 * http.c against tests/fakes/http_peer.py: every kind of answer, the fences, the caps, stops and kept connections. Run
 * from the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ground/clock.h"
#include "ports/http.h"
#include "ports/service.h"
#include "unit/peer.h"

#define BODY "{\"a\": 1}"

static const char *const headers[] = {"Content-Type: application/json", "X-Test: yes", NULL};

static struct http_request make_request(const char *url, const struct peer *p)
{
    return (struct http_request){
        .url = url,
        .headers = headers,
        .body = BODY,
        .body_bytes = strlen(BODY),
        .timeout_ms = 10000,
        .connect_timeout_ms = 5000,
        .ca_file = p->ca_file,
        .allow_private = true,
    };
}

static char *url_of(const struct peer *p)
{
    return g_strdup_printf(p->ca_file[0] == '\0' ? "http://127.0.0.1:%d/job" : "https://localhost:%d/job", p->port);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

struct end {
    const char *name;
    const char *options; /* of the peer */
    enum http_outcome outcome;
    int status;
    const char *body;  /* all of it; NULL: not looked at */
    const char *words; /* part of the reply's text */
};

static const struct end ends[] = {
    {"json", "--script '{\"body\": {\"b\": 2}}'", HTTP_ANSWERED, 200, "{\"b\": 2}", "{\"b\": 2}"},
    {"tls", "--tls --script '{\"body\": {\"b\": 2}}'", HTTP_ANSWERED, 200, "{\"b\": 2}", ""},
    {"text", "--script '{\"status\": 201, \"body\": \"fine\\nand\\u0007so\"}'", HTTP_ANSWERED, 201, NULL,
     "fine and so"},
    {"nothing", "--script 204", HTTP_ANSWERED, 204, "", ""},
    {"empty", "--script 200", HTTP_ANSWERED, 200, "", ""},
    {"not found", "--script '{\"status\": 404, \"body\": \"who?\"}'", HTTP_ANSWERED, 404, "who?", "who?"},
    {"gone", "--script 410", HTTP_ANSWERED, 410, "", ""},
    {"busy", "--script 503", HTTP_ANSWERED, 503, "", ""},
    {"unknown status", "--script 599", HTTP_ANSWERED, 599, "", ""},
    {"late reset", "--script '\"late_reset\"'", HTTP_ANSWERED, 200, "{\"late\": true}", ""},
    {"endless body", "--script '\"endless\"'", HTTP_ANSWERED, 200, NULL, "xxx"},
    {"not followed", "--script '{\"status\": 302, \"headers\": {\"Location\": \"http://127.0.0.1:1/\"}}'",
     HTTP_ANSWERED, 302, "", ""},
    {"compressed stays", "--script '{\"headers\": {\"Content-Encoding\": \"gzip\"}, \"body\": \"zzz\"}'", HTTP_ANSWERED,
     200, "zzz", ""},

    {"closed", "--script '\"close\"'", HTTP_NO_ANSWER, 0, NULL, "the connection was lost"},
    {"reset", "--script '\"reset\"'", HTTP_NO_ANSWER, 0, NULL, "the connection was lost"},
    {"half a body", "--script '\"half\"'", HTTP_NO_ANSWER, 0, NULL, "transfer closed"},
    {"endless headers", "--script '\"headers\"'", HTTP_NO_ANSWER, 0, NULL, "headers are too long"},
    {"no http", "--script '\"garbage\"'", HTTP_NO_ANSWER, 0, NULL, "HTTP/0.9"},
    {"other host's certificate", "--tls --certificate-name other.example", HTTP_NO_ANSWER, 0, NULL, "SSL"},
};

static void test_end(void **state)
{
    const struct end *end = *state;
    struct peer peer;
    peer_start_http(&peer, end->options);
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    struct http_reply reply;
    enum http_outcome outcome = http_post(http, &request, NULL, &reply);
    print_message("%-26s %d: %s\n", end->name, reply.status, reply.text);
    assert_int_equal(outcome, end->outcome);
    assert_int_equal(reply.status, end->status);
    assert_non_null(strstr(reply.text, end->words));
    if (end->body != NULL) {
        assert_string_equal(reply.body, end->body);
        assert_int_equal(reply.body_bytes, strlen(end->body));
    }
    assert_true(reply.body_bytes <= HTTP_BODY_MAX_BYTES);
    assert_int_equal(reply.is_cut, reply.body_bytes == HTTP_BODY_MAX_BYTES);
    http_reply_release(&reply);
    http_free(http);
    peer_stop(&peer);
}

static void test_what_is_sent(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    for (int i = 0; i < 3; i++) {
        struct http_reply reply;
        assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
        http_reply_release(&reply);
    }
    json_auto_t *kept = peer_kept(&peer);
    assert_int_equal(json_array_size(kept), 3);
    const json_t *last = json_array_get(kept, 2);
    const json_t *sent = json_object_get(last, "headers");
    assert_string_equal(json_string_value(json_object_get(last, "method")), "POST");
    assert_string_equal(json_string_value(json_object_get(last, "path")), "/job");
    assert_string_equal(json_string_value(json_object_get(last, "body")), BODY);
    assert_string_equal(json_string_value(json_object_get(sent, "x-test")), "yes");
    assert_string_equal(json_string_value(json_object_get(sent, "content-type")), "application/json");
    assert_null(json_object_get(sent, "expect"));
    assert_null(json_object_get(sent, "accept-encoding"));
    assert_null(json_object_get(sent, "authorization"));
    assert_int_equal(json_integer_value(json_object_get(last, "connection")), 1); /* it was kept */
    http_free(http);
    peer_stop(&peer);
}

/* --- what a request may ask for ----------------------------------------------------------------------------------- */

static const char *sent_header(const json_t *kept, size_t i, const char *name)
{
    return json_string_value(json_object_get(json_object_get(json_array_get(kept, i), "headers"), name));
}

static void test_credentials_are_of_one_request(void **state UNUSED)
{
    static const char *const form[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: text/xml", NULL};
    static const struct http_aws aws = {"eu-west-1", "ses", "AKIDEXAMPLE", "secret"};
    struct peer peer;
    peer_start_http(&peer, "");
    g_autofree char *url = url_of(&peer);
    struct http_request plain = make_request(url, &peer);
    struct http_request basic = plain;
    struct http_request signed_one = plain;
    basic.basic_user = "user";
    basic.basic_password = "pass:word\xc3\xa9";
    basic.headers = form;
    signed_one.aws = &aws;
    const struct http_request *const requests[] = {&basic, &plain, &signed_one, &plain};
    struct http *http = http_new();
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        struct http_reply reply;
        assert_int_equal(http_post(http, requests[i], NULL, &reply), HTTP_ANSWERED);
        http_reply_release(&reply);
    }
    json_auto_t *kept = peer_kept(&peer);
    assert_string_equal(sent_header(kept, 0, "authorization"), "Basic dXNlcjpwYXNzOndvcmTDqQ==");
    assert_string_equal(sent_header(kept, 0, "accept"), "text/xml");
    assert_string_equal(sent_header(kept, 0, "content-type"), "application/x-www-form-urlencoded");
    assert_true(g_str_has_prefix(sent_header(kept, 2, "authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    for (size_t i = 1; i < 4; i += 2) {
        assert_null(sent_header(kept, i, "authorization"));
        assert_null(sent_header(kept, i, "x-amz-date"));
        assert_string_equal(sent_header(kept, i, "accept"), "application/json");
    }
    http_free(http);
    peer_stop(&peer);
}

/* What libcurl would sign in another way than AWS does. */
static void test_what_cannot_be_signed_is_not_sent(void **state UNUSED)
{
    static const struct {
        const char *path;
        struct http_aws aws;
    } bad[] = {
        {"/a?b=c", {"eu-west-1", "ses", "k", "s"}}, {"/a%20b", {"eu-west-1", "ses", "k", "s"}},
        {"/a#b", {"eu-west-1", "ses", "k", "s"}},   {"/~a", {"eu-west-1", "ses", "k", "s"}},
        {"/", {"eu-west-1:iam", "ses", "k", "s"}},  {"/", {"", "ses", "k", "s"}},
        {"/", {"eu-west-1", "ses:x", "k", "s"}},    {"/", {"EU", "ses", "k", "s"}},
    };
    struct peer peer;
    peer_start_http(&peer, "");
    struct http *http = http_new();
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct http_reply reply;
        g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d%s", peer.port, bad[i].path);
        struct http_request request = make_request(url, &peer);
        request.aws = &bad[i].aws;
        assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_FORBIDDEN);
        assert_false(reply.is_sent);
        http_reply_release(&reply);
    }
    json_auto_t *kept = peer_kept(&peer);
    assert_int_equal(json_array_size(kept), 0);
    http_free(http);
    peer_stop(&peer);
}

static void test_headers_that_are_asked_for(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "--script '{\"headers\": {\"X-Message-Id\": \"a\\tb\", \"X-Other\": \"no\"}}'");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    request.wanted[0] = "x-message-id";
    request.wanted[1] = "X-Missing";
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
    assert_string_equal(reply.wanted[0], "a b");
    assert_string_equal(reply.wanted[1], "");
    assert_true(reply.is_sent);
    http_reply_release(&reply);
    http_free(http);
    peer_stop(&peer);
}

/* Whether a request may have had an effect. */
static void test_what_was_sent_is_known(void **state UNUSED)
{
    static const struct {
        const char *options;
        bool distrusted;
        bool is_sent;
    } cases[] = {
        {"--script '\"close\"'", false, true},
        {"--script '\"reset\"'", false, true},
        {"--tls --certificate-name other.example", false, false},
        {"--tls", true, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct peer peer;
        struct http_reply reply;
        peer_start_http(&peer, cases[i].options);
        g_autofree char *url = url_of(&peer);
        struct http_request request = make_request(url, &peer);
        request.ca_file = cases[i].distrusted ? NULL : request.ca_file;
        struct http *http = http_new();
        assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_NO_ANSWER);
        assert_int_equal(reply.is_sent, cases[i].is_sent);
        http_reply_release(&reply);
        http_free(http);
        peer_stop(&peer);
    }
}

static void test_a_large_body_is_sent_whole(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "");
    g_autofree char *url = url_of(&peer);
    g_autofree char *body = g_strnfill(1 << 20, '1');
    struct http_request request = make_request(url, &peer);
    request.body = body;
    request.body_bytes = 1 << 20;
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
    json_auto_t *kept = peer_kept(&peer);
    assert_string_equal(json_string_value(json_object_get(json_array_get(kept, 0), "body")), body);
    http_reply_release(&reply);
    http_free(http);
    peer_stop(&peer);
}

/* A kept connection that the endpoint closed meanwhile costs nothing but a new one. */
static void test_closed_while_idle(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "--script '[{\"headers\": {\"X-A\": \"b\"}}, \"close\", 200]'");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    for (int i = 0; i < 2; i++) {
        struct http_reply reply;
        assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
        http_reply_release(&reply);
    }
    json_auto_t *kept = peer_kept(&peer);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(kept, 2), "connection")), 2);
    http_free(http);
    peer_stop(&peer);
}

static int64_t retry_after(const char *value)
{
    struct peer peer;
    g_autofree char *options = g_strdup_printf("--script '{\"status\": 503, \"headers\": {\"Retry-After\": \"%s\"}}'",
                                               value);
    peer_start_http(&peer, options);
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
    int64_t seconds = reply.retry_after_s;
    http_reply_release(&reply);
    http_free(http);
    peer_stop(&peer);
    return seconds;
}

static void test_retry_after(void **state UNUSED)
{
    assert_int_equal(retry_after("120"), 120);
    assert_int_equal(retry_after("0"), 0);
    assert_int_equal(retry_after("-5"), 0);
    assert_int_equal(retry_after("soon"), 0);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) later = g_date_time_add_seconds(now, 100);
    g_autofree char *date = g_date_time_format(later, "%a, %d %b %Y %H:%M:%S GMT");
    assert_in_range(retry_after(date), 90, 101);
}

/* --- fences ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *url;
    bool allow_private;
    const char *words; /* NULL: the URL is fine */
} urls[] = {
    {"https://hooks.example.com/bellman?x=1", false, NULL},
    {"https://hooks.example.com:8443/", false, NULL},
    {"HTTPS://hooks.example.com", false, NULL},
    {"https://1.1.1.1/", false, NULL},
    {"https://[2606:4700::1111]/", false, NULL},
    {"http://hooks.example.com/", true, NULL},
    {"https://127.0.0.1:9/", true, NULL},
    {"http://hooks.example.com/", false, "https://"},
    {"ftp://hooks.example.com/", true, "https:// or http://"},
    {"file:///etc/passwd", true, "URL"},
    {"gopher://hooks.example.com/", true, "https:// or http://"},
    {"hooks.example.com", false, "cannot be read"},
    {"", false, "cannot be read"},
    {"https://", false, "cannot be read"},
    {"https://user@hooks.example.com/", false, "user"},
    {"https://user:secret@hooks.example.com/", false, "user"},
    {"https://hooks.example.com@127.0.0.1/", false, "user"},
    {"https://hooks.example.com/a b", false, "blank"},
    {"https://hooks.example.com/\r\nX: y", false, "control"},
    {"https://hooks.example.com:99999/", false, "cannot be read"},
    {"https://127.0.0.1/", false, "private"},
    {"https://127.1/", false, "private"},
    {"https://0x7f000001/", false, "private"},
    {"https://2130706433/", false, "private"},
    {"https://0177.0.0.1/", false, "private"},
    {"https://169.254.169.254/latest/meta-data", false, "private"},
    {"https://[::1]/", false, "private"},
    {"https://[::ffff:10.0.0.1]/", false, "private"},
    {"https://[64:ff9b::a00:1]/", false, "private"},
    {"https://[2002:7f00:1::]/", false, "private"},
};

static void test_urls(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        struct err e = ERR_INIT;
        bool ok = http_url_check(urls[i].url, urls[i].allow_private, &e);
        if (ok != (urls[i].words == NULL) || (!ok && strstr(e.text, urls[i].words) == NULL)) {
            fail_msg("%s: %s", urls[i].url, e.text);
        }
    }
    g_autofree char *long_path = g_strnfill(HTTP_URL_MAX_BYTES, 'a');
    g_autofree char *long_url = g_strconcat("https://hooks.example.com/", long_path, NULL);
    struct err e = ERR_INIT;
    assert_false(http_url_check(long_url, false, &e));
}

/* A name that leads to this host, as a name server could make any name do. */
static void test_a_name_that_leads_inside(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "--tls");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    request.allow_private = false;
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_FORBIDDEN);
    assert_non_null(strstr(reply.text, "private address"));
    http_reply_release(&reply);
    json_auto_t *kept = peer_kept(&peer);
    assert_int_equal(json_array_size(kept), 0);
    http_free(http);
    peer_stop(&peer);
}

static void test_headers_cannot_be_smuggled(void **state UNUSED)
{
    static const char *const smuggled[] = {"X-A: b\r\nX-C: d", NULL};
    static const char *const no_colon[] = {"X-A", NULL};
    struct peer nobody = {.port = 1};
    struct http_request request = make_request("https://hooks.example.com/", &nobody);
    struct http *http = http_new();
    struct http_reply reply;
    request.headers = smuggled;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_FORBIDDEN);
    request.headers = no_colon;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_FORBIDDEN);
    assert_non_null(strstr(reply.text, "header"));
    http_free(http);
}

/* Neither a proxy of the environment nor netrc has a say. */
static void test_environment_has_no_say(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "");
    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
    g_setenv("ALL_PROXY", "socks5h://127.0.0.1:1", TRUE);
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_ANSWERED);
    http_reply_release(&reply);
    http_free(http);
    g_unsetenv("http_proxy");
    g_unsetenv("ALL_PROXY");
    peer_stop(&peer);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static void *stop_soon(void *arg)
{
    g_usleep(300 * 1000);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void stop_while(const char *options)
{
    struct peer peer;
    peer_start_http(&peer, options);
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    struct http *http = http_new();
    struct http_reply reply;
    atomic_bool stop = false;
    pthread_t stopper = service_thread("stopper", stop_soon, &stop);
    int64_t began_us = clock_mono_us();
    assert_int_equal(http_post(http, &request, &stop, &reply), HTTP_STOPPED);
    assert_in_range((clock_mono_us() - began_us) / US_PER_MS, 300, 2000);
    assert_string_equal(reply.text, "told to stop");
    pthread_join(stopper, NULL);
    http_free(http);
    peer_stop(&peer);
}

static void test_stop(void **state UNUSED)
{
    stop_while("--script '\"stall\"'");
    stop_while("--script '\"drip\"'");
}

static void test_timeout(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "--script '\"stall\"'");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    request.timeout_ms = 500;
    struct http *http = http_new();
    struct http_reply reply;
    int64_t began_us = clock_mono_us();
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_NO_ANSWER);
    assert_in_range((clock_mono_us() - began_us) / US_PER_MS, 450, 3000);
    assert_non_null(strstr(reply.text, "timed out"));
    http_free(http);
    peer_stop(&peer);
}

static void test_nobody_listens(void **state UNUSED)
{
    struct peer peer;
    peer_start_http(&peer, "");
    g_autofree char *url = url_of(&peer);
    struct http_request request = make_request(url, &peer);
    peer_stop(&peer);
    struct http *http = http_new();
    struct http_reply reply;
    assert_int_equal(http_post(http, &request, NULL, &reply), HTTP_NO_ANSWER);
    assert_non_null(strstr(reply.text, "onnect"));
    http_free(http);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(test_what_is_sent),
    cmocka_unit_test(test_credentials_are_of_one_request),
    cmocka_unit_test(test_what_cannot_be_signed_is_not_sent),
    cmocka_unit_test(test_headers_that_are_asked_for),
    cmocka_unit_test(test_what_was_sent_is_known),
    cmocka_unit_test(test_a_large_body_is_sent_whole),
    cmocka_unit_test(test_closed_while_idle),
    cmocka_unit_test(test_retry_after),
    cmocka_unit_test(test_urls),
    cmocka_unit_test(test_a_name_that_leads_inside),
    cmocka_unit_test(test_headers_cannot_be_smuggled),
    cmocka_unit_test(test_environment_has_no_say),
    cmocka_unit_test(test_stop),
    cmocka_unit_test(test_timeout),
    cmocka_unit_test(test_nobody_listens),
};

int main(void)
{
    static struct CMUnitTest tests[ARRAY_SIZE(ends) + ARRAY_SIZE(others)];
    static struct end states[ARRAY_SIZE(ends)];
    memcpy(states, ends, sizeof(states));
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        tests[n++] = (struct CMUnitTest){ends[i].name, test_end, NULL, NULL, &states[i]};
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        tests[n++] = others[i];
    }
    service_block_signals();
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
