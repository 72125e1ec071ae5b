/*
 * steward_tasks.c: THE table of what one consumer does for all. A task is a row here and a file of its own.
 */
#include "steward.h"

const struct steward_task steward_tasks[] = {
    {"prune", 5000, prune_run},
    {NULL, 0, NULL},
};
