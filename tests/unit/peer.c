#include "unit/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_line(int fd, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && read(fd, out + n, 1) == 1 && out[n] != '\n') {
        n++;
    }
    out[n] = '\0';
}

static void start(struct peer *p, const char *program, const char *keep, const char *options)
{
    *p = (struct peer){.kept_file = g_strdup("/tmp/bellman-peer-XXXXXX")};
    close(g_mkstemp(p->kept_file));
    g_autofree char *line = g_strdup_printf("/usr/bin/python3 tests/fakes/%s %s %s %s", program, keep, p->kept_file,
                                            options);
    char **argv = NULL;
    assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
    int out_fd = -1;
    assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &p->pid, &p->in_fd,
                                         &out_fd, NULL, NULL));
    g_strfreev(argv);
    char hello[300];
    read_line(out_fd, hello, sizeof(hello));
    close(out_fd);
    char *blank = strchr(hello, ' ');
    assert_non_null(blank);
    p->port = (int)g_ascii_strtoll(hello, NULL, 10);
    g_strlcpy(p->ca_file, strcmp(blank + 1, "-") == 0 ? "" : blank + 1, sizeof(p->ca_file));
}

void peer_start(struct peer *p, const char *options)
{
    start(p, "smtp_peer.py", "--mails", options);
}

void peer_start_http(struct peer *p, const char *options)
{
    start(p, "http_peer.py", "--keep", options);
}

void peer_stop(struct peer *p)
{
    close(p->in_fd);
    waitpid(p->pid, NULL, 0);
    g_unlink(p->kept_file);
    g_free(p->kept_file);
}

json_t *peer_kept(const struct peer *p)
{
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(p->kept_file, &text, NULL, NULL));
    json_t *kept = json_array();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++) {
        json_t *one = json_loads(lines[i], 0, NULL);
        assert_non_null(one);
        json_array_append_new(kept, one);
    }
    return kept;
}

const char *mail_data(const json_t *mails, size_t i)
{
    return json_string_value(json_object_get(json_array_get(mails, i), "data"));
}
