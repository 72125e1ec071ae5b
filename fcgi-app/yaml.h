/*
 * yaml.h: JSON values as block-style YAML 1.2, for people to read.
 */
#ifndef BELLMAN_YAML_H
#define BELLMAN_YAML_H

#include <glib.h>
#include <jansson.h>

/* Appends value, an object or array with at least one member. Strings are double-quoted as in JSON, which YAML reads
 * the same way. */
void yaml_append(GString *out, const json_t *value);

#endif
