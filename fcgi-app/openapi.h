/*
 * openapi.h: the API's description (OpenAPI 3.1), made from the route table and the records it names.
 */
#ifndef BELLMAN_OPENAPI_H
#define BELLMAN_OPENAPI_H

#include <jansson.h>

/* The document. New reference. */
json_t *openapi_document(void);
/* The document as YAML; freed with g_free. */
char *openapi_yaml(void);

#endif
