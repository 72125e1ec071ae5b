/*
 * conf_key.h: a row of the one table of configuration keys, and what can be done with it.
 *
 * A key exists when it has a row in conf_keys.c and a member in struct conf; nothing else has to be told. Values are
 * handled as text at every edge (file, environment, print) and as the member's type inside.
 */
#ifndef BELLMAN_CONF_KEY_H
#define BELLMAN_CONF_KEY_H

#include "ground/conf.h"

enum conf_type {
    CONF_TYPE_TEXT,   /* char *, min..max bytes; UTF-8 without control characters */
    CONF_TYPE_INT,    /* int64_t, min..max */
    CONF_TYPE_BOOL,   /* bool */
    CONF_TYPE_CHOICE, /* int64_t, index into choices */
};

enum conf_flag {
    CONF_SECRET = 1, /* masked in print, has a twin <name>_file */
    CONF_URL = 2,    /* with CONF_SECRET: only the password inside the URL is masked */
    CONF_RELOAD = 4, /* SIGHUP takes a new value over */
};

struct conf_key {
    const char *section;
    const char *name;
    size_t offset; /* in struct conf */
    enum conf_type type;
    unsigned flags;
    int64_t min;
    int64_t max;
    const char *const *choices; /* ends with NULL; the order is the enum's */
    const char *def;
    const char *help;
};

/* The table, in conf_keys.c. */
extern const struct conf_key conf_keys[];
extern const size_t conf_keys_count;

/* NULL when there is no such row. */
const struct conf_key *conf_key_find(const char *section, const char *name);
/* The row of the secret whose "<name>_file" twin this is, or NULL. */
const struct conf_key *conf_key_find_twin(const char *section, const char *name);
bool conf_section_exists(const char *section);

/* Sets the member from text. where ("FILE:12", "environment variable X") begins the error's text; a secret's value is
 * never part of it. */
bool conf_key_assign(const struct conf_key *key, struct conf *conf, const char *text, const char *where, struct err *e)
    MUST_CHECK;
/* The member's value as it would be written in the file; new, for g_free. */
char *conf_key_text(const struct conf_key *key, const struct conf *conf);
/* The same, fit to be seen by anybody. */
char *conf_key_masked(const struct conf_key *key, const struct conf *conf);
/* "a whole number from 1 to 100", "one of lanes, priority", ...; new, for g_free. */
char *conf_key_wanted(const struct conf_key *key);
/* "BELLMAN_<SECTION>_<NAME><suffix>"; new, for g_free. */
char *conf_key_variable(const struct conf_key *key, const char *suffix);

/* Fails with a text that helps: the nearest known section or key, or the section the key is at home in. */
bool conf_unknown_section(const char *section, const char *where, struct err *e);
bool conf_unknown_key(const char *section, const char *name, const char *where, struct err *e);

#endif
