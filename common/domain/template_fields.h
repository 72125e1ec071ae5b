/*
 * template_fields.h: what templates may name, and the texts that stand for it.
 *
 * Every template: event, severity, critical, organization, recipient, time; of mail also
 * unsubscribe_url. Of an event also the fields of its data (event_data_record). Of a digest also count, more and the
 * list items, each with subject, event, severity, critical and time.
 */
#ifndef BELLMAN_TEMPLATE_FIELDS_H
#define BELLMAN_TEMPLATE_FIELDS_H

#include <jansson.h>

#include "domain/template_key.h"

/* Member of a delivery that whoever sends it has added; null or missing: there is none to show. */
#define TEMPLATE_UNSUBSCRIBE "unsubscribe_url"

/* Whether templates of event (of template_event_names) over channel may name the field; in_item: inside {{#items}}. */
bool template_knows(int event, enum notify_channel channel, const char *name, bool in_item);
/* [{name, help}] of all of them; the list's own fields have "items." before their names. New reference. */
json_t *template_describe_fields(int event, enum notify_channel channel);

/* What a delivery does not say itself. */
struct template_about {
    const char *organization; /* its name */
    const char *zone;         /* IANA, for times, where the delivery has none; NULL or unknown: UTC */
};

/*
 * The values for a delivery as delivery_load gives it. Web addresses (template_is_url) are there only when they are
 * http or https, with everything percent-encoded that no URL has (RFC 3986 2). Times are "2026-11-25 09:30" in the
 * recipient's zone. A digest's items are its members, with subject as they have it in "subject". New reference.
 */
json_t *template_values(const json_t *delivery, const struct template_about *about);

/* A delivery for trying a template out, with a value for every field. New reference. */
json_t *template_sample(int event, enum notify_channel channel);

#endif
