#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "domain/callback_events.h"
#include "ports/verify.h"

#define DELIVERY "0190a6f0-0000-7000-8000-000000000000"

/* What one call says: "kind id delivery message suppress at words", a line for each event; "-" where there is nothing.
 */
static char *described(const struct callback_events *events)
{
    static const char *const kinds[CALLBACK_KINDS] = {"delivered", "opened",     "clicked",
                                                      "bounced",   "complained", "unsubscribed"};
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < events->list->len; i++) {
        const struct delivery_callback *c = &g_array_index(events->list, struct delivery_callback, i);
        const char *const texts[] = {c->callback_id, c->delivery_id, c->message_id, c->suppress};
        g_string_append(out, kinds[c->kind]);
        for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
            g_string_append_printf(out, " %s", texts[n] == NULL ? "-" : texts[n]);
        }
        g_string_append_printf(out, " %" G_GINT64_FORMAT " %s\n", c->at_us, c->words == NULL ? "-" : c->words);
        assert_null(c->organization_id);
        assert_null(c->provider);
    }
    return g_string_free(out, FALSE);
}

struct row {
    const char *json;
    const char *wanted; /* "": nothing */
};

static void check(const struct row *rows, size_t n, void (*read)(struct callback_events *events, const json_t *body))
{
    for (size_t i = 0; i < n; i++) {
        struct callback_events events;
        json_auto_t *body = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(body);
        callback_events_init(&events);
        read(&events, body);
        g_autofree char *found = described(&events);
        if (strcmp(found, rows[i].wanted) != 0) {
            fail_msg("%s\nis\n%swanted\n%s", rows[i].json, found, rows[i].wanted);
        }
        callback_events_release(&events);
    }
}

/* --- Twilio ------------------------------------------------------------------------------------------------------- */

#define SID "\"MessageSid\": \"SM1\", "

static const struct row twilio[] = {
    {"{" SID "\"MessageStatus\": \"delivered\"}", "delivered SM1/delivered " DELIVERY " SM1 - 0 Twilio: delivered\n"},
    {"{" SID "\"MessageStatus\": \"read\"}", "opened SM1/read " DELIVERY " SM1 - 0 Twilio: read\n"},
    {"{" SID "\"MessageStatus\": \"undelivered\", \"ErrorCode\": \"30003\"}",
     "bounced SM1/undelivered " DELIVERY " SM1 - 0 Twilio: undelivered, error 30003\n"},
    {"{" SID "\"MessageStatus\": \"undelivered\", \"ErrorCode\": \"30005\"}",
     "bounced SM1/undelivered " DELIVERY " SM1 bounce 0 Twilio: undelivered, error 30005\n"},
    {"{" SID "\"MessageStatus\": \"undelivered\", \"ErrorCode\": \"30006\"}",
     "bounced SM1/undelivered " DELIVERY " SM1 bounce 0 Twilio: undelivered, error 30006\n"},
    {"{" SID "\"MessageStatus\": \"failed\", \"ErrorCode\": \"21614\"}",
     "bounced SM1/failed " DELIVERY " SM1 bounce 0 Twilio: failed, error 21614\n"},
    {"{" SID "\"MessageStatus\": \"failed\", \"ErrorCode\": \"21610\"}",
     "bounced SM1/failed " DELIVERY " SM1 unsubscribe 0 Twilio: failed, error 21610\n"},
    {"{" SID "\"MessageStatus\": \"failed\"}", "bounced SM1/failed " DELIVERY " SM1 - 0 Twilio: failed\n"},
    /* An error code of a message that arrived says nothing of its number. */
    {"{" SID "\"MessageStatus\": \"delivered\", \"ErrorCode\": \"30005\"}",
     "delivered SM1/delivered " DELIVERY " SM1 - 0 Twilio: delivered, error 30005\n"},
    {"{" SID "\"MessageStatus\": \"queued\"}", ""},
    {"{" SID "\"MessageStatus\": \"sent\"}", ""},
    {"{" SID "\"MessageStatus\": \"DELIVERED\"}", ""},
    {"{" SID "\"MessageStatus\": 1}", ""},
    {"{" SID "\"SmsStatus\": \"delivered\"}", ""},
    {"{\"MessageStatus\": \"delivered\"}", ""},
    {"{\"MessageSid\": null, \"MessageStatus\": \"delivered\"}", ""},
    {"{}", ""},
};

