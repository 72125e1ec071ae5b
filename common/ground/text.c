#include "ground/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

char *text_base64url(const void *bytes, size_t n)
{
    char *text = g_base64_encode(bytes, n);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    text[strcspn(text, "=")] = '\0';
    return text;
}

unsigned char *text_base64url_decode(const char *text, size_t *ret_n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = strlen(text);
    if (strspn(text, alphabet) != length) {
        return NULL;
    }
    g_autofree char *standard = g_strdup_printf("%s%.*s", text, (int)((4 - length % 4) % 4), "===");
    g_strdelimit(standard, "-", '+');
    g_strdelimit(standard, "_", '/');
    gsize n = 0;
    g_autofree guchar *decoded = g_base64_decode(standard, &n);
    unsigned char *bytes = g_malloc(n + 1);
    if (n > 0) {
        memcpy(bytes, decoded, n);
    }
    bytes[n] = '\0';
    *ret_n = n;
    return bytes;
}
