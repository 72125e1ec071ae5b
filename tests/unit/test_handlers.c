/*
 * The run functions. What needs MariaDB or RabbitMQ is replaced here: the broadcast, the count of answers and the
 * progress are functions of this file, and the settings come from the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/control.h"
#include "domain/job_types.h"
#include "domain/own_tables.h"
#include "ground/clock.h"
#include "handlers.h"
#include "ports/service.h"
#include "provider_state.h"
#include "unit/peer.h"

#define JOB_ID "0190a000-0000-7000-8000-000000000001"

/* --- stand-ins --------------------------------------------------------------------------------------------------- */

static struct {
    bool taken;
    char body[128];
    int64_t live;
    int64_t answered_at_poll; /* all have answered from this count on; 0: never */
    int64_t answered_before;
    int64_t polls;
    bool count_fails;
} broker;

bool dispatcher_broadcast(struct dispatcher *d UNUSED, const char *body)
{
    g_strlcpy(broker.body, body, sizeof(broker.body));
    return broker.taken;
}

bool control_count_answers(struct db *db UNUSED, const char *flush_id, int64_t *ret_live, int64_t *ret_answered,
                           struct err *e)
{
    if (broker.count_fails) {
        return err_set(e, ERR_UNAVAILABLE, "no database");
    }
    assert_non_null(strstr(broker.body, flush_id));
    broker.polls++;
    *ret_live = broker.live;
    *ret_answered = broker.answered_at_poll > 0 && broker.polls >= broker.answered_at_poll ? broker.live
                                                                                           : broker.answered_before;
    return true;
}

/* --- a context --------------------------------------------------------------------------------------------------- */

struct fixture {
    struct conf conf;
    struct job_claim claim;
    struct job_context ctx;
    json_t *payload;
};

static char no_socket[] = "/nonexistent/mariadb.sock";
static char nothing[] = "";
static char loopback[] = "127.0.0.1";

static void fixture_begin(struct fixture *f, const char *payload)
{
    *f = (struct fixture){.payload = json_loads(payload, 0, NULL)};
    assert_non_null(f->payload);
    f->conf.database.socket = no_socket;
    f->conf.database.host = f->conf.database.name = f->conf.database.user = f->conf.database.password = nothing;
    f->conf.database.connect_timeout_s = f->conf.database.read_timeout_s = 1;
    f->conf.smtp.host = loopback;
    f->conf.smtp.timeout_s = 10;
    g_strlcpy(f->claim.id, JOB_ID, sizeof(f->claim.id));
    g_strlcpy(f->claim.organization_id, "acme", sizeof(f->claim.organization_id));
    f->claim.attempt = 1;
    f->claim.timeout_s = 60;
    f->claim.max_retries = 3;
    f->claim.created_wall_us = INT64_C(1795449600000000);
    f->ctx.claim = &f->claim;
    f->ctx.payload = f->payload;
    f->ctx.conf = &f->conf;
    f->ctx.db = db_new(&f->conf);
    f->ctx.smtp = smtp_new();
    f->ctx.settings_cache = cache_new(10, 60000);
    f->ctx.accounts_cache = cache_new(10, 60000);
    f->ctx.providers = provider_states_new();
    json_auto_t *no_accounts = json_array();
    cache_put(f->ctx.accounts_cache, "acme", no_accounts);
    f->conf.providers.breaker_failures = 5;
    f->conf.providers.breaker_delay_s = 30;
    pthread_mutex_init(&f->ctx.stop_lock, NULL);
    service_cond_init(&f->ctx.stop_cond);
}

static void fixture_end(struct fixture *f)
{
    pthread_cond_destroy(&f->ctx.stop_cond);
    pthread_mutex_destroy(&f->ctx.stop_lock);
    cache_free(f->ctx.settings_cache);
    cache_free(f->ctx.accounts_cache);
    provider_states_free(f->ctx.providers);
    smtp_free(f->ctx.smtp);
    db_free(f->ctx.db);
    json_decref(f->ctx.result);
    json_decref(f->payload);
}

