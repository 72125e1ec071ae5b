/*
 * smtp.c against tests/fakes/smtp_peer.py: every outcome, every stage, TLS, credentials, kept connections, and what the
 * mail looks like on the wire. Run from the repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/service.h"
#include "ports/smtp.h"
#include "unit/peer.h"

#define MAIL_ID "0190a000-0000-7000-8000-000000000001@example.com"

/* --- sending ----------------------------------------------------------------------------------------------------- */

static char localhost[] = "localhost";
static char loopback[] = "127.0.0.1";

static struct conf make_conf(struct peer *p, enum conf_smtp_tls tls)
{
    struct conf conf = {0};
    conf.smtp.host = tls == CONF_SMTP_TLS_NONE ? loopback : localhost;
    conf.smtp.port = p->port;
    conf.smtp.tls = tls;
    conf.smtp.ca_file = p->ca_file;
    conf.smtp.timeout_s = 10;
    return conf;
}

static const struct smtp_mail plain_mail = {
    .message_id = MAIL_ID,
    .from_address = "hr@example.com",
    .to = "ada@example.org",
    .subject = "Hello",
    .text = "Good morning\n",
    .date_wall_us = INT64_C(1795449600000000),
};

static enum smtp_outcome send_mail(struct smtp *smtp, const struct conf *conf, const struct smtp_mail *mail,
                                   const atomic_bool *stop, struct smtp_reply *reply)
{
    const struct smtp_server server = smtp_server_of(conf);
    return smtp_send(smtp, &server, mail, stop, reply);
}

struct end {
    const char *name;
    const char *options; /* of the peer */
    enum conf_smtp_tls tls;
    const char *user;
    const char *password;
    enum smtp_outcome outcome;
    int code;
    const char *words; /* part of the reply's text */
    size_t mails;      /* the peer has taken */
};

#define TLS_NONE CONF_SMTP_TLS_NONE
#define TLS_START CONF_SMTP_TLS_STARTTLS
#define TLS_IMPLICIT CONF_SMTP_TLS_IMPLICIT

