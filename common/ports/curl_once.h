/*
 * curl_once.h: libcurl's start-up, shared by its two users, smtp.c and http.c.
 */
#ifndef BELLMAN_CURL_ONCE_H
#define BELLMAN_CURL_ONCE_H

/* Makes libcurl ready, once per process; before every use of it. Safe from any thread. */
void curl_once(void);

#endif
