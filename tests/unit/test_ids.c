#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ground/clock.h"
#include "ground/ids.h"

#define THREADS 8
#define IDS_PER_THREAD 20000

static uint64_t millis_of(const char *id)
{
    char hex[13];
    memcpy(hex, id, 8);
    memcpy(hex + 8, id + 9, 4);
    hex[12] = '\0';
    return strtoull(hex, NULL, 16);
}

static void test_the_form_is_that_of_rfc_9562(void **state UNUSED)
{
    for (int i = 0; i < 1000; i++) {
        char id[UUID_TEXT_BYTES];
        uint64_t before = (uint64_t)(clock_wall_us() / US_PER_MS);
        uuid7_new(id);
        uint64_t after = (uint64_t)(clock_wall_us() / US_PER_MS);
        assert_true(uuid_is_valid(id));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        assert_in_range(millis_of(id), before, after + 1);
    }
}

static void test_ids_of_one_thread_rise(void **state UNUSED)
{
    char last[UUID_TEXT_BYTES] = "";
    for (int i = 0; i < 200000; i++) {
        char id[UUID_TEXT_BYTES];
        uuid7_new(id);
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, sizeof(last));
    }
}

/* The last 48 bits: each bit is set about half of the time, and no value comes twice. */
static void test_the_tail_is_random(void **state UNUSED)
{
    enum { N = 4096 };
    int ones[48] = {0};
    for (int i = 0; i < N; i++) {
        char id[UUID_TEXT_BYTES];
        uuid7_new(id);
        uint64_t tail = strtoull(id + 24, NULL, 16);
        for (int bit = 0; bit < 48; bit++) {
            ones[bit] += (int)(tail >> bit & 1U);
        }
    }
    for (int bit = 0; bit < 48; bit++) {
        assert_in_range(ones[bit], N / 2 - 400, N / 2 + 400);
    }
}

struct maker {
    pthread_t thread;
    char (*ids)[UUID_TEXT_BYTES];
};

static void *make_ids(void *arg)
{
    struct maker *m = arg;
    for (size_t i = 0; i < IDS_PER_THREAD; i++) {
        uuid7_new(m->ids[i]);
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_TEXT_BYTES);
}

static void test_threads_never_share_an_id(void **state UNUSED)
{
    struct maker makers[THREADS];
    char(*ids)[UUID_TEXT_BYTES] = calloc((size_t)THREADS * IDS_PER_THREAD, UUID_TEXT_BYTES);
    assert_non_null(ids);
    for (size_t t = 0; t < THREADS; t++) {
        makers[t].ids = ids + t * IDS_PER_THREAD;
        assert_int_equal(pthread_create(&makers[t].thread, NULL, make_ids, &makers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(makers[t].thread, NULL);
    }
    for (size_t i = 1; i < (size_t)THREADS * IDS_PER_THREAD; i++) {
        if (i % IDS_PER_THREAD != 0) {
            assert_true(strcmp(ids[i - 1], ids[i]) < 0);
        }
    }
    qsort(ids, (size_t)THREADS * IDS_PER_THREAD, UUID_TEXT_BYTES, compare_ids);
    for (size_t i = 1; i < (size_t)THREADS * IDS_PER_THREAD; i++) {
        /* The time and counter alone (up to the last group) already differ within one process. */
        assert_int_not_equal(memcmp(ids[i - 1], ids[i], 23), 0);
    }
    free(ids);
}

static void test_what_counts_as_a_uuid(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"01890a5d-ac96-774b-bcce-b302099a8057", true},
        {"01890A5D-AC96-774B-BCCE-B302099A8057", true},
        {"00000000-0000-0000-0000-000000000000", true},
        {"ffffffff-ffff-ffff-ffff-ffffffffffff", true},
        {"01890a5d-ac96-774b-bcce-b302099a805", false},
        {"01890a5d-ac96-774b-bcce-b302099a80570", false},
        {"01890a5dac96774bbcceb302099a8057", false},
        {"{01890a5d-ac96-774b-bcce-b302099a8057}", false},
        {"01890a5d-ac96-774b-bcce-b302099a805g", false},
        {"01890a5dA-c96-774b-bcce-b302099a8057", false},
        {"01890a5d_ac96-774b-bcce-b302099a8057", false},
        {" 1890a5d-ac96-774b-bcce-b302099a8057", false},
        {"01890a5d-ac96-774b-bcce-b302099a805\n", false},
        {"01890a5d", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (uuid_is_valid(cases[i].text) != cases[i].valid) {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
}

static void test_one_wrong_byte_spoils_a_uuid(void **state UNUSED)
{
    char id[UUID_TEXT_BYTES];
    uuid7_new(id);
    for (size_t at = 0; at < 36; at++) {
        char good = id[at];
        for (int byte = 0; byte < 256; byte++) {
            id[at] = (char)byte;
            bool hex = byte != 0 && strchr("0123456789abcdefABCDEF", byte) != NULL;
            assert_int_equal(uuid_is_valid(id), good == '-' ? byte == '-' : hex);
        }
        id[at] = good;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_form_is_that_of_rfc_9562), cmocka_unit_test(test_ids_of_one_thread_rise),
        cmocka_unit_test(test_the_tail_is_random),           cmocka_unit_test(test_threads_never_share_an_id),
        cmocka_unit_test(test_what_counts_as_a_uuid),        cmocka_unit_test(test_one_wrong_byte_spoils_a_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