static const struct end ends[] = {
    {"plain", "", TLS_NONE, NULL, NULL, SMTP_ACCEPTED, 250, "250 2.0.0 queued as mail-1", 1},
    {"starttls", "--tls starttls", TLS_START, NULL, NULL, SMTP_ACCEPTED, 250, "250 2.0.0", 1},
    {"implicit tls", "--tls tls", TLS_IMPLICIT, NULL, NULL, SMTP_ACCEPTED, 250, "250 2.0.0", 1},
    {"auth plain", "--tls starttls --user u --password p --mechanisms PLAIN", TLS_START, "u", "p", SMTP_ACCEPTED, 250,
     "", 1},
    {"auth login", "--tls tls --user u --password p --mechanisms LOGIN", TLS_IMPLICIT, "u", "p", SMTP_ACCEPTED, 250, "",
     1},
    {"auth without tls", "--user u --password p", TLS_NONE, "u", "p", SMTP_ACCEPTED, 250, "", 1},
    {"helo only", "--script '{\"ehlo\": \"502 5.5.1 no\"}'", TLS_NONE, NULL, NULL, SMTP_ACCEPTED, 250, "", 1},
    {"dripping", "--script '{\"mail\": \"drip\"}'", TLS_NONE, NULL, NULL, SMTP_ACCEPTED, 250, "", 1},

    {"wrong password", "--tls starttls --user u --password p", TLS_START, "u", "wrong", SMTP_MISCONFIGURED, 535,
     "credentials", 0},
    {"auth later", "--user u --password p --script '{\"auth\": \"454 4.7.0 later\"}'", TLS_NONE, "u", "p",
     SMTP_TRY_LATER, 454, "454 4.7.0 later (at AUTH)", 0},
    {"no user", "--user u --password p", TLS_NONE, NULL, NULL, SMTP_MISCONFIGURED, 530, "MAIL FROM", 0},
    {"secret in the reply", "--user u --password sesame --script '{\"auth\": \"535 bad password sesame\"}'", TLS_NONE,
     "u", "sesame", SMTP_MISCONFIGURED, 535, "bad password ********", 0},
    {"starttls not offered", "", TLS_START, NULL, NULL, SMTP_MISCONFIGURED, 0, "", 0},
    {"starttls refused", "--tls starttls --script '{\"starttls\": \"501 no\"}'", TLS_START, NULL, NULL,
     SMTP_MISCONFIGURED, 501, "", 0},
    {"starttls later", "--tls starttls --script '{\"starttls\": \"454 4.7.0 later\"}'", TLS_START, NULL, NULL,
     SMTP_TRY_LATER, 454, "STARTTLS", 0},
    {"other host's certificate", "--tls starttls --certificate-name other.example", TLS_START, NULL, NULL,
     SMTP_MISCONFIGURED, 0, "SSL", 0},
    {"tls to a plain port", "", TLS_IMPLICIT, NULL, NULL, SMTP_MISCONFIGURED, 0, "", 0},

    {"banner 421", "--script '{\"connect\": \"421 4.3.2 busy\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 421,
     "421 4.3.2 busy", 0},
    {"banner 554", "--script '{\"connect\": \"554 5.7.1 go away\"}'", TLS_NONE, NULL, NULL, SMTP_MISCONFIGURED, 554,
     "go away", 0},
    {"sender later", "--script '{\"mail\": \"451 4.3.0 later\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 451,
     "MAIL FROM", 0},
    {"sender refused", "--script '{\"mail\": \"550 5.7.1 no\"}'", TLS_NONE, NULL, NULL, SMTP_PERMANENT, 550,
     "MAIL FROM", 0},
    {"recipient later", "--script '{\"rcpt\": \"450 4.2.1 greylisted\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 450,
     "450 4.2.1 greylisted (at RCPT TO)", 0},
    {"recipient refused", "--script '{\"rcpt\": \"550-5.1.1 unknown\\n550 5.1.1 see example.org\"}'", TLS_NONE, NULL,
     NULL, SMTP_PERMANENT, 550, "550 5.1.1 unknown 5.1.1 see example.org (at RCPT TO)", 0},
    {"data later", "--script '{\"data\": \"452 4.3.1 full\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 452, "DATA", 0},
    {"data refused", "--script '{\"data\": \"554 5.0.0 no\"}'", TLS_NONE, NULL, NULL, SMTP_PERMANENT, 554, "DATA", 0},
    {"body later", "--script '{\"body\": \"451 4.3.0 later\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 451,
     "(at the end of the mail)", 1},
    {"body refused", "--script '{\"body\": \"554 5.6.0 spam\"}'", TLS_NONE, NULL, NULL, SMTP_PERMANENT, 554,
     "554 5.6.0 spam", 1},
    {"control bytes in the reply", "--script '{\"rcpt\": \"550 a\\u0007b\\u001b[31m\"}'", TLS_NONE, NULL, NULL,
     SMTP_PERMANENT, 550, "550 a b [31m", 0},

    {"closed at connect", "--script '{\"connect\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"closed at ehlo", "--script '{\"ehlo\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"closed at mail", "--script '{\"mail\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"closed at rcpt", "--script '{\"rcpt\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"closed at data", "--script '{\"data\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"closed after the dot", "--script '{\"body\": \"close\"}'", TLS_NONE, NULL, NULL, SMTP_UNANSWERED, 0,
     "the connection was lost (at the end of the mail)", 1},
    {"reset at rcpt", "--script '{\"rcpt\": \"reset\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"reset after the dot", "--script '{\"body\": \"reset\"}'", TLS_NONE, NULL, NULL, SMTP_UNANSWERED, 0, "", 1},
    {"flood at ehlo", "--script '{\"ehlo\": \"flood\"}'", TLS_NONE, NULL, NULL, SMTP_TRY_LATER, 0, "", 0},
    {"flood after the dot", "--script '{\"body\": \"flood\"}'", TLS_NONE, NULL, NULL, SMTP_UNANSWERED, 0, "", 1},
};

static void test_end(void **state)
{
    const struct end *end = *state;
    struct peer peer;
    peer_start(&peer, end->options);
    struct conf conf = make_conf(&peer, end->tls);
    g_autofree char *user = g_strdup(end->user);
    g_autofree char *password = g_strdup(end->password);
    conf.smtp.user = user;
    conf.smtp.password = password;
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {.code = -1, .text = "unset"};
    enum smtp_outcome outcome = send_mail(smtp, &conf, &plain_mail, NULL, &reply);
    print_message("%-28s %d: %s\n", end->name, reply.code, reply.text);
    assert_int_equal(outcome, end->outcome);
    assert_int_equal(reply.code, end->code);
    assert_non_null(strstr(reply.text, end->words));
    assert_true(reply.text[0] != '\0');
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), end->mails);
    smtp_free(smtp);
    peer_stop(&peer);
}

static void test_untrusted_certificate(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "--tls starttls");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_STARTTLS);
    conf.smtp.ca_file = NULL;
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_MISCONFIGURED);
    assert_non_null(strstr(reply.text, "certificate"));
    smtp_free(smtp);
    peer_stop(&peer);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    peer_stop(&peer);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_TRY_LATER);
    assert_int_equal(reply.code, 0);
    assert_non_null(strstr(reply.text, "onnect"));
    smtp_free(smtp);
}

