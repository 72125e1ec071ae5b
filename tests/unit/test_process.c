/*
 * Programs run as children: what they get, how they end, and that nothing of them is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/process.h"

#define LATE_US (10 * US_PER_S)

static char *environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"MARK=here"}, NULL};

/* ---- helpers ---- */

static struct process_spec spec_of(char **argv)
{
    return (struct process_spec){.argv = argv, .envp = environment, .workdir = "/"};
}

static struct process start_shell(const char *script, struct process_spec *spec)
{
    struct err e = ERR_INIT;
    struct process p = {.pid = -1};
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, g_strdup(script), NULL};
    spec->argv = argv;
    if (!process_start(spec, &p, &e)) {
        fail_msg("%s", e.text);
    }
    g_free(argv[2]);
    return p;
}

/* All that comes from a stream. */
static char *read_all(struct process *p, enum process_stream stream)
{
    GString *text = g_string_new(NULL);
    for (;;) {
        char block[4096];
        struct pollfd ready = {.fd = p->fd[stream], .events = POLLIN};
        assert_int_equal(poll(&ready, 1, (int)(LATE_US / US_PER_MS)), 1);
        ssize_t n = read(p->fd[stream], block, sizeof(block));
        if (n <= 0) {
            return g_string_free(text, FALSE);
        }
        g_string_append_len(text, block, n);
    }
}

static void wait_end(const struct process *p)
{
    struct pollfd ended = {.fd = p->pid_fd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, (int)(LATE_US / US_PER_MS)), 1);
    assert_true(process_has_ended(p));
}

static size_t count_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return n;
}

/* Neither running nor a zombie of somebody who lives. */
static bool is_gone(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return true;
    }
    const char *state = strrchr(text, ')');
    return state != NULL && (state[2] == 'Z' || state[2] == 'X');
}

static void wait_gone(pid_t pid)
{
    for (int64_t end_us = clock_mono_us() + LATE_US; !is_gone(pid);) {
        assert_true(clock_mono_us() < end_us);
        g_usleep(5000);
    }
}

static pid_t read_pid(struct process *p)
{
    char text[32] = "";
    struct pollfd ready = {.fd = p->fd[PROCESS_OUT], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(LATE_US / US_PER_MS)), 1);
    assert_true(read(p->fd[PROCESS_OUT], text, sizeof(text) - 1) > 0);
    return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* ---- what it gets ---- */

