/*
 * template_defaults.h: the product's own templates: of every event and channel that there are messages of, and of the
 * digest, in English (for whoever has no locale, or another) and German.
 */
#ifndef BELLMAN_TEMPLATE_DEFAULTS_H
#define BELLMAN_TEMPLATE_DEFAULTS_H

#include "domain/template_key.h"

struct template_texts {
    const char *subject; /* mail only */
    const char *text;
    const char *html; /* mail only; may be NULL */
};

struct template_default {
    int event;
    enum notify_channel channel;
    const char *locale; /* "": any */
    struct template_texts texts;
};
extern const struct template_default template_defaults[];
extern const size_t template_defaults_n;

/* That of exactly this locale, or NULL. */
const struct template_default *template_default_find(int event, enum notify_channel channel, const char *locale);

#endif
