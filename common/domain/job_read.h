/*
 * job_read.h: requests that read single jobs at the same time share a statement, which costs the server far less than
 * one for each. What a request gets was read after it asked.
 */
#ifndef BELLMAN_JOB_READ_H
#define BELLMAN_JOB_READ_H

#include "domain/job.h"

struct job_reads;

struct job_reads *job_reads_new(void);
/* Nobody may be inside job_reads_get. NULL is fine. */
void job_reads_free(struct job_reads *reads);

/* As job_get_text. db is the caller's own connection; another thread may have used its own instead, so that an error
 * may be that of its connection. */
bool job_reads_get(struct job_reads *reads, struct db *db, const char *organization_id, const char *id, GString *out,
                   struct err *e) MUST_CHECK;

#endif
