/*
 * openapi_schemas.h: the components of the API's description: one schema for each record that goes in or comes out.
 */
#ifndef BELLMAN_OPENAPI_SCHEMAS_H
#define BELLMAN_OPENAPI_SCHEMAS_H

#include <jansson.h>

#include "domain/field.h"

/* All of them by name. New reference. */
json_t *openapi_schemas(void);
/* {"$ref": ...} to one of them. New reference. */
json_t *openapi_ref(const char *schema);
/* A record that is also a table has another schema as an input. Freed with g_free. */
char *openapi_input_name(const struct record *record);

#endif
