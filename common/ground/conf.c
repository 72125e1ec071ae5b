#include "ground/conf.h"

#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "ground/conf_file.h"
#include "ground/conf_job_type.h"
#include "ground/conf_key.h"
#include "ground/log.h"

#define DEFAULT_FILE "/etc/bellman/bellman.conf"
#define SECRET_MAX_BYTES 65536
#define TWIN_VARIABLE_SUFFIX "_FILE"

/* What a load in progress knows beside the values. */
struct loading {
    struct conf *conf;
    const char *file;
    int *lines; /* per row of conf_keys: the line that set it, 0 for none */
};

static const char *file_in_effect(const char *file)
{
    if (file != NULL) {
        return file;
    }
    const char *from_environment = g_getenv("BELLMAN_CONFIG");
    return from_environment != NULL && *from_environment != '\0' ? from_environment : DEFAULT_FILE;
}

/* ---- rules between keys ---- */

static bool renewals_fit(const struct conf *c)
{
    return c->consumer.renew_ms * 2 <= c->consumer.lease_ms;
}

static bool payload_fits(const struct conf *c)
{
    return c->api.payload_max_bytes <= c->api.body_max_bytes;
}

static bool retries_ordered(const struct conf *c)
{
    return c->retry.base_s <= c->retry.cap_s;
}

static bool url_is_amqp(const struct conf *c)
{
    return g_str_has_prefix(c->broker.url, "amqp://") || g_str_has_prefix(c->broker.url, "amqps://");
}

/* What addresses are made from by putting a path behind it. */
static bool public_url_is_base(const struct conf *c)
{
    const char *url = c->api.public_url;
    const char *host = g_str_has_prefix(url, "https://")  ? url + strlen("https://")
                       : g_str_has_prefix(url, "http://") ? url + strlen("http://")
                                                          : "";
    return url[0] == '\0' || (host[0] != '\0' && strpbrk(host, "?#@ \"<>\\") == NULL && !g_str_has_suffix(host, "/"));
}

/* [user[:password]@]host[:port][/vhost]: each delimiter at most once, and in its place. */
static bool url_is_whole(const struct conf *c)
{
    g_autofree char *rest = g_strdup(strstr(c->broker.url, "://") + 3);
    char *slash = strchr(rest, '/');
    if (strpbrk(rest, "?# ") != NULL || (slash != NULL && strpbrk(slash + 1, "/:@") != NULL)) {
        return false;
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    char *at = strchr(rest, '@');
    char *host = at == NULL ? rest : at + 1;
    if (at != NULL) {
        *at = '\0';
        if (strchr(rest, ':') != strrchr(rest, ':')) {
            return false;
        }
    }
    char *port = host[0] == '[' ? strstr(host, "]:") : strchr(host, ':');
    guint64 number = 0;
    return host[0] != '\0' && strchr(host, '@') == NULL &&
           (port == NULL || g_ascii_string_to_unsigned(strchr(port, ':') + 1, 10, 1, UINT16_MAX, &number, NULL));
}

static const struct rule {
    const char *section;
    const char *name;
    bool (*holds)(const struct conf *c);
    const char *text;
} rules[] = {
    {"consumer", "renew_ms", renewals_fit, "must be at most half of lease_ms, or one late renewal loses the job"},
    {"api", "payload_max_bytes", payload_fits, "must not be more than body_max_bytes"},
    {"retry", "base_s", retries_ordered, "must not be more than cap_s"},
    {"api", "public_url", public_url_is_base,
     "must be http:// or https:// with a host, and no slash at the end, user, query or fragment"},
    {"broker", "url", url_is_amqp, "must begin with amqp:// or amqps://"},
    {"broker", "url", url_is_whole,
     "must have the form amqp://user:password@host:port/vhost; within a part, : @ / ? # are written %3A %40 %2F %3F "
     "%23"},
};

static char *place_of(const struct loading *l, const struct conf_key *key)
{
    int line = l->lines[key - conf_keys];
    return line > 0 ? g_strdup_printf("%s:%d", l->file, line) : g_strdup(l->file);
}

static bool check_rules(const struct loading *l, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (!rules[i].holds(l->conf)) {
            g_autofree char *where = place_of(l, conf_key_find(rules[i].section, rules[i].name));
            return err_set(e, ERR_INVALID, "%s: [%s] %s %s", where, rules[i].section, rules[i].name, rules[i].text);
        }
    }
    for (guint i = 0; i < l->conf->job_types->len; i++) {
        if (!conf_job_type_check(g_ptr_array_index(l->conf->job_types, i), e)) {
            return false;
        }
    }
    return true;
}

/* ---- the three sources ---- */

static bool assign_defaults(struct conf *conf, struct err *e)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (!conf_key_assign(&conf_keys[i], conf, conf_keys[i].def, "default", e)) {
            return false;
        }
    }
    return true;
}

