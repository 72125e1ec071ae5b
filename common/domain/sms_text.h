/*
 * sms_text.h: how a text travels as SMS, and how much of it. Pure.
 *
 * GSM 7-bit default alphabet with its extension table (3GPP TS 23.038 6.2.1) where every character is in it, else
 * UCS-2. One segment has 160 septets or 70 UCS-2 units; of several each has 153 or 67, since a header joins them (3GPP
 * TS 23.040 9.2.3.24.1). A character of the extension table takes two septets, one outside the BMP two units, and
 * neither is split between segments.
 */
#ifndef BELLMAN_SMS_TEXT_H
#define BELLMAN_SMS_TEXT_H

#include "ground/base.h"

#define SMS_SEGMENTS_MAX 4 /* of what Bellman sends: 612 GSM characters, or 268 */

struct sms_measure {
    const char *encoding; /* "gsm-7" or "ucs-2" */
    size_t length;        /* septets or units */
    size_t segments;      /* 0 for an empty text */
};

void sms_measure(const char *text, struct sms_measure *ret);

/* The text with tabs as blanks and none at its end; when it has more than max_segments (at least 1), the beginning that
 * fits with "..." behind it (the character U+2026 would make a GSM text UCS-2). New text. */
char *sms_fit(const char *text, size_t max_segments);

#endif
