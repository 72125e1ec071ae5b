/*
 * api_job_stats.c: how the organization's jobs are doing.
 */
#include <string.h>

#include "api.h"
#include "domain/org_stats.h"
#include "ground/clock.h"
#include "ground/json.h"

void api_jobs_stats(struct call *c)
{
    struct err e = ERR_INIT;
    json_auto_t *stats = NULL;
    if (!org_stats(c->db, c->who.org, clock_wall_us(), &stats, &e)) {
        call_fail(c, &e);
        return;
    }
    json_auto_text char *text = json_dumps(stats, JSON_COMPACT);
    g_assert(text != NULL);
    call_answer_text(c, text, strlen(text));
}
