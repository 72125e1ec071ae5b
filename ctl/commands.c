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
        .name = "rekey",
        .synopsis = "[--add-key]",
        .summary = "Seal all secrets of the database with the newest key",
        .text = "To change the key: \"rekey --add-key\" adds one to [seal] key_file; restart bellman-api and\n"
                "bellman-consumer on every host with that file, so that all of them know it; then \"rekey\" seals\n"
                "every secret that an older key has sealed again. Running it again changes nothing; broken off it\n"
                "goes on where it was. When nothing is left the older keys may be removed from the file. Exit 1: some\n"
                "secrets did not open.",
        .run = rekey_command,
    },
    {
        .name = "providers list",
        .synopsis = "[--org ORG] [--json]",
        .summary = "Accounts with providers, and what is paused",
        .text =
            "Without --org those of all organizations; those of the deployment, which serve organizations that have\n"
            "none of their own on the channel, have no organization.",
        .run = providers_list_command,
    },
    {
        .name = "providers set",
        .synopsis = "PROVIDER [--org ORG] --file FILE",
        .summary = "Make or change an account",
        .text =
            "FILE (- for standard input) has what PUT /providers/PROVIDER takes, as a merge patch; secrets are never\n"
            "given on the command line. Without --org it is the deployment's account.\n\n"
            "  echo '{\"config\": {\"host\": \"mail.example\", \"username\": \"u\", \"password\": \"...\"}}' |\n"
            "      bellmanctl providers set smtp --file -",
        .run = providers_set_command,
    },
    {
        .name = "providers pause",
        .synopsis = "PROVIDER [--org ORG] [--reason TEXT]",
        .summary = "Leave an account out until it is resumed",
        .text =
            "What would go through it goes through the next account of the channel, or waits. Workers see it within\n"
            "two seconds.",
        .run = providers_pause_command,
    },
    {
        .name = "providers resume",
        .synopsis = "PROVIDER [--org ORG]",
        .summary = "Use a paused account again",
        .text = "Also one that a worker has paused because its provider did not accept the credentials.",
        .run = providers_resume_command,
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
        .name = "jobs list",
        .synopsis =
            "--org ORG [--status STATUS] [--type TYPE] [--priority N] [--after TIME] [--before TIME] [--limit N]",
        .summary = "An organization's jobs, newest first",
        .text = "  bellmanctl jobs list --org acme --status failed --type email.send\n"
                "  bellmanctl jobs list --org acme --limit 1000 --json | jq -r '.jobs[].id'",
        .run = jobs_list_command,
    },
    {
        .name = "jobs show",
        .synopsis = "ID [--json]",
        .summary = "One job with its attempts",
        .text = "Status, what it waits for, what went wrong, and every attempt: when, on which worker, how it ended.",
        .run = jobs_show_command,
    },
    {
        .name = "jobs retry",
        .synopsis = "ID... | --org ORG (--status STATUS | --type TYPE | --priority N | --after TIME | --before TIME)..."
                    " | --org ORG --all",
        .summary = "Run failed and cancelled jobs again",
        .text =
            "Each gets all its retries again; its attempts so far stay. With a filter an operation is started that\n"
            "works in the background; this command shows its progress and ends with it (--no-wait: at once).\n\n"
            "  bellmanctl jobs retry 019a8b1e-7c1f-7d3c-9a51-0c8b6c1f2e11\n"
            "  bellmanctl jobs retry --org acme --status failed --type email.send --after 2026-11-23T00:00:00Z",
        .run = jobs_retry_command,
    },
    {
        .name = "jobs cancel",
        .synopsis = "ID... | --org ORG (--status STATUS | --type TYPE | --priority N | --after TIME | --before TIME)..."
                    " | --org ORG --all",
        .summary = "Cancel queued jobs and stop running ones",
        .text =
            "A running one is told within a second and ends soon after. With a filter an operation is started that\n"
            "works in the background; this command shows its progress and ends with it (--no-wait: at once).\n\n"
            "  bellmanctl jobs cancel --org acme --status queued --type email.send\n"
            "  bellmanctl jobs cancel --org acme --all",
        .run = jobs_cancel_command,
    },
    {
        .name = "jobs watch",
        .synopsis = "[ID] [--org ORG] [--interval-ms MS] [--count N] [--json]",
        .summary = "Follow a job to its end, or all jobs",
        .text =
            "With an id: its progress until it has ended; exit 0 when it completed, else 1. Without: how many jobs\n"
            "there are of each status and how many end a second, until Ctrl-C.\n\n"
            "  bellmanctl jobs watch 019a8b1e-7c1f-7d3c-9a51-0c8b6c1f2e11\n"
            "  bellmanctl jobs watch --org acme --json",
        .run = jobs_watch_command,
    },
    {
        .name = "dead list",
        .synopsis = "--org ORG [--type TYPE] [--cause CAUSE] [--after TIME] [--before TIME] [--limit N] [--json]",
        .summary = "Jobs that have failed for good",
        .text = "Causes: exhausted (all retries used), permanent (trying again cannot help), unknown_type, unreadable\n"
                "(the payload does not fit), crashed_worker, signal.",
        .run = dead_list_command,
    },
    {
        .name = "dead show",
        .synopsis = "ID [--json]",
        .summary = "One dead letter with its attempts",
        .text = "Exit 1 when the job is no dead letter.",
        .run = dead_show_command,
    },
    {
        .name = "dead replay",
        .synopsis =
            "ID... | --org ORG (--type TYPE | --cause CAUSE | --after TIME | --before TIME)... | --org ORG --all",
        .summary = "Run dead letters again",
        .text = "Each gets all its retries again. With a filter an operation is started that works in the background;\n"
                "this command shows its progress and ends with it (--no-wait: at once).\n\n"
                "  bellmanctl dead replay --org acme --cause exhausted --type email.send",
        .run = dead_replay_command,
    },
    {
        .name = "dead discard",
        .synopsis = "ID... [--json]",
        .summary = "Put dead letters aside for good",
        .text = "The jobs stay as they are, failed, until they are pruned; they are dead letters no more.",
        .run = dead_discard_command,
    },
    {
        .name = "stats",
        .synopsis = "[--org ORG] [--json]",
        .summary = "How many jobs there are, who waits, who works",
        .text =
            "Jobs by type and status; the one that has waited longest; dead letters; workers that are alive, what\n"
            "they run and what ended within the last minute; jobs that are due and not in the broker yet. With --org\n"
            "jobs, waiting and dead letters of that organization.",
        .run = stats_command,
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
    {
        .name = "pause",
        .synopsis = "--org ORG | --type TYPE | --org ORG --type TYPE | --all [--reason TEXT]",
        .summary = "Let no more jobs start",
        .text = "Of an organization, of a job type in all organizations, of a type in one of them, or at all. What\n"
                "runs goes on; what waits, or comes meanwhile, is kept and starts after \"resume\". Pauses add up: a\n"
                "job starts when none is left that it is under.",
        .run = pause_command,
    },
    {
        .name = "resume",
        .synopsis = "--org ORG | --type TYPE | --org ORG --type TYPE | --all",
        .summary = "End a pause",
        .text = "Ends the pause that was made with the same options; exit 1 when there is none. \"pauses\" lists them.",
        .run = resume_command,
    },
    {
        .name = "pauses",
        .synopsis = "[--json]",
        .summary = "List what is paused",
        .text = "All pauses, whoever made them. No organization: in all of them; no type: all types.",
        .run = pauses_command,
    },
    {
        .name = "limits list",
        .synopsis = "[--org ORG] [--json]",
        .summary = "List limits and what counts against them",
        .text = "RUNNING, QUEUED and HELD are the jobs under the limit; with --org those of the organization. QUEUED\n"
                "includes HELD: those that a limit or a pause keeps from starting (counted up to 10,000).",
        .run = limits_list_command,
    },
    {
        .name = "limits set",
        .synopsis = "--org ORG | --type TYPE | --org ORG --type TYPE | --all [--max-running N] [--max-per-minute N]",
        .summary = "Limit how many jobs run, or start",
        .text =
            "--max-running: at one time, over all workers. --max-per-minute: starts in any 60 seconds. What is not\n"
            "given stays as it is; 0 means any number, also where [limits] org_max_running has another default.\n"
            "A job must be let through by every limit that it is under.",
        .run = limits_set_command,
    },
    {
        .name = "limits clear",
        .synopsis = "--org ORG | --type TYPE | --org ORG --type TYPE | --all",
        .summary = "Remove a limit",
        .text = "Removes what \"limits set\" has set with the same options; exit 1 when nothing was.",
        .run = limits_clear_command,
    },
};
const size_t commands_n = ARRAY_SIZE(commands);
