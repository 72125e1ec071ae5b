/*
 * conf_file.h: the lines of an INI file. GKeyFile reads it but forgets where things stood; this remembers.
 */
#ifndef BELLMAN_CONF_FILE_H
#define BELLMAN_CONF_FILE_H

#include <glib.h>

#include "ground/base.h"
#include "ground/err.h"

#define CONF_FILE_MAX_BYTES 1048576

struct conf_line {
    int number; /* from 1 */
    char *section;
    char *key;   /* NULL: the line is the section's header */
    char *value; /* as written, without surrounding space; NULL with key */
};

/* Reads at most CONF_FILE_MAX_BYTES; ERR_NOT_FOUND when it cannot be opened, ERR_INVALID with "FILE:LINE: ..." for what
 * is not INI. Returns struct conf_line pointers in the file's order; frees them with the array. */
GPtrArray *conf_file_read(const char *path, struct err *e) MUST_CHECK;

/* The whole content of a small file that must be text; new, for g_free, or NULL. */
char *conf_file_slurp(const char *path, size_t max_bytes, struct err *e) MUST_CHECK;

#endif
