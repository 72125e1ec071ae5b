#include "etag.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION_DIGITS_MAX 18
#define VERSION_LIMIT UINT64_C(1000000000000000000) /* the first that has more */

void etag_format(int64_t version, char out[ETAG_BYTES])
{
    (void)snprintf(out, ETAG_BYTES, "\"%" PRId64 "\"", version);
}

/* MurmurHash64A's way of mixing, eight bytes at a time: a page of jobs has tens of thousands. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    static const uint64_t factor = UINT64_C(0xC6A4A7935BD1E995);
    word *= factor;
    word ^= word >> 47;
    return (hash ^ word * factor) * factor;
}

int64_t etag_hash(const char *text, size_t text_bytes)
{
    uint64_t hash = mix(0, text_bytes);
    for (size_t at = 0; at < text_bytes; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text + at, MIN(sizeof(word), text_bytes - at));
        hash = mix(hash, word);
    }
    return 1 + (int64_t)((hash ^ hash >> 47) % (VERSION_LIMIT - 1));
}

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t");
}

static int64_t version_of(const char *text, size_t n)
{
    int64_t version = 0;
    if (n == 0 || n > VERSION_DIGITS_MAX || text[0] == '0') {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (!g_ascii_isdigit(text[i])) {
            return -1;
        }
        version = version * 10 + (text[i] - '0');
    }
    return version;
}

/* One entity tag; *at moves behind it. */
static bool parse_tag(const char **at, struct etag_list *list)
{
    bool weak = strncmp(*at, "W/", 2) == 0;
    const char *open = *at + (weak ? 2 : 0);
    const char *close = *open == '"' ? strchr(open + 1, '"') : NULL;
    if (close == NULL || list->n == ETAG_LIST_MAX) {
        return false;
    }
    for (const char *c = open + 1; c < close; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7F) {
            return false;
        }
    }
    list->tags[list->n].version = version_of(open + 1, (size_t)(close - open - 1));
    list->tags[list->n].weak = weak;
    list->n++;
    *at = close + 1;
    return true;
}

bool etag_parse(const char *header, struct etag_list *ret)
{
    struct etag_list list = {.any = false};
    const char *at = skip_spaces(header);
    if (*at == '*') {
        list.any = true;
        *ret = list;
        return *skip_spaces(at + 1) == '\0';
    }
    for (;;) {
        if (!parse_tag(&at, &list)) {
            return false;
        }
        at = skip_spaces(at);
        if (*at == '\0') {
            *ret = list;
            return true;
        }
        if (*at != ',') {
            return false;
        }
        at = skip_spaces(at + 1);
    }
}

bool etag_matches_strongly(const struct etag_list *list, int64_t version)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->tags[i].version == version && !list->tags[i].weak) {
            return true;
        }
    }
    return list->any;
}

bool etag_matches_weakly(const struct etag_list *list, int64_t version)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->tags[i].version == version) {
            return true;
        }
    }
    return list->any;
}
