/*
 * steward_schedules.c: the steward's tasks for schedules: fires what is due, and forgets old firings.
 */
#include "steward_schedules.h"

#include "domain/schedule.h"
#include "ground/log.h"

/* An instant has fired once its row exists; after so long nobody sets next_fire_at back behind it. */
#define FIRINGS_KEPT_DAYS 90
#define FORGET_BATCH 200

static void note(const struct schedule_round *round)
{
    if (round->failed > 0) {
        log_warn("schedules.not_fired", LINT("schedules", round->failed), LSTR("see", "their last_error"));
    }
    if (round->refs->len > 0) {
        log_info("schedules.fired", LINT("schedules", round->dealt), LINT("jobs", round->refs->len));
    }
}

bool steward_schedules(struct steward *s, struct err *e)
{
    const struct conf *conf = steward_conf(s);
    const struct schedule_terms terms = {
        .diagnostics = conf->consumer.diagnostics,
        .dispatch_grace_ms = conf->consumer.dispatch_grace_ms,
        .tiers = {.load = s->p->load, .backlog_threshold = conf->limits.backlog_threshold},
    };
    g_autoptr(GArray) refs = g_array_new(FALSE, FALSE, sizeof(struct job_ref));
    struct schedule_round round = {.refs = refs};
    if (!schedule_fire(s->db, &terms, STEWARD_SCHEDULES_MS, &round, e)) {
        return false;
    }
    for (guint i = 0; i < refs->len; i++) {
        (void)dispatcher_publish(s->p->dispatcher, &g_array_index(refs, struct job_ref, i)); /* else the relay does */
    }
    note(&round);
    steward_again(s, round.wait_ms);
    return true;
}

bool steward_schedule_firings(struct steward *s, struct err *e)
{
    size_t n = 0;
    if (!schedule_forget(s->db, FIRINGS_KEPT_DAYS, FORGET_BATCH, &n, e)) {
        return false;
    }
    if (n == FORGET_BATCH) {
        steward_again(s, 0);
    }
    return true;
}