/* --- time -------------------------------------------------------------------------------------------------------- */

static const char *const stall_stages[] = {"connect", "ehlo", "mail", "rcpt", "data", "body"};

static void test_timeout(void **state)
{
    const char *const *stage = *state;
    struct peer peer;
    g_autofree char *options = g_strdup_printf("--script '{\"%s\": \"stall\"}'", *stage);
    peer_start(&peer, options);
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    conf.smtp.timeout_s = 1;
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    int64_t began_us = clock_mono_us();
    enum smtp_outcome late = strcmp(*stage, "body") == 0 ? SMTP_UNANSWERED : SMTP_TRY_LATER;
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), late);
    smtp_free(smtp);
    int64_t took_ms = (clock_mono_us() - began_us) / US_PER_MS;
    print_message("%s: %lld ms, %s\n", *stage, (long long)took_ms, reply.text);
    assert_in_range(took_ms, 900, 4000);
    peer_stop(&peer);
}

static void *stop_soon(void *arg)
{
    g_usleep(300 * 1000);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void test_stop(void **state)
{
    const char *const *stage = *state;
    struct peer peer;
    g_autofree char *options = g_strdup_printf("--script '{\"%s\": \"stall\"}'", *stage);
    peer_start(&peer, options);
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    conf.smtp.timeout_s = 30;
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    atomic_bool stop = false;
    pthread_t stopper = service_thread("stopper", stop_soon, &stop);
    int64_t began_us = clock_mono_us();
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, &stop, &reply), SMTP_STOPPED);
    smtp_free(smtp);
    int64_t took_ms = (clock_mono_us() - began_us) / US_PER_MS;
    print_message("%s: %lld ms, %s\n", *stage, (long long)took_ms, reply.text);
    assert_in_range(took_ms, 300, 3000);
    pthread_join(stopper, NULL);
    peer_stop(&peer);
}

/* A server that answers neither the last QUIT nor closes must not hold up the end of the program. */
static void test_free_does_not_wait_for_quit(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "--script '{\"quit\": \"stall\"}'");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
    int64_t began_us = clock_mono_us();
    smtp_free(smtp);
    assert_true(clock_mono_us() - began_us < 2 * US_PER_S);
    peer_stop(&peer);
}

/* --- kept connections -------------------------------------------------------------------------------------------- */

static void send_three(const char *options, useconds_t pause_us, const int connections[3])
{
    struct peer peer;
    peer_start(&peer, options);
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    for (size_t i = 0; i < 3; i++) {
        struct smtp_reply reply = {0};
        assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
        usleep(pause_us);
    }
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(json_integer_value(json_object_get(json_array_get(mails, i), "connection")), connections[i]);
    }
    smtp_free(smtp);
    peer_stop(&peer);
}

