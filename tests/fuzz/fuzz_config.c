/* A configuration file: loaded, printed and reloaded over itself, which must change nothing. Inputs that name devices
 * are passed over. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ground/conf.h"

static int write_file(const void *text, size_t bytes, char path[64])
{
    int fd = memfd_create("conf", MFD_CLOEXEC);
    MUST_HOLD(fd >= 0);
    MUST_HOLD(write(fd, text, bytes) == (ssize_t)bytes);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static char *print(const struct conf *conf)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    MUST_HOLD(out != NULL);
    conf_print(conf, out);
    MUST_HOLD(fclose(out) == 0);
    return text;
}

static void check_reload(const struct conf *conf, const char *path)
{
    struct err e = {0};
    char *needs_restart = NULL;
    struct conf *again = conf_reload(conf, path, &needs_restart, &e);
    MUST_HOLD(again != NULL && (needs_restart == NULL || needs_restart[0] == '\0'));
    char *before = print(conf);
    char *after = print(again);
    MUST_HOLD(strcmp(before, after) == 0);
    free(before);
    free(after);
    g_free(needs_restart);
    conf_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    struct err e = {0};
    if (memmem(data, bytes, "/dev/", 5) != NULL || memmem(data, bytes, "/proc/", 6) != NULL) {
        return 0;
    }
    int fd = write_file(data, bytes, path);
    struct conf *conf = conf_load(path, &e);
    MUST_HOLD(conf != NULL || (e.code != ERR_NONE && e.text[0] != '\0'));
    if (conf != NULL) {
        check_reload(conf, path);
    }
    conf_free(conf);
    (void)close(fd);
    return 0;
}
