/*
 * template.h: the words of a message: a template for each event, channel and locale, with defaults in the product and
 * an organization's own in notification_templates (template_store.h).
 */
#ifndef BELLMAN_TEMPLATE_H
#define BELLMAN_TEMPLATE_H

#include <jansson.h>

#include "domain/field.h"
#include "domain/notify.h"
#include "domain/template_defaults.h"
#include "ports/db.h"

/* Of what is sent. A longer subject, text or Slack message ends in an ellipsis; too long an html is left out. A text
 * message has at most SMS_SEGMENTS_MAX segments (sms_text.h). */
#define TEMPLATE_SUBJECT_BYTES_MAX 600
#define TEMPLATE_TEXT_BYTES_MAX 100000
#define TEMPLATE_SLACK_BYTES_MAX 4000 /* what Slack shows without folding or cutting */
#define TEMPLATE_HTML_BYTES_MAX 500000

/* What is sent; texts are owned. */
struct template_message {
    char *subject; /* mail: one line; other channels: NULL */
    char *text;    /* mail: plain text; sms: the message; slack: mrkdwn */
    char *html;    /* mail only; may be NULL */
};
void template_message_release(struct template_message *message);

/* --- pure (template_fill.c) --------------------------------------------------------------------------------------- */

/* Adds what is wrong with the texts of a template (subject, text and html of body; null or missing ones are left out)
 * for event and channel: pointers /subject, /text, /html; codes syntax, unknown_field, not_allowed, and with is_whole
 * also required. */
void template_check(int event, enum notify_channel channel, const json_t *body, bool is_whole,
                    struct problems *problems);

/* Fills the texts in with values (template_fields.h). No text and no subject is empty: it is the event's name then.
 * ERR_INVALID: they cannot be taken apart; the text names part, line and column. */
bool template_fill_message(int event, enum notify_channel channel, const struct template_texts *texts,
                           const json_t *values, struct template_message *ret, struct err *e) MUST_CHECK;

/* --- with rows (template.c) --------------------------------------------------------------------------------------- */

/* Renders a delivery as delivery_load gives it (with data, and members of a digest) by the organization's template for
 * its locale, its language or any, else by the product's; an item of a digest has the subject of its event's mail. For
 * channels without templates (webhook) the text is empty. ERR_INVALID: there is none, or it cannot be taken apart. */
bool template_render(struct db *db, const json_t *delivery, struct template_message *ret, struct err *e) MUST_CHECK;

/* The same for any delivery-like object. */
struct template_try {
    const char *organization_id;
    const json_t *delivery; /* with event, channel, locale, data, ... */
    const json_t *over;     /* its subject, text, html take the place of the template's; null: none; may be NULL */
    const char *source;     /* out: "organization" or "default": whose template there is */
    char locale[40];        /* out: for which locale it is */
};
bool template_try_out(struct db *db, struct template_try *try, struct template_message *ret, struct err *e) MUST_CHECK;

#endif
