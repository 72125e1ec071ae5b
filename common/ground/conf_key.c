#include "ground/conf_key.h"

#include <glib.h>
#include <string.h>

#include "ground/conf_job_type.h"

#define MASK "********"
#define TWIN_SUFFIX "_file"
#define WORD_MAX_BYTES 64

static void *slot_of(const struct conf_key *key, void *base)
{
    return (char *)base + key->offset;
}

static const void *const_slot_of(const struct conf_key *key, const void *base)
{
    return (const char *)base + key->offset;
}

/* ---- the types ---- */

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text)) {
            return true;
        }
    }
    return false;
}

static bool assign_text(const struct conf_key *key, void *slot, const char *text)
{
    int64_t length = (int64_t)strlen(text);
    bool is_text = g_utf8_validate(text, -1, NULL) && !has_controls(text);
    if (length < key->min || length > key->max || !is_text) {
        return false;
    }
    char **member = slot;
    g_free(*member);
    *member = g_strdup(text);
    return true;
}

static bool assign_int(const struct conf_key *key, void *slot, const char *text)
{
    gint64 value;
    if (!g_ascii_string_to_signed(text, 10, key->min, key->max, &value, NULL)) {
        return false;
    }
    *(int64_t *)slot = value;
    return true;
}

static bool assign_bool(const struct conf_key *key UNUSED, void *slot, const char *text)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *(bool *)slot = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool assign_choice(const struct conf_key *key, void *slot, const char *text)
{
    for (int64_t i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(text, key->choices[i]) == 0) {
            *(int64_t *)slot = i;
            return true;
        }
    }
    return false;
}

static char *show_text(const struct conf_key *key UNUSED, const void *slot)
{
    return g_strdup(*(char *const *)slot);
}

static char *show_int(const struct conf_key *key UNUSED, const void *slot)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *)slot);
}

static char *show_bool(const struct conf_key *key UNUSED, const void *slot)
{
    return g_strdup(*(const bool *)slot ? "true" : "false");
}

static char *show_choice(const struct conf_key *key, const void *slot)
{
    return g_strdup(key->choices[*(const int64_t *)slot]);
}

static char *wanted_text(const struct conf_key *key)
{
    return key->min == 0
               ? g_strdup_printf("at most %" G_GINT64_FORMAT " bytes of text", key->max)
               : g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " bytes of text", key->min, key->max);
}

static char *wanted_int(const struct conf_key *key)
{
    return g_strdup_printf("a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key->min, key->max);
}

static char *wanted_bool(const struct conf_key *key UNUSED)
{
    return g_strdup("true or false");
}

static char *wanted_choice(const struct conf_key *key)
{
    GString *text = g_string_new("one of ");
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        g_string_append_printf(text, "%s%s", i == 0 ? "" : ", ", key->choices[i]);
    }
    return g_string_free(text, FALSE);
}

static const struct type {
    bool (*assign)(const struct conf_key *key, void *slot, const char *text);
    char *(*show)(const struct conf_key *key, const void *slot);
    char *(*wanted)(const struct conf_key *key);
} types[] = {
    [CONF_TYPE_TEXT] = {.assign = assign_text, .show = show_text, .wanted = wanted_text},
    [CONF_TYPE_INT] = {.assign = assign_int, .show = show_int, .wanted = wanted_int},
    [CONF_TYPE_BOOL] = {.assign = assign_bool, .show = show_bool, .wanted = wanted_bool},
    [CONF_TYPE_CHOICE] = {.assign = assign_choice, .show = show_choice, .wanted = wanted_choice},
};

/* ---- one key ---- */

char *conf_key_wanted(const struct conf_key *key)
{
    char *wanted = types[key->type].wanted(key);
    if ((key->flags & CONF_INHERIT) == 0) {
        return wanted;
    }
    char *or_nothing = g_strconcat(wanted, ", or nothing", NULL);
    g_free(wanted);
    return or_nothing;
}

static bool assign(const struct conf_key *key, void *slot, const char *text)
{
    if ((key->flags & CONF_INHERIT) != 0 && *text == '\0') {
        *(int64_t *)slot = CONF_UNSET;
        return true;
    }
    return types[key->type].assign(key, slot, text);
}

bool conf_section_assign(const struct conf_section *s, const struct conf_key *key, const char *text, const char *where,
                         struct err *e)
{
    if (assign(key, slot_of(key, s->base), text)) {
        return true;
    }
    g_autofree char *wanted = conf_key_wanted(key);
    if ((key->flags & CONF_SECRET) != 0) {
        return err_set(e, ERR_INVALID, "%s: [%s] %s must be %s", where, s->title, key->name, wanted);
    }
    return err_set(e, ERR_INVALID, "%s: [%s] %s must be %s, not \"%.60s\"", where, s->title, key->name, wanted, text);
}

bool conf_key_assign(const struct conf_key *key, struct conf *conf, const char *text, const char *where, struct err *e)
{
    const struct conf_section s = {.title = key->section, .base = conf};
    return conf_section_assign(&s, key, text, where, e);
}

char *conf_key_text(const struct conf_key *key, const void *base)
{
    const void *slot = const_slot_of(key, base);
    if ((key->flags & CONF_INHERIT) != 0 && *(const int64_t *)slot == CONF_UNSET) {
        return g_strdup("");
    }
    return types[key->type].show(key, slot);
}

