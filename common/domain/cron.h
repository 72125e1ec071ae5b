/*
 * cron.h: cron expressions and the instants they name. Pure: the time and the zone are passed in.
 *
 * Five fields, separated by blanks: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, weekday 0-7 or
 * SUN-SAT (0 and 7 are Sunday). A field is a list, divided by commas, of `*`, a value, or a range a-b; `*` and ranges
 * may have a step, as in 8-18/2. Names may stand wherever numbers may, in either case. Instead of five fields one of
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. This is crontab(5) of Vixie cron, whose rule for
 * the two day fields holds too: when neither begins with `*`, a day that fits either of them is one; otherwise it must
 * fit both.
 *
 * Where a zone's clocks change (as cron(8) of Debian has it, less its limit of three hours):
 *
 * - A schedule of certain hours names local times, each of which comes once a day. Those that a change skips fire
 *   together, once, at the first instant after the gap; those that come twice fire the first time.
 * - A schedule that names every hour or every minute follows the time that passes: it fires at each instant whose local
 *   time fits, twice in an hour that comes twice and not at all in one that does not come.
 */
#ifndef BELLMAN_CRON_H
#define BELLMAN_CRON_H

#include <glib.h>

#include "ground/base.h"
#include "ground/err.h"

enum cron_field { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_FIELDS };

struct cron {
    uint64_t sets[CRON_FIELDS];    /* bit n: the value n fits; weekday 7 is bit 0 */
    bool begins_star[CRON_FIELDS]; /* for the rule on the two day fields */
};

#define CRON_TEXT_MAX 200
/* Within this time an expression must fire again: the longest that a 29th of February keeps one waiting, around a year
 * like 2100. */
#define CRON_SEARCH_DAYS 2922

/* ERR_INVALID says what is wrong with which field, and at which character. */
bool cron_parse(const char *text, struct cron *ret, struct err *e) MUST_CHECK;

/* The first firing after an instant (microseconds since 1970, 1970 to 9990); always a whole second. False: there is
 * none within CRON_SEARCH_DAYS, as for a 30th of February. Safe from any thread, also with a shared zone. */
bool cron_next(const struct cron *cron, GTimeZone *zone, int64_t after_us, int64_t *ret_us);

/* "2026-11-24T09:00:00+01:00": an instant with the zone's offset at it. */
#define CRON_LOCAL_TEXT_BYTES 40
void cron_format_local(GTimeZone *zone, int64_t at_us, char out[CRON_LOCAL_TEXT_BYTES]);

#endif
