/*
 * bellman-api: answers the HTTP API behind nginx. Start-up in order, then signals until the end.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "domain/control.h"
#include "domain/job_types.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/main_options.h"
#include "listen.h"
#include "openapi.h"
#include "ports/service.h"
#include "worker.h"

#define ORGANIZATIONS_MAX 100000
#define ORGANIZATIONS_TTL_MS (10 * 60 * MS_PER_S)
#define TICK_MS 500
#define DRAIN_POLL_MS 10
#define KEPT_MS 3000 /* longest wait for idle connections */
#define DISPATCHER_DRAIN_MS 2000

struct program {
    struct main_options options;
    struct api api;
    struct listener listener;
    struct workers workers;
    struct control *control;
};

static gboolean print_openapi; /* only so that --help knows of it: main answers it before all else */

static const GOptionEntry extra_options[] = {
    {"print-openapi", 0, 0, G_OPTION_ARG_NONE, &print_openapi, "Print the OpenAPI description and exit", NULL},
    {.long_name = NULL},
};

/* Runs on the control thread. */
static void on_control(void *arg, const char *cmd, const json_t *body UNUSED)
{
    struct program *p = arg;
    if (strcmp(cmd, "cache_flush") == 0) {
        size_t n = cache_flush(p->api.organizations);
        log_info("cache.flushed", LINT("entries", n));
    }
}

/* --- start ------------------------------------------------------------------------------------------------------ */

static bool open_parts(struct program *p, struct conf *conf, struct err *e)
{
    p->api.boot = conf;
    if (!state_init(&p->api.state, conf, e)) {
        return false;
    }
    p->api.seal = seal_open_keyring(conf->seal.key_file, e);
    return p->api.seal != NULL && listener_open(&p->listener, conf->api.listen, e) && workers_prepare(e);
}

static void start_threads(struct program *p, const struct conf *conf)
{
    p->api.organizations = cache_new(ORGANIZATIONS_MAX, ORGANIZATIONS_TTL_MS);
    p->api.inserts = job_group_new();
    p->api.reads = job_reads_new();
    p->api.load = org_load_new();
    p->api.sns = sns_sender_new();
    p->api.dispatcher = dispatcher_start(conf);
    p->control = control_start(conf, "api", on_control, p);
    workers_start(&p->workers, &p->api, &p->listener, (size_t)conf->api.threads);
}

/* --- while it runs ---------------------------------------------------------------------------------------------- */

static void reload(struct program *p)
{
    struct err e = ERR_INIT;
    g_autofree char *needs_restart = NULL;
    if (!state_reload(&p->api.state, p->options.config_file, &needs_restart, &e)) {
        log_error("config.not_reloaded", LERR(&e), LSTR("then", "the old configuration stays"));
        return;
    }
    struct snapshot *snapshot = state_get(&p->api.state);
    job_types_register(snapshot->conf);
    log_set_level((enum log_level)snapshot->conf->log.level);
    log_info("config.reloaded", LSTR("needs_restart", needs_restart), LINT("keys", token_keys_count(snapshot->keys)));
    snapshot_unref(snapshot);
}

static void refresh_keys(struct program *p)
{
    struct err e = ERR_INIT;
    bool changed = false;
    if (!state_refresh_keys(&p->api.state, &changed, &e)) {
        log_error("keys.not_reloaded", LERR(&e), LSTR("then", "the old keys stay"));
    } else if (changed) {
        log_info("keys.reloaded", LNONE);
    }
}

static void run(struct program *p)
{
    for (enum service_signal s = service_wait(TICK_MS); s != SERVICE_STOP; s = service_wait(TICK_MS)) {
        if (s == SERVICE_RELOAD) {
            reload(p);
        } else {
            refresh_keys(p);
        }
    }
}

/* --- end -------------------------------------------------------------------------------------------------------- */

/* Waits for the requests that are being served, and for a time for the web server to close its connections; a second
 * signal or the time limit ends it. */
static bool drain(struct program *p)
{
    int64_t idle_us = clock_mono_us() + KEPT_MS * US_PER_MS;
    int64_t end_us = clock_mono_us() + p->api.boot->api.drain_timeout_s * US_PER_S;
    listener_hide(&p->listener);
    atomic_store(&p->api.stopping, true);
    workers_close_door(&p->workers);
    while (!workers_are_drained(&p->workers, clock_mono_us() < idle_us)) {
        if (service_wait(DRAIN_POLL_MS) == SERVICE_STOP || clock_mono_us() >= end_us) {
            return false;
        }
    }
    workers_stop(&p->workers);
    return true;
}

static void release(struct program *p)
{
    control_stop(p->control);
    dispatcher_stop(p->api.dispatcher, DISPATCHER_DRAIN_MS);
    listener_close(&p->listener);
    job_group_free(p->api.inserts);
    job_reads_free(p->api.reads);
    org_load_free(p->api.load);
    sns_sender_free(p->api.sns);
    cache_free(p->api.organizations);
    seal_free(p->api.seal);
    state_release(&p->api.state);
    main_options_release(&p->options);
}

static int print_document(void)
{
    g_autofree char *text = openapi_yaml();
    (void)fputs(text, stdout);
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

int main(int argc, char **argv)
{
    static struct program p;
    int exit_code = EX_OK;
    struct err e = ERR_INIT;
    if (argc == 2 && strcmp(argv[1], "--print-openapi") == 0) {
        return print_document();
    }
    p.options.check = job_types_check;
    struct conf *conf = main_options_handle(&p.options, "answer Bellman's HTTP API over FastCGI", extra_options, &argc,
                                            &argv, &exit_code);
    if (conf != NULL && argc > 1) {
        (void)fprintf(stderr, "bellman-api: unexpected argument \"%s\"\nTry bellman-api --help.\n", argv[1]);
        conf_free(conf);
        conf = NULL;
        exit_code = EX_USAGE;
    }
    if (conf == NULL) {
        main_options_release(&p.options);
        return exit_code;
    }
    log_init("bellman-api", (enum log_level)conf->log.level);
    service_share_memory();
    service_block_signals();
    json_object_seed(0);
    job_types_register(conf);
    if (!open_parts(&p, conf, &e)) {
        log_error("api.not_started", LERR(&e));
        return EX_CONFIG;
    }
    start_threads(&p, conf);
    service_notify("READY=1");
    log_info("api.started", LSTR("listen", p.listener.inherited ? "inherited socket" : p.listener.path),
             LINT("threads", conf->api.threads));
    run(&p);
    service_notify("STOPPING=1");
    log_info("api.draining", LINT("limit_s", conf->api.drain_timeout_s));
    if (!drain(&p)) {
        log_error("api.left_behind", LINT("requests", workers_busy(&p.workers)));
        _exit(EX_TEMPFAIL);
    }
    release(&p);
    log_info("api.stopped", LNONE);
    return EX_OK;
}
