/*
 * prune_minutes.c: the steward's task that deletes what was counted by the minute and nobody shows any more.
 */
#include "domain/job_minutes.h"
#include "steward.h"

#define KEEP_S (2 * 3600)
#define BATCH 2000
#define NEXT_BATCH_MS 100

bool prune_minutes_run(struct steward *s, struct err *e)
{
    size_t n = 0;
    if (!job_minutes_prune(s->db, KEEP_S, BATCH, &n, e)) {
        return false;
    }
    if (n == BATCH) {
        steward_again(s, NEXT_BATCH_MS);
    }
    return true;
}
