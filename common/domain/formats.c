/*
 * formats.c: what the text formats of the field tables admit. Pure, but for the zone, which asks GLib.
 */
#include <string.h>

#include "domain/field.h"

#define EMAIL_BYTES_MAX 254
#define EMAIL_LOCAL_BYTES_MAX 64
#define DOMAIN_LABEL_BYTES_MAX 63
#define ZONE_BYTES_MAX 64
#define SLACK_URL_BYTES_MAX 300

/* --- e-mail: Mailbox of RFC 5321 section 4.1.2 without address literals; the domain has a dot --------------------- */

static bool is_atext(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* The end of a Dot-string that begins at s, or NULL. */
static const char *skip_dot_string(const char *s)
{
    for (;;) {
        const char *atom = s;
        while (is_atext(*s)) {
            s++;
        }
        if (s == atom) {
            return NULL;
        }
        if (*s != '.') {
            return s;
        }
        s++;
    }
}

/* The end of a Quoted-string that begins at s, or NULL. A backslash may stand before any printable character. Angle
 * brackets are refused, though RFC 5321 admits them: servers differ on where such an address ends. */
static const char *skip_quoted_string(const char *s)
{
    for (s++; *s >= ' ' && *s <= '~'; s++) {
        if (*s == '"') {
            return s + 1;
        }
        if (*s == '\\') {
            s++;
            if (*s < ' ' || *s > '~') {
                return NULL;
            }
        }
        if (*s == '<' || *s == '>') {
            return NULL;
        }
    }
    return NULL;
}

static bool is_label(const char *label, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(label[i]) && label[i] != '-') {
            return false;
        }
    }
    return length > 0 && length <= DOMAIN_LABEL_BYTES_MAX && label[0] != '-' && label[length - 1] != '-';
}

static bool is_numeric(const char *s)
{
    return strspn(s, "0123456789") == strlen(s);
}

/* Two labels or more; a last one of digits alone would be an IP address. */
static bool is_domain(const char *s)
{
    size_t labels = 1;
    for (const char *dot = strchr(s, '.'); dot != NULL; dot = strchr(s, '.')) {
        if (!is_label(s, (size_t)(dot - s))) {
            return false;
        }
        s = dot + 1;
        labels++;
    }
    return labels > 1 && is_label(s, strlen(s)) && !is_numeric(s);
}

bool format_is_email(const char *s)
{
    if (strlen(s) > EMAIL_BYTES_MAX) {
        return false;
    }
    const char *at = *s == '"' ? skip_quoted_string(s) : skip_dot_string(s);
    return at != NULL && *at == '@' && at - s <= EMAIL_LOCAL_BYTES_MAX && is_domain(at + 1);
}

/* --- phone: E.164, at most 15 digits, no leading zero ------------------------------------------------------------- */

bool format_is_phone(const char *s)
{
    if (s[0] != '+' || s[1] < '1' || s[1] > '9') {
        return false;
    }
    size_t digits = strlen(s + 1);
    return digits >= 2 && digits <= 15 && is_numeric(s + 1);
}

/* --- zone --------------------------------------------------------------------------------------------------------- */

/*
 * GLib opens a file for whatever it is given and also reads POSIX rules ("AAA3") and offsets ("+05"), so only text
 * that looks like a name of the tz database gets that far: its first part is a word without digits, which no POSIX
 * rule is, or one of the seven historical names that look like one.
 */
static bool looks_like_zone(const char *s)
{
    static const char *const rule_like[] = {"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0", NULL};
    size_t length = strlen(s);
    if (length < 2 || length > ZONE_BYTES_MAX || !g_ascii_isupper(s[0]) || strcmp(s, "Factory") == 0) {
        return false;
    }
    for (const char *c = s; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr("_+/-", *c) == NULL) {
            return false;
        }
    }
    size_t first_part = strcspn(s, "/");
    return strcspn(s, "0123456789") >= first_part || g_strv_contains(rule_like, s);
}

bool format_is_zone(const char *s)
{
    if (!looks_like_zone(s)) {
        return false;
    }
    g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(s);
    return zone != NULL;
}

/* --- the others --------------------------------------------------------------------------------------------------- */

bool format_is_hhmm(const char *s)
{
    if (strlen(s) != 5 || !g_ascii_isdigit(s[0]) || !g_ascii_isdigit(s[1]) || s[2] != ':' || !g_ascii_isdigit(s[3]) ||
        !g_ascii_isdigit(s[4])) {
        return false;
    }
    return (s[0] - '0') * 10 + (s[1] - '0') <= 23 && s[3] <= '5';
}

/* Moves past letters and digits up to end; there must be at least least of them. */
static bool skip_word(const char **at, size_t least, char end)
{
    const char *start = *at;
    while (g_ascii_isalnum(**at)) {
        (*at)++;
    }
    if ((size_t)(*at - start) < least || **at != end) {
        return false;
    }
    *at += end == '\0' ? 0 : 1;
    return true;
}

/* The address becomes the target of a request made by the server, so nothing but an incoming webhook of Slack (or
 * GovSlack) may pass: https, the exact host, no port, user, query or fragment. */
bool format_is_slack_url(const char *s)
{
    static const char *const bases[] = {"https://hooks.slack.com/services/", "https://hooks.slack-gov.com/services/"};
    if (strlen(s) > SLACK_URL_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
        if (g_str_has_prefix(s, bases[i])) {
            const char *at = s + strlen(bases[i]);
            return *at == 'T' && skip_word(&at, 2, '/') && *at == 'B' && skip_word(&at, 2, '/') &&
                   skip_word(&at, 1, '\0');
        }
    }
    return false;
}

bool format_has_control(const char *s, bool allow_lines)
{
    for (const unsigned char *c = (const unsigned char *)s; *c != '\0'; c++) {
        bool line = *c == '\t' || *c == '\n' || *c == '\r';
        bool c1 = c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F;
        if ((*c < 0x20 && !(line && allow_lines)) || *c == 0x7F || c1) {
            return true;
        }
    }
    return false;
}
