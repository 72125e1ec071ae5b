#include "unit/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static char *directory;

char *fixture_path(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

/* Writes the file and returns its path. */
char *fixture_write(const char *name, const char *text)
{
    char *path = fixture_path(name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(g_chmod(path, 0600), 0);
    return path;
}

static void forget_environment(void)
{
    g_auto(GStrv) names = g_listenv();
    for (size_t i = 0; names[i] != NULL; i++) {
        if (g_str_has_prefix(names[i], "BELLMAN_")) {
            g_unsetenv(names[i]);
        }
    }
}

int fixture_begin_group(void **state UNUSED)
{
    directory = g_dir_make_tmp("bellman-conf-XXXXXX", NULL);
    return directory == NULL ? -1 : 0;
}

int fixture_end_group(void **state UNUSED)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *path = fixture_path(name);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_free(directory);
    return 0;
}

int fixture_begin(void **state UNUSED)
{
    forget_environment();
    return 0;
}

struct conf *fixture_load(const char *text, struct err *e)
{
    g_autofree char *path = fixture_write("bellman.conf", text);
    err_clear(e);
    return conf_load(path, e);
}

struct conf *fixture_must_load(const char *text)
{
    struct err e = ERR_INIT;
    struct conf *conf = fixture_load(text, &e);
    if (conf == NULL) {
        fail_msg("%s", e.text);
    }
    return conf;
}

void fixture_check_refused(const char *text, const char *wanted)
{
    struct err e = ERR_INIT;
    CLEANUP(conf_cleanup) struct conf *conf = fixture_load(text, &e);
    g_autofree char *path = fixture_path("bellman.conf");
    g_autofree char *whole = g_strconcat(path, wanted, NULL);
    assert_null(conf);
    assert_int_not_equal(e.code, ERR_NONE);
    assert_string_equal(e.text, whole);
}

char *fixture_other_value(const struct conf_key *k, int which)
{
    switch (k->type) {
    case CONF_TYPE_TEXT:
        if (strcmp(k->name, "public_url") == 0) {
            return g_strdup_printf("https://other%d.example.com", which);
        }
        return g_strdup_printf((k->flags & CONF_URL) != 0 ? "amqps://u:p@other%d/" : "other %d \\n \"=#; \303\244",
                               which);
    case CONF_TYPE_INT:
        return g_strdup_printf("%d", (int)(strcmp(k->name, "renew_ms") == 0            ? 1500 + which
                                           : strcmp(k->name, "payload_max_bytes") == 0 ? 4096 + which
                                           : strcmp(k->name, "base_s") == 0            ? 40 + which
                                           : strcmp(k->name, "lease_ms") == 0          ? 9000 + which
                                                                                       : (int)k->max - 1 - which));
    case CONF_TYPE_BOOL:
        return g_strdup((strcmp(k->def, "true") == 0) == (which == 0) ? "false" : "true");
    case CONF_TYPE_CHOICE:
        return g_strdup(k->choices[strcmp(k->def, k->choices[0]) == 0 ? 1 : 0]);
    }
    return NULL;
}
