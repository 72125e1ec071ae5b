#include "domain/delivery_link.h"
#include "ground/text.h"

#include <string.h>

#define API "/api/system"
#define ID_BYTES 16
#define TARGET_CHARS_MAX 1500 /* so that the address of the link stays below what mail programs and nginx take */

static const struct {
    const char *path;
    const char *context;
} kinds[] = {
    [DELIVERY_LINK_OPEN] = {API "/t/o/", "link.open"},
    [DELIVERY_LINK_CLICK] = {API "/t/c/", "link.click"},
    [DELIVERY_LINK_UNSUBSCRIBE] = {API "/u/", "link.unsubscribe"},
};

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static void id_bytes(const char *id, guchar out[ID_BYTES])
{
    size_t n = 0;
    for (const char *p = id; p[0] != '\0' && p[1] != '\0' && n < ID_BYTES; p += p[0] == '-' ? 1 : 2) {
        if (p[0] != '-') {
            out[n++] = (guchar)(g_ascii_xdigit_value(p[0]) * 16 + g_ascii_xdigit_value(p[1]));
        }
    }
}

static void id_text(const guchar *bytes, char out[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < ID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[n++] = '-';
        }
        out[n++] = digits[bytes[i] >> 4];
        out[n++] = digits[bytes[i] & 15];
    }
    out[n] = '\0';
}

static char *signed_text(const char *id, const char *target)
{
    return g_strconcat(id, "|", target == NULL ? "" : target, NULL);
}

char *delivery_link_new(const struct seal *seal, const char *base, enum delivery_link kind, const char *id,
                        const char *target)
{
    guchar bytes[ID_BYTES + SEAL_MAC_BYTES];
    g_autofree char *text = signed_text(id, target);
    id_bytes(id, bytes);
    seal_mac(seal, kinds[kind].context, text, bytes + ID_BYTES);
    g_autofree char *token = text_base64url(bytes, sizeof(bytes));
    g_autofree char *escaped = target == NULL ? NULL : g_uri_escape_string(target, NULL, FALSE);
    return g_strconcat(base, kinds[kind].path, token, escaped == NULL ? "" : "?to=", escaped, NULL);
}

bool delivery_link_read(const struct seal *seal, enum delivery_link kind, const char *token, const char *target,
                        char ret_id[UUID_TEXT_BYTES])
{
    char id[UUID_TEXT_BYTES];
    size_t n = 0;
    g_autofree unsigned char *bytes = strlen(token) == DELIVERY_LINK_TOKEN_CHARS ? text_base64url_decode(token, &n)
                                                                                 : NULL;
    if (bytes == NULL || n != ID_BYTES + SEAL_MAC_BYTES) {
        return false;
    }
    id_text(bytes, id);
    g_autofree char *text = signed_text(id, target);
    if (!seal_mac_check(seal, kinds[kind].context, text, bytes + ID_BYTES)) {
        return false;
    }
    g_strlcpy(ret_id, id, UUID_TEXT_BYTES);
    return true;
}

/* --- HTML --------------------------------------------------------------------------------------------------------- */

static bool is_unsubscription(const char *base, const char *value)
{
    size_t n = strlen(base);
    return strncmp(value, base, n) == 0 && g_str_has_prefix(value + n, kinds[DELIVERY_LINK_UNSUBSCRIBE].path);
}

/* The address in an attribute, if it is one to lead through here; our templates escape & as &amp; there. Whoever wants
 * to hear no more is not counted as a reader. */
static char *target_of(const char *base, const char *value, size_t n)
{
    if (n > TARGET_CHARS_MAX || !(g_str_has_prefix(value, "https://") || g_str_has_prefix(value, "http://")) ||
        is_unsubscription(base, value)) {
        return NULL;
    }
    g_autoptr(GString) target = g_string_new_len(value, (gssize)n);
    (void)g_string_replace(target, "&amp;", "&", 0);
    bool is_plain = strpbrk(target->str, "<>\"' \n\r\t") == NULL && strstr(target->str, "&#") == NULL;
    return is_plain ? g_strdup(target->str) : NULL;
}

static void append_links(GString *out, const struct delivery_tracking *t, const char *html)
{
    static const char attribute[] = " href=\"";
    const char *at = NULL;
    while ((at = strstr(html, attribute)) != NULL) {
        const char *value = at + strlen(attribute);
        size_t n = strcspn(value, "\"");
        g_autofree char *target = target_of(t->base, value, n);
        g_string_append_len(out, html, value - html);
        if (target != NULL) {
            g_autofree char *link = delivery_link_new(t->seal, t->base, DELIVERY_LINK_CLICK, t->id, target);
            g_string_append(out, link);
        } else {
            g_string_append_len(out, value, (gssize)n);
        }
        html = value + n;
    }
    g_string_append(out, html);
}

char *delivery_link_track(const struct delivery_tracking *t, const char *html)
{
    GString *out = g_string_new(NULL);
    if (t->click) {
        append_links(out, t, html);
    } else {
        g_string_append(out, html);
    }
    if (t->open) {
        g_autofree char *link = delivery_link_new(t->seal, t->base, DELIVERY_LINK_OPEN, t->id, NULL);
        g_autofree char *image = g_strdup_printf("<img src=\"%s\" width=\"1\" height=\"1\" alt=\"\">", link);
        const char *end = strstr(out->str, "</body>");
        g_string_insert(out, end == NULL ? -1 : end - out->str, image);
    }
    return g_string_free(out, FALSE);
}
