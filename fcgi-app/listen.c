#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define BACKLOG 4096
#define SOCKET_MODE 0660

static bool set_nonblocking(int fd, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return err_set(e, ERR_INTERNAL, "cannot make the listening socket non-blocking: %s", g_strerror(errno));
    }
    return true;
}

static bool take_inherited(struct listener *l, int n, struct err *e)
{
    int fd = SD_LISTEN_FDS_START;
    if (n > 1 || sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
        return err_set(e, ERR_INVALID, "systemd passed %d descriptors; one listening stream socket is wanted", n);
    }
    l->fd = fd;
    l->inherited = true;
    return set_nonblocking(fd, e);
}

static bool fill_address(struct sockaddr_un *address, const char *path, struct err *e)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path)) {
        return err_set(e, ERR_INVALID, "the socket's path is longer than %zu bytes: %s", sizeof(address->sun_path) - 1,
                       path);
    }
    g_strlcpy(address->sun_path, path, sizeof(address->sun_path));
    return true;
}

/* The path is about to be replaced: whatever else somebody keeps there must not be lost to a slip in the configuration.
 */
static bool check_replaceable(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        return err_set(e, ERR_CONFLICT, "cannot listen on %s: there is something that is not a socket", path);
    }
    return true;
}

static bool is_answered(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return answered;
}

/* Bound under another name, made ready, then renamed: whoever finds the path can connect. */
static bool bind_at(struct listener *l, const char *path, struct err *e)
{
    struct sockaddr_un address;
    struct stat st;
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    if (!fill_address(&address, fresh, e)) {
        return false;
    }
    (void)unlink(fresh);
    if (bind(l->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || chmod(fresh, SOCKET_MODE) != 0 ||
        listen(l->fd, BACKLOG) != 0 || stat(fresh, &st) != 0 || rename(fresh, path) != 0) {
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s: %s", path, g_strerror(errno));
    }
    l->inode = st.st_ino;
    return true;
}

bool listener_open(struct listener *l, const char *path, struct err *e)
{
    struct sockaddr_un address;
    *l = (struct listener){.fd = -1};
    int inherited = sd_listen_fds(1);
    if (inherited > 0) {
        return take_inherited(l, inherited, e);
    }
    if (!fill_address(&address, path, e) || !check_replaceable(path, e)) {
        return false;
    }
    if (is_answered(&address)) {
        return err_set(e, ERR_CONFLICT, "another process already listens on %s", path);
    }
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        return err_set(e, ERR_UNAVAILABLE, "cannot make a socket: %s", g_strerror(errno));
    }
    l->path = g_strdup(path);
    return bind_at(l, path, e);
}

void listener_hide(struct listener *l)
{
    struct stat st;
    if (l->path != NULL && stat(l->path, &st) == 0 && st.st_ino == l->inode) {
        (void)unlink(l->path);
    }
}

void listener_close(struct listener *l)
{
    listener_hide(l);
    if (l->fd >= 0) {
        (void)close(l->fd);
        l->fd = -1;
    }
    g_clear_pointer(&l->path, g_free);
}
