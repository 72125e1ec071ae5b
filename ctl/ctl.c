#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "domain/job_types.h"

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    (void)fprintf(stderr, "bellmanctl: %s\n", text);
    if (ctl->command != NULL) {
        (void)fprintf(stderr, "Usage: bellmanctl %s %s\nTry bellmanctl %s --help.\n", ctl->command->name,
                      ctl->command->synopsis, ctl->command->name);
    } else {
        (void)fputs("Try bellmanctl --help.\n", stderr);
    }
    return EX_USAGE;
}

int ctl_fail(const struct err *e)
{
    static const bool is_unavailable[] = {
        [ERR_UNAVAILABLE] = true, [ERR_LOCKED] = true,    [ERR_UNKNOWN_OUTCOME] = true,
        [ERR_TIMEOUT] = true,     [ERR_INTERNAL] = false,
    };
    (void)fflush(stdout);
    (void)fprintf(stderr, "bellmanctl: %s\n", e->text);
    return is_unavailable[e->code] ? EX_UNAVAILABLE : CTL_NO;
}

char *ctl_user(void)
{
    return g_strdup_printf("bellmanctl (%s)", g_get_user_name());
}

char *ctl_overview(void)
{
    GString *s = g_string_new("Sets up and looks after a Bellman installation.\n\nCommands:\n");
    for (size_t i = 0; i < commands_n; i++) {
        g_string_append_printf(s, "  %-16s %s\n", commands[i].name, commands[i].summary);
    }
    g_string_append(s, "\nA new installation, in order:\n"
                       "  bellmanctl keys create --jwks /etc/bellman/jwks.json --keyring /etc/bellman/keyring\n"
                       "  bellmanctl migrate\n"
                       "  bellmanctl org add acme \"Acme Corp\"\n"
                       "  bellmanctl token --org acme --sub admin --role SystemAdmin\n"
                       "After an upgrade: bellmanctl migrate && bellmanctl verify\n\n"
                       "bellmanctl COMMAND --help explains a command.\n\n"
                       "Exit codes: 0 done; 1 no (differences found, refused, there already); 64 wrong usage;\n"
                       "69 MariaDB is not available; 78 wrong configuration.");
    return g_string_free(s, FALSE);
}

/* Drops the command's own words and checks the number of what is left. */
static bool take_arguments(struct ctl *ctl, int args_min, int args_max, int *ret_exit)
{
    int words = strchr(ctl->command->name, ' ') == NULL ? 1 : 2;
    int n = ctl->argc - 1 - words;
    if (n < args_min || n > args_max) {
        *ret_exit = n < args_min ? ctl_usage(ctl, "%s needs an argument", ctl->command->name)
                                 : ctl_usage(ctl, "unexpected argument \"%s\"", ctl->argv[1 + words + args_max]);
        return false;
    }
    ctl->argc -= words;
    ctl->argv += words;
    return true;
}

static char *summary_of(const struct command *command)
{
    return g_strdup_printf("%s\n\n  bellmanctl %s %s\n\n%s", command->summary, command->name, command->synopsis,
                           command->text);
}

bool ctl_parse(struct ctl *ctl, const GOptionEntry *entries, int args_min, int args_max, int *ret_exit)
{
    g_autofree char *summary = summary_of(ctl->command);
    ctl->options.takes_arguments = true;
    ctl->options.check = job_types_check;
    ctl->conf = main_options_handle(&ctl->options, summary, entries, &ctl->argc, &ctl->argv, ret_exit);
    if (ctl->conf != NULL) {
        job_types_register(ctl->conf);
    }
    return ctl->conf != NULL && take_arguments(ctl, args_min, args_max, ret_exit);
}

bool ctl_parse_bare(struct ctl *ctl, const GOptionEntry *entries, int args_min, int args_max, int *ret_exit)
{
    gboolean help = FALSE;
    g_autofree char *summary = summary_of(ctl->command);
    const GOptionEntry shared[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help and exit", NULL},
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &ctl->options.config_file, "Not needed by this command", "FILE"},
        {.long_name = NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("[ARGUMENT...]");
    g_autoptr(GError) error = NULL;
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, shared, NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &ctl->argc, &ctl->argv, &error)) {
        *ret_exit = ctl_usage(ctl, "%s", error->message);
        return false;
    }
    if (help) {
        g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
        (void)fputs(text, stdout);
        *ret_exit = EX_OK;
        return false;
    }
    return take_arguments(ctl, args_min, args_max, ret_exit);
}
