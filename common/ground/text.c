#include "ground/text.h"

#include <inttypes.h>
#include <stdio.h>

void text_count(int64_t number, char out[TEXT_COUNT_BYTES])
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    char *to = out;
    if (number < 0) {
        *to++ = '-';
    }
    for (int i = 0; i < n; i++) {
        *to++ = digits[i];
        if (i < n - 1 && (n - 1 - i) % 3 == 0) {
            *to++ = ',';
        }
    }
    *to = '\0';
}
