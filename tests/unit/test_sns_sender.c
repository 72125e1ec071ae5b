/*
 * sns_sender.c against tests/fakes/http_peer.py: whose certificates are fetched, how often, and which subscriptions are
 * confirmed. Run from the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "sns_sender.h"
#include "unit/peer.h"

#define CERTIFICATE "/SimpleNotificationService-0123abcd.pem"

/* --- where -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *region;
    const char *endpoint; /* NULL: none */
    const char *url;
    bool wanted;
} places[] = {
    {"eu-west-1", NULL, "https://sns.eu-west-1.amazonaws.com" CERTIFICATE, true},
    {"eu-west-1", NULL, "https://sns.us-east-1.amazonaws.com" CERTIFICATE, false},
    {"eu-west-1", NULL, "http://sns.eu-west-1.amazonaws.com" CERTIFICATE, false},
    {"eu-west-1", NULL, "https://sns.eu-west-1.amazonaws.com.evil.example" CERTIFICATE, false},
    {"eu-west-1", NULL, "https://sns.eu-west-1.amazonaws.com/other.pem", false},
    {"eu-west-1", "", "https://sns.eu-west-1.amazonaws.com" CERTIFICATE, true},
    {"eu-west-1", "", CERTIFICATE, false},
    {"eu-west-1", "https://private.example", "https://private.example" CERTIFICATE, true},
    {"eu-west-1", "https://private.example/", "https://private.example" CERTIFICATE, true},
    {"eu-west-1", "https://private.example", "https://sns.eu-west-1.amazonaws.com" CERTIFICATE, true},
    {"eu-west-1", "https://private.example", "https://private.example.evil" CERTIFICATE, false},
    {"", NULL, "https://sns..amazonaws.com" CERTIFICATE, false},
    {"evil.example/", NULL, "https://sns.evil.example/.amazonaws.com" CERTIFICATE, false},
    {NULL, NULL, "https://sns..amazonaws.com" CERTIFICATE, false},
};

static json_t *config_of(const char *region, const char *endpoint)
{
    return json_pack("{s:s*, s:s*}", "region", region, "endpoint", endpoint);
}

static void test_whose_certificates(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        json_auto_t *config = config_of(places[i].region, places[i].endpoint);
        if (sns_sender_has_certificate(config, places[i].url) != places[i].wanted) {
            fail_msg("%zu: %s", i, places[i].url);
        }
    }
}

/* --- fetching ----------------------------------------------------------------------------------------------------- */

struct stage {
    struct peer peer;
    struct sns_sender *sender;
    struct conf conf;
    char base[64];
};

static void open_stage(struct stage *s, const char *script)
{
    *s = (struct stage){.conf.egress.allow_private = true, .sender = sns_sender_new()};
    peer_start_http(&s->peer, script);
    (void)g_snprintf(s->base, sizeof(s->base), "http://127.0.0.1:%d", s->peer.port);
}

static void close_stage(struct stage *s)
{
    sns_sender_free(s->sender);
    peer_stop(&s->peer);
}

static char *certificate_at(struct stage *s, const char *path, struct err *e)
{
    g_autofree char *url = g_strconcat(s->base, path, NULL);
    err_clear(e);
    return sns_sender_certificate(s->sender, &s->conf, url, e);
}

static void test_a_certificate_is_fetched_once(void **state UNUSED)
{
    struct err e = ERR_INIT;
    struct stage s;
    open_stage(&s, "--script '[{\"body\": \"first\"}, {\"body\": \"second\"}]'");
    for (int i = 0; i < 3; i++) {
        g_autofree char *pem = certificate_at(&s, "/a.pem", &e);
        assert_string_equal(pem, "first");
    }
    g_autofree char *other = certificate_at(&s, "/b.pem", &e);
    assert_string_equal(other, "second");
    json_auto_t *kept = peer_kept(&s.peer);
    assert_int_equal(json_array_size(kept), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(kept, 0), "method")), "GET");
    close_stage(&s);
}

/* What is no certificate is not remembered as one. */
static void test_a_failure_is_not_remembered(void **state UNUSED)
{
    struct err e = ERR_INIT;
    struct stage s;
    open_stage(
        &s, "--script '[404, 503, {\"status\": 302, \"headers\": {\"Location\": \"http://127.0.0.1:1/\"}}, \"close\","
            " \"close\", {\"body\": \"at last\"}]'");
    for (int i = 0; i < 4; i++) {
        g_autofree char *pem = certificate_at(&s, "/a.pem", &e);
        assert_null(pem);
        assert_int_equal(e.code, ERR_UNAVAILABLE);
    }
    g_autofree char *pem = certificate_at(&s, "/a.pem", &e);
    for (int i = 0; pem == NULL && i < 2; i++) { /* a kept connection that closes may be tried once more */
        pem = certificate_at(&s, "/a.pem", &e);
    }
    assert_string_equal(pem, "at last");
    close_stage(&s);
}

static void test_nothing_private_is_fetched(void **state UNUSED)
{
    struct err e = ERR_INIT;
    struct stage s;
    open_stage(&s, "--script '[]'");
    s.conf.egress.allow_private = false;
    g_autofree char *pem = certificate_at(&s, "/a.pem", &e);
    assert_null(pem);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    json_auto_t *kept = peer_kept(&s.peer);
    assert_int_equal(json_array_size(kept), 0);
    close_stage(&s);
}

/* --- confirming --------------------------------------------------------------------------------------------------- */

static bool confirm(struct stage *s, const char *path, struct err *e)
{
    json_auto_t *config = config_of("eu-west-1", s->base);
    g_autofree char *url = g_strconcat(s->base, path, NULL);
    err_clear(e);
    return sns_sender_confirm(s->sender, &s->conf, config, url, e);
}

static void test_subscriptions_are_confirmed_where_they_belong(void **state UNUSED)
{
    struct err e = ERR_INIT;
    struct stage s;
    open_stage(&s, "--script '[200, 500]'");
    json_auto_t *config = config_of("eu-west-1", s.base);
    assert_false(sns_sender_confirm(s.sender, &s.conf, config, "http://127.0.0.1:1/?Action=ConfirmSubscription&x", &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_false(confirm(&s, "/?Action=Publish&Message=x", &e));
    assert_int_equal(e.code, ERR_INVALID);
    json_auto_t *none = peer_kept(&s.peer);
    assert_int_equal(json_array_size(none), 0);
    assert_true(confirm(&s, "/?Action=ConfirmSubscription&Token=t", &e));
    assert_false(confirm(&s, "/?Action=ConfirmSubscription&Token=u", &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    json_auto_t *kept = peer_kept(&s.peer);
    assert_int_equal(json_array_size(kept), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(kept, 0), "path")),
                        "/?Action=ConfirmSubscription&Token=t");
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_certificates),
        cmocka_unit_test(test_a_certificate_is_fetched_once),
        cmocka_unit_test(test_a_failure_is_not_remembered),
        cmocka_unit_test(test_nothing_private_is_fetched),
        cmocka_unit_test(test_subscriptions_are_confirmed_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
