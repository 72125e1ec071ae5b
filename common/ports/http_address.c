#include "ports/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4(a, b, c, d) (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))
#define V4_BYTES 4
#define V6_BYTES 16

/* Everything else of IPv4 is public. */
static const struct {
    uint32_t network;
    unsigned bits;
} v4_private[] = {
    {V4(0, 0, 0, 0), 8},       /* this network; 0.0.0.0 reaches the host itself */
    {V4(10, 0, 0, 0), 8},      /* private use */
    {V4(100, 64, 0, 0), 10},   /* shared by carriers; cloud providers' metadata */
    {V4(127, 0, 0, 0), 8},     /* loopback */
    {V4(169, 254, 0, 0), 16},  /* link-local; cloud providers' metadata */
    {V4(172, 16, 0, 0), 12},   /* private use */
    {V4(192, 0, 0, 0), 24},    /* protocol assignments */
    {V4(192, 0, 2, 0), 24},    /* documentation */
    {V4(192, 88, 99, 0), 24},  /* 6to4 relays, given up */
    {V4(192, 168, 0, 0), 16},  /* private use */
    {V4(198, 18, 0, 0), 15},   /* benchmarks */
    {V4(198, 51, 100, 0), 24}, /* documentation */
    {V4(203, 0, 113, 0), 24},  /* documentation */
    {V4(224, 0, 0, 0), 4},     /* multicast */
    {V4(240, 0, 0, 0), 4},     /* reserved; broadcast */
};

enum v6_kind { V6_PRIVATE, V6_PUBLIC, V6_CARRIES_V4 };

/* The first row that fits decides; what fits none is private. */
static const struct {
    uint8_t prefix[V6_BYTES];
    unsigned bits;
    enum v6_kind kind;
    unsigned v4_offset; /* V6_CARRIES_V4: where the four bytes are */
} v6_blocks[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, V6_CARRIES_V4, 12}, /* ::ffff:0:0/96, IPv4-mapped */
    {{0x00, 0x64, 0xff, 0x9b}, 96, V6_CARRIES_V4, 12},                   /* 64:ff9b::/96, NAT64 */
    {{0x20, 0x02}, 16, V6_CARRIES_V4, 2},                                /* 2002::/16, 6to4 */
    {{0x20, 0x01, 0x00, 0x00}, 23, V6_PRIVATE, 0},                       /* protocol assignments; 2001::/32 Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, V6_PRIVATE, 0},                       /* documentation */
    {{0x3f, 0xff, 0x00}, 20, V6_PRIVATE, 0},                             /* documentation */
    {{0x20}, 3, V6_PUBLIC, 0},                                           /* 2000::/3, all global unicast there is */
};

static bool v4_is_public(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_SIZE(v4_private); i++) {
        if ((address ^ v4_private[i].network) >> (32 - v4_private[i].bits) == 0) {
            return false;
        }
    }
    return true;
}

static uint32_t read_v4(const uint8_t bytes[V4_BYTES])
{
    return V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static bool begins_with(const uint8_t address[V6_BYTES], const uint8_t prefix[V6_BYTES], unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(address, prefix, whole) == 0 &&
           (rest == 0 || (unsigned)(address[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

static bool v6_is_public(const uint8_t address[V6_BYTES])
{
    for (size_t i = 0; i < ARRAY_SIZE(v6_blocks); i++) {
        if (begins_with(address, v6_blocks[i].prefix, v6_blocks[i].bits)) {
            return v6_blocks[i].kind == V6_CARRIES_V4 ? v4_is_public(read_v4(address + v6_blocks[i].v4_offset))
                                                      : v6_blocks[i].kind == V6_PUBLIC;
        }
    }
    return false;
}

bool http_address_is_public(const struct sockaddr *address, size_t size_bytes)
{
    if (address->sa_family == AF_INET && size_bytes >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return v4_is_public(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && size_bytes >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return v6_is_public(v6.sin6_addr.s6_addr);
    }
    return false;
}

bool http_address_is_private_text(const char *text)
{
    uint8_t bytes[V6_BYTES];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        return !v4_is_public(read_v4(bytes));
    }
    return inet_pton(AF_INET6, text, bytes) == 1 && !v6_is_public(bytes);
}