static void warn_if_public(const struct conf_key *key, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0) {
        log_warn("config.secret_readable", LSTR("section", key->section), LSTR("key", key->name), LSTR("file", path));
    }
}

static bool assign_from_file(const struct conf_section *s, const struct conf_key *key, const char *path,
                             const char *where, struct err *e)
{
    struct err cause = ERR_INIT;
    g_autofree char *text = conf_file_slurp(path, SECRET_MAX_BYTES, &cause);
    if (text == NULL) {
        return err_set(e, cause.code, "%s: [%s] %s_file: %s", where, s->title, key->name, cause.text);
    }
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n') {
        text[length - 1] = '\0';
    }
    warn_if_public(key, path);
    return conf_section_assign(s, key, text, where, e);
}

static struct conf_section section_of(const struct loading *l, const char *section)
{
    return (struct conf_section){
        .keys = conf_keys,
        .n = conf_keys_count,
        .section = section,
        .title = section,
        .base = l->conf,
        .lines = l->lines,
    };
}

/* Finds the section that a line stands in; that of a job type is made when it is seen first. */
static bool find_section(const struct loading *l, const char *section, const char *where, struct conf_section *ret,
                         struct err *e)
{
    if (conf_is_job_type(section)) {
        struct conf_job_type *t = conf_job_type_of(l->conf, section, where, e);
        if (t == NULL) {
            return false;
        }
        *ret = conf_job_type_section(t);
        return true;
    }
    *ret = section_of(l, section);
    return conf_section_exists(section) || conf_unknown_section(section, where, e);
}

static bool apply_line(const struct loading *l, const struct conf_line *line, struct err *e)
{
    g_autofree char *where = g_strdup_printf("%s:%d", l->file, line->number);
    struct conf_section s = {.title = NULL};
    if (!find_section(l, line->section, where, &s, e)) {
        return false;
    }
    if (line->key == NULL) {
        return true;
    }
    const struct conf_key *key = conf_section_find(&s, line->key);
    const struct conf_key *twin = key == NULL ? conf_section_find_twin(&s, line->key) : NULL;
    if (key == NULL && twin == NULL) {
        return conf_unknown_key(&s, line->key, where, e);
    }
    const struct conf_key *row = key != NULL ? key : twin;
    int *seen = &s.lines[row - s.keys];
    if (*seen > 0) {
        return err_set(e, ERR_INVALID, "%s: [%s] %s was already given on line %d", where, s.title, row->name, *seen);
    }
    *seen = line->number;
    return key != NULL ? conf_section_assign(&s, key, line->value, where, e)
                       : assign_from_file(&s, twin, line->value, where, e);
}

static bool apply_file(const struct loading *l, struct err *e)
{
    g_autoptr(GPtrArray) lines = conf_file_read(l->file, e);
    if (lines == NULL) {
        return false;
    }
    for (guint i = 0; i < lines->len; i++) {
        if (!apply_line(l, g_ptr_array_index(lines, i), e)) {
            return false;
        }
    }
    return true;
}

static bool apply_variable(const struct loading *l, const struct conf_key *key, struct err *e)
{
    const struct conf_section s = section_of(l, key->section);
    g_autofree char *name = conf_key_variable(key, "");
    g_autofree char *twin_name = conf_key_variable(key, TWIN_VARIABLE_SUFFIX);
    const char *value = g_getenv(name);
    const char *path = (key->flags & CONF_SECRET) != 0 ? g_getenv(twin_name) : NULL;
    if (value != NULL && path != NULL) {
        return err_set(e, ERR_INVALID, "environment variables %s and %s: give one of them", name, twin_name);
    }
    g_autofree char *where = g_strdup_printf("environment variable %s", path != NULL ? twin_name : name);
    if (path != NULL) {
        return assign_from_file(&s, key, path, where, e);
    }
    return value == NULL || conf_section_assign(&s, key, value, where, e);
}

static bool apply_environment(const struct loading *l, struct err *e)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (!apply_variable(l, &conf_keys[i], e)) {
            return false;
        }
    }
    return true;
}

struct conf *conf_load(const char *file, struct err *e)
{
    CLEANUP(conf_cleanup) struct conf *conf = g_new0(struct conf, 1);
    g_autofree int *lines = g_new0(int, conf_keys_count);
    conf->job_types = g_ptr_array_new_with_free_func(conf_job_type_free);
    struct loading l = {.conf = conf, .file = file_in_effect(file), .lines = lines};
    if (!assign_defaults(conf, e) || !apply_file(&l, e) || !apply_environment(&l, e) || !check_rules(&l, e)) {
        return NULL;
    }
    return g_steal_pointer(&conf);
}

/* ---- reload ---- */

