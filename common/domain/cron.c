/*
 * cron.c: reads cron expressions.
 */
#include "domain/cron.h"

#include <string.h>

#define NAME_CHARS 3

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct rule {
    const char *name;
    unsigned min;
    unsigned max;
    unsigned values; /* how many differ */
    const char *const *names;
} rules[CRON_FIELDS] = {
    [CRON_MINUTE] = {"minute", 0, 59, 60, NULL},          [CRON_HOUR] = {"hour", 0, 23, 24, NULL},
    [CRON_DAY] = {"day of month", 1, 31, 31, NULL},       [CRON_MONTH] = {"month", 1, 12, 12, month_names},
    [CRON_WEEKDAY] = {"weekday", 0, 7, 7, weekday_names},
};

static const struct {
    const char *name;
    const char *fields;
} macros[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

struct reader {
    const char *text;
    const char *at;
    enum cron_field field;
    struct err *e;
};

static const struct rule *rule_of(const struct reader *r)
{
    return &rules[r->field];
}

static bool fault(const struct reader *r, const char *at, const char *what)
{
    return err_set(r->e, ERR_INVALID, "%s (field %d, character %td): %s", rule_of(r)->name, (int)r->field + 1,
                   at - r->text + 1, what);
}

static bool fault_range(const struct reader *r, const char *at, const char *what)
{
    return err_set(r->e, ERR_INVALID, "%s (field %d, character %td): %s from %u to %u", rule_of(r)->name,
                   (int)r->field + 1, at - r->text + 1, what, rule_of(r)->min, rule_of(r)->max);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct reader *r)
{
    while (is_blank(*r->at)) {
        r->at++;
    }
}

/* --- one field ---------------------------------------------------------------------------------------------------- */

/* Digits as a number, which stops growing far above every limit. */
static bool read_number(struct reader *r, unsigned *ret)
{
    const char *start = r->at;
    unsigned n = 0;
    for (; g_ascii_isdigit(*r->at); r->at++) {
        n = n > 9999 ? n : n * 10 + (unsigned)(*r->at - '0');
    }
    *ret = n;
    return r->at > start;
}

static bool read_name(struct reader *r, unsigned *ret)
{
    const char *start = r->at;
    while (g_ascii_isalpha(*r->at)) {
        r->at++;
    }
    const char *const *names = rule_of(r)->names;
    for (unsigned i = 0; names != NULL && r->at - start == NAME_CHARS && names[i] != NULL; i++) {
        if (g_ascii_strncasecmp(start, names[i], NAME_CHARS) == 0) {
            *ret = i + rule_of(r)->min;
            return true;
        }
    }
    r->at = start;
    return false;
}

static bool read_value(struct reader *r, unsigned *ret)
{
    const char *start = r->at;
    if (g_ascii_isalpha(*start)) {
        return read_name(r, ret) || fault(r, start,
                                          rule_of(r)->names == NULL ? "names have no place here"
                                          : r->field == CRON_MONTH  ? "a name must be one of JAN to DEC"
                                                                    : "a name must be one of SUN to SAT");
    }
    if (!read_number(r, ret)) {
        return fault_range(r, start, "wanted is `*` or a number");
    }
    return (*ret >= rule_of(r)->min && *ret <= rule_of(r)->max) || fault_range(r, start, "the number must be");
}

static bool read_step(struct reader *r, unsigned *ret)
{
    *ret = 1;
    if (*r->at != '/') {
        return true;
    }
    const char *start = ++r->at;
    if (!read_number(r, ret)) {
        return fault(r, start, "a step must be a number");
    }
    if (*ret < 1 || *ret > rule_of(r)->values) {
        return err_set(r->e, ERR_INVALID, "%s (field %d, character %td): a step must be from 1 to %u", rule_of(r)->name,
                       (int)r->field + 1, start - r->text + 1, rule_of(r)->values);
    }
    return true;
}

/* `*`, a value, or a range, without its step. FRI-SUN and 5-0 end on the Sunday after, as 5-7 does. */
static bool read_range(struct reader *r, unsigned *ret_from, unsigned *ret_to)
{
    *ret_from = rule_of(r)->min;
    *ret_to = rule_of(r)->max;
    if (*r->at == '*') {
        r->at++;
        return true;
    }
    const char *start = r->at;
    if (!read_value(r, ret_from)) {
        return false;
    }
    if (*r->at != '-') {
        *ret_to = *ret_from;
        return *r->at != '/' || fault(r, r->at, "a step needs `*` or a range before it");
    }
    r->at++;
    if (!read_value(r, ret_to)) {
        return false;
    }
    if (r->field == CRON_WEEKDAY && *ret_to == 0 && *ret_from > 0) {
        *ret_to = rule_of(r)->max;
    }
    return *ret_from <= *ret_to || fault(r, start, "the range runs backwards; write two, as in 22-23,0-4");
}

static bool read_item(struct reader *r, uint64_t *set)
{
    unsigned from = 0;
    unsigned to = 0;
    unsigned step = 1;
    if (!read_range(r, &from, &to) || !read_step(r, &step)) {
        return false;
    }
    for (unsigned value = from; value <= to; value += step) {
        *set |= UINT64_C(1) << (r->field == CRON_WEEKDAY ? value % 7 : value);
    }
    return true;
}

static bool read_field(struct reader *r, struct cron *cron)
{
    cron->begins_star[r->field] = *r->at == '*';
    if (!read_item(r, &cron->sets[r->field])) {
        return false;
    }
    while (*r->at == ',') {
        r->at++;
        if (!read_item(r, &cron->sets[r->field])) {
            return false;
        }
    }
    return *r->at == '\0' || is_blank(*r->at) || fault(r, r->at, "this character has no meaning here");
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static const char *expand(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(macros); i++) {
        if (g_ascii_strcasecmp(text, macros[i].name) == 0) {
            return macros[i].fields;
        }
    }
    return text;
}

static bool read_fields(struct reader *r, struct cron *cron)
{
    skip_blanks(r);
    for (int field = CRON_MINUTE; field < CRON_FIELDS; field++) {
        r->field = (enum cron_field)field;
        if (*r->at == '\0') {
            return err_set(r->e, ERR_INVALID,
                           "%s (field %d) is missing: wanted are minute, hour, day of month, month"
                           " and weekday",
                           rule_of(r)->name, field + 1);
        }
        if (!read_field(r, cron)) {
            return false;
        }
        skip_blanks(r);
    }
    return *r->at == '\0' ||
           err_set(r->e, ERR_INVALID,
                   "there are more than five fields from character %td on; seconds, years and commands"
                   " have no place here",
                   r->at - r->text + 1);
}

bool cron_parse(const char *text, struct cron *ret, struct err *e)
{
    if (strlen(text) > CRON_TEXT_MAX) {
        return err_set(e, ERR_INVALID, "may have at most %d characters", CRON_TEXT_MAX);
    }
    const char *fields = expand(text);
    if (*fields == '@') {
        return err_set(e, ERR_INVALID,
                       "a word that begins with @ must be one of @hourly, @daily, @midnight, @weekly,"
                       " @monthly, @yearly, @annually");
    }
    struct cron cron = {0};
    struct reader r = {.text = fields, .at = fields, .e = e};
    if (!read_fields(&r, &cron)) {
        return false;
    }
    *ret = cron;
    return true;
}
