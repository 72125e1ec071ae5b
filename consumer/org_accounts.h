/*
 * org_accounts.h: the accounts with providers of the organization that a job is for, and of the deployment.
 */
#ifndef BELLMAN_ORG_ACCOUNTS_H
#define BELLMAN_ORG_ACCOUNTS_H

#include "handler.h"

#define ACCOUNTS_CACHE_ENTRIES 10000
#define ACCOUNTS_CACHE_TTL_MS 2000 /* bellmanctl changes accounts without telling anybody */

/* As provider_accounts_load gives them, secrets sealed; from the process's cache, else from the database. New
 * reference, or NULL with e. */
json_t *org_accounts(struct job_context *ctx, struct err *e);

/* After a change: drops what is cached here and tells the other processes. organization_id may be the deployment's. */
void org_accounts_changed(struct job_context *ctx, const char *organization_id);

#endif
