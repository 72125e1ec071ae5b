/*
 * log.h: one JSON object per line on standard error.
 *
 * Each line has ts (RFC 3339 UTC, microseconds), level, event, service, pid and the fields given.
 * Fields are typed, so nothing is formatted into the event name and every line can be searched by
 * job_id, request_id or org. Lines are written whole and are safe from any thread.
 *
 *     log_info("job.finished", LSTR("job_id", id), LINT("attempt", n));
 *
 * The level and the service name are the only process-wide state; both are set at start (the level
 * again on SIGHUP).
 */
#ifndef BELLMAN_LOG_H
#define BELLMAN_LOG_H

#include <glib.h>

#include "ground/base.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_type { LOG_TYPE_NONE, LOG_TYPE_STR, LOG_TYPE_INT, LOG_TYPE_REAL, LOG_TYPE_BOOL };

struct log_field {
    const char *key; /* NULL ends the list */
    enum log_type type;
    const char *str; /* NULL is written as null; capped at 2,048 bytes, invalid UTF-8 replaced */
    int64_t num;
    double real;
};

#define LSTR(k, v) ((struct log_field){.key = (k), .type = LOG_TYPE_STR, .str = (v)})
#define LINT(k, v) ((struct log_field){.key = (k), .type = LOG_TYPE_INT, .num = (int64_t)(v)})
#define LREAL(k, v) ((struct log_field){.key = (k), .type = LOG_TYPE_REAL, .real = (v)})
#define LBOOL(k, v) ((struct log_field){.key = (k), .type = LOG_TYPE_BOOL, .num = (v)})
/* Expands to two fields: the error's code and its text. e is a struct err pointer. */
#define LERR(e) LSTR("error_code", err_code_name((e)->code)), LSTR("error", (e)->text)
#define LNONE ((struct log_field){.key = "", .type = LOG_TYPE_NONE})

void log_init(const char *service, enum log_level level);
void log_set_level(enum log_level level);
/* True when a line of this level would be written; for fields that cost something to compute. */
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* Lines of one thread that are written together. Each write has whole lines, and no more than a pipe takes at once, so
 * that nobody else's line gets between. Starts zeroed; flush writes what is left and frees. */
struct log_lines {
    GString *text;
};
void log_lines_add(struct log_lines *lines, enum log_level level, const char *event, const struct log_field *fields);
void log_lines_flush(struct log_lines *lines);

#define LOG_AT(level, event, ...) log_write((level), (event), (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
