/*
 * conf_fixture.h: a directory for configuration files and an environment without any variable of ours.
 */
#ifndef BELLMAN_TESTS_CONF_FIXTURE_H
#define BELLMAN_TESTS_CONF_FIXTURE_H

#include "ground/conf_key.h"

/* For cmocka: make and remove the directory; forget the environment. */
int fixture_begin_group(void **state);
int fixture_end_group(void **state);
int fixture_begin(void **state);

/* Paths in the directory, for g_free; fixture_write also writes the file. */
char *fixture_path(const char *name);
char *fixture_write(const char *name, const char *text);

/* Loads the text as the file bellman.conf; the second fails the test when it cannot. */
struct conf *fixture_load(const char *text, struct err *e);
struct conf *fixture_must_load(const char *text);
/* The file is refused with exactly this text behind the file's name. */
void fixture_check_refused(const char *text, const char *wanted);

/* A good value for the key that is not its default; which (0 or 1) tells two of them apart. */
char *fixture_other_value(const struct conf_key *k, int which);

#endif
