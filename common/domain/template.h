/*
 * template.h: the words of a message: a template for each event, channel and locale, with defaults in the product and
 * an organization's own in notification_templates.
 */
#ifndef BELLMAN_TEMPLATE_H
#define BELLMAN_TEMPLATE_H

#include <jansson.h>

#include "domain/notify.h"
#include "ports/db.h"

/* What is sent; texts are owned. */
struct template_message {
    char *subject; /* mail: one line; other channels: NULL */
    char *text;    /* mail: plain text; sms: the message; slack: mrkdwn */
    char *html;    /* mail only; may be NULL */
};
void template_message_release(struct template_message *message);

/* Renders a delivery as delivery_load gives it (with data, and members of a digest) by the organization's template for
 * its locale, its language or any, else by the product's. ERR_INVALID: there is none. */
bool template_render(struct db *db, const json_t *delivery, struct template_message *ret, struct err *e) MUST_CHECK;

#endif