static enum job_outcome run(struct fixture *f, const char *type)
{
    json_decref(f->ctx.result);
    f->ctx.result = NULL;
    f->ctx.error[0] = '\0';
    return handler_find(job_type_find(type))(&f->ctx);
}

static void *stop_soon(void *arg)
{
    struct job_context *ctx = arg;
    g_usleep(200000);
    pthread_mutex_lock(&ctx->stop_lock);
    atomic_store(&ctx->stop, true);
    pthread_cond_broadcast(&ctx->stop_cond);
    pthread_mutex_unlock(&ctx->stop_lock);
    return NULL;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

static void test_every_type_has_its_function(void **state UNUSED)
{
    for (size_t i = 0; i < job_types_n; i++) {
        assert_non_null(handler_find(&job_types[i]));
        for (size_t k = 0; k < i; k++) {
            assert_true(handler_find(&job_types[i]) != handler_find(&job_types[k]));
        }
    }
    const struct job_type stranger = {.name = "email.sen"};
    assert_null(handler_find(&stranger));
}

/* --- errors ------------------------------------------------------------------------------------------------------ */

static void test_job_error_is_always_utf8(void **state UNUSED)
{
    struct job_context ctx = {0};
    assert_int_equal(job_error(&ctx, JOB_PERMANENT, "no %s", "such thing"), JOB_PERMANENT);
    assert_string_equal(ctx.error, "no such thing");
    const size_t most = sizeof(ctx.error) - 1;
    for (size_t n = most - 11; n < most + 9; n++) { /* the cut falls into every part of a character */
        g_autofree char *text = g_strnfill(n, 'a');
        (void)job_error(&ctx, JOB_RETRY, "%s\xf0\x9f\x8e\x81\xf0\x9f\x8e\x81", text);
        assert_true(g_utf8_validate(ctx.error, -1, NULL));
        assert_in_range(strlen(ctx.error), MIN(n + 8, most), most);
    }
    (void)job_error(&ctx, JOB_RETRY, "from outside: \xff\xfe");
    assert_string_equal(ctx.error, "from outside: ??");
}

/* --- diagnostics ------------------------------------------------------------------------------------------------- */

static void test_noop(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{}");
    assert_int_equal(run(&f, "noop"), JOB_DONE);
    fixture_end(&f);
}

static void test_sleep(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{\"ms\": 50}");
    int64_t began_us = clock_mono_us();
    assert_int_equal(run(&f, "sleep"), JOB_DONE);
    assert_in_range(clock_mono_us() - began_us, 50000, 5000000);
    fixture_end(&f);
}

static void test_sleep_stops(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{\"ms\": 60000}");
    pthread_t stopper = service_thread("stopper", stop_soon, &f.ctx);
    int64_t began_us = clock_mono_us();
    assert_int_equal(run(&f, "sleep"), JOB_STOPPED);
    assert_in_range(clock_mono_us() - began_us, 150000, 5000000);
    pthread_join(stopper, NULL);
    assert_int_equal(run(&f, "sleep"), JOB_STOPPED); /* told before it began */
    fixture_end(&f);
}

static void test_fail(void **state UNUSED)
{
    static const struct {
        const char *payload;
        int64_t retry_count;
        enum job_outcome outcome;
        const char *error;
    } cases[] = {
        {"{}", 0, JOB_RETRY, "failure 1 of 1, as asked"},
        {"{}", 1, JOB_DONE, ""},
        {"{\"times\": 0}", 0, JOB_DONE, ""},
        {"{\"times\": 3}", 2, JOB_RETRY, "failure 3 of 3, as asked"},
        {"{\"times\": 3, \"message\": \"ouch %s\"}", 2, JOB_RETRY, "ouch %s"},
        {"{\"times\": 3}", 3, JOB_DONE, ""},
        {"{\"permanent\": true}", 0, JOB_PERMANENT, "failed for good, as asked"},
        {"{\"permanent\": true, \"times\": 0, \"message\": \"never\"}", 5, JOB_PERMANENT, "never"},
        {"{\"permanent\": false, \"times\": null, \"message\": null}", 0, JOB_RETRY, "failure 1 of 1, as asked"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        fixture_begin(&f, cases[i].payload);
        f.claim.retry_count = cases[i].retry_count;
        assert_int_equal(run(&f, "fail"), cases[i].outcome);
        assert_string_equal(f.ctx.error, cases[i].error);
        fixture_end(&f);
    }
}

static void test_crash_kills_the_process(void **state UNUSED)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct job_context ctx = {0};
        (void)handler_find(job_type_find("crash"))(&ctx);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* --- cache_flush ------------------------------------------------------------------------------------------------- */

static enum job_outcome flush(struct fixture *f)
{
    broker.polls = 0;
    return run(f, "cache_flush");
}

static void test_cache_flush(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{}");
    broker.taken = true;
    broker.live = 3;
    broker.answered_at_poll = 2;
    broker.answered_before = 1;
    assert_int_equal(flush(&f), JOB_DONE);
    assert_int_equal(broker.polls, 2);
    assert_int_equal(json_integer_value(json_object_get(f.ctx.result, "processes")), 3);
    assert_int_equal(json_integer_value(json_object_get(f.ctx.result, "answered")), 3);
    json_auto_t *body = json_loads(broker.body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(body, "cmd")), "cache_flush");
    assert_true(uuid_is_valid(json_string_value(json_object_get(body, "id"))));
    fixture_end(&f);
}

static void test_cache_flush_without_answers(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{}");
    broker.taken = false;
    assert_int_equal(flush(&f), JOB_RETRY);
    broker.taken = true;
    broker.count_fails = true;
    assert_int_equal(flush(&f), JOB_RETRY);
    assert_non_null(strstr(f.ctx.error, "no database"));
    broker.count_fails = false;
    broker.answered_at_poll = 0;
    broker.answered_before = 1;
    assert_int_equal(flush(&f), JOB_DONE); /* after five seconds; one of three has answered */
    assert_int_equal(json_integer_value(json_object_get(f.ctx.result, "answered")), 1);
    broker.answered_before = 0;
    pthread_t stopper = service_thread("stopper", stop_soon, &f.ctx);
    assert_int_equal(flush(&f), JOB_STOPPED);
    pthread_join(stopper, NULL);
    fixture_end(&f);
}

/* --- db_optimize: what needs no database ------------------------------------------------------------------------- */

static void test_db_optimize_strangers(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, "{\"tables\": [\"background_jobs\", \"jobs`; DROP TABLE x\"]}");
    assert_int_equal(run(&f, "db_optimize"), JOB_PERMANENT);
    assert_non_null(strstr(f.ctx.error, "jobs`; DROP TABLE x"));
    fixture_end(&f);
    fixture_begin(&f, "{\"tables\": [\"background_jobs\"]}");
    assert_int_equal(run(&f, "db_optimize"), JOB_RETRY); /* no MariaDB there */
    atomic_store(&f.ctx.stop, true);
    assert_int_equal(run(&f, "db_optimize"), JOB_STOPPED);
    fixture_end(&f);
}

