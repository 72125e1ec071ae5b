/*
 * process.c: see process.h.
 *
 * Between fork and exec only the calling thread exists, and a lock that another one held stays locked for ever: so the
 * child only makes system calls with what was prepared before (signal-safety(7); the few that are not listed there,
 * such as setrlimit and close_range, are bare system calls). posix_spawn cannot be told of limits, niceness and the
 * signal at the parent's death.
 */
#include "ports/process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors of a child that is being made lie above those that it will have. */
#define FD_FIRST 10
#define FD_LAST_KEPT 3
#define CPU_KILL_AFTER_S 2
#define GUARD_GROUPS_MAX 4096
#define GUARD_NAME "bellman-guard"

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

/* --- the guard -------------------------------------------------------------------------------------------------- */

/* What it is told: a group's number when it begins, its negative when it has ended. */
static void guard_note(pid_t *groups, size_t *n, pid_t word)
{
    for (size_t i = 0; word < 0 && i < *n; i++) {
        if (groups[i] == -word) {
            groups[i] = groups[--*n];
            return;
        }
    }
    if (word > 0 && *n < GUARD_GROUPS_MAX) {
        groups[(*n)++] = word;
    }
}

/* Runs in a copy of this process, perhaps one that had threads: system calls only. */
static _Noreturn void guard_run(int fd)
{
    static pid_t groups[GUARD_GROUPS_MAX];
    size_t n = 0;
    (void)setsid();
    (void)prctl(PR_SET_NAME, GUARD_NAME);
    (void)close_range(0, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0U, 0);
    for (;;) {
        pid_t words[64];
        ssize_t got = read(fd, words, sizeof(words));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        for (ssize_t i = 0; i < got / (ssize_t)sizeof(pid_t); i++) {
            guard_note(groups, &n, words[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        (void)kill(-groups[i], SIGKILL);
    }
    _exit(0);
}

static bool make_pipe(int fds[2], struct err *e)
{
    int made[2] = {-1, -1};
    if (pipe2(made, O_CLOEXEC) != 0) {
        return err_set(e, ERR_UNAVAILABLE, "No pipe can be made: %s", g_strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fds[i] = fcntl(made[i], F_DUPFD_CLOEXEC, FD_FIRST);
        close_fd(&made[i]);
    }
    if (fds[0] >= 0 && fds[1] >= 0) {
        return true;
    }
    close_fd(&fds[0]);
    close_fd(&fds[1]);
    return err_set(e, ERR_UNAVAILABLE, "Too many files are open");
}

struct process_guard *process_guard_new(struct err *e)
{
    int fds[2] = {-1, -1};
    if (!make_pipe(fds, e)) {
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(fds[1]);
        guard_run(fds[0]);
    }
    close_fd(&fds[0]);
    if (pid < 0) {
        close_fd(&fds[1]);
        err_set(e, ERR_UNAVAILABLE, "No guard can be started: %s", g_strerror(errno));
        return NULL;
    }
    (void)fcntl(fds[1], F_SETFL, O_NONBLOCK); /* a guard that is stopped must stop nobody else */
    struct process_guard *guard = g_new0(struct process_guard, 1);
    *guard = (struct process_guard){.pid = pid, .fd = fds[1]};
    return guard;
}

void process_guard_free(struct process_guard *guard)
{
    if (guard == NULL) {
        return;
    }
    close_fd(&guard->fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR) {
        /* again */
    }
    g_free(guard);
}

/* --- the child -------------------------------------------------------------------------------------------------- */

struct limit {
    int resource;
    rlim_t soft;
    rlim_t hard;
};

enum { LIMITS_MAX = 5 };

/* All that the child needs, made before it is. */
struct launch {
    const struct process_spec *spec;
    pid_t parent;
    int guard_fd;
    int fd[PROCESS_STREAMS]; /* the child's ends */
    int status_fd;           /* tells what failed; closed by a successful exec */
    struct limit limits[LIMITS_MAX];
    size_t limits_n;
};

enum stage { STAGE_SETUP, STAGE_WORKDIR, STAGE_EXEC };

struct failure {
    enum stage stage;
    int cause; /* errno */
};

static void reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) {
        (void)sigaction(s, &standard, NULL); /* fails for those that cannot be changed */
    }
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static bool apply_limits(const struct launch *l)
{
    for (size_t i = 0; i < l->limits_n; i++) {
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)l->limits[i].resource, &now) != 0) {
            return false;
        }
        const struct rlimit wanted = {
            .rlim_cur = MIN(l->limits[i].soft, now.rlim_max),
            .rlim_max = MIN(l->limits[i].hard, now.rlim_max),
        };
        if (setrlimit((__rlimit_resource_t)l->limits[i].resource, &wanted) != 0) {
            return false;
        }
    }
    return true;
}

/* A group of its own, known to the guard before anything runs in it, and killed with its parent. */
static bool enter_group(const struct launch *l)
{
    const pid_t own = getpid();
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return false;
    }
    if (l->guard_fd >= 0) {
        (void)!write(l->guard_fd, &own, sizeof(own));
    }
    return getppid() == l->parent; /* it may have died before prctl */
}

static bool arrange_descriptors(const struct launch *l)
{
    for (int i = 0; i < PROCESS_STREAMS; i++) {
        if (dup2(l->fd[i], i) != i) {
            return false;
        }
    }
    return close_range(FD_LAST_KEPT + 1, (unsigned)l->status_fd - 1, 0) == 0 &&
           close_range((unsigned)l->status_fd + 1, ~0U, 0) == 0;
}