static void test_connection_is_kept(void **state)
{
    (void)state;
    send_three("", 0, (const int[]){1, 1, 1});
}

static void test_connection_closed_while_idle(void **state)
{
    (void)state;
    send_three("--idle-s 0.1", 400000, (const int[]){1, 2, 3});
}

static void test_connection_used_up(void **state)
{
    (void)state;
    send_three("--mails-per-connection 2", 0, (const int[]){1, 1, 2});
}

/* A refusal on a kept connection is a refusal, not a reason to ask again. */
static void test_refusal_is_not_repeated(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "--script '{\"rcpt\": [null, \"550 no\", null]}'");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_PERMANENT);
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
    smtp_free(smtp);
    peer_stop(&peer);
}

/* A body that went out on a kept connection may have been taken: it is not sent twice in one attempt. */
static void test_lost_body_is_not_repeated(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "--script '{\"body\": [null, \"close\", null]}'");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_UNANSWERED);
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 2);
    smtp_free(smtp);
    peer_stop(&peer);
}

/* Credentials and mail of one send must not show in the next. */
static void test_nothing_is_left_from_the_last_mail(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "--user u --password p");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    char user[] = "u";
    char password[] = "p";
    conf.smtp.user = user;
    conf.smtp.password = password;
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
    conf.smtp.user = NULL;
    assert_int_equal(send_mail(smtp, &conf, &plain_mail, NULL, &reply), SMTP_MISCONFIGURED);
    assert_int_equal(reply.code, 530);
    smtp_free(smtp);
    peer_stop(&peer);
}

