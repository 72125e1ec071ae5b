/*
 * commands.c: THE table of commands.
 */
#include "ctl.h"

const struct command commands[] = {
    {
        .name = "migrate",
        .synopsis = "[--schema DIR] [--lock-wait SECONDS]",
        .summary = "Bring the database's tables to this version",
        .text =
            "Applies the numbered files of schema/ that the database does not have yet, in order, and prints each.\n"
            "Running it again changes nothing. Several at once wait for each other. One that was killed half-way is\n"
            "finished by the next. A file that was changed after it was applied is refused: write a new one.\n"
            "Each file holds one statement, and one that does not create a table must bear being run twice\n"
            "(ALTER TABLE ... ADD COLUMN IF NOT EXISTS, CREATE INDEX IF NOT EXISTS).",
        .run = migrate_command,
    },
    {
        .name = "verify",
        .synopsis = "[--schema DIR]",
        .summary = "Compare the database with what this version expects",
        .text = "Compares columns, types, nullability, indexes and foreign keys of every table, and the list of\n"
                "migrations. Prints one line for each difference; exit 0 when there is none, 1 when there are some.",
        .run = verify_command,
    },
    {
        .name = "token",
        .synopsis = "--org ORG --sub USER --role ROLE [--ttl SECONDS]",
        .summary = "Sign an access token with the configured keys",
        .text = "Prints a JSON Web Token signed with the first private key of [auth] jwks_file, with the configured\n"
                "issuer and audience. Roles: SystemAdmin, Service.\n\n"
                "  curl -H \"Authorization: Bearer $(bellmanctl token --org acme --sub me --role SystemAdmin)\" ...",
        .run = token_command,
    },
    {
        .name = "keys create",
        .synopsis = "[--jwks FILE] [--keyring FILE] [--alg HS256|ES256|RS256]",
        .summary = "Make the key files of a new installation",
        .text =
            "--jwks: a JWK set with one key that signs and verifies tokens ([auth] jwks_file).\n"
            "--keyring: the key that seals secrets in the database ([seal] key_file). Keep a copy of it apart from\n"
            "the database's backups: without it the sealed secrets are lost.\n"
            "Both get mode 0600; files that exist are never overwritten.",
        .run = keys_create_command,
    },
    {
        .name = "org add",
        .synopsis = "ID [NAME]",
        .summary = "Add an organization",
        .text = "ID is what tokens carry in org: 1 to 64 of A-Z a-z 0-9 . _ - and never changes. Adding one that is\n"
                "there already is no error and changes nothing.",
        .run = org_add_command,
    },
    {
        .name = "schedules list",
        .synopsis = "[--org ORG] [--json]",
        .summary = "Schedules and when they fire",
        .text =
            "Without --org those of all organizations, by organization and name. States: active, paused, failing (the\n"
            "last firing created no job: see schedules show), over (nothing to come).",
        .run = schedules_list_command,
    },
    {
        .name = "schedules show",
        .synopsis = "ID | --org ORG NAME [--json]",
        .summary = "One schedule with its next ten firings",
        .text = "Firings are shown in the schedule's own zone.",
        .run = schedules_show_command,
    },
    {
        .name = "schedules pause",
        .synopsis = "ID | --org ORG NAME [--json]",
        .summary = "Let a schedule fire nothing until it is resumed",
        .text = "Jobs that it has created go on. Pausing a paused one changes nothing.",
        .run = schedules_pause_command,
    },
    {
        .name = "schedules resume",
        .synopsis = "ID | --org ORG NAME [--json]",
        .summary = "Let a paused schedule fire again, from now on",
        .text = "What it missed while it was paused is not made up for.",
        .run = schedules_resume_command,
    },
    {
        .name = "schedules run",
        .synopsis = "ID | --org ORG NAME [--json]",
        .summary = "Create a job of a schedule now",
        .text = "Beside its firings, which go on as they would; also of a paused one. Prints the job's id.",
        .run = schedules_run_command,
    },
};
const size_t commands_n = ARRAY_SIZE(commands);
