/*
 * providers.c: the providers' table, from the rows of providers.def.
 */
#include <string.h>

#include "provider.h"

/* Who can be asked without a message. */
#define check_smtp provider_smtp_check
#define check_sendgrid provider_sendgrid_check
#define check_ses provider_ses_check
#define check_twilio provider_twilio_check
#define check_sns provider_sns_check
#define check_slack NULL
#define check_webhook NULL

#define PROVIDER(name_, symbol, channel_, help) \
    {.name = name_, .channel = channel_, .send = provider_##symbol##_send, .check = check_##symbol},

const struct provider providers[] = {
#include "domain/providers.def"
};
const size_t providers_n = ARRAY_SIZE(providers);

#undef PROVIDER

const struct provider *provider_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < providers_n; i++) {
        if (strcmp(providers[i].name, name) == 0) {
            return &providers[i];
        }
    }
    return NULL;
}
