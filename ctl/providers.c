/*
 * providers.c: bellmanctl providers list, set, pause, resume; and rekey.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl.h"
#include "domain/organization.h"
#include "domain/provider_account.h"
#include "ground/json.h"
#include "output.h"

#define FILE_BYTES_MAX 65536
#define BATCH 200

struct args {
    gboolean json;
    char *org;
    char *file;
    char *reason;
};

static void args_release(struct args *a)
{
    g_free(a->org);
    g_free(a->file);
    g_free(a->reason);
}

#define ORG_OPTION(a)                                                                                             \
    {                                                                                                             \
        "org", 0, 0, G_OPTION_ARG_STRING, &(a).org, "Of this organization (without it: of the whole deployment)", \
            "ORG"                                                                                                 \
    }

/* --- list --------------------------------------------------------------------------------------------------------- */

static const struct output_column list_columns[] = {
    {"organization_id", "ORGANIZATION", OUTPUT_PLAIN, true},
    {"provider", "PROVIDER", OUTPUT_PLAIN, false},
    {"position", "POSITION", OUTPUT_COUNT, false},
    {"enabled", "ENABLED", OUTPUT_PLAIN, false},
    {"max_per_second", "PER SECOND", OUTPUT_COUNT, false},
    {"paused_at", "PAUSED (UTC)", OUTPUT_TIME, false},
    {"paused_reason", "WHY", OUTPUT_PLAIN, true},
};

int providers_list_command(struct ctl *ctl)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    struct err e = ERR_INIT;
    json_t *accounts = NULL;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &a.json, "Print JSON", NULL},
        {"org", 0, 0, G_OPTION_ARG_STRING, &a.org, "Only of this organization", "ORG"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!provider_account_list(db, a.org, &accounts, &e)) {
        return ctl_fail(&e);
    }
    json_auto_t *document = json_pack("{s:o}", "accounts", accounts);
    const struct output o = output_new(a.json);
    output_list(&o, list_columns, ARRAY_SIZE(list_columns), document, accounts, "No accounts");
    return EX_OK;
}

/* --- one ---------------------------------------------------------------------------------------------------------- */

static bool check_org(struct db *db, const char *org, struct err *e)
{
    bool exists = true;
    if (org != NULL && !organization_exists(db, org, &exists, e)) {
        return false;
    }
    return exists || err_set(e, ERR_NOT_FOUND, "There is no organization %s", org);
}

/* The account that the arguments name. False: exit with *ret_exit. */
static bool name_account(struct ctl *ctl, const struct args *a, struct db *db, const char *user,
                         struct provider_account_call *ret, int *ret_exit)
{
    struct err e = ERR_INIT;
    *ret = (struct provider_account_call){
        .organization_id = a->org == NULL ? PROVIDER_DEPLOYMENT : a->org,
        .kind = provider_kind_find(ctl->argv[1]),
        .user = user,
        .if_version = -1,
        .allow_private = ctl->conf->egress.allow_private,
    };
    if (ret->kind == NULL) {
        *ret_exit = ctl_usage(ctl, "there is no provider %s", ctl->argv[1]);
        return false;
    }
    if (!check_org(db, a->org, &e)) {
        *ret_exit = ctl_fail(&e);
        return false;
    }
    return true;
}

static int set_paused(struct ctl *ctl, const struct args *a, const char *reason)
{
    int exit_code = EX_OK;
    bool changed = false;
    int64_t version = 0;
    struct err e = ERR_INIT;
    struct provider_account_call call;
    json_auto_t *account = NULL;
    g_autofree char *user = ctl_user();
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    if (!name_account(ctl, a, db, user, &call, &exit_code)) {
        return exit_code;
    }
    if (!provider_account_pause(db, &call, reason, &account, &version, &changed, &e)) {
        return ctl_fail(&e);
    }
    (void)printf("%s is %s%s\n", call.kind->name, changed ? "" : "already ", reason == NULL ? "in use" : "paused");
    return EX_OK;
}

int providers_pause_command(struct ctl *ctl)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    const GOptionEntry entries[] = {
        ORG_OPTION(a),
        {"reason", 0, 0, G_OPTION_ARG_STRING, &a.reason, "Shown to whoever asks why it is not used", "TEXT"},
        {.long_name = NULL},
    };
    return ctl_parse(ctl, entries, 1, 1, &exit_code)
               ? set_paused(ctl, &a, a.reason != NULL ? a.reason : "paused by the operator")
               : exit_code;
}

int providers_resume_command(struct ctl *ctl)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    const GOptionEntry entries[] = {ORG_OPTION(a), {.long_name = NULL}};
    return ctl_parse(ctl, entries, 1, 1, &exit_code) ? set_paused(ctl, &a, NULL) : exit_code;
}

/* --- set ---------------------------------------------------------------------------------------------------------- */

static void close_stream(FILE **stream)
{
    if (*stream != NULL && *stream != stdin) {
        (void)fclose(*stream);
    }
}

