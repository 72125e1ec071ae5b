#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/service.h"

static int begin_group(void **state UNUSED)
{
    service_block_signals();
    return 0;
}

static void test_signals_are_told_apart(void **state UNUSED)
{
    static const struct {
        int number;
        enum service_signal wanted;
    } cases[] = {{SIGTERM, SERVICE_STOP}, {SIGINT, SERVICE_STOP}, {SIGHUP, SERVICE_RELOAD}};
    static const int timeouts_ms[] = {-1, 0, 60000};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t t = 0; t < ARRAY_SIZE(timeouts_ms); t++) {
            assert_int_equal(kill(getpid(), cases[i].number), 0);
            assert_int_equal(service_wait(timeouts_ms[t]), cases[i].wanted);
            assert_int_equal(service_wait(0), SERVICE_TICK);
        }
    }
}

static void test_a_tick_comes_when_time_is_up(void **state UNUSED)
{
    int64_t began = clock_mono_us();
    assert_int_equal(service_wait(30), SERVICE_TICK);
    int64_t took_us = clock_mono_us() - began;
    assert_true(took_us >= 29 * US_PER_MS);
    assert_true(took_us < 30 * US_PER_S);
}

static void on_alarm(int number UNUSED)
{
}

/* A signal that is not ours interrupts the wait but does not end it. */
static void test_other_signals_do_not_shorten_the_wait(void **state UNUSED)
{
    struct sigaction old;
    struct sigaction action = {.sa_handler = on_alarm};
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec when = {.it_value = {.tv_nsec = 5000000}, .it_interval = {.tv_nsec = 5000000}};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
    int64_t began = clock_mono_us();
    assert_int_equal(service_wait(50), SERVICE_TICK);
    assert_true(clock_mono_us() - began >= 49 * US_PER_MS);
    timer_delete(timer);
    sigaction(SIGUSR1, &old, NULL);
}

static void test_a_closed_pipe_is_an_error_not_the_end(void **state UNUSED)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
}

static void *name_of_thread(void *arg)
{
    char *name = arg;
    sigset_t blocked;
    /* The name is given from outside, so it may come a little later. */
    for (int64_t end_us = clock_mono_us() + 30 * US_PER_S; strcmp(name, "painter") != 0 && clock_mono_us() < end_us;) {
        pthread_getname_np(pthread_self(), name, 16);
    }
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    return GINT_TO_POINTER(sigismember(&blocked, SIGTERM));
}

static void test_a_thread_has_its_name_and_the_mask(void **state UNUSED)
{
    char name[16] = "";
    void *blocked = NULL;
    pthread_t thread = service_thread("painter", name_of_thread, name);
    assert_int_equal(pthread_join(thread, &blocked), 0);
    assert_string_equal(name, "painter");
    assert_int_equal(GPOINTER_TO_INT(blocked), 1);
}

static void test_notifications_reach_the_socket(void **state UNUSED)
{
    g_unsetenv("NOTIFY_SOCKET");
    service_notify("READY=1");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *directory = g_dir_make_tmp("bellman-notify-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "socket", NULL);
    assert_true(g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) < sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    service_notify("READY=1");
    char text[32] = "";
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    g_unsetenv("NOTIFY_SOCKET");
    close(fd);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_are_told_apart),
        cmocka_unit_test(test_a_tick_comes_when_time_is_up),
        cmocka_unit_test(test_other_signals_do_not_shorten_the_wait),
        cmocka_unit_test(test_a_closed_pipe_is_an_error_not_the_end),
        cmocka_unit_test(test_a_thread_has_its_name_and_the_mask),
        cmocka_unit_test(test_notifications_reach_the_socket),
    };
    return cmocka_run_group_tests(tests, begin_group, NULL);
}
