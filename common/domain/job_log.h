/*
 * job_log.h: the lines that a job's handler writes about what it does, in table job_logs.
 *
 * They are bounded: JOB_LOG_LINES_MAX lines of JOB_LOG_LINE_BYTES_MAX bytes for an attempt, of the last
 * JOB_LOG_ATTEMPTS_MAX attempts. They go when their job goes.
 */
#ifndef BELLMAN_JOB_LOG_H
#define BELLMAN_JOB_LOG_H

#include <jansson.h>

#include "domain/field.h"
#include "ground/log.h"
#include "ports/db.h"

#define JOB_LOG_LINES_MAX 200
#define JOB_LOG_LINE_BYTES_MAX 1000
#define JOB_LOG_ATTEMPTS_MAX 10

extern const struct record job_log_record;

struct job_log_line {
    int64_t number; /* within the attempt, from 1 */
    int64_t age_us; /* how long ago it was written */
    enum log_level level;
    const char *message; /* valid UTF-8; more than JOB_LOG_LINE_BYTES_MAX bytes are not kept by the callers */
};

const char *job_log_level_name(enum log_level level);
/* False when text is NULL or no level's name. */
bool job_log_level_parse(const char *text, enum log_level *ret);

/* Adds n lines to the log of an attempt that is running. Fenced: when another owns the job by now, nothing is written,
 * and ERR_CONFLICT. Lines that are there already (the answer to an earlier call was lost) are not written twice. */
bool job_log_write(struct db *db, const char *job_id, int64_t attempt, const struct job_log_line *lines, size_t n,
                   struct err *e) MUST_CHECK;

struct job_log_page {
    const char *organization_id;
    const char *job_id;
    int64_t attempt; /* 0: all */
    int64_t limit;
    const char *cursor; /* next_cursor of the page before; NULL: the first page */
};
/* {logs, next_cursor}: lines in their order, and where the next page begins (null: there are no more). ERR_NOT_FOUND
 * also for another organization's job; ERR_INVALID for a cursor that is not one of ours. New reference. */
bool job_log_list(struct db *db, const struct job_log_page *page, json_t **ret, struct err *e) MUST_CHECK;

#endif
