/*
 * listen.h: the socket that nginx connects to: one that systemd holds open, or one of our own.
 */
#ifndef BELLMAN_LISTEN_H
#define BELLMAN_LISTEN_H

#include "ground/base.h"
#include "ground/err.h"

struct listener {
    int fd; /* non-blocking */
    bool inherited;
    char *path;     /* of our own; NULL when inherited */
    uint64_t inode; /* what we made at path */
};

/* Takes the socket of systemd's LISTEN_FDS when there is one, else makes path (mode 0660). A path where somebody
 * answers is refused with ERR_CONFLICT; a dead one is replaced. */
bool listener_open(struct listener *l, const char *path, struct err *e) MUST_CHECK;

/* Removes the path, so that new connections go elsewhere; those that are in the queue can still be accepted. Nothing
 * when inherited: the next process takes the queue over. */
void listener_hide(struct listener *l);
void listener_close(struct listener *l);

#endif
