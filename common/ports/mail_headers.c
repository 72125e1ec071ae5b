#include "ports/mail_headers.h"

#include <string.h>
#include <time.h>

#define ADDRESS_BYTES_MAX 254
/* An encoded word may have 75 characters; "=?UTF-8?B?" and "?=" leave 63, of which base64 fills 60 with 45 bytes. */
#define WORD_BYTES_MAX 45
#define FOLD_COLUMN 76

/* Of the character that p begins with, in valid UTF-8. */
static size_t character_bytes(const char *p)
{
    return (size_t)g_utf8_skip[(guchar)*p];
}

bool mail_text_is_safe(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL)) {
        return false;
    }
    for (const char *p = text; *p != '\0'; p += character_bytes(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            return false;
        }
    }
    return true;
}

bool mail_address_is_safe(const char *address)
{
    size_t length = strlen(address);
    if (length > ADDRESS_BYTES_MAX) {
        return false;
    }
    bool is_quoted = address[0] == '"';
    const char *at = strrchr(address, '@');
    for (size_t i = 0; i < length; i++) {
        bool is_inner_space = address[i] == ' ' && is_quoted && at != NULL && address + i < at;
        if ((!g_ascii_isgraph(address[i]) && !is_inner_space) || address[i] == '<' || address[i] == '>') {
            return false;
        }
    }
    return at != NULL && at != address && at[1] != '\0';
}

const char *mail_address_domain(const char *address)
{
    const char *at = strrchr(address, '@');
    return at == NULL || at[1] == '\0' ? "localhost" : at + 1;
}

static bool is_ascii(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Bytes of the whole characters that fit into max. */
static size_t whole_characters(const char *text, size_t max)
{
    size_t taken = 0;
    while (text[taken] != '\0') {
        size_t next = taken + character_bytes(text + taken);
        if (next > max) {
            break;
        }
        taken = next;
    }
    return taken;
}

static void append_encoded(GString *out, const char *text, size_t column)
{
    size_t room = column + 12 + 4 < FOLD_COLUMN ? (FOLD_COLUMN - column - 12) / 4 * 3 : 0;
    size_t max = MIN(room, WORD_BYTES_MAX);
    for (const char *p = text; *p != '\0';) {
        size_t n = whole_characters(p, max);
        if (n > 0) {
            g_autofree char *word = g_base64_encode((const guchar *)p, n);
            g_string_append_printf(out, "=?UTF-8?B?%s?=", word);
            p += n;
        }
        if (*p != '\0') {
            g_string_append(out, "\r\n ");
        }
        max = WORD_BYTES_MAX;
    }
}

/* Folds before a single space between two words, so that unfolding gives back the same text. */
static void append_folded(GString *out, const char *text, size_t column)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool between = *p == ' ' && p > text && p[-1] != ' ' && p[1] != ' ' && p[1] != '\0';
        if (between && column + strcspn(p + 1, " ") + 1 > FOLD_COLUMN) {
            g_string_append(out, "\r\n");
            column = 0;
        }
        g_string_append_c(out, *p);
        column++;
    }
}

void mail_append_unstructured(GString *out, const char *text, size_t column)
{
    g_assert(mail_text_is_safe(text));
    /* "=?" would be read as an encoded word, and outer spaces would be lost. */
    bool plain = is_ascii(text) && strstr(text, "=?") == NULL && text[0] != ' ' && !g_str_has_suffix(text, " ");
    if (plain) {
        append_folded(out, text, column);
    } else {
        append_encoded(out, text, column);
    }
}

static void append_quoted(GString *out, const char *name)
{
    g_string_append_c(out, '"');
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}

void mail_append_mailbox(GString *out, const char *name, const char *address, size_t column)
{
    g_assert(mail_address_is_safe(address));
    if (name == NULL || name[0] == '\0') {
        g_string_append(out, address);
        return;
    }
    g_assert(mail_text_is_safe(name));
    size_t before = out->len;
    if (is_ascii(name) && strstr(name, "=?") == NULL) {
        append_quoted(out, name);
    } else {
        append_encoded(out, name, column);
    }
    bool fold = column + (out->len - before) + strlen(address) + 3 > FOLD_COLUMN;
    g_string_append_printf(out, "%s <%s>", fold ? "\r\n" : "", address);
}

void mail_append_date(GString *out, int64_t wall_us)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_us / US_PER_S);
    struct tm t;
    g_assert(gmtime_r(&seconds, &t) != NULL);
    g_string_append_printf(out, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
                           t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

char *mail_crlf(const char *text, size_t *ret_length_bytes)
{
    size_t length = strlen(text);
    GString *out = g_string_sized_new(length + length / 32 + 3);
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\r\n");
        g_string_append_len(out, p, (gssize)n);
        p += n;
        g_string_append(out, "\r\n");
        if (p[0] == '\r' && p[1] == '\n') {
            p += 2;
        } else if (*p != '\0') {
            p++;
        }
    }
    *ret_length_bytes = out->len;
    return g_string_free(out, FALSE);
}

void mail_make_printable(char *out, size_t size_bytes, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    size_t n = 0;
    for (const char *p = valid; *p != '\0'; p += character_bytes(p)) {
        size_t bytes = character_bytes(p);
        if (n + bytes >= size_bytes) {
            break;
        }
        if (g_unichar_isprint(g_utf8_get_char(p))) {
            memcpy(out + n, p, bytes);
            n += bytes;
        } else {
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
}
