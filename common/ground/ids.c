#include "ground/ids.h"

#include <errno.h>
#include <pthread.h>
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
} __attribute__((packed));

#define POOL 25 /* 250 bytes: one call of the kernel for so many ids */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct random_part pool[POOL];
static size_t pool_left;
static int64_t last_ms;
static uint32_t counter;

static void fill_pool(void)
{
    ssize_t got;
    do {
        got = getrandom(pool, sizeof(pool), 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(pool)) {
        abort(); /* the kernel gives up to 256 bytes whole; an id that may repeat is worse than none */
    }
    pool_left = POOL;
}

static struct random_part take_place(int64_t now_ms, int64_t *ret_ms, uint32_t *ret_counter)
{
    pthread_mutex_lock(&lock);
    if (pool_left == 0) {
        fill_pool();
    }
    struct random_part r = pool[--pool_left];
    if (now_ms > last_ms) {
        last_ms = now_ms;
        counter = r.seed & COUNTER_SEED_MASK;
    } else if (++counter == COUNTER_END) {
        last_ms++;
        counter = r.seed & COUNTER_SEED_MASK;
    }
    *ret_ms = last_ms;
    *ret_counter = counter;
    pthread_mutex_unlock(&lock);
    return r;
}

void uuid7_new(char out[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    int64_t ms;
    uint32_t n;
    const struct random_part r = take_place(clock_wall_us() / US_PER_MS, &ms, &n);
    const uint32_t version = 0x7000U | (n >> 14 & 0xFFFU);
    const uint32_t variant = 0x8000U | (n & 0x3FFFU);
    const uint8_t bytes[16] = {
        (uint8_t)(ms >> 40),
        (uint8_t)(ms >> 32),
        (uint8_t)(ms >> 24),
        (uint8_t)(ms >> 16),
        (uint8_t)(ms >> 8),
        (uint8_t)ms,
        (uint8_t)(version >> 8),
        (uint8_t)version,
        (uint8_t)(variant >> 8),
        (uint8_t)variant,
        r.tail[0],
        r.tail[1],
        r.tail[2],
        r.tail[3],
        r.tail[4],
        r.tail[5],
    };
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15U];
    }
    *out = '\0';
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
