#include "state.h"

#include "domain/job_types.h"

#define TOKENS_MAX 2000

static void free_conf(gpointer conf)
{
    conf_free(conf);
}

static struct snapshot *make_snapshot(const struct conf *conf, struct token_keys *keys)
{
    struct snapshot *made = g_new0(struct snapshot, 1);
    atomic_init(&made->refs, 1);
    made->conf = conf;
    made->keys = keys;
    made->tokens = token_cache_new(TOKENS_MAX);
    return made;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (snapshot != NULL && atomic_fetch_sub(&snapshot->refs, 1) == 1) {
        token_keys_unref(snapshot->keys);
        token_cache_free(snapshot->tokens);
        g_free(snapshot);
    }
}

struct snapshot *state_get(struct state *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *got = s->current;
    atomic_fetch_add(&got->refs, 1);
    pthread_mutex_unlock(&s->lock);
    return got;
}

static void replace(struct state *s, struct snapshot *fresh)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *old = s->current;
    s->current = fresh;
    pthread_mutex_unlock(&s->lock);
    snapshot_unref(old);
}

/* The file's identity is taken before it is read: one that changes meanwhile is read once more the next time. */
static struct token_keys *load_keys(const char *file, struct stat *ret_stat, struct err *e)
{
    struct stat now = {.st_ino = 0};
    if (stat(file, &now) != 0) {
        err_set(e, ERR_NOT_FOUND, "cannot read the key set %s", file);
        return NULL;
    }
    *ret_stat = now;
    return token_keys_load(file, e);
}

bool state_init(struct state *s, struct conf *conf, struct err *e)
{
    *s = (struct state){.current = NULL};
    pthread_mutex_init(&s->lock, NULL);
    s->confs = g_ptr_array_new_with_free_func(free_conf);
    g_ptr_array_add(s->confs, conf);
    struct token_keys *keys = load_keys(conf->auth.jwks_file, &s->keys_stat, e);
    if (keys == NULL) {
        return false;
    }
    s->current = make_snapshot(conf, keys);
    return true;
}

void state_release(struct state *s)
{
    snapshot_unref(s->current);
    g_ptr_array_unref(s->confs);
    pthread_mutex_destroy(&s->lock);
}

bool state_reload(struct state *s, const char *file, char **needs_restart, struct err *e)
{
    struct conf *fresh = conf_reload(s->current->conf, file, needs_restart, e);
    if (fresh == NULL || !job_types_check(fresh, e)) {
        conf_free(fresh);
        return false;
    }
    struct token_keys *keys = load_keys(fresh->auth.jwks_file, &s->keys_stat, e);
    if (keys == NULL) {
        conf_free(fresh);
        return false;
    }
    g_ptr_array_add(s->confs, fresh);
    replace(s, make_snapshot(fresh, keys));
    return true;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool state_refresh_keys(struct state *s, bool *ret_changed, struct err *e)
{
    const struct conf *conf = s->current->conf;
    struct stat now = {.st_ino = 0};
    *ret_changed = false;
    if (stat(conf->auth.jwks_file, &now) != 0 || is_same_file(&now, &s->keys_stat)) {
        return true; /* a file that is just being replaced is there the next time */
    }
    struct token_keys *keys = load_keys(conf->auth.jwks_file, &s->keys_stat, e);
    if (keys == NULL) {
        return false;
    }
    replace(s, make_snapshot(conf, keys));
    *ret_changed = true;
    return true;
}