/* The list of our own tables must grow with the schema. */
static void test_own_tables_are_those_of_the_schema(void **state UNUSED)
{
    g_autoptr(GDir) dir = g_dir_open("schema", 0, NULL);
    assert_non_null(dir);
    size_t found = 0;
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename("schema", name, NULL);
        g_autofree char *sql = NULL;
        assert_true(g_file_get_contents(path, &sql, NULL, NULL));
        for (const char *p = strstr(sql, "CREATE TABLE "); p != NULL; p = strstr(p, "CREATE TABLE ")) {
            p += strlen("CREATE TABLE ");
            g_autofree char *table = g_strndup(p, strspn(p, "abcdefghijklmnopqrstuvwxyz_0123456789"));
            if (own_table_find(table) == NULL) {
                fail_msg("own_tables.c does not know %s", table);
            }
            found++;
        }
    }
    assert_int_equal(found + 1, own_tables_n); /* schema_migrations is made by bellmanctl */
}

/* --- email.send -------------------------------------------------------------------------------------------------- */

#define MAIL "{\"to\": \"ada@example.org\", \"subject\": \"Hello\", \"text\": \"Good morning\"}"

static void set_settings(struct fixture *f, const char *settings)
{
    json_auto_t *value = json_loads(settings, 0, NULL);
    assert_non_null(value);
    cache_put(f->ctx.settings_cache, "acme", value);
}

