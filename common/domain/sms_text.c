#include "domain/sms_text.h"

#include <glib.h>
#include <string.h>

#include "ground/text.h"

#define ELLIPSIS "..."
#define ELLIPSIS_UNITS 3

struct capacity {
    const char *name;
    size_t single;
    size_t joined;
};
static const struct capacity gsm = {"gsm-7", 160, 153};
static const struct capacity ucs2 = {"ucs-2", 70, 67};

/* --- characters --------------------------------------------------------------------------------------------------- */

static bool is_one_of(gunichar c, const char *set)
{
    return g_utf8_strchr(set, -1, c) != NULL;
}

/* Septets of the character; 0: it is not in the alphabet. */
static size_t gsm_width(gunichar c)
{
    if (g_unichar_isalnum(c) && c < 0x80) {
        return 1;
    }
    if (is_one_of(c, "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà")) {
        return 1;
    }
    return is_one_of(c, "\f^{}\\[~]|€") ? 2 : 0;
}

static size_t ucs2_width(gunichar c)
{
    return c > 0xFFFF ? 2 : 1;
}

static bool is_gsm(const char *text)
{
    for (const char *p = text; *p != '\0'; p = text_next_char(p)) {
        if (gsm_width(g_utf8_get_char(p)) == 0) {
            return false;
        }
    }
    return true;
}

/* --- segments ----------------------------------------------------------------------------------------------------- */

struct walk {
    size_t length;
    size_t segments;
    size_t used; /* of the last one */
};

static void walk_add(struct walk *w, size_t width, size_t capacity)
{
    w->length += width;
    if (w->segments == 0 || w->used + width > capacity) {
        w->segments++;
        w->used = 0;
    }
    w->used += width;
}

static size_t width_of(const char *p, const struct capacity *capacity)
{
    gunichar c = g_utf8_get_char(p);
    return capacity == &gsm ? gsm_width(c) : ucs2_width(c);
}

void sms_measure(const char *text, struct sms_measure *ret)
{
    const struct capacity *capacity = is_gsm(text) ? &gsm : &ucs2;
    struct walk w = {0};
    for (const char *p = text; *p != '\0'; p = text_next_char(p)) {
        walk_add(&w, width_of(p, capacity), capacity->joined);
    }
    bool is_single = w.length > 0 && w.length <= capacity->single;
    *ret = (struct sms_measure){capacity->name, w.length, is_single ? 1 : w.segments};
}

/* Bytes of the longest beginning that leaves room for the ellipsis; ret_fits is false when a character that the
 * alphabet does not have comes before that is found. */
static size_t fitting_bytes(const char *text, size_t max_segments, const struct capacity *capacity, bool *ret_fits)
{
    size_t each = max_segments == 1 ? capacity->single : capacity->joined;
    struct walk w = {0};
    size_t fits = 0;
    *ret_fits = true;
    for (const char *p = text; *p != '\0'; p = text_next_char(p)) {
        size_t width = width_of(p, capacity);
        walk_add(&w, width, each);
        if (width == 0 || w.segments > max_segments) {
            *ret_fits = width > 0;
            break;
        }
        if ((max_segments - w.segments + 1) * each - w.used >= ELLIPSIS_UNITS) {
            fits = (size_t)(text_next_char(p) - text);
        }
    }
    return fits;
}

char *sms_fit(const char *text, size_t max_segments)
{
    struct sms_measure measure;
    bool fits = false;
    g_autofree char *clean = g_strchomp(g_strdelimit(g_strdup(text), "\t", ' '));
    sms_measure(clean, &measure);
    if (measure.segments <= max_segments) {
        return g_steal_pointer(&clean);
    }
    size_t bytes = fitting_bytes(clean, max_segments, &gsm, &fits);
    if (!fits) {
        bytes = fitting_bytes(clean, max_segments, &ucs2, &fits);
    }
    clean[bytes] = '\0';
    return g_strconcat(g_strchomp(clean), ELLIPSIS, NULL);
}
