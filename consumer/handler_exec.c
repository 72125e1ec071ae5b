/*
 * handler_exec.c: job types that run a program: [job_type NAME] exec = /path/of/a/program argument...
 *
 *   descriptor 0  the payload, JSON
 *   descriptor 1  the result, JSON or nothing, at most 1 MiB; read when the program ends with 0
 *   descriptor 2  anything; each line goes to the job's log, the end of it into the error
 *   descriptor 3  one JSON object per line (exec_report.h): progress, log, snooze, retry after
 *
 * The exit code is mapped by the type's permanent_exits and retry_exits. When the job has to stop, the program's group
 * gets SIGTERM, and SIGKILL after stop_grace_s.
 */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_report.h"
#include "ground/clock.h"
#include "ground/json.h"
#include "handlers.h"
#include "ports/process.h"

#define RESULT_MAX_BYTES (1 << 20)
#define REPORT_LINE_BYTES 8192
#define TAIL_BYTES 4096
#define ERROR_TAIL_BYTES 1900
/* How soon a stop is noticed at the latest. */
#define TICK_MS 100
/* A descendant that has left the group may hold the pipes open; nobody waits for that one. */
#define DRAIN_MS 500
#define BYTES_PER_MB (INT64_C(1024) * 1024)
#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct run {
    struct job_context *ctx;
    const struct conf_job_type *conf;
    struct process process;
    const char *input; /* what of the payload is not yet written */
    size_t input_left;
    GString *output;
    bool is_too_large; /* the output is */
    struct exec_lines err_lines;
    struct exec_lines report_lines;
    char err_line[JOB_LOG_LINE_BYTES_MAX + 1];
    char report_line[REPORT_LINE_BYTES];
    bool has_complained; /* about a report that is none */
    char tail[TAIL_BYTES + 1];
    size_t tail_length;
    int64_t kill_at_us; /* monotonic; 0: it was not told to stop */
    int64_t snooze_ms;
};

/* --- what it gets ----------------------------------------------------------------------------------------------- */

static void add_variable(GStrvBuilder *env, const char *name, const char *value)
{
    if (value != NULL) {
        g_autofree char *line = g_strconcat(name, "=", value, NULL);
        g_strv_builder_add(env, line);
    }
}

