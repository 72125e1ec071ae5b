/*
 * notify.h: what an organization's settings say about a message: whether it is wanted, and whether it goes now.
 *
 * Pure, but for the zone data that GLib reads. Times are microseconds since 1970 UTC.
 */
#ifndef BELLMAN_NOTIFY_H
#define BELLMAN_NOTIFY_H

#include <jansson.h>

#include "ground/base.h"

enum notify_event {
    NOTIFY_EMPLOYEE_CREATED,
    NOTIFY_LEAVE_REQUEST,
    NOTIFY_LEAVE_APPROVAL,
    NOTIFY_PAYROLL,
    NOTIFY_ALERT,
    NOTIFY_EVENTS,
};
enum notify_severity { NOTIFY_INFO, NOTIFY_WARNING, NOTIFY_CRITICAL, NOTIFY_SEVERITIES };
enum notify_channel { NOTIFY_EMAIL, NOTIFY_SMS, NOTIFY_SLACK, NOTIFY_WEBHOOK, NOTIFY_CHANNELS };

/* Names as the API has them; NULL ends each list. */
extern const char *const notify_event_names[NOTIFY_EVENTS + 1];
extern const char *const notify_severity_names[NOTIFY_SEVERITIES + 1];
extern const char *const notify_channel_names[NOTIFY_CHANNELS + 1];
/* The index of name in one of these lists, or -1. */
int notify_parse(const char *const *names, const char *name);

/* --- whether (notify_rules.c) ------------------------------------------------------------------------------------- */

/* The setting that switches the event on for the channel, e.g. "email_on_payroll"; NULL: the channel never carries it.
 */
const char *notify_toggle(enum notify_event event, enum notify_channel channel);

/* Whether settings (a row of notification_settings as JSON) want the event on the channel: the channel's switch and the
 * event's are both on. Slack has a switch for critical alerts only. The webhook channel has no switch here: whoever set
 * up an endpoint gets every event. */
bool notify_wants(const json_t *settings, enum notify_event event, enum notify_severity severity,
                  enum notify_channel channel);

/* One message per event rather than one for each recipient. */
bool notify_is_shared(enum notify_channel channel);

/* --- when (notify_hours.c) ---------------------------------------------------------------------------------------- */

enum notify_hold {
    NOTIFY_GO,
    NOTIFY_HOLD_DIGEST, /* joins the digest of until_us */
    NOTIFY_HOLD_DND,    /* until somebody switches dnd_enabled off: until_us is 0 */
    NOTIFY_HOLD_QUIET,  /* until_us is the end of the quiet hours */
    NOTIFY_HOLDS,
};
extern const char *const notify_hold_names[NOTIFY_HOLDS]; /* of a held delivery; NULL for NOTIFY_GO */

struct notify_moment {
    enum notify_channel channel;
    enum notify_severity severity;
    const char *zone; /* the recipient's IANA zone; NULL or unknown: the settings' */
    bool is_digest;   /* the message is a digest: it joins no other */
    int64_t now_us;
};

struct notify_when {
    enum notify_hold hold;
    int64_t until_us;
};

/*
 * Whether a message goes at this moment. Critical ones always go, and so does what machines read (Slack, webhook):
 * digest, do-not-disturb and quiet hours are for mail and text messages, digests for mail only. A digest is gathered
 * first and held back, if it must be, when it is due.
 */
struct notify_when notify_when(const json_t *settings, const struct notify_moment *moment);

/*
 * The first instant after now_us at which the clocks of zone show a time outside [start, end), or now_us when they do
 * already; start later than end is overnight. Local time alone decides: an end that a change of clocks skips is that
 * change, and hours that come twice are quiet both times.
 */
int64_t notify_quiet_end(const char *zone, const char *start, const char *end, int64_t now_us);

/* The next instant after now_us of the digest that settings describe: on the hour, at digest_time every day, or at
 * digest_time on Mondays, in zone; where clocks change, as cron.h says. 0: there is none. */
int64_t notify_digest_slot(const json_t *settings, const char *zone, int64_t now_us);

#endif