static void read_twilio(struct callback_events *events, const json_t *form)
{
    callback_events_twilio(events, form, DELIVERY);
}

static void test_twilio(void **state UNUSED)
{
    check(twilio, ARRAY_SIZE(twilio), read_twilio);
    struct callback_events events;
    json_auto_t *form = json_loads("{" SID "\"MessageStatus\": \"delivered\"}", 0, NULL);
    callback_events_init(&events);
    callback_events_twilio(&events, form, NULL);
    g_autofree char *found = described(&events);
    assert_string_equal(found, "delivered SM1/delivered - SM1 - 0 Twilio: delivered\n");
    callback_events_release(&events);
}

/* The first is the worked example of Twilio's documentation ("Webhooks security"), the second that of its packages'
 * older documentation; the others were made by its package twilio 5.10.0 (getExpectedTwilioSignature). */
static const struct {
    const char *token;
    const char *url;
    const char *form;
    const char *signature;
} signatures[] = {
    {"12345", "https://mycompany.com/myapp.php?foo=1&bar=2",
     "{\"To\": \"+18005551212\", \"CallSid\": \"CA1234567890ABCDE\", \"Digits\": \"1234\", \"From\": \"+12349013030\","
     " \"Caller\": \"+12349013030\"}",
     "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
    {"12345", "https://mycompany.com/myapp.php?foo=1&bar=2",
     "{\"CallSid\": \"CA1234567890ABCDE\", \"Caller\": \"+14158675309\", \"Digits\": \"1234\", \"From\":"
     " \"+14158675309\", \"To\": \"+18005551212\"}",
     "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
    {"secret-token",
     "https://notify.example.com/api/system/callbacks/twilio/acme?delivery_id=0190a6f0-0000-7000-8000-000000000000",
     "{\"MessageStatus\": \"delivered\", \"MessageSid\": \"SM1\", \"a\": \"\u00e9 +&=\", \"Z\": \"\", \"B\":"
     " \"\U0001f600\"}",
     "Y1ToxczmiAnqTBoSyontCAoAWKg="},
    {"secret-token", "https://notify.example.com/", "{}", "nH2TclIkJ/Y4znGOvN1Q3enkm3U="},
};

static void test_what_twilio_signs(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
        json_auto_t *form = json_loads(signatures[i].form, 0, NULL);
        assert_non_null(form);
        g_autofree char *data = callback_twilio_signed(signatures[i].url, form);
        if (!verify_hmac_sha1(signatures[i].token, data, strlen(data), signatures[i].signature)) {
            fail_msg("%s", data);
        }
        json_object_set_new(form, "More", json_string(""));
        g_autofree char *more = callback_twilio_signed(signatures[i].url, form);
        assert_false(verify_hmac_sha1(signatures[i].token, more, strlen(more), signatures[i].signature));
    }
}

static const struct {
    const char *url;
    const char *other; /* NULL: none */
} ports[] = {
    {"https://a.example/x?y=1", "https://a.example:443/x?y=1"},
    {"http://a.example/x", "http://a.example:80/x"},
    {"https://a.example:8443/x?y=:1", "https://a.example/x?y=:1"},
    {"https://a.example:443", "https://a.example"},
    {"https://a.example", "https://a.example:443"},
    {"https://a.example?b=1:2", "https://a.example:443?b=1:2"},
    {"https://10.0.0.1/x", "https://10.0.0.1:443/x"},
    {"https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"},
    {"https://[2001:db8::1]:8443/x", "https://[2001:db8::1]/x"},
    {"https://", "https://:443"},
    {"a.example/x", NULL},
    {"", NULL},
};

static void test_twilio_with_and_without_the_port(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        g_autofree char *other = callback_twilio_other_url(ports[i].url);
        if (g_strcmp0(other, ports[i].other) != 0) {
            fail_msg("%s: %s", ports[i].url, other);
        }
    }
}

/* --- SendGrid ----------------------------------------------------------------------------------------------------- */

#define EVENT(word, more) "[{\"event\": \"" word "\", \"sg_event_id\": \"e1\", \"timestamp\": 1600112492" more "}]"
#define OURS ", \"delivery_id\": \"" DELIVERY "\", \"sg_message_id\": \"abc.filter1.x-0\""
#define SAID(kind, suppress, words) kind " e1 " DELIVERY " abc " suppress " 1600112492000000 SendGrid: " words "\n"