/* Puts the running value back where a key cannot change, and notes that it would have. */
static bool keep_structural(struct conf *fresh, const struct conf *current, GString *kept, struct err *e)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        g_autofree char *was = conf_key_text(key, current);
        g_autofree char *is = conf_key_text(key, fresh);
        if ((key->flags & CONF_RELOAD) != 0 || strcmp(was, is) == 0) {
            continue;
        }
        g_string_append_printf(kept, "%s%s.%s", kept->len == 0 ? "" : ",", key->section, key->name);
        if (!conf_key_assign(key, fresh, was, "running configuration", e)) {
            return false;
        }
    }
    return true;
}

struct conf *conf_reload(const struct conf *current, const char *file, char **needs_restart, struct err *e)
{
    CLEANUP(conf_cleanup) struct conf *fresh = conf_load(file, e);
    g_autoptr(GString) kept = g_string_new(NULL);
    if (fresh == NULL || !keep_structural(fresh, current, kept, e)) {
        return NULL;
    }
    if (needs_restart != NULL) {
        *needs_restart = g_string_free(g_steal_pointer(&kept), FALSE);
    }
    return g_steal_pointer(&fresh);
}

/* ---- the end ---- */

void conf_free(struct conf *conf)
{
    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (conf_keys[i].type == CONF_TYPE_TEXT) {
            g_free(*(char **)(void *)((char *)conf + conf_keys[i].offset));
        }
    }
    g_ptr_array_unref(conf->job_types);
    g_free(conf);
}

void conf_cleanup(struct conf **conf)
{
    conf_free(*conf);
}

/* ---- printing ---- */

static void print_section(const char *title, const char *before, FILE *out)
{
    (void)fprintf(out, "%s[%s]\n", before, title);
}

static void print_key(const struct conf_key *key, const void *base, FILE *out)
{
    g_autofree char *text = conf_key_masked(key, base);
    (void)fprintf(out, "%s =%s%s\n", key->name, *text == '\0' ? "" : " ", text);
}

void conf_print(const struct conf *conf, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < conf_keys_count; i++) {
        const struct conf_key *key = &conf_keys[i];
        if (strcmp(section, key->section) != 0) {
            print_section(key->section, *section == '\0' ? "" : "\n", out);
            section = key->section;
        }
        print_key(key, conf, out);
    }
    for (guint i = 0; i < conf->job_types->len; i++) {
        const struct conf_job_type *t = g_ptr_array_index(conf->job_types, i);
        print_section(t->title, "\n", out);
        for (size_t k = 0; k < conf_job_type_keys_count; k++) {
            if (conf_job_type_takes(t, &conf_job_type_keys[k])) {
                print_key(&conf_job_type_keys[k], t, out);
            }
        }
    }
}

static void print_reference_key(const struct conf_key *key, FILE *out)
{
    g_autofree char *wanted = conf_key_wanted(key);
    g_autofree char *variable = conf_key_variable(key, "");
    (void)fprintf(out, "\n# %s\n# Takes %s.\n# Environment: %s.%s%s\n%s =%s%s\n", key->help, wanted, variable,
                  (key->flags & CONF_RELOAD) != 0 ? " Reloads on SIGHUP." : "",
                  (key->flags & CONF_SECRET) != 0 ? " Secret; may be given by file." : "", key->name,
                  *key->def == '\0' ? "" : " ", key->def);
    if ((key->flags & CONF_SECRET) != 0) {
        (void)fprintf(out, "# %s_file = /path/of/a/file/that/holds/it\n", key->name);
    }
}

/* All of it as comments: a type that is not there has no section. */
static void print_reference_job_type(FILE *out)
{
    (void)fputs(
        "\n# One section for each job type that runs a program (exec) or calls an address (http), or for a built-in "
        "type\n# some of whose settings are others. Set in the file alone; all of it reloads on SIGHUP.\n"
        "# [" CONF_JOB_TYPE " NAME]\n",
        out);
    for (size_t i = 0; i < conf_job_type_keys_count; i++) {
        const struct conf_key *key = &conf_job_type_keys[i];
        g_autofree char *wanted = conf_key_wanted(key);
        bool is_secret = (key->flags & CONF_SECRET) != 0;
        (void)fprintf(out, "#\n# %s\n# Takes %s.%s\n# %s =%s%s\n", key->help, wanted,
                      is_secret ? " Secret; may be given by file." : "", key->name, *key->def == '\0' ? "" : " ",
                      key->def);
        if (is_secret) {
            (void)fprintf(out, "# %s_file = /path/of/a/file/that/holds/it\n", key->name);
        }
    }
}

void conf_print_reference(FILE *out)
{
    const char *section = "";
    (void)fputs(
        "# Every key of Bellman's configuration at its default. A key that is left out keeps its default.\n"
        "# A value goes from the = to the end of the line, less the space around it; there are no quotes and no\n"
        "# escapes. Environment variables win over the file.\n",
        out);
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (strcmp(section, conf_keys[i].section) != 0) {
            section = conf_keys[i].section;
            (void)fprintf(out, "\n[%s]\n", section);
        }
        print_reference_key(&conf_keys[i], out);
    }
    print_reference_job_type(out);
}
