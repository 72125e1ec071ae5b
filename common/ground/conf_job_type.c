#include "ground/conf_job_type.h"

#include <string.h>

#define NAME_MAX_BYTES 64
#define PATH_MAX_BYTES 4095
#define LIST_MAX_BYTES 1024
#define COMMAND_MAX_BYTES 4096

#define KEY(n) .section = CONF_JOB_TYPE, .name = #n, .offset = offsetof(struct conf_job_type, n)
#define TEXT(least, most) .type = CONF_TYPE_TEXT, .min = (least), .max = (most)
#define INT(least, most) .type = CONF_TYPE_INT, .min = (least), .max = (most)
#define CHOICE(list) .type = CONF_TYPE_CHOICE, .choices = (list)

/* clang-format off */
const struct conf_key conf_job_type_keys[] = {
    {KEY(help), TEXT(0, 200), .def = "", .help = "One line that says what it does; shown by GET /job-types."},
    {KEY(exec), TEXT(0, COMMAND_MAX_BYTES), .def = "",
     .help = "Program and arguments that run such a job. Quotes are heeded, but there is no shell; the program's path "
             "is absolute."},
    {KEY(http), TEXT(0, 2048), .def = "", .help = "https:// address that such a job is posted to, signed."},
    {KEY(http_secret), TEXT(0, 1024), .flags = CONF_SECRET | CONF_HTTP, .def = "",
     .help = "Key that requests are signed with: whsec_ and base64 of 24 to 64 bytes."},
    {KEY(http_secret_previous), TEXT(0, 1024), .flags = CONF_SECRET | CONF_HTTP, .def = "",
     .help = "The key before it: while this is set, requests carry both signatures."},
    {KEY(http_ca_file), TEXT(0, PATH_MAX_BYTES), .flags = CONF_HTTP, .def = "",
     .help = "Certificates (PEM) that https trusts. Empty: the system's."},

    {KEY(timeout_s), INT(1, 86400), .flags = CONF_INHERIT, .def = "",
     .help = "Seconds one attempt may take. Empty: the built-in type's, else 60."},
    {KEY(max_retries), INT(0, 100), .flags = CONF_INHERIT, .def = "",
     .help = "Retries of a job that does not say how many it wants. Empty: 3."},
    {KEY(retry_curve), CHOICE(conf_retry_curves), .flags = CONF_INHERIT, .def = "",
     .help = "As curve in [retry], for this type. Empty: that one."},
    {KEY(retry_base_s), INT(0, 86400), .flags = CONF_INHERIT, .def = "", .help = "As base_s there."},
    {KEY(retry_cap_s), INT(0, 2592000), .flags = CONF_INHERIT, .def = "", .help = "As cap_s there."},
    {KEY(retry_jitter_percent), INT(0, 50), .flags = CONF_INHERIT, .def = "", .help = "As jitter_percent there."},
    {KEY(keep_completed_h), INT(0, 876000), .def = "0",
     .help = "Hours that completed jobs of this type are kept. 0: as jobs in general."},
    {KEY(keep_failed_h), INT(0, 876000), .def = "0", .help = "The same for failed ones."},
    {KEY(keep_cancelled_h), INT(0, 876000), .def = "0", .help = "The same for cancelled ones."},

    {KEY(workdir), TEXT(1, PATH_MAX_BYTES), .flags = CONF_EXEC, .def = "/", .help = "Directory the program runs in."},
    {KEY(env_pass), TEXT(0, LIST_MAX_BYTES), .flags = CONF_EXEC, .def = "",
     .help = "Names of the consumer's environment variables that the program gets too, separated by commas."},
    {KEY(permanent_exits), TEXT(0, LIST_MAX_BYTES), .flags = CONF_EXEC, .def = "65,78",
     .help = "Exit codes after which trying again is no use, separated by commas; * is every one but 0."},
    {KEY(retry_exits), TEXT(0, LIST_MAX_BYTES), .flags = CONF_EXEC, .def = "75",
     .help = "Exit codes that are retried even when permanent_exits has them; all others that it has not are as well."},
    {KEY(stop_grace_s), INT(0, 60), .flags = CONF_EXEC, .def = "5",
     .help = "Seconds between SIGTERM and SIGKILL when a job is cancelled, too slow or handed back."},
    {KEY(nice), INT(0, 19), .flags = CONF_EXEC, .def = "0", .help = "Niceness of the program."},
    {KEY(memory_mb), INT(0, 1048576), .flags = CONF_EXEC, .def = "0",
     .help = "Address space it may have (RLIMIT_AS). 0: no limit."},
    {KEY(cpu_s), INT(0, 86400), .flags = CONF_EXEC, .def = "0", .help = "CPU seconds (RLIMIT_CPU). 0: no limit."},
    {KEY(open_files), INT(0, 1048576), .flags = CONF_EXEC, .def = "256",
     .help = "Files it may have open (RLIMIT_NOFILE). 0: no limit of its own."},
    {KEY(file_size_mb), INT(0, 1048576), .flags = CONF_EXEC, .def = "0",
     .help = "Size of a file that it writes (RLIMIT_FSIZE). 0: no limit."},
};
/* clang-format on */

