/*
 * net_times.h: how far an exchange with a server came, and when.
 */
#ifndef BELLMAN_NET_TIMES_H
#define BELLMAN_NET_TIMES_H

#include "ground/base.h"

/* Milliseconds from the beginning to the end of each stage; negative: it was not reached, or there was none. */
struct net_times {
    int64_t resolved_ms;
    int64_t connected_ms;
    int64_t tls_ms;
    int64_t authenticated_ms;
    int64_t accepted_ms;
};
#define NET_TIMES_NONE ((struct net_times){-1, -1, -1, -1, -1})

#endif