/* Nothing of ours but what is made for the job: our own environment may hold secrets. */
static char **make_environment(const struct job_context *ctx)
{
    const struct job_claim *claim = ctx->claim;
    g_auto(GStrv) passed = conf_job_type_env_pass(ctx->type->conf);
    g_autofree char *attempt = g_strdup_printf("%" G_GINT64_FORMAT, claim->attempt);
    const char *const own[][2] = {
        {"PATH", STANDARD_PATH},
        {"LANG", "C.UTF-8"},
        {"BELLMAN_JOB_ID", claim->id},
        {"BELLMAN_JOB_TYPE", claim->job_type},
        {"BELLMAN_ATTEMPT", attempt},
        {"BELLMAN_ORGANIZATION_ID", claim->organization_id},
        {"TRACEPARENT", claim->traceparent[0] == '\0' ? NULL : claim->traceparent},
    };
    GStrvBuilder *env = g_strv_builder_new();
    for (size_t i = 0; passed[i] != NULL; i++) {
        add_variable(env, passed[i], g_getenv(passed[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (!g_strv_contains((const char *const *)passed, own[i][0])) {
            add_variable(env, own[i][0], own[i][1]);
        }
    }
    char **made = g_strv_builder_end(env);
    g_strv_builder_unref(env);
    return made;
}

static bool start(struct run *r, struct err *e)
{
    const struct conf_job_type *c = r->conf;
    g_auto(GStrv) argv = conf_job_type_argv(c);
    g_auto(GStrv) envp = make_environment(r->ctx);
    const struct process_spec spec = {
        .argv = argv,
        .envp = envp,
        .workdir = c->workdir,
        .guard = r->ctx->guard,
        .nice = (int)c->nice,
        .memory_bytes = c->memory_mb * BYTES_PER_MB,
        .cpu_s = c->cpu_s,
        .open_files = c->open_files,
        .file_bytes = c->file_size_mb * BYTES_PER_MB,
    };
    return process_start(&spec, &r->process, e);
}

static void write_input(struct run *r)
{
    while (r->input_left > 0) {
        ssize_t n = write(r->process.fd[PROCESS_IN], r->input, r->input_left);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            return;
        }
        if (n < 0) {
            break; /* it does not want it */
        }
        r->input += n;
        r->input_left -= (size_t)n;
    }
    process_close(&r->process, PROCESS_IN);
}

/* --- what it tells ---------------------------------------------------------------------------------------------- */

static void take_output(struct run *r, const char *bytes, size_t n)
{
    if (r->output->len + n > RESULT_MAX_BYTES) {
        r->is_too_large = true;
    } else {
        g_string_append_len(r->output, bytes, (gssize)n);
    }
}

static void log_err_line(void *arg, const char *line, bool is_cut UNUSED)
{
    struct run *r = arg;
    if (line[0] != '\0') {
        job_log(r->ctx, LOG_LEVEL_WARN, "%s", line);
    }
}

/* Keeps the last TAIL_BYTES. */
static void take_err(struct run *r, const char *bytes, size_t n)
{
    exec_lines_feed(&r->err_lines, bytes, n, log_err_line, r);
    size_t kept = MIN(r->tail_length, n >= TAIL_BYTES ? 0 : TAIL_BYTES - n);
    size_t added = MIN(n, TAIL_BYTES);
    memmove(r->tail, r->tail + r->tail_length - kept, kept);
    memcpy(r->tail + kept, bytes + n - added, added);
    r->tail_length = kept + added;
}

static void take_report_line(void *arg, const char *line, bool is_cut)
{
    struct run *r = arg;
    struct exec_report report;
    if (is_cut || !exec_report_parse(line, &report)) {
        if (!r->has_complained && line[0] != '\0') {
            job_log(r->ctx, LOG_LEVEL_WARN, "Not understood on descriptor 3: %.200s", line);
            r->has_complained = true;
        }
        return;
    }
    if (report.has_log) {
        job_log(r->ctx, report.level, "%s", report.text);
    }
    if (report.has_progress) {
        job_report(r->ctx, report.percent, report.message);
    }
    r->snooze_ms = report.snooze_ms > 0 ? report.snooze_ms : r->snooze_ms;
    r->ctx->retry_after_ms = report.retry_after_ms > 0 ? report.retry_after_ms : r->ctx->retry_after_ms;
}

static void take_report(struct run *r, const char *bytes, size_t n)
{
    exec_lines_feed(&r->report_lines, bytes, n, take_report_line, r);
}

static void (*const takers[PROCESS_STREAMS])(struct run *r, const char *bytes, size_t n) = {
    [PROCESS_OUT] = take_output,
    [PROCESS_ERR] = take_err,
    [PROCESS_REPORT] = take_report,
};

/* Reads one block, so that no stream keeps the others waiting. */
static void read_stream(struct run *r, enum process_stream stream)
{
    char block[16384];
    ssize_t n = read(r->process.fd[stream], block, sizeof(block));
    if (n > 0) {
        takers[stream](r, block, (size_t)n);
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        process_close(&r->process, stream);
    }
}

/* --- while it runs ---------------------------------------------------------------------------------------------- */

static bool writes_still(const struct run *r)
{
    const int *fd = r->process.fd;
    return fd[PROCESS_OUT] >= 0 || fd[PROCESS_ERR] >= 0 || fd[PROCESS_REPORT] >= 0;
}

/* Waits for something to happen and deals with it. */
static void serve_streams(struct run *r, bool awaits_end)
{
    struct pollfd fds[PROCESS_STREAMS + 1];
    for (int i = 0; i < PROCESS_STREAMS; i++) {
        fds[i] = (struct pollfd){.fd = r->process.fd[i], .events = i == PROCESS_IN ? POLLOUT : POLLIN};
    }
    fds[PROCESS_STREAMS] = (struct pollfd){.fd = awaits_end ? r->process.pid_fd : -1, .events = POLLIN};
    if (poll(fds, PROCESS_STREAMS + 1, TICK_MS) <= 0) {
        return;
    }
    if (fds[PROCESS_IN].revents != 0) {
        write_input(r);
    }
    for (int i = PROCESS_OUT; i < PROCESS_STREAMS; i++) {
        if (fds[i].revents != 0) {
            read_stream(r, (enum process_stream)i);
        }
    }
}

/* SIGTERM once, SIGKILL when the grace is over. */
static void stop_if_told(struct run *r)
{
    int64_t now_us = clock_mono_us();
    if (r->is_too_large) {
        process_signal(&r->process, SIGKILL);
    } else if (r->kill_at_us != 0) {
        if (now_us >= r->kill_at_us) {
            process_signal(&r->process, SIGKILL);
        }
    } else if (job_stopping(r->ctx) && !process_has_ended(&r->process)) {
        process_signal(&r->process, SIGTERM);
        r->kill_at_us = now_us + r->conf->stop_grace_s * US_PER_S;
    }
}

/* The program has ended: what is left of its group goes too, and what it wrote before is read to the end. */
static void drain(struct run *r)
{
    int64_t end_us = clock_mono_us() + DRAIN_MS * US_PER_MS;
    process_signal(&r->process, SIGKILL);
    process_close(&r->process, PROCESS_IN);
    while (writes_still(r) && clock_mono_us() < end_us) {
        serve_streams(r, false);
    }
    exec_lines_end(&r->err_lines, log_err_line, r);
    exec_lines_end(&r->report_lines, take_report_line, r);
}

static int attend(struct run *r)
{
    while (!process_has_ended(&r->process)) {
        serve_streams(r, true);
        stop_if_told(r);
        job_report_tick(r->ctx);
    }
    drain(r);
    return process_end(&r->process);
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* The last of what it wrote to its standard error, from the beginning of a line when there is one. */
static const char *tail_of(struct run *r)
{
    r->tail[r->tail_length] = '\0';
    while (r->tail_length > 0 && g_ascii_isspace(r->tail[r->tail_length - 1])) {
        r->tail[--r->tail_length] = '\0';
    }
    for (size_t i = 0; i < r->tail_length; i++) {
        r->tail[i] = r->tail[i] == '\0' ? ' ' : r->tail[i];
    }
    if (r->tail_length <= ERROR_TAIL_BYTES) {
        return r->tail;
    }
    const char *cut = r->tail + r->tail_length - ERROR_TAIL_BYTES;
    const char *newline = strchr(cut, '\n');
    return newline == NULL ? cut : newline + 1;
}

static enum job_outcome read_result(struct run *r)
{
    struct err e = ERR_INIT;
    while (r->output->len > 0 && g_ascii_isspace(r->output->str[r->output->len - 1])) {
        g_string_truncate(r->output, r->output->len - 1);
    }
    if (r->output->len == 0) {
        return JOB_DONE;
    }
    r->ctx->result = json_parse_limited(r->output->str, r->output->len, &e);
    return r->ctx->result != NULL
               ? JOB_DONE
               : job_error(r->ctx, JOB_PERMANENT, "what the program wrote as its result is not JSON: %s", e.text);
}

static enum job_outcome judge(struct run *r, int status)
{
    const char *tail = tail_of(r);
    const char *colon = *tail == '\0' ? "" : ": ";
    if (r->kill_at_us != 0) {
        return JOB_STOPPED;
    }
    if (r->is_too_large) {
        return job_error(r->ctx, JOB_PERMANENT, "the program wrote more than %d bytes as its result", RESULT_MAX_BYTES);
    }
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        r->ctx->cause = "signal";
        return job_error(r->ctx, JOB_RETRY, "the program was killed by signal %d (SIG%s)%s%s", WTERMSIG(status),
                         name == NULL ? "?" : name, colon, tail);
    }
    int code = WEXITSTATUS(status);
    if (code != 0) {
        return job_error(r->ctx, exec_exit_outcome(r->conf, code), "the program ended with exit code %d%s%s", code,
                         colon, tail);
    }
    if (r->snooze_ms > 0) {
        r->ctx->snooze_ms = r->snooze_ms;
        return JOB_SNOOZE;
    }
    return read_result(r);
}

enum job_outcome handler_exec(struct job_context *ctx)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) output = g_string_new(NULL);
    g_autofree struct run *r = g_new0(struct run, 1);
    r->ctx = ctx;
    r->conf = ctx->type->conf;
    r->input = ctx->claim->payload;
    r->input_left = strlen(ctx->claim->payload);
    r->output = output;
    r->err_lines = (struct exec_lines){.line = r->err_line, .size = sizeof(r->err_line)};
    r->report_lines = (struct exec_lines){.line = r->report_line, .size = sizeof(r->report_line)};
    if (!start(r, &e)) {
        return job_error(ctx, JOB_RETRY, "the program cannot be started: %s", e.text);
    }
    return judge(r, attend(r));
}

bool handler_exec_check(const struct conf_job_type *t, struct err *e)
{
    struct stat st;
    g_auto(GStrv) argv = conf_job_type_argv(t);
    if (stat(argv[0], &st) != 0 || !S_ISREG(st.st_mode) || access(argv[0], X_OK) != 0) {
        return err_set(e, ERR_INVALID, "%s: [%s] exec: %s is no program that can be run here", t->where, t->title,
                       argv[0]);
    }
    if (stat(t->workdir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_INVALID, "%s: [%s] workdir: %s is no directory", t->where, t->title, t->workdir);
    }
    return true;
}