const size_t conf_job_type_keys_count = ARRAY_SIZE(conf_job_type_keys);

/* ---- sections ---- */

bool conf_is_job_type(const char *section)
{
    size_t length = strlen(CONF_JOB_TYPE);
    return strncmp(section, CONF_JOB_TYPE, length) == 0 && (section[length] == '\0' || section[length] == ' ');
}

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length <= NAME_MAX_BYTES && strspn(name, letters) == length &&
           (g_ascii_islower(name[0]) || g_ascii_isdigit(name[0]));
}

static struct conf_job_type *find(const struct conf *conf, const char *name)
{
    for (guint i = 0; i < conf->job_types->len; i++) {
        struct conf_job_type *t = g_ptr_array_index(conf->job_types, i);
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

struct conf_section conf_job_type_section(struct conf_job_type *t)
{
    return (struct conf_section){
        .keys = conf_job_type_keys,
        .n = conf_job_type_keys_count,
        .section = CONF_JOB_TYPE,
        .title = t->title,
        .base = t,
        .lines = t->lines,
    };
}

static struct conf_job_type *add(struct conf *conf, const char *name, const char *where, struct err *e)
{
    struct conf_job_type *t = g_new0(struct conf_job_type, 1);
    t->name = g_strdup(name);
    t->title = g_strconcat(CONF_JOB_TYPE " ", name, NULL);
    t->where = g_strdup(where);
    t->lines = g_new0(int, conf_job_type_keys_count);
    g_ptr_array_add(conf->job_types, t);
    const struct conf_section s = conf_job_type_section(t);
    for (size_t i = 0; i < s.n; i++) {
        if (!conf_section_assign(&s, &s.keys[i], s.keys[i].def, "default", e)) {
            return NULL;
        }
    }
    return t;
}

struct conf_job_type *conf_job_type_of(struct conf *conf, const char *section, const char *where, struct err *e)
{
    g_autofree char *name = g_strdup(section + strlen(CONF_JOB_TYPE));
    g_strstrip(name);
    if (!is_name(name)) {
        err_set(e, ERR_INVALID,
                "%s: [%.80s]: a job type's name has 1 to %d of a-z, 0-9, dot, underscore and hyphen, and begins with a "
                "letter or digit",
                where, section, NAME_MAX_BYTES);
        return NULL;
    }
    struct conf_job_type *t = find(conf, name);
    if (t == NULL && conf->job_types->len >= CONF_JOB_TYPES_MAX) {
        err_set(e, ERR_INVALID, "%s: [%s]: more than %d job types", where, section, CONF_JOB_TYPES_MAX);
        return NULL;
    }
    return t != NULL ? t : add(conf, name, where, e);
}

void conf_job_type_free(void *conf_job_type)
{
    struct conf_job_type *t = conf_job_type;
    for (size_t i = 0; i < conf_job_type_keys_count; i++) {
        if (conf_job_type_keys[i].type == CONF_TYPE_TEXT) {
            g_free(*(char **)(void *)((char *)t + conf_job_type_keys[i].offset));
        }
    }
    g_free(t->name);
    g_free(t->title);
    g_free(t->where);
    g_free(t->lines);
    g_free(t);
}

/* ---- lists ---- */

char **conf_job_type_argv(const struct conf_job_type *t)
{
    char **argv = NULL;
    return g_shell_parse_argv(t->exec, NULL, &argv, NULL) ? argv : NULL;
}

/* Words between commas and spaces; none of them empty. */
static char **words_of(const char *list)
{
    g_auto(GStrv) pieces = g_strsplit_set(list, ", ", -1);
    GStrvBuilder *words = g_strv_builder_new();
    for (size_t i = 0; pieces[i] != NULL; i++) {
        if (*pieces[i] != '\0') {
            g_strv_builder_add(words, pieces[i]);
        }
    }
    char **made = g_strv_builder_end(words);
    g_strv_builder_unref(words);
    return made;
}

char **conf_job_type_env_pass(const struct conf_job_type *t)
{
    return words_of(t->env_pass);
}

static bool is_exit_code(const char *word, int *ret)
{
    guint64 code = 0;
    if (!g_ascii_string_to_unsigned(word, 10, 1, UINT8_MAX, &code, NULL)) {
        return false;
    }
    *ret = (int)code;
    return true;
}

bool conf_exits_contain(const char *list, int exit_code)
{
    g_auto(GStrv) words = words_of(list);
    for (size_t i = 0; words[i] != NULL; i++) {
        int code = 0;
        if (strcmp(words[i], "*") == 0 || (is_exit_code(words[i], &code) && code == exit_code)) {
            return true;
        }
    }
    return false;
}

/* ---- rules ---- */

static bool exec_is_absolute(const struct conf_job_type *t)
{
    g_auto(GStrv) argv = conf_job_type_argv(t);
    return *t->exec == '\0' || (argv != NULL && argv[0][0] == '/');
}

static bool has_one_way(const struct conf_job_type *t)
{
    return *t->exec == '\0' || *t->http == '\0';
}

static bool http_is_url(const struct conf_job_type *t)
{
    return *t->http == '\0' || g_str_has_prefix(t->http, "https://") || g_str_has_prefix(t->http, "http://");
}

static bool http_is_signed(const struct conf_job_type *t)
{
    return *t->http == '\0' || *t->http_secret != '\0';
}

static bool workdir_is_absolute(const struct conf_job_type *t)
{
    return t->workdir[0] == '/';
}

static bool are_exit_codes(const char *list)
{
    g_auto(GStrv) words = words_of(list);
    for (size_t i = 0; words[i] != NULL; i++) {
        int code = 0;
        if (strcmp(words[i], "*") != 0 && !is_exit_code(words[i], &code)) {
            return false;
        }
    }
    return true;
}

static bool permanent_exits_are_codes(const struct conf_job_type *t)
{
    return are_exit_codes(t->permanent_exits);
}

static bool retry_exits_are_codes(const struct conf_job_type *t)
{
    return are_exit_codes(t->retry_exits);
}

/* Our own variables may hold our secrets, and those that a job gets are made for it. */
static bool env_pass_is_harmless(const struct conf_job_type *t)
{
    g_auto(GStrv) names = conf_job_type_env_pass(t);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strchr(names[i], '=') != NULL || g_str_has_prefix(names[i], "BELLMAN_")) {
            return false;
        }
    }
    return true;
}