static char conf_address[] = "noreply@bellman.example";
static char conf_name[] = "Bellman";

static void test_email_sender(void **state UNUSED)
{
    static const struct {
        const char *settings;
        const char *from;
        const char *message_id;
    } cases[] = {
        {"{}", "From: \"Bellman\" <noreply@bellman.example>", JOB_ID "@bellman.example"},
        {"{\"email_provider\": \"smtp\", \"email_from_address\": null, \"email_from_name\": null}",
         "From: \"Bellman\" <noreply@bellman.example>", JOB_ID "@bellman.example"},
        {"{\"email_from_name\": \"Acme HR\"}", "From: \"Acme HR\" <noreply@bellman.example>",
         JOB_ID "@bellman.example"},
        {"{\"email_from_address\": \"hr@acme.example\"}", "From: hr@acme.example", JOB_ID "@acme.example"},
        {"{\"email_from_address\": \"hr@acme.example\", \"email_from_name\": \"Acme HR\"}",
         "From: \"Acme HR\" <hr@acme.example>", JOB_ID "@acme.example"},
    };
    struct peer peer;
    peer_start(&peer, "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture f;
        fixture_begin(&f, MAIL);
        f.conf.smtp.port = peer.port;
        f.conf.smtp.from_address = conf_address;
        f.conf.smtp.from_name = conf_name;
        set_settings(&f, cases[i].settings);
        assert_int_equal(run(&f, "email.send"), JOB_DONE);
        g_autofree char *id = g_strdup_printf("<%s>", cases[i].message_id);
        assert_string_equal(json_string_value(json_object_get(f.ctx.result, "message_id")), id);
        assert_string_equal(json_string_value(json_object_get(f.ctx.result, "provider")), "smtp");
        assert_true(g_str_has_prefix(json_string_value(json_object_get(f.ctx.result, "reply")), "250 "));
        json_auto_t *mails = peer_kept(&peer);
        g_autofree char *from = g_strdup_printf("\r\n%s\r\n", cases[i].from);
        g_autofree char *id_line = g_strdup_printf("\r\nMessage-ID: %s\r\n", id);
        if (strstr(mail_data(mails, i), from) == NULL || strstr(mail_data(mails, i), id_line) == NULL) {
            fail_msg("case %zu: %s", i, mail_data(mails, i));
        }
        fixture_end(&f);
    }
    peer_stop(&peer);
}

