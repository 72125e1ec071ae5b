#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl.h"
#include "ports/seal.h"
#include "ports/token_create.h"

static void text_cleanup(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        free(*text);
    }
}

static void file_cleanup(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* Makes a file of mode 0600 that was not there. What cannot be written whole is removed again. */
static bool write_new_file(const char *path, const char *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    CLEANUP(file_cleanup) FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        return err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_DENIED, "Cannot create %s: %s", path, g_strerror(errno));
    }
    if (fputs(text, file) < 0 || fputc('\n', file) == EOF || fflush(file) != 0 || fsync(fd) != 0) {
        err_set(e, ERR_UNAVAILABLE, "Cannot write %s: %s", path, g_strerror(errno));
        (void)unlink(path);
        return false;
    }
    return true;
}

static bool create_jwks(const char *path, const char *alg, struct err *e)
{
    json_auto_t *keys = NULL;
    if (!token_create_keys(alg, &keys, e)) {
        return false;
    }
    CLEANUP(text_cleanup) char *text = json_dumps(keys, JSON_INDENT(2));
    return write_new_file(path, text, e);
}

static bool create_files(const char *jwks, const char *alg, const char *keyring, struct err *e)
{
    if (jwks != NULL) {
        if (!create_jwks(jwks, alg, e)) {
            return false;
        }
        (void)printf("%s: a new %s key for tokens\n", jwks, alg);
    }
    if (keyring != NULL) {
        if (!seal_create_keyring(keyring, e)) {
            return false;
        }
        (void)printf("%s: a new key for secrets\n", keyring);
    }
    return true;
}

int keys_create_command(struct ctl *ctl)
{
    int exit_code = EX_OK;
    g_autofree char *jwks = NULL;
    g_autofree char *keyring = NULL;
    g_autofree char *alg = NULL;
    const GOptionEntry entries[] = {
        {"jwks", 0, 0, G_OPTION_ARG_FILENAME, &jwks, "Write the keys that sign tokens to FILE", "FILE"},
        {"keyring", 0, 0, G_OPTION_ARG_FILENAME, &keyring, "Write the key that seals secrets to FILE", "FILE"},
        {"alg", 0, 0, G_OPTION_ARG_STRING, &alg, "HS256 (default), ES256 or RS256", "ALG"},
        {.long_name = NULL},
    };
    if (!ctl_parse_bare(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    if (jwks == NULL && keyring == NULL) {
        return ctl_usage(ctl, "keys create needs --jwks, --keyring or both");
    }
    struct err e = ERR_INIT;
    if (!create_files(jwks, alg == NULL ? "HS256" : alg, keyring, &e)) {
        return e.code == ERR_INVALID ? ctl_usage(ctl, "%s", e.text) : ctl_fail(&e);
    }
    return EX_OK;
}