static void test_streams_and_status(void **state UNUSED)
{
    struct process_spec spec = spec_of(NULL);
    struct process p = start_shell("cat; echo wrong >&2; echo told >&3; exit 7", &spec);
    assert_int_equal(write(p.fd[PROCESS_IN], "in", 2), 2);
    process_close(&p, PROCESS_IN);
    g_autofree char *out = read_all(&p, PROCESS_OUT);
    g_autofree char *err = read_all(&p, PROCESS_ERR);
    g_autofree char *told = read_all(&p, PROCESS_REPORT);
    wait_end(&p);
    int status = process_end(&p);
    assert_string_equal(out, "in");
    assert_string_equal(err, "wrong\n");
    assert_string_equal(told, "told\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* Signals 32 and 33, which glibc keeps to itself (nptl(7)): nobody can set them through it, and whoever runs the tests
 * may have them ignored. */
#define OF_GLIBC UINT64_C(0x180000000)

static void test_it_gets_nothing_else(void **state UNUSED)
{
    /* A descriptor without close-on-exec, a blocked and an ignored signal: none of them may come through. */
    int open_fd = dup(0);
    sigset_t some;
    sigset_t before;
    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &some, &before);
    void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
    struct process_spec spec = spec_of(NULL);
    spec.workdir = "/usr";
    spec.nice = 3;
    struct process p = start_shell(
        "env | sort | grep -v '^_\\|^PWD'; ls /proc/self/fd | tr '\\n' ' '; pwd;"
        " grep 'SigBlk\\|SigIgn' /proc/self/status; ulimit -c; cut -d ' ' -f 5 /proc/$$/stat",
        &spec);
    g_autofree char *out = read_all(&p, PROCESS_OUT);
    pid_t group = p.pid;
    (void)process_end(&p);
    (void)signal(SIGPIPE, handler);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(open_fd);
    g_auto(GStrv) lines = g_strsplit(out, "\n", 0);
    assert_int_equal(g_strv_length(lines), 8);
    assert_string_equal(lines[0], "MARK=here");
    assert_string_equal(lines[1], "PATH=/usr/bin:/bin");
    assert_string_equal(lines[2], "0 1 2 3 4 /usr"); /* 4 is the directory that ls has open */
    assert_string_equal(lines[3], "SigBlk:\t0000000000000000");
    assert_true(g_str_has_prefix(lines[4], "SigIgn:\t"));
    assert_int_equal(g_ascii_strtoull(lines[4] + strlen("SigIgn:\t"), NULL, 16) & ~OF_GLIBC, 0);
    assert_string_equal(lines[5], "0");
    assert_int_equal(g_ascii_strtoll(lines[6], NULL, 10), group);
}

/* Less favoured than its parent. (The other way needs a right that a test may lack.) */
static void test_niceness(void **state UNUSED)
{
    errno = 0;
    int own = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(errno, 0);
    struct process_spec spec = spec_of(NULL);
    spec.nice = MIN(own + 3, 19);
    struct process p = start_shell("nice", &spec);
    g_autofree char *out = read_all(&p, PROCESS_OUT);
    (void)process_end(&p);
    assert_int_equal(g_ascii_strtoll(out, NULL, 10), spec.nice);
}

/* The limit itself, or the stricter one that these tests run under themselves. */
static rlim_t within(int resource, rlim_t asked)
{
    struct rlimit own;
    assert_int_equal(getrlimit((__rlimit_resource_t)resource, &own), 0);
    return MIN(asked, own.rlim_max);
}

static void test_limits(void **state UNUSED)
{
    struct process_spec spec = spec_of(NULL);
    spec.memory_bytes = INT64_C(512) * 1024 * 1024;
    spec.cpu_s = 60;
    spec.open_files = 33;
    spec.file_bytes = 1024 * 1024;
    struct process p = start_shell("ulimit -v; ulimit -S -t; ulimit -n; ulimit -f; ulimit -H -t", &spec);
    g_autofree char *out = read_all(&p, PROCESS_OUT);
    (void)process_end(&p);
    g_autofree char *expected = g_strdup_printf(
        "%ju\n%ju\n%ju\n%ju\n%ju\n", (uintmax_t)within(RLIMIT_AS, 512 * 1024 * 1024) / 1024,
        (uintmax_t)within(RLIMIT_CPU, 60), (uintmax_t)within(RLIMIT_NOFILE, 33),
        (uintmax_t)within(RLIMIT_FSIZE, 1024 * 1024) / 512, (uintmax_t)within(RLIMIT_CPU, 62));
    assert_string_equal(out, expected);
}

static void test_what_cannot_be_started(void **state UNUSED)
{
    static const struct {
        const char *program;
        const char *workdir;
        enum err_code code;
        const char *text;
    } cases[] = {
        {"/nonexistent/x", "/", ERR_NOT_FOUND, "/nonexistent/x: No such file or directory"},
        {"/etc/passwd", "/", ERR_DENIED, "/etc/passwd: Permission denied"},
        {"/bin/true", "/nonexistent", ERR_NOT_FOUND, "/nonexistent: No such file or directory"},
    };
    size_t before = count_fds();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = ERR_INIT;
        struct process p;
        g_autofree char *program = g_strdup(cases[i].program);
        char *argv[] = {program, NULL};
        struct process_spec spec = spec_of(argv);
        spec.workdir = cases[i].workdir;
        assert_false(process_start(&spec, &p, &e));
        assert_int_equal(e.code, cases[i].code);
        assert_string_equal(e.text, cases[i].text);
    }
    assert_int_equal(count_fds(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- how it ends ---- */

static void test_a_signal_goes_to_the_whole_group(void **state UNUSED)
{
    struct process_spec spec = spec_of(NULL);
    struct process p = start_shell("sleep 300 & echo $!; wait", &spec);
    pid_t grandchild = read_pid(&p);
    assert_false(process_has_ended(&p));
    process_signal(&p, SIGTERM);
    wait_end(&p);
    wait_gone(grandchild);
    int status = process_end(&p);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_the_end_takes_the_rest_of_the_group_along(void **state UNUSED)
{
    struct process_spec spec = spec_of(NULL);
    struct process p = start_shell("trap '' TERM; (trap '' TERM; sleep 300) & echo $!", &spec);
    pid_t grandchild = read_pid(&p);
    wait_end(&p);
    assert_false(is_gone(grandchild));
    assert_int_equal(process_end(&p), 0);
    wait_gone(grandchild);
}

/* A worker that is killed: its own child falls with it, and the guard sees to the rest. */
static void test_nothing_outlives_a_killed_worker(void **state UNUSED)
{
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t worker = fork();
    if (worker == 0) {
        struct err e = ERR_INIT;
        struct process_spec spec = spec_of(NULL);
        struct process_guard *guard = process_guard_new(&e);
        spec.guard = guard;
        struct process p = start_shell("sleep 300 & echo $!; wait", &spec);
        const pid_t pids[] = {guard->pid, p.pid, read_pid(&p)};
        (void)!write(told[1], pids, sizeof(pids));
        (void)pause();
        _exit(0);
    }
    pid_t pids[3];
    assert_int_equal(read(told[0], pids, sizeof(pids)), sizeof(pids));
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        assert_false(is_gone(pids[i]));
    }
    assert_int_equal(kill(worker, SIGKILL), 0);
    assert_int_equal(waitpid(worker, NULL, 0), worker);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        wait_gone(pids[i]);
    }
    (void)close(told[0]);
    (void)close(told[1]);
}

static void test_the_guard_forgets_what_has_ended(void **state UNUSED)
{
    struct err e = ERR_INIT;
    struct process_guard *guard = process_guard_new(&e);
    assert_non_null(guard);
    pid_t guard_pid = guard->pid;
    for (int i = 0; i < 20; i++) {
        struct process_spec spec = spec_of(NULL);
        spec.guard = guard;
        struct process p = start_shell("exit 0", &spec);
        wait_end(&p);
        assert_int_equal(process_end(&p), 0);
    }
    process_guard_free(guard);
    assert_true(is_gone(guard_pid));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- many at once ---- */

static void *run_many(void *arg)
{
    struct process_guard *guard = arg;
    for (int i = 0; i < 20; i++) {
        struct process_spec spec = spec_of(NULL);
        spec.guard = guard;
        struct process p = start_shell("read x; echo \"$x\" >&3; exit 3", &spec);
        assert_int_equal(write(p.fd[PROCESS_IN], "word\n", 5), 5);
        process_close(&p, PROCESS_IN);
        g_autofree char *told = read_all(&p, PROCESS_REPORT);
        wait_end(&p);
        assert_string_equal(told, "word\n");
        assert_int_equal(WEXITSTATUS(process_end(&p)), 3);
    }
    return NULL;
}

static void test_sixteen_threads_leave_nothing_behind(void **state UNUSED)
{
    struct err e = ERR_INIT;
    size_t before = count_fds();
    struct process_guard *guard = process_guard_new(&e);
    pthread_t threads[16];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, guard), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    process_guard_free(guard);
    assert_int_equal(count_fds(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_and_status),
        cmocka_unit_test(test_it_gets_nothing_else),
        cmocka_unit_test(test_niceness),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_cannot_be_started),
        cmocka_unit_test(test_a_signal_goes_to_the_whole_group),
        cmocka_unit_test(test_the_end_takes_the_rest_of_the_group_along),
        cmocka_unit_test(test_nothing_outlives_a_killed_worker),
        cmocka_unit_test(test_the_guard_forgets_what_has_ended),
        cmocka_unit_test(test_sixteen_threads_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
