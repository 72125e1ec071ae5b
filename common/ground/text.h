/*
 * text.h: numbers as people read them.
 */
#ifndef BELLMAN_TEXT_H
#define BELLMAN_TEXT_H

#include "ground/base.h"

#define TEXT_COUNT_BYTES 32

/* "-1,234,567" into out. */
void text_count(int64_t number, char out[TEXT_COUNT_BYTES]);

#endif