/* --- the mail ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct smtp_mail mail;
    const char *words;
} unfit[] = {
    {"subject with a line",
     {MAIL_ID, "a@b.c", NULL, "x@y.z", "a\r\nBcc: victim@example.org", "t", NULL, 0, NULL},
     "subject"},
    {"subject with a bare CR",
     {MAIL_ID, "a@b.c", NULL, "x@y.z", "a\rBcc: v@example.org", "t", NULL, 0, NULL},
     "subject"},
    {"subject with a C1 line end",
     {MAIL_ID, "a@b.c", NULL, "x@y.z",
      "a\xc2\x85"
      "b",
      "t", NULL, 0, NULL},
     "subject"},
    {"subject not UTF-8", {MAIL_ID, "a@b.c", NULL, "x@y.z", "a\xff", "t", NULL, 0, NULL}, "subject"},
    {"name with a line", {MAIL_ID, "a@b.c", "n\nX: y", "x@y.z", "s", "t", NULL, 0, NULL}, "name"},
    {"recipient with a line",
     {MAIL_ID, "a@b.c", NULL, "x@y.z>\r\nRCPT TO:<v@example.org", "s", "t", NULL, 0, NULL},
     "recipient"},
    {"recipient with a parameter",
     {MAIL_ID, "a@b.c", NULL, "x@y.z> NOTIFY=NEVER", "s", "t", NULL, 0, NULL},
     "recipient"},
    {"two recipients", {MAIL_ID, "a@b.c", NULL, "x@y.z, v@example.org", "s", "t", NULL, 0, NULL}, "recipient"},
    {"recipient not ASCII", {MAIL_ID, "a@b.c", NULL, "\xc3\xbc@y.z", "s", "t", NULL, 0, NULL}, "recipient"},
    {"sender with a bracket", {MAIL_ID, "a@b.c>", NULL, "x@y.z", "s", "t", NULL, 0, NULL}, "sender"},
    {"sender empty", {MAIL_ID, "", NULL, "x@y.z", "s", "t", NULL, 0, NULL}, "sender"},
    {"message id with a line", {"1\r\n@x", "a@b.c", NULL, "x@y.z", "s", "t", NULL, 0, NULL}, "message id"},
    {"no body", {MAIL_ID, "a@b.c", NULL, "x@y.z", "s", NULL, NULL, 0, NULL}, "body"},
};

static void test_unfit_mails_are_not_sent(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, "");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    for (size_t i = 0; i < ARRAY_SIZE(unfit); i++) {
        struct smtp_reply reply = {.code = -1};
        if (send_mail(smtp, &conf, &unfit[i].mail, NULL, &reply) != SMTP_PERMANENT || reply.code != 0 ||
            strstr(reply.text, unfit[i].words) == NULL) {
            fail_msg("%s: %d %s", unfit[i].name, reply.code, reply.text);
        }
    }
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 0);
    smtp_free(smtp);
    peer_stop(&peer);
}

static json_t *send_one(const struct smtp_mail *mail)
{
    struct peer peer;
    peer_start(&peer, "");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    assert_int_equal(send_mail(smtp, &conf, mail, NULL, &reply), SMTP_ACCEPTED);
    json_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 1);
    smtp_free(smtp);
    peer_stop(&peer);
    return mails;
}

static void assert_lines_are_legal(const char *data)
{
    for (const char *p = data; *p != '\0';) {
        size_t n = strcspn(p, "\r\n");
        assert_true(n <= 998);
        assert_true(p[n] == '\0' || (p[n] == '\r' && p[n + 1] == '\n'));
        p += n + (p[n] == '\0' ? 0 : 2);
    }
}

static void test_headers(void **state)
{
    (void)state;
    struct smtp_mail mail = plain_mail;
    mail.from_name = "Personal \"HR\", Z\xc3\xbcrich";
    mail.subject = "Gr\xc3\xbc\xc3\x9f"
                   "e";
    json_auto_t *mails = send_one(&mail);
    const char *data = mail_data(mails, 0);
    assert_lines_are_legal(data);
    assert_non_null(strstr(data, "Date: Mon, 23 Nov 2026 16:00:00 +0000\r\n"));
    assert_non_null(strstr(data, "Message-ID: <" MAIL_ID ">\r\n"));
    assert_non_null(strstr(data, "To: ada@example.org\r\n"));
    assert_non_null(strstr(data, "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"));
    assert_non_null(strstr(data, "From: =?UTF-8?B?"));
    assert_non_null(strstr(data, " <hr@example.com>\r\n"));
    assert_non_null(strstr(data, "Auto-Submitted: auto-generated\r\n"));
    assert_non_null(strcasestr(data, "MIME-Version: 1.0\r\n"));
    assert_null(strstr(data, "Bcc"));
}

static void test_dots_and_lines(void **state)
{
    (void)state;
    struct smtp_mail mail = plain_mail;
    mail.text = ".\n..\n.leading\nlf\ncrlf\r\ncr\rend\n\n.\n";
    json_auto_t *mails = send_one(&mail);
    const char *data = mail_data(mails, 0);
    assert_lines_are_legal(data);
    assert_non_null(strstr(data, "\r\n\r\n.\r\n..\r\n.leading\r\nlf\r\ncrlf\r\ncr\r\nend\r\n\r\n.\r\n"));
}

static void test_long_and_foreign_lines(void **state)
{
    (void)state;
    g_autofree char *ascii = g_strnfill(200000, 'a');
    GString *foreign = g_string_new(NULL);
    for (int i = 0; i < 50000; i++) {
        g_string_append(foreign, "\xe6\x97\xa5");
    }
    g_autofree char *html = g_string_free(foreign, FALSE);
    struct smtp_mail mail = plain_mail;
    mail.text = ascii;
    mail.html = html;
    json_auto_t *mails = send_one(&mail);
    const char *data = mail_data(mails, 0);
    assert_lines_are_legal(data);
    assert_non_null(strstr(data, "multipart/alternative"));
    assert_non_null(strstr(data, "Content-Transfer-Encoding: quoted-printable"));
    assert_non_null(strstr(data, "Content-Transfer-Encoding: base64"));
    const char *text_part = strstr(data, "text/plain");
    assert_true(text_part != NULL && text_part < strstr(data, "text/html"));
}

/* --- */

#define END_TESTS ARRAY_SIZE(ends)
#define STAGE_TESTS ARRAY_SIZE(stall_stages)

