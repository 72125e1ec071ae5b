/*
 * handler_http.c against tests/fakes/http_peer.py, which holds every request against the contract: what is sent, and
 * what each answer makes of a job. Run from the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "ground/clock.h"
#include "handlers.h"
#include "ports/service.h"
#include "unit/peer.h"

#define JOB_ID "0190a000-0000-7000-8000-000000000001"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OLD_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

struct fixture {
    struct peer peer;
    struct conf conf;
    struct conf_job_type section;
    struct job_type type;
    struct job_claim claim;
    struct job_context ctx;
};

static char secret[] = SECRET;
static char old_secret[] = OLD_SECRET;
static char nothing[] = "";

static void fixture_begin(struct fixture *f, const char *options, const char *payload)
{
    *f = (struct fixture){0};
    peer_start_http(&f->peer, options);
    f->conf.egress.allow_private = true;
    f->conf.egress.connect_timeout_s = 5;
    f->section.http = g_strdup_printf("http://127.0.0.1:%d/hooks/payroll", f->peer.port);
    f->section.http_secret = secret;
    f->section.http_secret_previous = f->section.http_ca_file = nothing;
    f->type = (struct job_type){.name = "payroll.close", .kind = JOB_TYPE_HTTP, .conf = &f->section};
    g_strlcpy(f->claim.id, JOB_ID, sizeof(f->claim.id));
    g_strlcpy(f->claim.organization_id, "acme", sizeof(f->claim.organization_id));
    g_strlcpy(f->claim.job_type, "payroll.close", sizeof(f->claim.job_type));
    g_strlcpy(f->claim.traceparent, TRACE, sizeof(f->claim.traceparent));
    f->claim.attempt = 2;
    f->claim.timeout_s = 20;
    f->claim.created_wall_us = INT64_C(1795449600123456);
    f->claim.payload = g_strdup(payload);
    f->ctx.claim = &f->claim;
    f->ctx.type = &f->type;
    f->ctx.conf = &f->conf;
    f->ctx.http = http_new();
    pthread_mutex_init(&f->ctx.stop_lock, NULL);
    service_cond_init(&f->ctx.stop_cond);
}

static void fixture_end(struct fixture *f)
{
    pthread_cond_destroy(&f->ctx.stop_cond);
    pthread_mutex_destroy(&f->ctx.stop_lock);
    http_free(f->ctx.http);
    job_claim_release(&f->claim);
    json_decref(f->ctx.result);
    g_free(f->section.http);
    peer_stop(&f->peer);
}

struct answer {
    const char *name;
    const char *script;
    enum job_outcome outcome;
    int64_t retry_after_ms;
    const char *result; /* JSON; NULL: none */
    const char *words;  /* part of the error */
};

static const struct answer answers[] = {
    {"a result", "{\"body\": {\"paid\": 3}}", JOB_DONE, 0, "{\"paid\": 3}", ""},
    {"another 2xx", "{\"status\": 202, \"body\": [1]}", JOB_DONE, 0, "[1]", ""},
    {"nothing", "204", JOB_DONE, 0, NULL, ""},
    {"no json", "{\"body\": \"ok\"}", JOB_DONE, 0, NULL, ""},
    {"twice the same member", "{\"body\": \"{\\\"a\\\":1,\\\"a\\\":2}\"}", JOB_DONE, 0, NULL, ""},
    {"too much", "\"endless\"", JOB_PERMANENT, 0, NULL, "more than 65536 bytes"},
    {"a redirect", "{\"status\": 302, \"headers\": {\"Location\": \"http://127.0.0.1:1/\"}}", JOB_PERMANENT, 0, NULL,
     "302, which would lead elsewhere"},
    {"bad request", "{\"status\": 400, \"body\": \"no such employee\"}", JOB_PERMANENT, 0, NULL,
     "answered 400, which refuses the job: no such employee"},
    {"gone", "410", JOB_PERMANENT, 0, NULL, "410"},
    {"request timeout", "408", JOB_RETRY, 0, NULL, "408"},
    {"conflict", "409", JOB_RETRY, 0, NULL, "409"},
    {"too early", "425", JOB_RETRY, 0, NULL, "425"},
    {"too many", "{\"status\": 429, \"headers\": {\"Retry-After\": \"17\"}}", JOB_RETRY, 17000, NULL, "429"},
    {"busy", "{\"status\": 503, \"headers\": {\"Retry-After\": \"999999999\"}}", JOB_RETRY, 86400000, NULL, "503"},
    {"its own failure", "{\"status\": 500, \"body\": \"Traceback\"}", JOB_RETRY, 0, NULL,
     "answered 500, which is its own failure: Traceback"},
    {"no answer", "\"close\"", JOB_RETRY, 0, NULL, "gave no answer: the connection was lost"},
    {"half an answer", "\"half\"", JOB_RETRY, 0, NULL, "gave no answer"},
};

