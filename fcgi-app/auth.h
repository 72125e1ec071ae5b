/*
 * auth.h: who is calling (RFC 6750) and whether they may.
 */
#ifndef BELLMAN_AUTH_H
#define BELLMAN_AUTH_H

#include "api.h"

/* Reads the bearer token of an Authorization header. False: none, or not of the form. The token is borrowed from
 * header. */
bool auth_bearer(const char *header, const char **ret_token);

/* Phases: each returns false when it has answered. */

/* Fills c->who, or answers 401 with WWW-Authenticate. */
bool auth_authenticate(struct call *c);
/* Answers 403 unless one of the route's roles is held. */
bool auth_authorize(struct call *c);
/* Makes sure that the caller's organization has its row; answers 403 when it has none and may not get one. */
bool auth_organization(struct call *c);

#endif
