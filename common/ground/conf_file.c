#include "ground/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void close_cleanup(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* Reads until the end or max_bytes + 1, so that too much can be told from just enough. */
static bool read_up_to(int fd, GString *text, size_t max_bytes)
{
    char block[4096];
    while (text->len <= max_bytes) {
        ssize_t got = read(fd, block, MIN(sizeof(block), max_bytes + 1 - text->len));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0;
        }
        g_string_append_len(text, block, got);
    }
    return true;
}

char *conf_file_slurp(const char *path, size_t max_bytes, struct err *e)
{
    CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(GString) text = g_string_new(NULL);
    if (fd < 0 || !read_up_to(fd, text, max_bytes)) {
        err_set(e, errno == EACCES ? ERR_DENIED : ERR_NOT_FOUND, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (text->len > max_bytes) {
        err_set(e, ERR_INVALID, "%s: larger than %zu bytes", path, max_bytes);
        return NULL;
    }
    if (strlen(text->str) != text->len) {
        err_set(e, ERR_INVALID, "%s: not a text file", path);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void line_free(void *line)
{
    struct conf_line *l = line;
    g_free(l->section);
    g_free(l->key);
    g_free(l->value);
    g_free(l);
}

static struct conf_line *line_new(int number, const char *section, const char *key)
{
    struct conf_line *l = g_new0(struct conf_line, 1);
    l->number = number;
    l->section = g_strdup(section);
    l->key = g_strdup(key);
    return l;
}

/* Adds what one trimmed line says. section is the one it stands in, replaced by a header. */
static bool add_line(GPtrArray *lines, int number, char *text, const char **section, const char **ret_problem)
{
    size_t length = strlen(text);
    if (text[0] == '\0' || text[0] == '#') {
        return true;
    }
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        text[length - 1] = '\0';
        struct conf_line *header = line_new(number, text + 1, NULL);
        g_ptr_array_add(lines, header);
        *section = header->section;
        return true;
    }
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        *ret_problem = "expected [section], key = value or # comment";
        return false;
    }
    if (*section == NULL) {
        *ret_problem = "a key must stand below a [section]";
        return false;
    }
    *equals = '\0';
    g_ptr_array_add(lines, line_new(number, *section, g_strchomp(text)));
    return true;
}

static GPtrArray *find_lines(const char *path, const char *text, struct err *e)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(line_free);
    g_auto(GStrv) all = g_strsplit(text, "\n", 0);
    const char *section = NULL;
    for (int i = 0; all[i] != NULL; i++) {
        const char *problem = NULL;
        if (!g_utf8_validate(all[i], -1, NULL)) {
            problem = "not UTF-8";
        } else if (add_line(lines, i + 1, g_strstrip(all[i]), &section, &problem)) {
            continue;
        }
        err_set(e, ERR_INVALID, "%s:%d: %s", path, i + 1, problem);
        return NULL;
    }
    return g_steal_pointer(&lines);
}

/* GKeyFile keeps the last of two equal keys; the caller, who sees both lines, refuses them. Values are taken raw: INI
 * has no agreed escapes, and a password may well hold a backslash. */
static bool fill_values(GPtrArray *lines, const char *path, const char *text, struct err *e)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    if (!g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE, &error)) {
        return err_set(e, ERR_INVALID, "%s: %s", path, error->message);
    }
    for (guint i = 0; i < lines->len; i++) {
        struct conf_line *l = g_ptr_array_index(lines, i);
        if (l->key == NULL) {
            continue;
        }
        l->value = g_key_file_get_value(file, l->section, l->key, NULL);
        if (l->value == NULL) {
            return err_set(e, ERR_INVALID, "%s:%d: \"%.60s\" cannot be a key", path, l->number, l->key);
        }
        g_strstrip(l->value);
    }
    return true;
}

GPtrArray *conf_file_read(const char *path, struct err *e)
{
    g_autofree char *text = conf_file_slurp(path, CONF_FILE_MAX_BYTES, e);
    if (text == NULL) {
        return NULL;
    }
    g_autoptr(GPtrArray) lines = find_lines(path, text, e);
    if (lines == NULL || (*text != '\0' && !fill_values(lines, path, text, e))) {
        return NULL;
    }
    return g_steal_pointer(&lines);
}