static const struct row sendgrid[] = {
    {EVENT("delivered", OURS), SAID("delivered", "-", "delivered")},
    {EVENT("open", OURS), SAID("opened", "-", "open")},
    {EVENT("click", OURS), SAID("clicked", "-", "click")},
    {EVENT("bounce", OURS ", \"type\": \"bounce\", \"reason\": \"550 gone\""),
     SAID("bounced", "bounce", "bounce, 550 gone")},
    {EVENT("bounce", OURS ", \"type\": \"blocked\""), SAID("bounced", "-", "bounce")},
    {EVENT("spamreport", OURS), SAID("complained", "complaint", "spamreport")},
    {EVENT("unsubscribe", OURS), SAID("unsubscribed", "unsubscribe", "unsubscribe")},
    {EVENT("group_unsubscribe", OURS), SAID("unsubscribed", "unsubscribe", "group_unsubscribe")},
    /* The published example of SendGrid's packages. */
    {"[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":"
     "\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":"
     "\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":"
     "\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]",
     "bounced ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA - LRzXl_NHStOGhQ4kofSm_A - 1600112492000000"
     " SendGrid: dropped, Bounced Address\n"},
    {"[{\"event\": \"open\", \"sg_event_id\": \"e1\", \"sg_message_id\": \"abc\"}]",
     "opened e1 - abc - 0 SendGrid: open\n"},
    {"[{\"event\": \"open\", \"sg_event_id\": \"e1\", \"delivery_id\": \"d\", \"timestamp\": -5}]",
     "opened e1 d - - 0 SendGrid: open\n"},
    {"[{\"event\": \"open\", \"sg_event_id\": \"e1\", \"delivery_id\": \"d\", \"timestamp\": 9223372036854775807}]",
     "opened e1 d - - 4102444800000000 SendGrid: open\n"},
    {"[{\"event\": \"open\", \"sg_event_id\": \"e1\", \"sg_message_id\": \"abc\"}, 1, null, [], {},"
     " {\"event\": \"click\", \"sg_event_id\": \"e2\", \"sg_message_id\": \"def\"}]",
     "opened e1 - abc - 0 SendGrid: open\nclicked e2 - def - 0 SendGrid: click\n"},
    {EVENT("processed", OURS), ""},
    {EVENT("deferred", OURS), ""},
    {EVENT("open", ""), ""},                                     /* of no delivery */
    {"[{\"event\": \"open\", \"sg_message_id\": \"abc\"}]", ""}, /* without an id, it could not be taken once */
    {"[{\"event\": [\"open\"], \"sg_event_id\": \"e1\", \"sg_message_id\": \"abc\"}]", ""},
    {"{\"event\": \"open\", \"sg_event_id\": \"e1\", \"sg_message_id\": \"abc\"}", ""}, /* no list */
    {"[]", ""},
    {"\"open\"", ""},
};

static void test_sendgrid(void **state UNUSED)
{
    check(sendgrid, ARRAY_SIZE(sendgrid), callback_events_sendgrid);
}

static void test_a_call_has_its_bounds(void **state UNUSED)
{
    struct callback_events events;
    json_auto_t *body = json_array();
    json_t *event = json_pack("{s:s, s:s, s:s}", "event", "open", "sg_event_id", "e", "sg_message_id", "m");
    for (size_t i = 0; i < CALLBACK_EVENTS_MAX + 1; i++) {
        json_array_append(body, event);
    }
    json_decref(event);
    callback_events_init(&events);
    callback_events_sendgrid(&events, body);
    assert_int_equal(events.list->len, CALLBACK_EVENTS_MAX);
    callback_events_release(&events);
}

/* One event that the database refused would hold up all that came with it. */
static void test_texts_fit_their_columns(void **state UNUSED)
{
    g_autofree char *id = g_strnfill(256, 'm');
    g_autoptr(GString) reason = g_string_new(NULL);
    for (int i = 0; i < 3000; i++) {
        g_string_append(reason, "\u00fc");
    }
    struct callback_events events;
    json_auto_t *body = json_pack("[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]", "event", "bounce",
                                  "sg_event_id", "e", "sg_message_id", id, "delivery_id", "d", "reason", reason->str,
                                  "event", "open", "sg_event_id", "f", "sg_message_id", id, "event", "open",
                                  "sg_event_id", "g", "sg_message_id", "m\u00fc");
    callback_events_init(&events);
    callback_events_sendgrid(&events, body);
    assert_int_equal(events.list->len, 1); /* the others are of no message that is known */
    const struct delivery_callback *c = &g_array_index(events.list, struct delivery_callback, 0);
    assert_null(c->message_id);
    assert_int_equal(g_utf8_strlen(c->words, -1), 2000);
    callback_events_release(&events);
}

