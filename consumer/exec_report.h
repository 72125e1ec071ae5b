/*
 * exec_report.h: what a program of a [job_type NAME] with exec tells, and what its end means. Pure.
 */
#ifndef BELLMAN_EXEC_REPORT_H
#define BELLMAN_EXEC_REPORT_H

#include "ground/conf_job_type.h"
#include "ground/log.h"
#include "handler.h"

/* --- lines ------------------------------------------------------------------------------------------------------ */

/* Cuts what comes in pieces into lines. What of a line is over its size is dropped. */
struct exec_lines {
    char *line; /* size bytes, the caller's */
    size_t size;
    size_t length;
    bool is_cut;
};

/* is_cut: there was more of it. line ends with a NUL and has no newline. */
typedef void exec_line_fn(void *arg, const char *line, bool is_cut);

void exec_lines_feed(struct exec_lines *l, const char *bytes, size_t n, exec_line_fn *fn, void *arg);
/* The last line, when it had no newline. */
void exec_lines_end(struct exec_lines *l, exec_line_fn *fn, void *arg);

/* --- one line of descriptor 3 ----------------------------------------------------------------------------------- */

#define EXEC_REPORT_TEXT_BYTES (JOB_LOG_LINE_BYTES_MAX + 1)

struct exec_report {
    bool has_progress;
    int64_t percent; /* 0..100 */
    bool has_log;
    enum log_level level;
    int64_t snooze_ms;                 /* 0: not said */
    int64_t retry_after_ms;            /* 0: not said */
    char text[EXEC_REPORT_TEXT_BYTES]; /* of the log line */
    char message[201];                 /* of the progress; may be empty */
};

/* Reads {"progress": 0-100, "message": text}, {"log": text, "level": debug|info|warn|error}, {"snooze_s": seconds} or
 * {"retry_after_s": seconds}; several of them may be in one object, and other members are passed over. False: it is
 * none of this. */
bool exec_report_parse(const char *line, struct exec_report *ret);

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* What an exit code that is not 0 means for the type: JOB_RETRY or JOB_PERMANENT. */
enum job_outcome exec_exit_outcome(const struct conf_job_type *conf, int exit_code);

#endif
