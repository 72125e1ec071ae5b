/*
 * bellmanctl: finds the command in the command line and runs it.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "domain/job_types.h"
#include "ground/log.h"

#define WORDS_MAX 2

/* The first words that are neither options nor the value of --config: where a command's name is looked for. */
static void find_words(char **argv, const char *words[WORDS_MAX])
{
    size_t n = 0;
    for (char **arg = argv + 1; *arg != NULL && n < WORDS_MAX; arg++) {
        if (strcmp(*arg, "--config") == 0 || strcmp(*arg, "-c") == 0) {
            if (arg[1] != NULL) {
                arg++;
            }
        } else if (n > 0 || **arg != '-') {
            words[n++] = *arg;
        }
    }
}

static const struct command *find_command(const char *const words[WORDS_MAX])
{
    g_autofree char *both = g_strjoin(" ", words[0], words[1], NULL);
    for (size_t i = 0; i < commands_n; i++) {
        const char *wanted = strchr(commands[i].name, ' ') == NULL ? words[0] : both;
        if (wanted != NULL && strcmp(commands[i].name, wanted) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Without a command there are only the shared options to answer. */
static int answer_options(struct ctl *ctl)
{
    static const GOptionEntry none[] = {{.long_name = NULL}};
    g_autofree char *overview = ctl_overview();
    int exit_code = EX_OK;
    ctl->options.takes_arguments = true;
    ctl->options.check = job_types_check;
    ctl->conf = main_options_handle(&ctl->options, overview, none, &ctl->argc, &ctl->argv, &exit_code);
    return ctl->conf == NULL ? exit_code : ctl_usage(ctl, "which command?");
}

/* "help x" is "x --help". */
static int run_help(struct ctl *ctl, const char *word)
{
    for (size_t i = 0; word != NULL && i < commands_n; i++) {
        if (g_str_has_prefix(commands[i].name, word)) {
            char *argv[] = {ctl->argv[0], (char[]){"--help"}, NULL};
            struct ctl asked = {.command = &commands[i], .argc = 2, .argv = argv};
            return commands[i].run(&asked);
        }
    }
    g_autofree char *overview = ctl_overview();
    (void)printf("Usage:\n  bellmanctl [--config FILE] COMMAND ...\n\n%s\n", overview);
    return EX_OK;
}

/* Names a command that begins like the word, so that "org" learns of "org add". */
static int say_unknown(const struct ctl *ctl, const char *word)
{
    for (size_t i = 0; i < commands_n; i++) {
        if (g_str_has_prefix(commands[i].name, word)) {
            return ctl_usage(ctl, "there is no command \"%s\"; did you mean \"%s\"?", word, commands[i].name);
        }
    }
    return ctl_usage(ctl, "there is no command \"%s\"", word);
}

static int run(struct ctl *ctl)
{
    const char *words[WORDS_MAX] = {NULL};
    find_words(ctl->argv, words);
    if (words[0] == NULL) {
        return ctl->argc > 1 ? answer_options(ctl) : ctl_usage(ctl, "which command?");
    }
    if (strcmp(words[0], "help") == 0) {
        return run_help(ctl, words[1]);
    }
    ctl->command = find_command(words);
    return ctl->command == NULL ? say_unknown(ctl, words[0]) : ctl->command->run(ctl);
}

int main(int argc, char **argv)
{
    /* Arguments are UTF-8 whatever the terminal says. */
    (void)setlocale(LC_ALL, "C.UTF-8"); /* NOLINT(concurrency-mt-unsafe): there are no threads */
    struct ctl ctl = {.argc = argc, .argv = argv};
    log_init("bellmanctl", LOG_LEVEL_WARN);
    int exit_code = run(&ctl);
    conf_free(ctl.conf);
    main_options_release(&ctl.options);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("bellmanctl: cannot write the answer\n", stderr);
        return exit_code == EX_OK ? EX_IOERR : exit_code;
    }
    return exit_code;
}
