/*
 * conf_key.h: a row of a table of configuration keys, and what can be done with it.
 *
 * A key exists when it has a row in conf_keys.c and a member in struct conf; nothing else has to be told. Values are
 * handled as text at every edge (file, environment, print) and as the member's type inside. The keys of the sections
 * [job_type NAME] have a table of their own (conf_job_type.h), whose members lie in struct conf_job_type.
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
    CONF_SECRET = 1,  /* masked in print, has a twin <name>_file */
    CONF_URL = 2,     /* with CONF_SECRET: only the password inside the URL is masked */
    CONF_RELOAD = 4,  /* SIGHUP takes a new value over */
    CONF_INHERIT = 8, /* int64_t: empty text is CONF_UNSET, so that a more general value holds */
    CONF_EXEC = 16,   /* only in a [job_type NAME] that has exec */
    CONF_HTTP = 32,   /* only in a [job_type NAME] that has http */
};

#define CONF_UNSET INT64_C(-1)

struct conf_key {
    const char *section;
    const char *name;
    size_t offset; /* in struct conf, or in struct conf_job_type */
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

/* Names of enum conf_retry_curve; ends with NULL. */
extern const char *const conf_retry_curves[];

/* One section's keys: where they are looked up and where their values go. */
struct conf_section {
    const struct conf_key *keys;
    size_t n;
    const char *section; /* of the keys */
    const char *title;   /* as it stands in the file, for errors */
    void *base;          /* what the keys' offsets count from */
    int *lines;          /* per key: the line that set it, 0 for none */
};

/* NULL when there is no such row. */
const struct conf_key *conf_key_find(const char *section, const char *name);
const struct conf_key *conf_section_find(const struct conf_section *s, const char *name);
/* The row of the secret whose "<name>_file" twin this is, or NULL. */
const struct conf_key *conf_key_find_twin(const char *section, const char *name);
const struct conf_key *conf_section_find_twin(const struct conf_section *s, const char *name);
bool conf_section_exists(const char *section);

/* Sets the member from text. where ("FILE:12", "environment variable X") begins the error's text; a secret's value is
 * never part of it. */
bool conf_key_assign(const struct conf_key *key, struct conf *conf, const char *text, const char *where, struct err *e)
    MUST_CHECK;
bool conf_section_assign(const struct conf_section *s, const struct conf_key *key, const char *text, const char *where,
                         struct err *e) MUST_CHECK;
/* The member's value as it would be written in the file; new, for g_free. base: struct conf or struct conf_job_type. */
char *conf_key_text(const struct conf_key *key, const void *base);
/* The same, fit to be seen by anybody. */
char *conf_key_masked(const struct conf_key *key, const void *base);
/* "a whole number from 1 to 100", "one of lanes, priority", ...; new, for g_free. */
char *conf_key_wanted(const struct conf_key *key);
/* "BELLMAN_<SECTION>_<NAME><suffix>"; new, for g_free. */
char *conf_key_variable(const struct conf_key *key, const char *suffix);

/* Fails with a text that helps: the nearest known section or key, or the section the key is at home in. */
bool conf_unknown_section(const char *section, const char *where, struct err *e);
bool conf_unknown_key(const struct conf_section *s, const char *name, const char *where, struct err *e);
/* The word that is nearest to what was typed; NULL when none is near enough to be meant. */
const char *conf_nearest(const char *typed, const char *const *words, size_t n);

#endif
