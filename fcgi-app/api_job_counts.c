/*
 * api_job_counts.c: how many jobs there are.
 */
#include "api.h"
#include "domain/job.h"

void api_jobs_counts(struct call *c)
{
    struct err e = ERR_INIT;
    g_autoptr(GString) text = g_string_new(NULL);
    if (job_counts_text(c->db, c->who.org, text, &e)) {
        call_answer_text(c, text->str, text->len);
    } else {
        call_fail(c, &e);
    }
}
