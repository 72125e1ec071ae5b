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

/* The character behind that at p, in valid UTF-8. (g_utf8_next_char casts const away.) */
static inline const char *text_next_char(const char *p)
{
    return p + g_utf8_skip[(unsigned char)*p];
}

#endif
