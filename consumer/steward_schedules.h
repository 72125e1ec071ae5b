/*
 * steward_schedules.h: the steward's tasks for schedules.
 */
#ifndef BELLMAN_STEWARD_SCHEDULES_H
#define BELLMAN_STEWARD_SCHEDULES_H

#include "steward.h"

#define STEWARD_SCHEDULES_MS 1000

steward_run_fn steward_schedules;
steward_run_fn steward_schedule_firings;

#endif