/* --- SES through SNS ---------------------------------------------------------------------------------------------- */

#define MAIL "\"mail\": {\"messageId\": \"ses-1\", \"tags\": {\"delivery_id\": [\"" DELIVERY "\"]}}"
#define AT "\"timestamp\": \"2016-10-19T23:20:52.240Z\""
#define SES(kind, suppress, words) kind " n1 " DELIVERY " ses-1 " suppress " 1476919252240000 SES: " words "\n"

static const struct row ses[] = {
    {"{\"eventType\": \"Delivery\", " MAIL ", \"delivery\": {" AT "}}", SES("delivered", "-", "delivery")},
    {"{\"notificationType\": \"Delivery\", " MAIL ", \"delivery\": {" AT "}}", SES("delivered", "-", "delivery")},
    {"{\"eventType\": \"Open\", " MAIL ", \"open\": {" AT "}}", SES("opened", "-", "open")},
    {"{\"eventType\": \"Click\", " MAIL ", \"click\": {" AT "}}", SES("clicked", "-", "click")},
    {"{\"eventType\": \"Bounce\", " MAIL
     ", \"bounce\": {\"bounceType\": \"Permanent\", \"bounceSubType\": \"General\", " AT
     ", \"bouncedRecipients\": [{\"emailAddress\": \"a@example.com\", \"diagnosticCode\": \"smtp; 550 5.1.1\"}]}}",
     SES("bounced", "bounce", "bounce, smtp; 550 5.1.1")},
    {"{\"eventType\": \"Bounce\", " MAIL
     ", \"bounce\": {\"bounceType\": \"Transient\", \"bounceSubType\": \"MailboxFull\", " AT "}}",
     SES("bounced", "-", "bounce")},
    {"{\"eventType\": \"Bounce\", " MAIL ", \"bounce\": {\"bounceType\": \"Undetermined\", \"bounceSubType\":"
     " \"Undetermined\", " AT "}}",
     SES("bounced", "-", "bounce")},
    {"{\"eventType\": \"Complaint\", " MAIL ", \"complaint\": {" AT "}}", SES("complained", "complaint", "complaint")},
    {"{\"eventType\": \"Reject\", " MAIL ", \"reject\": {\"reason\": \"Bad content\"}}",
     "bounced n1 " DELIVERY " ses-1 - 0 SES: reject\n"},
    {"{\"eventType\": \"Delivery\", \"mail\": {\"messageId\": \"ses-1\"}}", "delivered n1 - ses-1 - 0 SES: delivery\n"},
    {"{\"eventType\": \"Delivery\", \"mail\": {\"messageId\": \"ses-1\", \"tags\": {\"delivery_id\": \"text\"}}}",
     "delivered n1 - ses-1 - 0 SES: delivery\n"},
    /* An automatic answer is no bounce. */
    {"{\"eventType\": \"Bounce\", " MAIL
     ", \"bounce\": {\"bounceType\": \"Transient\", \"bounceSubType\": \"General\"}}",
     ""},
    {"{\"eventType\": \"Send\", " MAIL "}", ""},
    {"{\"eventType\": \"DeliveryDelay\", " MAIL "}", ""},
    {"{\"eventType\": \"Delivery\"}", ""},
    {"{\"eventType\": \"Delivery\", \"mail\": []}", ""},
    {"{}", ""},
    {"[]", ""},
};

static void read_ses(struct callback_events *events, const json_t *message)
{
    callback_events_ses(events, message, "n1");
}

static void test_ses(void **state UNUSED)
{
    check(ses, ARRAY_SIZE(ses), read_ses);
    read_ses(&(struct callback_events){0}, NULL); /* a Message that is no JSON */
}

/* --- text messages through SNS ------------------------------------------------------------------------------------ */

/* An entry of the log, as Amazon's guide shows it ("SMS delivery monitoring with Amazon CloudWatch metrics and logs").
 */
