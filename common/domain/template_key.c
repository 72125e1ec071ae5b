#include "domain/template_key.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SUBTAG_MAX 8

const char *const template_event_names[] = {
    "employee_created", "leave_request", "leave_approval", "payroll", "alert", "digest", NULL};
const char *const template_channel_names[] = {"email", "sms", "slack", NULL};

bool template_is_carried(int event, enum notify_channel channel)
{
    if (event == TEMPLATE_DIGEST) {
        return channel == NOTIFY_EMAIL;
    }
    return notify_toggle((enum notify_event)event, channel) != NULL;
}

/* --- locales ------------------------------------------------------------------------------------------------------ */

/* A subtag of four letters that is not the first is a script, one of two letters a region. */
static void set_case(char *subtag, size_t bytes, bool is_first)
{
    for (size_t i = 0; i < bytes; i++) {
        bool upper = !is_first && (bytes == 2 || (bytes == 4 && i == 0));
        subtag[i] = upper ? g_ascii_toupper(subtag[i]) : g_ascii_tolower(subtag[i]);
    }
}

/* Subtags of 1 to 8 letters and digits, the first one of at least two letters. */
bool template_locale(const char *text, char ret[TEMPLATE_LOCALE_BYTES])
{
    char locale[TEMPLATE_LOCALE_BYTES] = "";
    if (g_strlcpy(locale, text, sizeof(locale)) >= sizeof(locale)) {
        return false;
    }
    for (char *at = locale; text[0] != '\0'; at++) {
        bool is_first = at == locale;
        size_t n = strspn(at, is_first ? LETTERS : LETTERS "0123456789");
        if (n < (is_first ? 2 : 1) || n > SUBTAG_MAX || (at[n] != '-' && at[n] != '\0')) {
            return false;
        }
        set_case(at, n, is_first);
        at += n;
        if (*at == '\0') {
            break;
        }
    }
    memcpy(ret, locale, sizeof(locale));
    return true;
}

/* Without the last subtag, and without a single letter that would then be the last: it only introduces others. */
static void shorten(char *locale)
{
    do {
        char *hyphen = strrchr(locale, '-');
        *(hyphen == NULL ? locale : hyphen) = '\0';
    } while (strlen(locale) >= 2 && locale[strlen(locale) - 2] == '-');
}

void template_locales_of(const char *locale, struct template_locales *ret)
{
    char name[TEMPLATE_LOCALE_BYTES] = "";
    const size_t last = TEMPLATE_LOCALES_MAX - 1; /* stays "" */
    memset(ret, 0, sizeof(*ret));
    if (locale == NULL || !template_locale(locale, name)) {
        return;
    }
    for (size_t i = 0; i < last && name[0] != '\0'; i++) {
        memcpy(ret->names[i], name, sizeof(name));
        shorten(name);
    }
    if (name[0] != '\0') { /* more subtags than anybody has: the language must be among them */
        *strchrnul(name, '-') = '\0';
        memcpy(ret->names[last - 1], name, sizeof(name));
    }
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

bool template_key_parse(const char *text, struct template_key *ret)
{
    struct template_key key = {0};
    g_auto(GStrv) parts = g_strsplit(text, ".", 4);
    guint n = g_strv_length(parts);
    if (n < 2 || n > 3 || (n == 3 && parts[2][0] == '\0') || !template_locale(n == 3 ? parts[2] : "", key.locale)) {
        return false;
    }
    key.event = notify_parse(template_event_names, parts[0]);
    int channel = notify_parse(template_channel_names, parts[1]);
    if (key.event < 0 || channel < 0 || !template_is_carried(key.event, (enum notify_channel)channel)) {
        return false;
    }
    key.channel = (enum notify_channel)channel;
    *ret = key;
    return true;
}

void template_key_format(const struct template_key *key, char out[TEMPLATE_KEY_BYTES])
{
    (void)snprintf(out, TEMPLATE_KEY_BYTES, "%s.%s%s%s", template_event_names[key->event],
                   template_channel_names[key->channel], key->locale[0] == '\0' ? "" : ".", key->locale);
}
