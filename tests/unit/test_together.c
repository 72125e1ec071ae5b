#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "ground/together.h"

#define THREADS 12
#define ROUNDS 2000
#define LEADERS 2
#define MEMBERS 5

/* What a thread brings: a number that is to be doubled. */
struct doubling {
    struct together_member member;
    int number;
    int doubled;
    int times;
};

struct watch {
    struct together *together;
    atomic_int leading;
    atomic_int leading_most;
    atomic_int members_most;
    atomic_int turns;
    atomic_int wrong;
};

static void raise_to(atomic_int *most, int value)
{
    int seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value)) {
    }
}

static void double_all(void *arg, struct together_member **members, size_t n)
{
    struct watch *w = arg;
    raise_to(&w->leading_most, atomic_fetch_add(&w->leading, 1) + 1);
    raise_to(&w->members_most, (int)n);
    atomic_fetch_add(&w->turns, 1);
    for (size_t i = 0; i < n; i++) {
        struct doubling *d = (struct doubling *)members[i];
        d->doubled = 2 * d->number;
        d->times++;
    }
    (void)sched_yield();
    atomic_fetch_sub(&w->leading, 1);
}

static void *double_many(void *arg)
{
    struct watch *w = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct doubling d = {.number = i};
        together_do(w->together, &d.member, double_all, w);
        atomic_fetch_add(&w->wrong, d.doubled == 2 * i && d.times == 1 ? 0 : 1);
    }
    return NULL;
}

static void run(struct watch *w, size_t threads)
{
    pthread_t ids[THREADS];
    w->together = together_new(LEADERS, MEMBERS);
    for (size_t i = 0; i < threads; i++) {
        assert_int_equal(pthread_create(&ids[i], NULL, double_many, w), 0);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    together_free(w->together);
}

static void test_each_is_done_once(void **state UNUSED)
{
    struct watch w = {0};
    run(&w, THREADS);
    assert_int_equal(w.wrong, 0);
    assert_in_range(w.leading_most, 1, LEADERS);
    assert_in_range(w.members_most, 1, MEMBERS);
    assert_in_range(w.turns, THREADS * ROUNDS / MEMBERS, THREADS * ROUNDS);
}

static void test_one_alone_leads_each_time(void **state UNUSED)
{
    struct watch w = {0};
    run(&w, 1);
    assert_int_equal(w.wrong, 0);
    assert_int_equal(w.members_most, 1);
    assert_int_equal(w.turns, ROUNDS);
    together_free(NULL);
}

/* A leader that is held up until all others wait: they are done together then. */
struct held_up {
    struct watch watch;
    atomic_int entered;
};

static void double_when_all_are_here(void *arg, struct together_member **members, size_t n)
{
    struct held_up *h = arg;
    while (atomic_load(&h->entered) < THREADS) {
        (void)sched_yield();
    }
    double_all(&h->watch, members, n);
}

static void *double_once(void *arg)
{
    struct held_up *h = arg;
    struct doubling d = {.number = 7};
    atomic_fetch_add(&h->entered, 1);
    together_do(h->watch.together, &d.member, double_when_all_are_here, h);
    atomic_fetch_add(&h->watch.wrong, d.doubled == 14 && d.times == 1 ? 0 : 1);
    return NULL;
}

static void test_nobody_is_left_behind(void **state UNUSED)
{
    pthread_t ids[THREADS];
    for (int round = 0; round < 200; round++) {
        struct held_up h = {.entered = 0};
        h.watch.together = together_new(1, MEMBERS);
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&ids[i], NULL, double_once, &h), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            pthread_join(ids[i], NULL);
        }
        together_free(h.watch.together);
        assert_int_equal(h.watch.wrong, 0);
        assert_int_equal(h.watch.leading_most, 1);
    }
}

/* A leader that sends the others away as they come. */
struct sender {
    struct together *together;
    atomic_int led;
    atomic_int sent_away;
};

static void send_away(void *arg, struct together_member **members, size_t n)
{
    struct sender *s = arg;
    for (size_t i = 0; i < n; i++) {
        ((struct doubling *)members[i])->doubled = -1;
    }
    atomic_fetch_add(&s->sent_away, (int)n);
}

static void lead_alone(void *arg, struct together_member **members, size_t n)
{
    struct sender *s = arg;
    for (size_t i = 0; i < n; i++) {
        ((struct doubling *)members[i])->doubled = 1;
    }
    atomic_fetch_add(&s->led, (int)n);
    while (atomic_load(&s->led) + atomic_load(&s->sent_away) < THREADS) {
        together_dismiss(s->together, send_away, s);
        (void)sched_yield();
    }
}

static void *come_and_go(void *arg)
{
    struct sender *s = arg;
    struct doubling d = {.doubled = 0};
    together_do(s->together, &d.member, lead_alone, s);
    return (void *)(intptr_t)d.doubled;
}

static void test_a_leader_may_send_the_others_away(void **state UNUSED)
{
    pthread_t ids[THREADS];
    struct sender s = {.together = together_new(1, MEMBERS)};
    int led = 0;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&ids[i], NULL, come_and_go, &s), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *outcome = NULL;
        pthread_join(ids[i], &outcome);
        assert_true((intptr_t)outcome == 1 || (intptr_t)outcome == -1);
        led += (intptr_t)outcome == 1 ? 1 : 0;
    }
    assert_int_equal(led, s.led);
    assert_int_equal(THREADS - led, s.sent_away);
    assert_true(led < THREADS);
    together_free(s.together);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_done_once),
        cmocka_unit_test(test_one_alone_leads_each_time),
        cmocka_unit_test(test_nobody_is_left_behind),
        cmocka_unit_test(test_a_leader_may_send_the_others_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
