/*
 * steward_tasks.c: THE table of what one consumer does for all. A task is a row here and a file of its own.
 */
#include "steward.h"
#include "steward_schedules.h"

const struct steward_task steward_tasks[] = {
    {"prune", 5000, prune_run},
    {"schedules", STEWARD_SCHEDULES_MS, steward_schedules},
    {"schedule_firings", 60000, steward_schedule_firings},
    {"dead_letters", 1000, dead_keeper_run},
    {"delivery_reconcile", 5000, delivery_keeper_reconcile},
    {"delivery_prune", 10000, delivery_keeper_prune},
    {"prune_minutes", 10000, prune_minutes_run},
    {NULL, 0, NULL},
};