/* What an organization names must not lead into the deployment's network, whatever the name is. */
static void test_private_addresses_are_not_reached(void **state UNUSED)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "::1", "0x7f.1", "::ffff:127.0.0.1"};
    struct peer peer;
    peer_start(&peer, "");
    struct smtp *smtp = smtp_new();
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        struct conf conf = make_conf(&peer, CONF_SMTP_TLS_NONE);
        struct smtp_server server = smtp_server_of(&conf);
        struct smtp_reply reply = {0};
        assert_int_equal(smtp_send(smtp, &server, &plain_mail, NULL, &reply), SMTP_ACCEPTED);
        server.host = hosts[i];
        server.must_be_public = true;
        server.is_own = true; /* the kept connection is not lent to it either */
        assert_int_equal(smtp_send(smtp, &server, &plain_mail, NULL, &reply), SMTP_MISCONFIGURED);
    }
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), ARRAY_SIZE(hosts));
    smtp_free(smtp);
    peer_stop(&peer);
}

static void test_check_logs_in_and_sends_nothing(void **state UNUSED)
{
    struct peer peer;
    peer_start(&peer, "--tls starttls --user u --password p");
    struct conf conf = make_conf(&peer, CONF_SMTP_TLS_STARTTLS);
    struct smtp_server server = smtp_server_of(&conf);
    struct smtp *smtp = smtp_new();
    struct smtp_reply reply = {0};
    server.user = "u";
    server.password = "p";
    assert_int_equal(smtp_check(smtp, &server, NULL, &reply), SMTP_ACCEPTED);
    assert_true(reply.times.resolved_ms >= 0 && reply.times.connected_ms >= reply.times.resolved_ms);
    assert_true(reply.times.tls_ms >= reply.times.connected_ms && reply.times.authenticated_ms >= reply.times.tls_ms);
    assert_true(reply.times.accepted_ms < 0);
    server.password = "wrong";
    assert_int_equal(smtp_check(smtp, &server, NULL, &reply), SMTP_MISCONFIGURED);
    assert_true(reply.times.tls_ms >= 0 && reply.times.authenticated_ms < 0);
    json_auto_t *mails = peer_kept(&peer);
    assert_int_equal(json_array_size(mails), 0);
    smtp_free(smtp);
    peer_stop(&peer);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(test_untrusted_certificate),
    cmocka_unit_test(test_nobody_listens),
    cmocka_unit_test(test_free_does_not_wait_for_quit),
    cmocka_unit_test(test_connection_is_kept),
    cmocka_unit_test(test_connection_closed_while_idle),
    cmocka_unit_test(test_connection_used_up),
    cmocka_unit_test(test_refusal_is_not_repeated),
    cmocka_unit_test(test_lost_body_is_not_repeated),
    cmocka_unit_test(test_private_addresses_are_not_reached),
    cmocka_unit_test(test_check_logs_in_and_sends_nothing),
    cmocka_unit_test(test_nothing_is_left_from_the_last_mail),
    cmocka_unit_test(test_unfit_mails_are_not_sent),
    cmocka_unit_test(test_headers),
    cmocka_unit_test(test_dots_and_lines),
    cmocka_unit_test(test_long_and_foreign_lines),
};

int main(void)
{
    static struct CMUnitTest tests[END_TESTS + 2 * STAGE_TESTS + ARRAY_SIZE(others)];
    static struct end states[END_TESTS];
    static const char *stages[STAGE_TESTS];
    memcpy(states, ends, sizeof(states));
    memcpy(stages, stall_stages, sizeof(stages));
    size_t n = 0;
    for (size_t i = 0; i < END_TESTS; i++) {
        tests[n++] = (struct CMUnitTest){ends[i].name, test_end, NULL, NULL, &states[i]};
    }
    for (size_t i = 0; i < STAGE_TESTS; i++) {
        tests[n++] = (struct CMUnitTest){"timeout", test_timeout, NULL, NULL, &stages[i]};
        tests[n++] = (struct CMUnitTest){"stop", test_stop, NULL, NULL, &stages[i]};
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        tests[n++] = others[i];
    }
    service_block_signals();
    return cmocka_run_group_tests_name("smtp", tests, NULL, NULL);
}
