/*
 * providers.c: the providers' table, from the rows of providers.def.
 */
#include <string.h>

#include "provider.h"

#define PROVIDER(name_, symbol, channel_, help) {.name = name_, .channel = channel_, .send = provider_##symbol##_send},

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
