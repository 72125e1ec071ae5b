/*
 * process.h: a program run as a child, in a process group of its own that never outlives its job.
 *
 * The child gets descriptors 0 to 3 as pipes and no other, default signals, none of them blocked, the environment and
 * the limits that it is given, and no core file. It is killed when the thread that started it ends; a guard (below)
 * does the same to the rest of its group when this process is killed. A descendant that leaves the group (setsid) is
 * beyond the reach of all this: where that matters, let the service manager end the whole control group.
 */
#ifndef BELLMAN_PROCESS_H
#define BELLMAN_PROCESS_H

#include <sys/types.h>

#include "ground/base.h"
#include "ground/err.h"

/* A small process that waits for the end of this one, however it comes, and then kills the groups that are left. */
struct process_guard {
    pid_t pid;
    int fd; /* it learns of groups through this; its end is our end */
};

/* Best before there are threads: the guard keeps the memory that this process has now. NULL with the cause. */
struct process_guard *process_guard_new(struct err *e);
/* Waits until it is gone. */
void process_guard_free(struct process_guard *guard);

struct process_spec {
    char *const *argv; /* argv[0] is the program's path; no PATH is searched */
    char *const *envp;
    const char *workdir;
    const struct process_guard *guard; /* NULL: none */
    int nice;
    int64_t memory_bytes; /* RLIMIT_AS; of these four 0 is no limit of its own */
    int64_t cpu_s;        /* RLIMIT_CPU: SIGXCPU, and SIGKILL two seconds later */
    int64_t open_files;   /* RLIMIT_NOFILE */
    int64_t file_bytes;   /* RLIMIT_FSIZE */
};

enum process_stream { PROCESS_IN, PROCESS_OUT, PROCESS_ERR, PROCESS_REPORT, PROCESS_STREAMS };

struct process {
    pid_t pid;               /* also the number of its group */
    int pid_fd;              /* readable once the program has ended */
    int fd[PROCESS_STREAMS]; /* our ends of its descriptors 0 to 3: non-blocking; -1 when closed */
    int guard_fd;
};

/* ERR_NOT_FOUND, ERR_DENIED: the program or its directory; ERR_UNAVAILABLE: there is no room for another process. Call
 * process_end in the end, by the same thread. */
bool process_start(const struct process_spec *spec, struct process *ret, struct err *e) MUST_CHECK;

/* Closes our end of a stream; nothing when it is closed. */
void process_close(struct process *p, enum process_stream stream);
/* To every process of the group. */
void process_signal(const struct process *p, int signal_number);
/* Whether the program itself has ended; others of its group may go on. */
bool process_has_ended(const struct process *p);
/* Kills what is left of the group, waits for the program's end and closes everything. Returns the status as waitpid(2)
 * gives it. */
int process_end(struct process *p);

#endif
