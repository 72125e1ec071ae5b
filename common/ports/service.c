#include "ports/service.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "ground/clock.h"

#define ARENAS 2 /* for 16 threads on two processors, fewer than 2 cost time and more cost memory */

static sigset_t waited_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

static void check(int error, const char *what)
{
    if (error != 0) {
        (void)fprintf(stderr, "%s: error %d\n", what, error);
        abort();
    }
}

void service_block_signals(void)
{
    sigset_t set = waited_signals();
    check(pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask");
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

void service_share_memory(void)
{
    (void)mallopt(M_ARENA_MAX, ARENAS); /* NOLINT(concurrency-mt-unsafe): there is one thread yet */
}

static int wait_once(const sigset_t *set, int64_t left_us)
{
    int number = 0;
    if (left_us < 0) {
        return sigwait(set, &number) == 0 ? number : -1;
    }
    struct timespec left = {.tv_sec = (time_t)(left_us / US_PER_S), .tv_nsec = (long)(left_us % US_PER_S * 1000)};
    return sigtimedwait(set, NULL, &left);
}

enum service_signal service_wait(int timeout_ms)
{
    sigset_t set = waited_signals();
    int64_t end_us = clock_mono_us() + timeout_ms * US_PER_MS;
    for (;;) {
        int64_t left_us = timeout_ms < 0 ? -1 : end_us - clock_mono_us();
        int number = wait_once(&set, timeout_ms < 0 || left_us > 0 ? left_us : 0);
        if (number == SIGHUP) {
            return SERVICE_RELOAD;
        }
        if (number == SIGTERM || number == SIGINT) {
            return SERVICE_STOP;
        }
        if (timeout_ms >= 0 && errno == EAGAIN) {
            return SERVICE_TICK;
        }
    }
}

void service_notify(const char *state)
{
    (void)sd_notify(0, state);
}

pthread_t service_thread(const char *name, void *(*run)(void *), void *arg)
{
    pthread_t thread;
    check(pthread_create(&thread, NULL, run, arg), "pthread_create");
    (void)pthread_setname_np(thread, name);
    return thread;
}

void service_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    check(pthread_condattr_init(&attributes), "pthread_condattr_init");
    check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    check(pthread_cond_init(cond, &attributes), "pthread_cond_init");
    (void)pthread_condattr_destroy(&attributes);
}