static bool prepare(const struct launch *l)
{
    if (!enter_group(l) || !arrange_descriptors(l)) {
        return false;
    }
    reset_signals();
    /* Less favourable than asked for is no reason to fail. */
    (void)setpriority(PRIO_PROCESS, 0, l->spec->nice);
    return apply_limits(l);
}

static _Noreturn void child_run(const struct launch *l)
{
    struct failure failure = {.stage = STAGE_SETUP};
    if (prepare(l)) {
        failure.stage = STAGE_WORKDIR;
        if (chdir(l->spec->workdir) == 0) {
            failure.stage = STAGE_EXEC;
            (void)execve(l->spec->argv[0], l->spec->argv, l->spec->envp);
        }
    }
    failure.cause = errno;
    (void)!write(l->status_fd, &failure, sizeof(failure));
    _exit(127);
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

static void add_limit(struct launch *l, int resource, int64_t soft, int64_t hard)
{
    l->limits[l->limits_n++] = (struct limit){.resource = resource, .soft = (rlim_t)soft, .hard = (rlim_t)hard};
}

static void choose_limits(struct launch *l)
{
    const struct process_spec *s = l->spec;
    add_limit(l, RLIMIT_CORE, 0, 0);
    if (s->memory_bytes > 0) {
        add_limit(l, RLIMIT_AS, s->memory_bytes, s->memory_bytes);
    }
    if (s->cpu_s > 0) {
        add_limit(l, RLIMIT_CPU, s->cpu_s, s->cpu_s + CPU_KILL_AFTER_S);
    }
    if (s->open_files > 0) {
        add_limit(l, RLIMIT_NOFILE, s->open_files, s->open_files);
    }
    if (s->file_bytes > 0) {
        add_limit(l, RLIMIT_FSIZE, s->file_bytes, s->file_bytes);
    }
}

static bool make_pipes(struct process *p, struct launch *l, int *ret_status_fd, struct err *e)
{
    int status[2] = {-1, -1};
    if (!make_pipe(status, e)) {
        return false;
    }
    *ret_status_fd = status[0];
    l->status_fd = status[1];
    for (int i = 0; i < PROCESS_STREAMS; i++) {
        int fds[2] = {-1, -1};
        if (!make_pipe(fds, e)) {
            return false;
        }
        int ours = i == PROCESS_IN ? 1 : 0;
        p->fd[i] = fds[ours];
        l->fd[i] = fds[1 - ours];
        (void)fcntl(p->fd[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

/* No signal may reach a handler of ours in the child before it has been reset there. */
static pid_t fork_quietly(const struct launch *l)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        child_run(l);
    }
    int cause = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return pid;
}

static enum err_code code_of(int cause)
{
    switch (cause) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ENOEXEC:
        return ERR_DENIED;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* Waits for the exec: the pipe then closes without a word. */
static bool read_status(int status_fd, const struct process_spec *spec, struct err *e)
{
    struct failure failure;
    ssize_t got = 0;
    do {
        got = read(status_fd, &failure, sizeof(failure));
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(failure)) {
        return true;
    }
    if (failure.stage == STAGE_SETUP) {
        return err_set(e, ERR_UNAVAILABLE, "A process for %s cannot be set up: %s", spec->argv[0],
                       g_strerror(failure.cause));
    }
    return err_set(e, code_of(failure.cause), "%s: %s", failure.stage == STAGE_WORKDIR ? spec->workdir : spec->argv[0],
                   g_strerror(failure.cause));
}

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close_fd(&fds[i]);
    }
}

bool process_start(const struct process_spec *spec, struct process *ret, struct err *e)
{
    struct process p = {.pid = -1, .pid_fd = -1, .fd = {-1, -1, -1, -1}, .guard_fd = -1};
    struct launch l = {.spec = spec, .parent = getpid(), .fd = {-1, -1, -1, -1}, .status_fd = -1};
    int status_fd = -1;
    l.guard_fd = spec->guard == NULL ? -1 : spec->guard->fd;
    choose_limits(&l);
    bool ok = make_pipes(&p, &l, &status_fd, e);
    if (ok) {
        p.pid = fork_quietly(&l);
        ok = p.pid > 0 || err_set(e, ERR_UNAVAILABLE, "No process can be started: %s", g_strerror(errno));
    }
    close_all(l.fd, PROCESS_STREAMS);
    close_fd(&l.status_fd);
    if (ok) {
        p.guard_fd = l.guard_fd;
        p.pid_fd = pidfd_open(p.pid, 0);
        ok = p.pid_fd >= 0 || err_set(e, ERR_UNAVAILABLE, "A process cannot be watched: %s", g_strerror(errno));
        ok = ok && read_status(status_fd, spec, e);
    }
    close_fd(&status_fd);
    if (ok) {
        *ret = p;
        return true;
    }
    if (p.pid > 0) {
        (void)process_end(&p);
    }
    close_all(p.fd, PROCESS_STREAMS);
    return false;
}

void process_close(struct process *p, enum process_stream stream)
{
    close_fd(&p->fd[stream]);
}

void process_signal(const struct process *p, int signal_number)
{
    (void)kill(-p->pid, signal_number);
}

bool process_has_ended(const struct process *p)
{
    struct pollfd ended = {.fd = p->pid_fd, .events = POLLIN};
    return poll(&ended, 1, 0) == 1;
}

int process_end(struct process *p)
{
    /* The program is not waited for before its group is gone and the guard knows: until then nobody else can get its
     * number. */
    process_signal(p, SIGKILL);
    if (p->guard_fd >= 0) {
        const pid_t gone = -p->pid;
        (void)!write(p->guard_fd, &gone, sizeof(gone));
    }
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }
    close_fd(&p->pid_fd);
    close_all(p->fd, PROCESS_STREAMS);
    p->pid = -1;
    return status;
}
