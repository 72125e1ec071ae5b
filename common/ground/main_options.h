/*
 * main_options.h: the command-line options that every program shares: --config FILE, --check-config,
 * --print-config, --help-config, --version, --help. Exit codes are those of sysexits.h.
 */
#ifndef BELLMAN_MAIN_OPTIONS_H
#define BELLMAN_MAIN_OPTIONS_H

#include <glib.h>

#include "ground/conf.h"

struct main_options {
    char *config_file;
    bool check_config;
    bool print_config;
    bool help_config;
    bool version;
    bool takes_arguments; /* set by the caller before: what is neither an option nor its value is left in argv */
    /* Set by the caller before: what the configuration must hold beside its own rules. NULL: nothing. */
    bool (*check)(const struct conf *conf, struct err *e);
};

/* Parses the shared options and the program's own (extra may be NULL; ends with a zeroed row), then loads
 * the configuration and answers the printing options. Returns a loaded configuration to run with, or
 * NULL when the program should exit with *ret_exit (0 after printing, EX_USAGE 64, EX_CONFIG 78). */
struct conf *main_options_handle(struct main_options *o, const char *summary, const GOptionEntry *extra, int *argc,
                                 char ***argv, int *ret_exit) MUST_CHECK;
void main_options_release(struct main_options *o);

#endif