/* scheme://user:password@host...: all that lies between the first colon of the user part and the last @ before the
 * path. What does not look like this is masked whole. */
static char *mask_url(const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority == NULL) {
        return g_strdup(MASK);
    }
    authority += strlen("://");
    const char *at = strrchr(authority, '@');
    const char *colon = strchr(authority, ':');
    if (at == NULL || colon == NULL || colon > at) {
        return g_strdup(MASK);
    }
    return g_strdup_printf("%.*s:" MASK "%s", (int)(colon - url), url, at);
}

char *conf_key_masked(const struct conf_key *key, const void *base)
{
    char *text = conf_key_text(key, base);
    if ((key->flags & CONF_SECRET) == 0 || *text == '\0') {
        return text;
    }
    char *masked = (key->flags & CONF_URL) != 0 ? mask_url(text) : g_strdup(MASK);
    g_free(text);
    return masked;
}

char *conf_key_variable(const struct conf_key *key, const char *suffix)
{
    g_autofree char *name = g_strdup_printf("BELLMAN_%s_%s%s", key->section, key->name, suffix);
    return g_ascii_strup(name, -1);
}

/* ---- finding ---- */

static struct conf_section all_keys(const char *section)
{
    return (struct conf_section){.keys = conf_keys, .n = conf_keys_count, .section = section};
}

const struct conf_key *conf_section_find(const struct conf_section *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->keys[i].section, s->section) == 0 && strcmp(s->keys[i].name, name) == 0) {
            return &s->keys[i];
        }
    }
    return NULL;
}

const struct conf_key *conf_section_find_twin(const struct conf_section *s, const char *name)
{
    if (!g_str_has_suffix(name, TWIN_SUFFIX)) {
        return NULL;
    }
    g_autofree char *stem = g_strndup(name, strlen(name) - strlen(TWIN_SUFFIX));
    const struct conf_key *key = conf_section_find(s, stem);
    return key != NULL && (key->flags & CONF_SECRET) != 0 ? key : NULL;
}

const struct conf_key *conf_key_find(const char *section, const char *name)
{
    const struct conf_section all = all_keys(section);
    return conf_section_find(&all, name);
}

const struct conf_key *conf_key_find_twin(const char *section, const char *name)
{
    const struct conf_section all = all_keys(section);
    return conf_section_find_twin(&all, name);
}

bool conf_section_exists(const char *section)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (strcmp(conf_keys[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

/* Levenshtein's distance: the fewest insertions, deletions and changes of one letter that turn a into b. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX_BYTES + 1];
    size_t length = strlen(b);
    if (length > WORD_MAX_BYTES || strlen(a) > WORD_MAX_BYTES) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = MIN(changed, MIN(row[j], row[j + 1]) + 1);
        }
    }
    return row[length];
}

struct guess {
    const char *word;
    size_t distance;
};

/* More than a third of the letters wrong is no slip of the finger. */
static struct guess guess_start(const char *typed)
{
    return (struct guess){.word = NULL, .distance = strlen(typed) / 3 + 1};
}

static void guess_offer(struct guess *g, const char *typed, const char *candidate)
{
    size_t d = distance(typed, candidate);
    if (d <= g->distance && (g->word == NULL || d < g->distance)) {
        *g = (struct guess){.word = candidate, .distance = d};
    }
}

const char *conf_nearest(const char *typed, const char *const *words, size_t n)
{
    struct guess g = guess_start(typed);
    for (size_t i = 0; i < n; i++) {
        guess_offer(&g, typed, words[i]);
    }
    return g.word;
}

bool conf_unknown_section(const char *section, const char *where, struct err *e)
{
    struct guess g = guess_start(section);
    for (size_t i = 0; i < conf_keys_count; i++) {
        guess_offer(&g, section, conf_keys[i].section);
    }
    /* A section that is named as well is compared by its first word. */
    g_autofree char *first_word = g_strndup(section, strcspn(section, " "));
    const char *const named[] = {CONF_JOB_TYPE};
    if (g.word == NULL && conf_nearest(first_word, named, ARRAY_SIZE(named)) != NULL) {
        g.word = CONF_JOB_TYPE " NAME";
    }
    if (g.word != NULL) {
        return err_set(e, ERR_INVALID, "%s: unknown section [%.60s]; did you mean [%s]?", where, section, g.word);
    }
    return err_set(e, ERR_INVALID, "%s: unknown section [%.60s]; --help-config lists them all", where, section);
}

bool conf_unknown_key(const struct conf_section *s, const char *name, const char *where, struct err *e)
{
    struct guess g = guess_start(name);
    const char *home = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->keys[i].section, s->section) == 0) {
            guess_offer(&g, name, s->keys[i].name);
        } else if (home == NULL && strcmp(s->keys[i].name, name) == 0) {
            home = s->keys[i].section;
        }
    }
    if (home != NULL && g.word == NULL) {
        return err_set(e, ERR_INVALID, "%s: unknown key \"%.60s\" in [%s]; it belongs to [%s]", where, name, s->title,
                       home);
    }
    if (g.word != NULL) {
        return err_set(e, ERR_INVALID, "%s: unknown key \"%.60s\" in [%s]; did you mean \"%s\"?", where, name, s->title,
                       g.word);
    }
    return err_set(e, ERR_INVALID, "%s: unknown key \"%.60s\" in [%s]; --help-config lists them all", where, name,
                   s->title);
}
