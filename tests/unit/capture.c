#include "unit/capture.h"

#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

void capture_begin(struct capture *c, int fd)
{
    check(fflush(NULL) == 0);
    c->fd = fd;
    c->saved = dup(fd);
    c->file = memfd_create("capture", MFD_CLOEXEC);
    check(fcntl(c->file, F_SETFL, O_APPEND) == 0); /* threads write at one time */
    check(c->saved >= 0 && c->file >= 0 && dup2(c->file, fd) == fd);
}

char *capture_end(struct capture *c)
{
    check(fflush(NULL) == 0);
    check(dup2(c->saved, c->fd) == c->fd);
    off_t length = lseek(c->file, 0, SEEK_END);
    check(length >= 0);
    char *text = g_malloc0((gsize)length + 1);
    check(pread(c->file, text, (size_t)length, 0) == length);
    close(c->saved);
    close(c->file);
    return text;
}
