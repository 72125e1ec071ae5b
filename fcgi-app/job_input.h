/*
 * job_input.h: what a body of the JobCreate record asks for, whether it comes alone or among many.
 */
#ifndef BELLMAN_JOB_INPUT_H
#define BELLMAN_JOB_INPUT_H

#include "api.h"
#include "domain/idempotency.h"
#include "domain/job.h"

/* Texts that a job_new borrows. */
struct job_texts {
    char id[UUID_TEXT_BYTES];
    char *payload;
    char *retry; /* NULL: none */
};
void job_texts_release(struct job_texts *texts);

/* The rules that the record does not know. body may be of any type; prefix is its pointer. */
void job_input_check(const struct call *c, const json_t *body, const char *prefix, struct problems *problems);

/* The jobs that n checked bodies ask for, with new ids. They borrow from the call, the bodies, traceparent and texts.
 * When the publisher has no room for all of them, they are left to the relay. */
void job_input_fill(const struct call *c, const json_t *const *bodies, size_t n, const char *traceparent,
                    struct job_new *ret, struct job_texts *ret_texts);

/* The call's traceparent header into buffer; NULL: none that is valid. */
const char *job_input_traceparent(const struct call *c, char buffer[TRACEPARENT_BYTES]);

/* Whether the organization may queue n jobs more; false: the call is answered (429, or a failure). */
bool job_input_has_room(struct call *c, size_t n);

/* After their commit: counts the jobs of one organization as queued, and hands those that are due and not left to the
 * relay to the publisher. */
void job_input_publish(struct call *c, const struct job_new *jobs, size_t n);

#define JOB_LOCATION_BYTES (sizeof(API_BASE "/background-jobs/") + UUID_TEXT_BYTES)
/* Creates the job, which has its id, publishes it and answers with it and that status (201 or 202), or says why not.
 * key (or NULL) is one that idempotent_answer did not know (api_jobs_create.c). */
void job_input_create(struct call *c, const struct job_new *job, const struct idempotency *key, int status);

#endif