static void test_email_outcomes(void **state UNUSED)
{
    static const struct {
        const char *options;
        enum job_outcome outcome;
        const char *error;
    } cases[] = {
        {"--script '{\"rcpt\": \"450 4.2.1 later\"}'", JOB_RETRY,
         "smtp could not take it now: 450 4.2.1 later (at RCPT TO)"},
        {"--script '{\"rcpt\": \"550 5.1.1 no\"}'", JOB_PERMANENT, "smtp refused it: 550 5.1.1 no (at RCPT TO)"},
        {"--user u", JOB_RETRY, "530 5.7.0 authentication required"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct peer peer;
        peer_start(&peer, cases[i].options);
        struct fixture f;
        fixture_begin(&f, MAIL);
        f.conf.smtp.port = peer.port;
        f.conf.smtp.from_address = conf_address;
        set_settings(&f, "{}");
        assert_int_equal(run(&f, "email.send"), cases[i].outcome);
        assert_non_null(strstr(f.ctx.error, cases[i].error));
        assert_null(f.ctx.result);
        fixture_end(&f);
        peer_stop(&peer);
    }
}

static void test_email_stops(void **state UNUSED)
{
    struct peer peer;
    peer_start(&peer, "--script '{\"body\": \"stall\"}'");
    struct fixture f;
    fixture_begin(&f, MAIL);
    f.conf.smtp.port = peer.port;
    f.conf.smtp.from_address = conf_address;
    set_settings(&f, "{}");
    pthread_t stopper = service_thread("stopper", stop_soon, &f.ctx);
    assert_int_equal(run(&f, "email.send"), JOB_STOPPED);
    pthread_join(stopper, NULL);
    fixture_end(&f);
    peer_stop(&peer);
}

/* A repeated attempt sends the same mail: a receiver can tell by Message-ID and Date. */
static void test_email_attempts_are_alike(void **state UNUSED)
{
    struct peer peer;
    peer_start(&peer, "--script '{\"body\": [\"close\", null]}'");
    struct fixture f;
    fixture_begin(&f, MAIL);
    f.conf.smtp.port = peer.port;
    f.conf.smtp.from_address = conf_address;
    set_settings(&f, "{}");
    assert_int_equal(run(&f, "email.send"), JOB_RETRY);
    f.claim.attempt++;
    f.claim.retry_count++;
    assert_int_equal(run(&f, "email.send"), JOB_DONE);
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 2);
    static const char *const lines[] = {"Message-ID: <" JOB_ID "@bellman.example>\r\n",
                                        "Date: Mon, 23 Nov 2026 16:00:00 +0000\r\n"};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(strstr(mail_data(mails, i), lines[0]));
        assert_non_null(strstr(mail_data(mails, i), lines[1]));
    }
    fixture_end(&f);
    peer_stop(&peer);
}

static void test_email_that_cannot_be_sent(void **state UNUSED)
{
    struct fixture f;
    fixture_begin(&f, MAIL);
    assert_int_equal(run(&f, "email.send"), JOB_RETRY); /* no settings cached, no MariaDB */
    assert_non_null(strstr(f.ctx.error, "settings cannot be read"));
    set_settings(&f, "{\"email_provider\": \"ses\"}");
    assert_int_equal(run(&f, "email.send"), JOB_PERMANENT);
    assert_non_null(strstr(f.ctx.error, "there is no account with ses"));
    set_settings(&f, "{\"email_provider\": \"smtp\", \"email_enabled\": false}");
    assert_int_equal(run(&f, "email.send"), JOB_PERMANENT);
    assert_non_null(strstr(f.ctx.error, "switched off"));
    set_settings(&f, "{\"email_provider\": \"smtp\", \"email_enabled\": true}");
    f.conf.smtp.from_address = nothing;
    assert_int_equal(run(&f, "email.send"), JOB_PERMANENT);
    assert_non_null(strstr(f.ctx.error, "no sender address"));
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_has_its_function),
        cmocka_unit_test(test_job_error_is_always_utf8),
        cmocka_unit_test(test_noop),
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_sleep_stops),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_crash_kills_the_process),
        cmocka_unit_test(test_cache_flush),
        cmocka_unit_test(test_cache_flush_without_answers),
        cmocka_unit_test(test_db_optimize_strangers),
        cmocka_unit_test(test_own_tables_are_those_of_the_schema),
        cmocka_unit_test(test_email_sender),
        cmocka_unit_test(test_email_outcomes),
        cmocka_unit_test(test_email_stops),
        cmocka_unit_test(test_email_attempts_are_alike),
        cmocka_unit_test(test_email_that_cannot_be_sent),
    };
    service_block_signals();
    return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
