/*
 * conf_job_type.h: the sections [job_type NAME].
 *
 * With exec or http such a section makes a job type of that name; without, it changes settings of a built-in one. Which
 * names are built in is for domain/job_types.h to know. Every key is one row in conf_job_type.c.
 */
#ifndef BELLMAN_CONF_JOB_TYPE_H
#define BELLMAN_CONF_JOB_TYPE_H

#include "ground/conf_key.h"

#define CONF_JOB_TYPE "job_type"
#define CONF_JOB_TYPES_MAX 1000

struct conf_job_type {
    char *name;  /* 1 to 64 of a-z 0-9 . _ -, the first a letter or digit */
    char *title; /* "job_type NAME" */
    char *where; /* "FILE:LINE" of the section's first header */
    int *lines;  /* per row of conf_job_type_keys: the line that set it, 0 for none */

    char *help;
    char *exec; /* command line, of which conf_job_type_argv makes words; empty: none */
    char *http; /* URL; empty: none */
    char *http_secret;
    char *http_secret_previous;
    char *http_ca_file;
    int64_t timeout_s;   /* CONF_UNSET: the built-in type's, else 60 */
    int64_t max_retries; /* CONF_UNSET: the built-in type's, else 3 */
    int64_t retry_curve; /* enum conf_retry_curve; these four CONF_UNSET: as in [retry] */
    int64_t retry_base_s;
    int64_t retry_cap_s;
    int64_t retry_jitter_percent;
    int64_t keep_completed_h; /* these three 0: as in general */
    int64_t keep_failed_h;
    int64_t keep_cancelled_h;
    char *workdir;
    char *env_pass;        /* names of environment variables, separated by commas or spaces */
    char *permanent_exits; /* see conf_exits_contain */
    char *retry_exits;
    int64_t stop_grace_s;
    int64_t nice;
    int64_t memory_mb; /* these four 0: no limit of their own */
    int64_t cpu_s;
    int64_t open_files;
    int64_t file_size_mb;
};

extern const struct conf_key conf_job_type_keys[];
extern const size_t conf_job_type_keys_count;

/* True for "job_type" and "job_type X", whatever X is. */
bool conf_is_job_type(const char *section);
/* The job type of the section, a new one (appended to conf->job_types, all defaults) when it is seen first. NULL when
 * its name cannot be one. */
struct conf_job_type *conf_job_type_of(struct conf *conf, const char *section, const char *where, struct err *e);
struct conf_section conf_job_type_section(struct conf_job_type *t);
/* False for a key of programs or addresses when the type has none. */
bool conf_job_type_takes(const struct conf_job_type *t, const struct conf_key *key);
/* Rules between its keys. */
bool conf_job_type_check(const struct conf_job_type *t, struct err *e) MUST_CHECK;
void conf_job_type_free(void *conf_job_type);

/* The words of exec, as a shell would split and unquote them, without any shell; NULL-terminated, for g_strfreev. Never
 * NULL for a type that conf_job_type_check has let pass and that has exec. */
char **conf_job_type_argv(const struct conf_job_type *t);
/* The names in env_pass; NULL-terminated, for g_strfreev. */
char **conf_job_type_env_pass(const struct conf_job_type *t);
/* list: "65,78", or "*" for every code. */
bool conf_exits_contain(const char *list, int exit_code);

#endif