/* The file's JSON object, checked; NULL with e. */
static json_t *read_body(const char *file, struct err *e)
{
    char text[FILE_BYTES_MAX + 1];
    CLEANUP(close_stream) FILE *stream = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
    if (stream == NULL) {
        err_set(e, ERR_INVALID, "cannot read %s", file);
        return NULL;
    }
    size_t length_bytes = fread(text, 1, sizeof(text), stream);
    json_t *body = NULL;
    if (length_bytes > FILE_BYTES_MAX || ferror(stream) != 0) {
        err_set(e, ERR_INVALID, "cannot read %s, or it has more than %d bytes", file, FILE_BYTES_MAX);
    } else {
        body = json_parse_limited(text, length_bytes, e);
    }
    explicit_bzero(text, sizeof(text));
    return body;
}

static int print_problems(const struct ctl *ctl, const struct problems *problems)
{
    size_t i;
    json_t *fault;
    json_array_foreach(problems->list, i, fault)
    {
        (void)fprintf(stderr, "%s %s\n", json_string_value(json_object_get(fault, "pointer")),
                      json_string_value(json_object_get(fault, "detail")));
    }
    return ctl_usage(ctl, "the account does not fit; nothing was changed");
}

static void free_seal(struct seal **seal)
{
    seal_free(*seal);
}

static int put(struct ctl *ctl, const struct args *a, const json_t *body)
{
    int exit_code = EX_OK;
    bool made = false;
    int64_t version = 0;
    struct err e = ERR_INIT;
    struct provider_account_call call;
    struct problems problems CLEANUP(problems_release) = {0};
    json_auto_t *account = NULL;
    g_autofree char *user = ctl_user();
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    CLEANUP(free_seal) struct seal *seal = seal_open_keyring(ctl->conf->seal.key_file, &e);
    if (seal == NULL) {
        return ctl_fail(&e);
    }
    if (!name_account(ctl, a, db, user, &call, &exit_code)) {
        return exit_code;
    }
    call.seal = seal;
    record_check(&provider_account_record, body, "", &problems);
    if (problems_any(&problems)) {
        return print_problems(ctl, &problems);
    }
    if (!provider_account_put(db, &call, body, &problems, &account, &version, &made, &e)) {
        return problems_any(&problems) ? print_problems(ctl, &problems) : ctl_fail(&e);
    }
    output_document(account);
    return EX_OK;
}

int providers_set_command(struct ctl *ctl)
{
    CLEANUP(args_release) struct args a = {.org = NULL};
    int exit_code = EX_OK;
    struct err e = ERR_INIT;
    const GOptionEntry entries[] = {
        ORG_OPTION(a),
        {"file", 0, 0, G_OPTION_ARG_FILENAME, &a.file, "JSON of the change; - is standard input", "FILE"},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 1, 1, &exit_code)) {
        return exit_code;
    }
    if (a.file == NULL) {
        return ctl_usage(ctl, "providers set needs --file");
    }
    json_auto_t *body = read_body(a.file, &e);
    return body == NULL ? ctl_usage(ctl, "%s", e.text) : put(ctl, &a, body);
}

/* --- rekey -------------------------------------------------------------------------------------------------------- */

static int add_key(const struct ctl *ctl)
{
    struct err e = ERR_INIT;
    uint32_t id = 0;
    if (!seal_add_key(ctl->conf->seal.key_file, &id, &e)) {
        return ctl_fail(&e);
    }
    (void)printf("key %u was added to %s\nnow restart bellman-api and bellman-consumer on every host, then run rekey\n",
                 id, ctl->conf->seal.key_file);
    return EX_OK;
}

static int seal_all(const struct ctl *ctl)
{
    struct err e = ERR_INIT;
    struct rekey r = {0};
    bool done = false;
    CLEANUP(db_cleanup) struct db *db = db_new(ctl->conf);
    CLEANUP(free_seal) struct seal *seal = seal_open_keyring(ctl->conf->seal.key_file, &e);
    if (seal == NULL) {
        return ctl_fail(&e);
    }
    while (!done) {
        if (!provider_rekey(db, seal, BATCH, &r, &done, &e)) {
            return ctl_fail(&e);
        }
        if (!done && isatty(STDERR_FILENO) != 0) {
            (void)fprintf(stderr, "%" G_GINT64_FORMAT " looked at\n", (gint64)r.looked_at);
        }
    }
    (void)printf("%" G_GINT64_FORMAT " secrets looked at, %" G_GINT64_FORMAT " sealed again, %" G_GINT64_FORMAT
                 " that did not open\n",
                 (gint64)r.looked_at, (gint64)r.sealed_again, (gint64)r.unopened);
    return r.unopened > 0 ? CTL_NO : EX_OK;
}

int rekey_command(struct ctl *ctl)
{
    gboolean adds = FALSE;
    int exit_code = EX_OK;
    const GOptionEntry entries[] = {
        {"add-key", 0, 0, G_OPTION_ARG_NONE, &adds, "Add a key to [seal] key_file, and seal nothing yet", NULL},
        {.long_name = NULL},
    };
    if (!ctl_parse(ctl, entries, 0, 0, &exit_code)) {
        return exit_code;
    }
    return adds ? add_key(ctl) : seal_all(ctl);
}
