/*
 * ctl.h: what the commands of bellmanctl share.
 *
 * Exit codes: 0 done; 1 the answer is no (verify found differences, a migration was refused, something exists already);
 * 64 wrong usage; 69 the database is not there; 78 the configuration is wrong.
 */
#ifndef BELLMAN_CTL_H
#define BELLMAN_CTL_H

#include <glib.h>

#include "ground/base.h"
#include "ground/conf.h"
#include "ground/err.h"
#include "ground/main_options.h"
#include "ports/db.h"

#define CTL_NO 1

struct ctl {
    const struct command *command;
    struct main_options options;
    struct conf *conf; /* set by ctl_parse */
    int argc;
    char **argv; /* after ctl_parse: argv[0] and the command's arguments */
};

struct command {
    const char *name;     /* one or two words: "keys create" */
    const char *synopsis; /* its options and arguments */
    const char *summary;  /* one line, for the list */
    const char *text;     /* what --help teaches beside the options */
    int (*run)(struct ctl *ctl);
};

extern const struct command commands[];
extern const size_t commands_n;

/* Both parse the options (entries ends with a zeroed row) and check that between args_min and args_max arguments are
 * left. False: exit with *ret_exit. ctl_parse loads the configuration too; ctl_parse_bare is for commands that need
 * none. */
bool ctl_parse(struct ctl *ctl, const GOptionEntry *entries, int args_min, int args_max, int *ret_exit) MUST_CHECK;
bool ctl_parse_bare(struct ctl *ctl, const GOptionEntry *entries, int args_min, int args_max, int *ret_exit) MUST_CHECK;

/* Print to standard error and return the exit code. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) PRINTF_LIKE(2, 3);
int ctl_fail(const struct err *e);

/* Who acts, for created_by and the audit log, to be freed with g_free. */
char *ctl_user(void);

/* The list of commands as text, to be freed with g_free. */
char *ctl_overview(void);

int migrate_command(struct ctl *ctl);
int verify_command(struct ctl *ctl);
int token_command(struct ctl *ctl);
int keys_create_command(struct ctl *ctl);
int rekey_command(struct ctl *ctl);
int providers_list_command(struct ctl *ctl);
int providers_set_command(struct ctl *ctl);
int providers_pause_command(struct ctl *ctl);
int providers_resume_command(struct ctl *ctl);
int org_add_command(struct ctl *ctl);
int jobs_list_command(struct ctl *ctl);
int jobs_show_command(struct ctl *ctl);
int jobs_retry_command(struct ctl *ctl);
int jobs_cancel_command(struct ctl *ctl);
int jobs_watch_command(struct ctl *ctl);
int dead_list_command(struct ctl *ctl);
int dead_show_command(struct ctl *ctl);
int dead_replay_command(struct ctl *ctl);
int dead_discard_command(struct ctl *ctl);
int stats_command(struct ctl *ctl);
int schedules_list_command(struct ctl *ctl);
int schedules_show_command(struct ctl *ctl);
int schedules_pause_command(struct ctl *ctl);
int schedules_resume_command(struct ctl *ctl);
int schedules_run_command(struct ctl *ctl);
int pause_command(struct ctl *ctl);
int resume_command(struct ctl *ctl);
int pauses_command(struct ctl *ctl);
int limits_list_command(struct ctl *ctl);
int limits_set_command(struct ctl *ctl);
int limits_clear_command(struct ctl *ctl);

#endif
