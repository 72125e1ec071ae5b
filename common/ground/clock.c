#include "ground/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_FIRST 1970
#define YEAR_LAST 9999
#define WALL_LAST_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

struct civil {
    int64_t year;
    int64_t month; /* 1..12 */
    int64_t day;   /* 1..31 */
};

static int64_t read_clock_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_clock_us(CLOCK_REALTIME);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 0001-01-01 to the first of January of the year. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

static int64_t days_since_epoch(const struct civil *c)
{
    int64_t days = days_before_year(c->year) - days_before_year(YEAR_FIRST) + c->day - 1;
    for (int64_t month = 1; month < c->month; month++) {
        days += days_in_month(c->year, month);
    }
    return days;
}

static struct civil civil_of_days(int64_t days)
{
    int64_t since_year_one = days + days_before_year(YEAR_FIRST);
    struct civil c = {.year = since_year_one / 366 + 1, .month = 1};
    while (days_before_year(c.year + 1) <= since_year_one) {
        c.year++;
    }
    int64_t left = since_year_one - days_before_year(c.year);
    while (left >= days_in_month(c.year, c.month)) {
        left -= days_in_month(c.year, c.month);
        c.month++;
    }
    c.day = left + 1;
    return c;
}

/* The columns can hold nothing outside 1970-9999, so a time outside is shown as the nearest one inside. */
static void format(int64_t wall_us, char out[CLOCK_TEXT_BYTES], char separator, const char *suffix)
{
    int64_t us = wall_us < 0 ? 0 : wall_us > WALL_LAST_US ? WALL_LAST_US : wall_us;
    int64_t seconds = us / US_PER_S;
    struct civil c = civil_of_days(seconds / DAY_S);
    int64_t of_day = seconds % DAY_S;
    (void)snprintf(out, CLOCK_TEXT_BYTES, "%04d-%02d-%02d%c%02d:%02d:%02d.%06d%s", (int)c.year, (int)c.month,
                   (int)c.day, separator, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60),
                   (int)(us % US_PER_S), suffix);
}

void clock_format_rfc3339(int64_t wall_us, char out[CLOCK_TEXT_BYTES])
{
    format(wall_us, out, 'T', "Z");
}

void clock_format_sql(int64_t wall_us, char out[CLOCK_TEXT_BYTES])
{
    format(wall_us, out, ' ', "");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly count digits and moves on. */
static bool take_number(const char **at, int count, int64_t *ret)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*at)[i];
        if (!is_digit(c)) {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *ret = value;
    return true;
}

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_date(const char **at, struct civil *ret)
{
    return take_number(at, 4, &ret->year) && take_char(at, '-') && take_number(at, 2, &ret->month) &&
           take_char(at, '-') && take_number(at, 2, &ret->day) && ret->year >= YEAR_FIRST && ret->year <= YEAR_LAST &&
           ret->month >= 1 && ret->month <= 12 && ret->day >= 1 && ret->day <= days_in_month(ret->year, ret->month);
}

/* A leap second is refused: no column could hold it. */
static bool take_time_of_day(const char **at, int64_t *ret_s)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    if (!take_number(at, 2, &hour) || !take_char(at, ':') || !take_number(at, 2, &minute) || !take_char(at, ':') ||
        !take_number(at, 2, &second) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_s = hour * 3600 + minute * 60 + second;
    return true;
}

/* A point must be followed by one to digits_max digits; no point means zero. */
static bool take_fraction(const char **at, int digits_max, int64_t *ret_us)
{
    int64_t us = 0;
    if (**at == '.') {
        (*at)++;
        int digits = 0;
        for (; is_digit(**at) && digits < digits_max; digits++, (*at)++) {
            us = digits < 6 ? us * 10 + (**at - '0') : us;
        }
        if (digits == 0) {
            return false;
        }
        for (; digits < 6; digits++) {
            us *= 10;
        }
    }
    *ret_us = us;
    return true;
}

static bool take_offset(const char **at, int64_t *ret_s)
{
    if (take_char(at, 'Z') || take_char(at, 'z')) {
        *ret_s = 0;
        return true;
    }
    int64_t sign = **at == '-' ? -1 : 1;
    int64_t hour;
    int64_t minute;
    if ((!take_char(at, '+') && !take_char(at, '-')) || !take_number(at, 2, &hour) || !take_char(at, ':') ||
        !take_number(at, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ret_s = sign * (hour * 3600 + minute * 60);
    return true;
}

static bool parse(const char *text, bool rfc3339, int64_t *ret_wall_us)
{
    const char *at = text;
    struct civil date;
    int64_t of_day_s;
    int64_t fraction_us;
    int64_t offset_s = 0;
    if (!take_date(&at, &date)) {
        return false;
    }
    bool separated = rfc3339 ? take_char(&at, 'T') || take_char(&at, 't') : take_char(&at, ' ');
    if (!separated || !take_time_of_day(&at, &of_day_s) || !take_fraction(&at, rfc3339 ? 9 : 6, &fraction_us) ||
        (rfc3339 && !take_offset(&at, &offset_s)) || *at != '\0') {
        return false;
    }
    int64_t wall_us = (days_since_epoch(&date) * DAY_S + of_day_s - offset_s) * US_PER_S + fraction_us;
    if (wall_us < 0 || wall_us > WALL_LAST_US) {
        return false;
    }
    *ret_wall_us = wall_us;
    return true;
}

bool clock_parse_rfc3339(const char *text, int64_t *ret_wall_us)
{
    return parse(text, true, ret_wall_us);
}

bool clock_parse_sql(const char *text, int64_t *ret_wall_us)
{
    return parse(text, false, ret_wall_us);
}

void clock_deadline(int64_t delay_ms, struct timespec *ret)
{
    (void)clock_gettime(CLOCK_MONOTONIC, ret);
    int64_t delay = delay_ms < 0 ? 0 : delay_ms;
    ret->tv_sec += (time_t)(delay / MS_PER_S);
    ret->tv_nsec += (long)(delay % MS_PER_S * 1000000);
    if (ret->tv_nsec >= 1000000000) {
        ret->tv_nsec -= 1000000000;
        ret->tv_sec++;
    }
}
