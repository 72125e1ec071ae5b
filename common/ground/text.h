/*
 * text.h: numbers as people read them; steps through UTF-8.
 */
#ifndef BELLMAN_TEXT_H
#define BELLMAN_TEXT_H

#include <glib.h>

#include "ground/base.h"

#define TEXT_COUNT_BYTES 32

/* "-1,234,567" into out. */
void text_count(int64_t number, char out[TEXT_COUNT_BYTES]);

/* base64url without padding (RFC 4648 section 5), which goes into addresses as it is; freed with g_free. */
char *text_base64url(const void *bytes, size_t n);
/* The bytes again, with a NUL of ours behind them, freed with g_free; NULL: text has a character that is none of these.
 */
unsigned char *text_base64url_decode(const char *text, size_t *ret_n);

/* The character behind that at p, in valid UTF-8. (g_utf8_next_char casts const away.) */
static inline const char *text_next_char(const char *p)
{
    return p + g_utf8_skip[(unsigned char)*p];
}

#endif
