/*
 * schema.h: the migrations, from the program itself or from a directory of NNNN_name.sql files.
 */
#ifndef BELLMAN_CTL_SCHEMA_H
#define BELLMAN_CTL_SCHEMA_H

#include "ground/base.h"
#include "ground/err.h"

/* The files of schema/ as the makefile put them into the program. */
struct schema_file {
    const char *name; /* "0001_organizations.sql" */
    const char *text;
    const char *end;
};
extern const struct schema_file schema_files[];
extern const size_t schema_files_n;

struct migration {
    int64_t version;
    char *name; /* the file's name */
    char *text;
    char checksum[65]; /* SHA-256 in hex */
};

struct schema {
    size_t n;
    struct migration *migrations; /* versions rise */
};

/* directory NULL: those of the program. ERR_INVALID names a file that is not called NNNN_name.sql or a version that is
 * there twice. Files with other endings are passed over. */
struct schema *schema_load(const char *directory, struct err *e) MUST_CHECK;
void schema_free(struct schema *schema);
void schema_cleanup(struct schema **schema);

const struct migration *schema_find(const struct schema *schema, int64_t version);

#endif
