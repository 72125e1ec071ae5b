/*
 * template_key.h: what a template is for, and which one serves a locale. Pure.
 *
 * A key is written event.channel or event.channel.locale ("payroll.email.de-CH"). Without a locale a template is for
 * whoever has none of their own. Events are those of notify.h and "digest".
 */
#ifndef BELLMAN_TEMPLATE_KEY_H
#define BELLMAN_TEMPLATE_KEY_H

#include "domain/notify.h"

#define TEMPLATE_LOCALE_BYTES 36
#define TEMPLATE_KEY_BYTES 96
#define TEMPLATE_LOCALES_MAX 4

enum { TEMPLATE_DIGEST = NOTIFY_EVENTS, TEMPLATE_EVENTS };
extern const char *const template_event_names[TEMPLATE_EVENTS + 1]; /* ends with NULL */
/* Channels that have templates; of webhook the body is JSON. Ends with NULL. */
extern const char *const template_channel_names[NOTIFY_WEBHOOK + 1];

struct template_key {
    int event;
    enum notify_channel channel;
    char locale[TEMPLATE_LOCALE_BYTES]; /* in RFC 5646's case; "": any */
};

/* Whether there are such messages: some events have no switch for some channels, and digests are mail. */
bool template_is_carried(int event, enum notify_channel channel);

/* A language tag in the case of RFC 5646 2.1.1 (de-CH, zh-Hant-TW); false: it is none, or too long. "" is one. */
bool template_locale(const char *text, char ret[TEMPLATE_LOCALE_BYTES]);

/* False: not of the form, or there are no such messages. */
bool template_key_parse(const char *text, struct template_key *ret);
void template_key_format(const struct template_key *key, char out[TEMPLATE_KEY_BYTES]);

/* The locales whose templates serve locale (NULL or no language tag: any), the best first, by RFC 4647 3.4: itself,
 * then one subtag less each, then "". Unused places are "" too. */
struct template_locales {
    char names[TEMPLATE_LOCALES_MAX][TEMPLATE_LOCALE_BYTES];
};
void template_locales_of(const char *locale, struct template_locales *ret);

#endif
