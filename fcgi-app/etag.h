/*
 * etag.h: conditional requests (RFC 9110 section 13) for rows whose entity tag is their version: "17".
 */
#ifndef BELLMAN_ETAG_H
#define BELLMAN_ETAG_H

#include "ground/base.h"

#define ETAG_BYTES 24
#define ETAG_LIST_MAX 16

struct etag_list {
    bool any; /* "*" */
    size_t n;
    struct {
        int64_t version; /* -1: a tag that none of ours is */
        bool weak;
    } tags[ETAG_LIST_MAX];
};

void etag_format(int64_t version, char out[ETAG_BYTES]);

/* A version, from 1, for an answer that has none of its own: a hash of its bytes. Not made to withstand somebody who
 * looks for two texts of one hash; what they would gain is their own stale answer. */
int64_t etag_hash(const char *text, size_t text_bytes);

/* Reads the value of If-Match or If-None-Match. False: not of the header's form, or more tags than anybody needs. */
bool etag_parse(const char *header, struct etag_list *ret);

/* If-Match: strong comparison, a weak tag never matches. */
bool etag_matches_strongly(const struct etag_list *list, int64_t version);
/* If-None-Match: weak comparison. */
bool etag_matches_weakly(const struct etag_list *list, int64_t version);

#endif
