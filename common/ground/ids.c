#include "ground/ids.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "ground/clock.h"

/*
 * RFC 9562 section 6.2, method 1: a counter of 26 bits follows the milliseconds (12 bits in rand_a, 14 in rand_b). It
 * starts at a random number with its highest bit clear in each new millisecond and rises by one within it; should it
 * run over, or should the wall clock step back, the time part goes on from the last one used.
 */
#define COUNTER_BITS 26
#define COUNTER_END (UINT32_C(1) << COUNTER_BITS)
#define COUNTER_SEED_MASK (COUNTER_END / 2 - 1)

struct random_part {
    uint32_t seed;
    uint8_t tail[6];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static uint32_t counter;

static void fill_random(struct random_part *r)
{
    ssize_t got;
    do {
        got = getrandom(r, sizeof(*r), 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(*r)) {
        abort(); /* the kernel gives up to 256 bytes whole; an id that may repeat is worse than none */
    }
}

static void take_place(int64_t now_ms, uint32_t seed, int64_t *ret_ms, uint32_t *ret_counter)
{
    pthread_mutex_lock(&lock);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        counter = seed & COUNTER_SEED_MASK;
    } else if (++counter == COUNTER_END) {
        last_ms++;
        counter = seed & COUNTER_SEED_MASK;
    }
    *ret_ms = last_ms;
    *ret_counter = counter;
    pthread_mutex_unlock(&lock);
}

void uuid7_new(char out[UUID_TEXT_BYTES])
{
    struct random_part r;
    int64_t ms;
    uint32_t n;
    fill_random(&r);
    take_place(clock_wall_us() / US_PER_MS, r.seed, &ms, &n);
    uint64_t time_part = (uint64_t)ms & 0xFFFFFFFFFFFFU;
    (void)snprintf(out, UUID_TEXT_BYTES, "%08x-%04x-%04x-%04x-%02x%02x%02x%02x%02x%02x", (unsigned)(time_part >> 16),
                   (unsigned)(time_part & 0xFFFFU), 0x7000U | (n >> 14 & 0xFFFU), 0x8000U | (n & 0x3FFFU), r.tail[0],
                   r.tail[1], r.tail[2], r.tail[3], r.tail[4], r.tail[5]);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_is_valid(const char *text)
{
    for (int i = 0; i < UUID_TEXT_BYTES - 1; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_hyphen ? text[i] != '-' : !is_hex(text[i])) {
            return false;
        }
    }
    return text[UUID_TEXT_BYTES - 1] == '\0';
}
