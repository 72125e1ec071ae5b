/*
 * clock.h: the two clocks and the two time formats.
 *
 * Monotonic time is for timeouts inside one process. Anything that is stored or compared between
 * processes uses the database's clock (UTC_TIMESTAMP(6)); the wall clock here only stamps logs, ids
 * and tokens.
 */
#ifndef BELLMAN_CLOCK_H
#define BELLMAN_CLOCK_H

#include "ground/base.h"

int64_t clock_mono_us(void);
int64_t clock_wall_us(void); /* microseconds since 1970-01-01T00:00:00Z */

#define CLOCK_TEXT_BYTES 32

/* "2026-11-23T16:00:00.123456Z" into out. */
void clock_format_rfc3339(int64_t wall_us, char out[CLOCK_TEXT_BYTES]);

/* Reads an RFC 3339 date-time with Z or a numeric offset and 0-9 fractional digits (digits past the
 * sixth are dropped), years 1970-9999. False when text is anything else. */
bool clock_parse_rfc3339(const char *text, int64_t *ret_wall_us);

/* "2026-11-23 16:00:00.123456", the form MariaDB reads and prints for DATETIME(6). */
void clock_format_sql(int64_t wall_us, char out[CLOCK_TEXT_BYTES]);
bool clock_parse_sql(const char *text, int64_t *ret_wall_us);

/* Fills the absolute CLOCK_MONOTONIC time that lies delay_ms ahead; for pthread_cond_timedwait on
 * a condition made with clock_cond_init. */
struct timespec;
void clock_deadline(int64_t delay_ms, struct timespec *ret);

#endif
