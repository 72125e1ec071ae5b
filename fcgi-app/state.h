/*
 * state.h: what SIGHUP or a new key set replaces while requests run. A request takes one snapshot at its start and sees
 * that configuration and those keys to its end, never half of each.
 */
#ifndef BELLMAN_STATE_H
#define BELLMAN_STATE_H

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "ground/conf.h"
#include "ports/token.h"
#include "token_cache.h"

struct snapshot {
    atomic_int refs;
    const struct conf *conf;
    struct token_keys *keys;
    struct token_cache *tokens; /* verified with these keys */
};

struct state {
    pthread_mutex_t lock;
    struct snapshot *current;
    GPtrArray *confs; /* every configuration there was: connections may hold on to an old one */
    struct stat keys_stat;
};

/* Takes over conf. Fails when the key set cannot be used. */
bool state_init(struct state *s, struct conf *conf, struct err *e) MUST_CHECK;
void state_release(struct state *s);

struct snapshot *state_get(struct state *s);
void snapshot_unref(struct snapshot *snapshot);

/* Loads file and the key set again; on any fault all stays as it was. needs_restart as for conf_reload. */
bool state_reload(struct state *s, const char *file, char **needs_restart, struct err *e) MUST_CHECK;

/* Loads the key set again when its file is another one than the last time. ret_changed tells; a file that cannot be
 * used is reported once and the old keys stay. */
bool state_refresh_keys(struct state *s, bool *ret_changed, struct err *e) MUST_CHECK;

#endif
