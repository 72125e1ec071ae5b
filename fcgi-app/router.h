/*
 * router.h: from a request to its answer, through the same phases for every call: match, authenticate, role, rate
 * limit, preconditions, parse and validate, handler, log.
 */
#ifndef BELLMAN_ROUTER_H
#define BELLMAN_ROUTER_H

#include "api.h"

/* Answers the request. db belongs to the calling thread. */
void router_serve(struct api *api, struct db *db, const struct request *request, struct response *response);

/* The largest body of a request to the route; NULL: to none. */
int64_t router_body_max_bytes(const struct route *route, const struct conf *conf);

/* --- pure, for tests -------------------------------------------------------------------------------------------- */

/* The route of method and path, or NULL; then allowed has the methods that the path knows ("GET, HEAD"), or is empty.
 * HEAD finds the route of GET. value receives what stands for the pattern's {name}. */
const struct route *router_match(const char *method, const char *path, char value[PATH_VALUE_BYTES], GString *allowed);
/* Whether the path (below API_BASE) is one of the pattern. */
bool router_fits(const char *pattern, const char *path, char value[PATH_VALUE_BYTES]);

#endif
