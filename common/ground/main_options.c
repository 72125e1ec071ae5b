#include "ground/main_options.h"

#include <stdio.h>
#include <sysexits.h>

/* GLib wants gboolean where struct main_options has bool. */
struct flags {
    gboolean help;
    gboolean check_config;
    gboolean print_config;
    gboolean help_config;
    gboolean version;
};

static char *program_name(char **argv)
{
    return g_path_get_basename(argv != NULL && argv[0] != NULL ? argv[0] : "bellman");
}

static GOptionContext *context_new(const struct main_options *o, const char *summary, const GOptionEntry *extra,
                                   struct flags *f, char **config_file)
{
    const GOptionEntry shared[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &f->help, "Show this help and exit", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &f->version, "Print the version and exit", NULL},
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, config_file,
         "Read FILE (default $BELLMAN_CONFIG, else /etc/bellman/bellman.conf)", "FILE"},
        {"check-config", 0, 0, G_OPTION_ARG_NONE, &f->check_config, "Check the configuration and exit", NULL},
        {"print-config", 0, 0, G_OPTION_ARG_NONE, &f->print_config,
         "Print the configuration in effect, secrets masked, and exit", NULL},
        {"help-config", 0, 0, G_OPTION_ARG_NONE, &f->help_config,
         "Print every configuration key, explained, at its default and exit", NULL},
        {.long_name = NULL},
    };
    GOptionContext *context = g_option_context_new(o->takes_arguments ? "[ARGUMENT...]" : NULL);
    g_option_context_set_help_enabled(context, FALSE); /* GLib's own would exit from inside */
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, shared, NULL);
    if (extra != NULL) {
        g_option_context_add_main_entries(context, extra, NULL);
    }
    return context;
}

static bool parse(struct main_options *o, GOptionContext *context, struct flags *f, int *argc, char ***argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = program_name(*argv);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        (void)fprintf(stderr, "%s: %s\nTry %s --help.\n", name, error->message, name);
        return false;
    }
    if (!o->takes_arguments && *argc > 1) {
        (void)fprintf(stderr, "%s: unexpected argument \"%s\"\nTry %s --help.\n", name, (*argv)[1], name);
        return false;
    }
    o->check_config = f->check_config;
    o->print_config = f->print_config;
    o->help_config = f->help_config;
    o->version = f->version;
    return true;
}

/* Options that need no configuration. True when one was answered. */
static bool answer_plain(const struct main_options *o, const struct flags *f, GOptionContext *context, const char *name)
{
    if (f->help) {
        g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
        (void)fputs(help, stdout);
    } else if (o->version) {
        (void)printf("%s %s\n", name, BELLMAN_VERSION);
    } else if (o->help_config) {
        conf_print_reference(stdout);
    }
    return f->help || o->version || o->help_config;
}

static struct conf *load(const struct main_options *o, const char *name, int *ret_exit)
{
    struct err e = ERR_INIT;
    CLEANUP(conf_cleanup) struct conf *conf = conf_load(o->config_file, &e);
    if (conf == NULL || (o->check != NULL && !o->check(conf, &e))) {
        (void)fprintf(stderr, "%s: %s\n", name, e.text);
        *ret_exit = EX_CONFIG;
        return NULL;
    }
    if (!o->print_config && !o->check_config) {
        return g_steal_pointer(&conf);
    }
    if (o->print_config) {
        conf_print(conf, stdout);
    } else {
        (void)printf("%s: the configuration is fine\n", name);
    }
    *ret_exit = EX_OK;
    return NULL;
}

struct conf *main_options_handle(struct main_options *o, const char *summary, const GOptionEntry *extra, int *argc,
                                 char ***argv, int *ret_exit)
{
    struct flags f = {.help = FALSE};
    g_autofree char *name = program_name(*argv);
    g_autoptr(GOptionContext) context = context_new(o, summary, extra, &f, &o->config_file);
    if (!parse(o, context, &f, argc, argv)) {
        *ret_exit = EX_USAGE;
        return NULL;
    }
    if (answer_plain(o, &f, context, name)) {
        *ret_exit = EX_OK;
        return NULL;
    }
    return load(o, name, ret_exit);
}

void main_options_release(struct main_options *o)
{
    g_clear_pointer(&o->config_file, g_free);
}