#define LOG(status, response)                                                                                \
    "{\"notification\": {\"messageId\": \"34d9b400-c6dd-5444-820d-fbeb0f1f54cf\", \"timestamp\":"            \
    " \"2016-06-28 00:40:34.558\"}, \"delivery\": {\"phoneCarrier\": \"My Phone Carrier\", \"mnc\": 270,"    \
    " \"numberOfMessageParts\": 1, \"destination\": \"+1XXX5550100\", \"priceInUSD\": 0.00645, \"smsType\":" \
    " \"Transactional\", \"mcc\": 310, \"providerResponse\": " response ", \"dwellTimeMs\": 599,"            \
    " \"dwellTimeMsUntilDeviceAck\": 1344}, \"status\": \"" status "\"}"
#define LOGGED(kind, suppress, words) \
    kind " n1 - 34d9b400-c6dd-5444-820d-fbeb0f1f54cf " suppress " 1467074434558000 SNS: " words "\n"
#define TEXT(word)                                                                            \
    "{\"eventType\": \"" word "\", \"eventTimestamp\": 1686975103470, \"messageId\": \"m1\"," \
    " \"messageStatusDescription\": \"why\"}"
#define TOLD(kind, suppress, word) kind " n1 - m1 " suppress " 1686975103470000 SNS: " word ", why\n"

static const struct row sns[] = {
    {LOG("SUCCESS", "\"Message has been accepted by phone carrier\""),
     LOGGED("delivered", "-", "SUCCESS, Message has been accepted by phone carrier")},
    {LOG("FAILURE", "\"Unknown error attempting to reach phone\""),
     LOGGED("bounced", "-", "FAILURE, Unknown error attempting to reach phone")},
    {LOG("FAILURE", "\"Invalid phone number\""), LOGGED("bounced", "bounce", "FAILURE, Invalid phone number")},
    {LOG("FAILURE", "\"Phone number is opted out\""),
     LOGGED("bounced", "unsubscribe", "FAILURE, Phone number is opted out")},
    {LOG("FAILURE", "null"), LOGGED("bounced", "-", "FAILURE")},
    {LOG("PENDING", "null"), ""},
    {"{\"notification\": {}, \"status\": \"SUCCESS\"}", ""},
    {"{\"notification\": {\"messageId\": \"m1\", \"timestamp\": \"soon\"}, \"status\": \"SUCCESS\"}",
     "delivered n1 - m1 - 0 SNS: SUCCESS\n"},
    {TEXT("TEXT_DELIVERED"), TOLD("delivered", "-", "TEXT_DELIVERED")},
    {TEXT("TEXT_INVALID"), TOLD("bounced", "bounce", "TEXT_INVALID")},
    {TEXT("TEXT_CARRIER_UNREACHABLE"), TOLD("bounced", "-", "TEXT_CARRIER_UNREACHABLE")},
    {TEXT("TEXT_TTL_EXPIRED"), TOLD("bounced", "-", "TEXT_TTL_EXPIRED")},
    {TEXT("TEXT_QUEUED"), ""},
    {TEXT("TEXT_SUCCESSFUL"), ""}, /* taken by a carrier */
    {"{\"eventType\": \"TEXT_DELIVERED\", \"eventTimestamp\": 9223372036854775807, \"messageId\": \"m1\"}",
     "delivered n1 - m1 - 4102444800000000 SNS: TEXT_DELIVERED\n"},
    {"{\"eventType\": \"TEXT_DELIVERED\"}", ""},
    {"{}", ""},
    {"1", ""},
};

static void read_sns(struct callback_events *events, const json_t *message)
{
    callback_events_sns(events, message, "n1");
}

static void test_sns(void **state UNUSED)
{
    check(sns, ARRAY_SIZE(sns), read_sns);
}

/* --- what SNS signs ----------------------------------------------------------------------------------------------- */

#define COMMON \
    "\"Message\": \"m\", \"MessageId\": \"i\", \"Timestamp\": \"t\", \"TopicArn\": \"a\", \"Signature\": \"x\", "
#define COMMON_TEXT "Message\nm\nMessageId\ni\n"