static bool retries_are_ordered(const struct conf_job_type *t)
{
    return t->retry_base_s == CONF_UNSET || t->retry_cap_s == CONF_UNSET || t->retry_base_s <= t->retry_cap_s;
}

static const struct rule {
    const char *name;
    bool (*holds)(const struct conf_job_type *t);
    const char *text;
} rules[] = {
    {"exec", exec_is_absolute, "must be a program's absolute path and its arguments, with every quote closed"},
    {"http", has_one_way, "cannot be given beside exec: a type runs a program or calls an address"},
    {"http", http_is_url, "must begin with https:// or http://"},
    {"http", http_is_signed, "needs http_secret (or http_secret_file), which requests are signed with"},
    {"workdir", workdir_is_absolute, "must be an absolute path"},
    {"permanent_exits", permanent_exits_are_codes, "must be numbers from 1 to 255 separated by commas, or *"},
    {"retry_exits", retry_exits_are_codes, "must be numbers from 1 to 255 separated by commas, or *"},
    {"env_pass", env_pass_is_harmless, "must be names of variables, none of them beginning with BELLMAN_"},
    {"retry_base_s", retries_are_ordered, "must not be more than retry_cap_s"},
};

/* The place of a key, or of the section when the key is not there. */
static char *place_of(const struct conf_job_type *t, size_t key)
{
    const char *colon = strrchr(t->where, ':');
    int length = colon == NULL ? (int)strlen(t->where) : (int)(colon - t->where);
    return t->lines[key] > 0 ? g_strdup_printf("%.*s:%d", length, t->where, t->lines[key]) : g_strdup(t->where);
}

static bool refuse(const struct conf_job_type *t, const struct conf_key *key, const char *text, struct err *e)
{
    g_autofree char *where = place_of(t, (size_t)(key - conf_job_type_keys));
    return err_set(e, ERR_INVALID, "%s: [%s] %s %s", where, t->title, key->name, text);
}

bool conf_job_type_takes(const struct conf_job_type *t, const struct conf_key *key)
{
    return ((key->flags & CONF_EXEC) == 0 || *t->exec != '\0') && ((key->flags & CONF_HTTP) == 0 || *t->http != '\0');
}

bool conf_job_type_check(const struct conf_job_type *t, struct err *e)
{
    const struct conf_section s = {.keys = conf_job_type_keys, .n = conf_job_type_keys_count, .section = CONF_JOB_TYPE};
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (!rules[i].holds(t)) {
            return refuse(t, conf_section_find(&s, rules[i].name), rules[i].text, e);
        }
    }
    for (size_t i = 0; i < s.n; i++) {
        if (t->lines[i] > 0 && !conf_job_type_takes(t, &s.keys[i])) {
            bool is_for_exec = (s.keys[i].flags & CONF_EXEC) != 0;
            return refuse(t, &s.keys[i], is_for_exec ? "is for types that have exec" : "is for types that have http",
                          e);
        }
    }
    return true;
}
