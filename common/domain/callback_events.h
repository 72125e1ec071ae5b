/*
 * callback_events.h: what providers' status callbacks say, read into delivery_callback.h's terms. Pure; whoever calls
 * has verified the signature already.
 *
 * Sources: Twilio "Track the Message Status of Outbound Messages" and its error codes; SendGrid "Event Webhook
 * Reference"; Amazon SES "Event publishing to SNS" and "Notification contents"; Amazon SNS "SMS delivery monitoring
 * with Amazon CloudWatch metrics and logs"; AWS End User Messaging SMS "Event types".
 *
 * SNS itself tells no topic what became of a text message: it writes that to CloudWatch Logs. Whoever forwards the
 * log's entries as they are, or End User Messaging's events, to the account's topic has them read here.
 */
#ifndef BELLMAN_CALLBACK_EVENTS_H
#define BELLMAN_CALLBACK_EVENTS_H

#include <glib.h>
#include <jansson.h>

#include "domain/delivery_callback.h"

#define CALLBACK_EVENTS_MAX 10000 /* of one call; those past it are left out */

/* A list that owns its texts. */
struct callback_events {
    GArray *list; /* struct delivery_callback; organization_id and provider are for the caller to fill in */
    GStringChunk *texts;
};
void callback_events_init(struct callback_events *events);
void callback_events_release(struct callback_events *events);

/* form: the parameters of the call; delivery_id: of its address, or NULL. */
void callback_events_twilio(struct callback_events *events, const json_t *form, const char *delivery_id);
/* body: the array of events. */
void callback_events_sendgrid(struct callback_events *events, const json_t *body);
/* message: the JSON in an SNS notification's Message; id: the notification's MessageId. */
void callback_events_ses(struct callback_events *events, const json_t *message, const char *id);
void callback_events_sns(struct callback_events *events, const json_t *message, const char *id);

/* --- what is signed ----------------------------------------------------------------------------------------------- */

/* Twilio: the exact URL, then each parameter's name and value, sorted by name. New. */
char *callback_twilio_signed(const char *url, const json_t *form);
/* Twilio signs addresses with their port or without, whichever it was told (its packages try both): url without its
 * port, or with its scheme's where it has none. New; NULL: it is no address. */
char *callback_twilio_other_url(const char *url);
/* SNS: the members that the message's Type has, each "name\nvalue\n". New; NULL: one is missing, or the Type unknown.
 */
char *callback_sns_signed(const json_t *message);
/* Whether the address of a signing certificate is below base ("https://sns.eu-west-1.amazonaws.com"), as SNS makes
 * them: /SimpleNotificationService-<hex>.pem. */
bool callback_sns_is_certificate(const char *url, const char *base);
/* Whether the address at which a subscription is confirmed is below base: /?Action=ConfirmSubscription... */
bool callback_sns_is_confirmation(const char *url, const char *base);

#endif