static void test_answer(void **state)
{
    const struct answer *answer = *state;
    struct fixture f;
    g_autofree char *options = g_strdup_printf("--secret " SECRET " --script '%s'", answer->script);
    fixture_begin(&f, options, "{\"month\":\"2026-11\"}");
    enum job_outcome outcome = handler_http(&f.ctx);
    print_message("%-24s %s\n", answer->name, f.ctx.error);
    assert_int_equal(outcome, answer->outcome);
    assert_int_equal(f.ctx.retry_after_ms, answer->retry_after_ms);
    assert_non_null(strstr(f.ctx.error, answer->words));
    assert_int_equal(f.ctx.error[0] == '\0', outcome == JOB_DONE);
    json_auto_t *wanted = answer->result == NULL ? NULL : json_loads(answer->result, JSON_DECODE_ANY, NULL);
    assert_true(wanted == NULL ? f.ctx.result == NULL : json_equal(f.ctx.result, wanted));
    json_auto_t *kept = peer_kept(&f.peer);
    const json_t *problems = json_object_get(json_array_get(kept, 0), "problems");
    assert_true(json_is_array(problems));
    assert_int_equal(json_array_size(problems), 0);
    fixture_end(&f);
}

static void test_what_is_sent(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "--secret " SECRET " --secret " OLD_SECRET,
                  "{\"exact\":12345678901234567890.10,\"a\":\"\xc3\xa9\"}");
    f.section.http_secret_previous = old_secret;
    assert_int_equal(handler_http(&f.ctx), JOB_DONE);
    json_auto_t *kept = peer_kept(&f.peer);
    const json_t *request = json_array_get(kept, 0);
    const json_t *headers = json_object_get(request, "headers");
    assert_int_equal(json_array_size(json_object_get(request, "problems")), 0); /* either secret verifies */
    assert_string_equal(json_string_value(json_object_get(request, "path")), "/hooks/payroll");
    assert_string_equal(json_string_value(json_object_get(request, "body")),
                        "{\"job_id\":\"" JOB_ID "\",\"job_type\":\"payroll.close\",\"organization_id\":\"acme\","
                        "\"attempt\":2,\"created_at\":\"2026-11-23T16:00:00.123456Z\","
                        "\"payload\":{\"exact\":12345678901234567890.10,\"a\":\"\xc3\xa9\"}}");
    assert_string_equal(json_string_value(json_object_get(headers, "webhook-id")), JOB_ID);
    assert_string_equal(json_string_value(json_object_get(headers, "idempotency-key")), JOB_ID);
    assert_string_equal(json_string_value(json_object_get(headers, "traceparent")), TRACE);
    assert_string_equal(json_string_value(json_object_get(headers, "user-agent")), "bellman/" BELLMAN_VERSION);
    fixture_end(&f);
}

static void test_private_addresses_are_for_development(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "", "{}");
    f.conf.egress.allow_private = false;
    assert_int_equal(handler_http(&f.ctx), JOB_PERMANENT);
    assert_non_null(strstr(f.ctx.error, "nothing was sent"));
    json_auto_t *kept = peer_kept(&f.peer);
    assert_int_equal(json_array_size(kept), 0);
    fixture_end(&f);
}

static void *stop_soon(void *arg)
{
    struct job_context *ctx = arg;
    g_usleep(200 * 1000);
    pthread_mutex_lock(&ctx->stop_lock);
    atomic_store(&ctx->stop, true);
    pthread_cond_signal(&ctx->stop_cond);
    pthread_mutex_unlock(&ctx->stop_lock);
    return NULL;
}

static void test_stops_within_a_second(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "--script '\"stall\"'", "{}");
    pthread_t stopper = service_thread("stopper", stop_soon, &f.ctx);
    int64_t began_us = clock_mono_us();
    assert_int_equal(handler_http(&f.ctx), JOB_STOPPED);
    assert_in_range((clock_mono_us() - began_us) / US_PER_MS, 200, 1500);
    pthread_join(stopper, NULL);
    fixture_end(&f);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(test_what_is_sent),
    cmocka_unit_test(test_private_addresses_are_for_development),
    cmocka_unit_test(test_stops_within_a_second),
};

int main(void)
{
    static struct CMUnitTest tests[ARRAY_SIZE(answers) + ARRAY_SIZE(others)];
    static struct answer states[ARRAY_SIZE(answers)];
    memcpy(states, answers, sizeof(states));
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        tests[n++] = (struct CMUnitTest){answers[i].name, test_answer, NULL, NULL, &states[i]};
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        tests[n++] = others[i];
    }
    service_block_signals();
    return cmocka_run_group_tests_name("handler_http", tests, NULL, NULL);
}
