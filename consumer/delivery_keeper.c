/*
 * delivery_keeper.c: the steward's tasks for deliveries: their record stays true when a job ends without its handler,
 * and goes when its time is over.
 */
#include "domain/delivery.h"
#include "ground/log.h"
#include "steward.h"

#define SWEEP_ROWS 500
#define SWEEP_PAUSE_MS 20
#define PRUNE_PAUSE_MS 50

bool delivery_keeper_reconcile(struct steward *s, struct err *e)
{
    size_t failed = 0;
    if (!delivery_reconcile(s->db, &s->deliveries, SWEEP_ROWS, &failed, e)) {
        return false;
    }
    if (failed > 0) {
        log_info("deliveries.reconciled", LINT("failed", (int64_t)failed));
    }
    if (!s->deliveries.is_over) {
        steward_again(s, SWEEP_PAUSE_MS);
    }
    return true;
}

bool delivery_keeper_prune(struct steward *s, struct err *e)
{
    const struct conf *conf = steward_conf(s);
    struct delivery_pruner *p = &s->delivery_pruner;
    if (!delivery_prune(s->db, p, conf->retention.deliveries_d, conf->retention.events_d, e)) {
        return false;
    }
    if (!p->is_over) {
        steward_again(s, PRUNE_PAUSE_MS);
    } else if (p->deliveries > 0 || p->events > 0) {
        log_info("deliveries.pruned", LINT("deliveries", p->deliveries), LINT("events", p->events));
    }
    return true;
}
