#include "schema.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "ports/seal.h"

#define VERSION_DIGITS 4

static void migration_release(void *p)
{
    struct migration *m = p;
    g_free(m->name);
    g_free(m->text);
}

void schema_free(struct schema *schema)
{
    if (schema == NULL) {
        return;
    }
    for (size_t i = 0; i < schema->n; i++) {
        migration_release(&schema->migrations[i]);
    }
    g_free(schema->migrations);
    g_free(schema);
}

void schema_cleanup(struct schema **schema)
{
    schema_free(*schema);
}

const struct migration *schema_find(const struct schema *schema, int64_t version)
{
    for (size_t i = 0; i < schema->n; i++) {
        if (schema->migrations[i].version == version) {
            return &schema->migrations[i];
        }
    }
    return NULL;
}

static void hex_sha256(const char *text, char out[65])
{
    unsigned char digest[32];
    seal_sha256(text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)g_snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

/* NNNN_name.sql with NNNN from 0001. 0 when name is not of that form. */
static int64_t parse_version(const char *name)
{
    char *end = NULL;
    int64_t version = g_ascii_strtoll(name, &end, 10);
    bool named = g_ascii_isdigit(name[0]) && end == name + VERSION_DIGITS && *end == '_';
    return named ? version : 0;
}

/* Takes text over. */
static bool add(GArray *list, const char *name, char *text, struct err *e)
{
    struct migration m = {.version = parse_version(name), .name = g_strdup(name), .text = text};
    hex_sha256(text, m.checksum);
    g_array_append_val(list, m);
    return m.version > 0 || err_set(e, ERR_INVALID, "%s is not named like a migration: NNNN_name.sql", name);
}

static bool add_embedded(GArray *list, struct err *e)
{
    for (size_t i = 0; i < schema_files_n; i++) {
        const struct schema_file *f = &schema_files[i];
        if (!add(list, f->name, g_strndup(f->text, (gsize)(f->end - f->text)), e)) {
            return false;
        }
    }
    return true;
}

static bool add_file(GArray *list, const char *directory, const char *name, struct err *e)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(directory, name, NULL);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error)) {
        return err_set(e, ERR_NOT_FOUND, "Cannot read %s: %s", path, error->message);
    }
    return add(list, name, text, e);
}

static bool add_directory(GArray *list, const char *directory, struct err *e)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
    if (dir == NULL) {
        return err_set(e, ERR_NOT_FOUND, "Cannot read the migrations: %s", error->message);
    }
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        if (g_str_has_suffix(name, ".sql") && !add_file(list, directory, name, e)) {
            return false;
        }
    }
    return true;
}

static int by_version(const void *a, const void *b)
{
    const struct migration *x = a;
    const struct migration *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

static bool check_versions(const struct schema *schema, struct err *e)
{
    for (size_t i = 1; i < schema->n; i++) {
        const struct migration *m = &schema->migrations[i];
        if (m->version == m[-1].version) {
            return err_set(e, ERR_INVALID, "%s and %s have the same number", m[-1].name, m->name);
        }
    }
    return schema->n > 0 || err_set(e, ERR_INVALID, "There are no migrations");
}

struct schema *schema_load(const char *directory, struct err *e)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct migration));
    bool added = directory == NULL ? add_embedded(list, e) : add_directory(list, directory, e);

    CLEANUP(schema_cleanup) struct schema *schema = g_new0(struct schema, 1);
    schema->n = list->len;
    schema->migrations = (struct migration *)(void *)g_array_free(list, FALSE);
    if (!added) {
        return NULL;
    }
    if (schema->n > 0) {
        qsort(schema->migrations, schema->n, sizeof(struct migration), by_version);
    }
    return check_versions(schema, e) ? g_steal_pointer(&schema) : NULL;
}
