/*
 * provider_kind.h: what is known of each way to send a message without sending any: the rows of providers.def with the
 * fields of their accounts' configuration. Pure.
 */
#ifndef BELLMAN_PROVIDER_KIND_H
#define BELLMAN_PROVIDER_KIND_H

#include "domain/field.h"
#include "domain/notify.h"

struct provider_kind {
    const char *name;
    enum notify_channel channel;
    const char *help;
    /* Of an account; members that are neither nullable nor have a default must be given in the end. Those with
     * FIELD_SECRET are sealed. */
    const struct record *config;
};

extern const struct provider_kind provider_kinds[]; /* in the order of the rows */
extern const size_t provider_kinds_n;
const struct provider_kind *provider_kind_find(const char *name);

/* One for every symbol that a row may have. */
extern const struct record provider_config_smtp;
extern const struct record provider_config_sendgrid;
extern const struct record provider_config_ses;
extern const struct record provider_config_twilio;
extern const struct record provider_config_sns;
extern const struct record provider_config_slack;
extern const struct record provider_config_webhook;

/* A whole configuration (defaults filled in, secrets open) against what its record does not know: members that are
 * missing, addresses that are not allowed ([egress] allow_private), formats of regions, secrets and keys. prefix as for
 * record_check. */
void provider_config_check(const struct provider_kind *kind, const json_t *config, bool allow_private,
                           const char *prefix, struct problems *problems);

#endif