static const struct row signed_texts[] = {
    {"{" COMMON "\"Type\": \"Notification\", \"Subject\": \"s\"}",
     COMMON_TEXT "Subject\ns\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"},
    {"{" COMMON "\"Type\": \"Notification\"}", COMMON_TEXT "Timestamp\nt\nTopicArn\na\nType\nNotification\n"},
    {"{" COMMON "\"Type\": \"Notification\", \"Subject\": null, \"Token\": \"k\"}",
     COMMON_TEXT "Timestamp\nt\nTopicArn\na\nType\nNotification\n"},
    {"{" COMMON
     "\"Type\": \"SubscriptionConfirmation\", \"SubscribeURL\": \"u\", \"Token\": \"k\", \"Subject\": \"s\"}",
     COMMON_TEXT "SubscribeURL\nu\nTimestamp\nt\nToken\nk\nTopicArn\na\nType\nSubscriptionConfirmation\n"},
    {"{" COMMON "\"Type\": \"UnsubscribeConfirmation\", \"SubscribeURL\": \"u\", \"Token\": \"k\"}",
     COMMON_TEXT "SubscribeURL\nu\nTimestamp\nt\nToken\nk\nTopicArn\na\nType\nUnsubscribeConfirmation\n"},
    {"{" COMMON "\"Type\": \"SubscriptionConfirmation\", \"Token\": \"k\"}", NULL},
    {"{" COMMON "\"Type\": \"SubscriptionConfirmation\", \"SubscribeURL\": \"u\"}", NULL},
    {"{" COMMON "\"Type\": \"Other\"}", NULL},
    {"{" COMMON "\"Type\": 1}", NULL},
    {"{\"Message\": \"m\", \"MessageId\": \"i\", \"Timestamp\": \"t\", \"Type\": \"Notification\"}", NULL},
    {"{}", NULL},
    {"[]", NULL},
};

static void test_what_sns_signs(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(signed_texts); i++) {
        json_auto_t *message = json_loads(signed_texts[i].json, 0, NULL);
        assert_non_null(message);
        g_autofree char *found = callback_sns_signed(message);
        if (g_strcmp0(found, signed_texts[i].wanted) != 0) {
            fail_msg("%s: %s", signed_texts[i].json, found);
        }
    }
}

/* --- addresses of SNS --------------------------------------------------------------------------------------------- */

#define BASE "https://sns.eu-west-1.amazonaws.com"

static const struct {
    const char *url;
    bool is_certificate;
    bool is_confirmation;
} urls[] = {
    {BASE "/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem", true, false},
    {BASE "/?Action=ConfirmSubscription&TopicArn=arn&Token=x", false, true},
    {BASE "/SimpleNotificationService-.pem", false, false},
    {BASE "/SimpleNotificationService-0g.pem", false, false},
    {BASE "/SimpleNotificationService-01.pem?x", false, false},
    {BASE "/SimpleNotificationService-01.pem/../x", false, false},
    {BASE "/SimpleNotificationService-01.PEM", false, false},
    {BASE "/x/SimpleNotificationService-01.pem", false, false},
    {BASE "/SimpleNotificationService-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0.pem", false,
     false},
    {BASE ".evil.example/SimpleNotificationService-01.pem", false, false},
    {BASE "@evil.example/SimpleNotificationService-01.pem", false, false},
    {BASE ":444/SimpleNotificationService-01.pem", false, false},
    {"http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01.pem", false, false},
    {"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-01.pem", false, false},
    {BASE "/?Action=Publish&x=ConfirmSubscription", false, false},
    {BASE ".evil.example/?Action=ConfirmSubscription&x", false, false},
    {BASE "/?action=ConfirmSubscription&x", false, false},
    {BASE, false, false},
    {"", false, false},
    {NULL, false, false},
};

static void test_addresses_of_sns(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        if (callback_sns_is_certificate(urls[i].url, BASE) != urls[i].is_certificate ||
            callback_sns_is_confirmation(urls[i].url, BASE) != urls[i].is_confirmation) {
            fail_msg("%s", urls[i].url);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twilio),
        cmocka_unit_test(test_what_twilio_signs),
        cmocka_unit_test(test_twilio_with_and_without_the_port),
        cmocka_unit_test(test_sendgrid),
        cmocka_unit_test(test_a_call_has_its_bounds),
        cmocka_unit_test(test_texts_fit_their_columns),
        cmocka_unit_test(test_ses),
        cmocka_unit_test(test_sns),
        cmocka_unit_test(test_what_sns_signs),
        cmocka_unit_test(test_addresses_of_sns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
