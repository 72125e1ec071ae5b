/*
 * bellman-consumer: runs the jobs. Start-up in order, then signals until the end.
 */
#include <locale.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "domain/control.h"
#include "domain/job_types.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/main_options.h"
#include "handlers.h"
#include "org_accounts.h"
#include "pipeline.h"
#include "ports/service.h"
#include "provider_state.h"
#include "steward.h"

#define SETTINGS_CACHE_ENTRIES 10000
#define SETTINGS_CACHE_TTL_MS 30000
#define DRAIN_POLL_MS 20
#define HARD_LIMIT_MS 5000
#define DISPATCHER_DRAIN_MS 2000

struct consumer {
    struct pipeline pipeline;
    struct main_options options;
    struct control *control;
    GPtrArray *retired; /* struct conf replaced by SIGHUP; threads may still read them */
    GArray *runners;    /* pthread_t */
    pthread_t broker;
    pthread_t claimer;
    pthread_t finisher;
    pthread_t keeper;
    pthread_t relay;
    pthread_t steward;
};

static void name_worker(char out[WORKER_ID_BYTES])
{
    char host[64] = "localhost";
    (void)gethostname(host, sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    for (char *c = host; *c != '\0'; c++) {
        *c = g_ascii_isgraph(*c) ? *c : '?'; /* the column is ASCII */
    }
    (void)snprintf(out, WORKER_ID_BYTES, "%s:%d:%08x", host, (int)getpid(), g_random_int());
}

static void start_threads(struct consumer *c)
{
    struct pipeline *p = &c->pipeline;
    c->finisher = service_thread("finisher", finisher_run, p);
    c->runners = g_array_new(FALSE, FALSE, sizeof(pthread_t));
    for (size_t i = 0; i < p->runners; i++) {
        pthread_t t = service_thread("runner", runner_run, p);
        g_array_append_val(c->runners, t);
    }
    c->claimer = service_thread("claimer", claimer_run, p);
    c->keeper = service_thread("keeper", keeper_run, p);
    c->relay = service_thread("relay", relay_run, p);
    c->steward = service_thread("steward", steward_run, p->steward);
    c->broker = service_thread("broker", broker_run, p);
}

static void join_threads(struct consumer *c)
{
    pthread_join(c->claimer, NULL);
    pthread_join(c->relay, NULL);
    pthread_join(c->steward, NULL);
    for (guint i = 0; i < c->runners->len; i++) {
        pthread_join(g_array_index(c->runners, pthread_t, i), NULL);
    }
    pthread_join(c->finisher, NULL);
    pthread_join(c->keeper, NULL);
    pthread_join(c->broker, NULL);
    g_array_unref(c->runners);
}

/* Programs that jobs run are given up to their grace when they are told to stop. */
static int64_t longest_grace_ms(void)
{
    int64_t longest_s = 0;
    const struct job_type *type = NULL;
    for (size_t i = 0; (type = job_type_at(i)) != NULL; i++) {
        if (type->kind == JOB_TYPE_EXEC) {
            longest_s = MAX(longest_s, type->conf->stop_grace_s);
        }
    }
    return longest_s * MS_PER_S;
}

static void register_types(struct consumer *c, const struct conf *conf)
{
    struct err e = ERR_INIT;
    job_types_register(conf);
    bool has_programs = false;
    const struct job_type *type = NULL;
    for (size_t i = 0; (type = job_type_at(i)) != NULL; i++) {
        has_programs = has_programs || type->kind == JOB_TYPE_EXEC;
    }
    if (!has_programs || atomic_load(&c->pipeline.guard) != NULL) {
        return;
    }
    struct process_guard *guard = process_guard_new(&e);
    if (guard == NULL) {
        log_error("guard.not_started", LERR(&e), LSTR("then", "of a program only itself dies with this process"));
    }
    atomic_store(&c->pipeline.guard, guard);
}

static void reload(struct consumer *c)
{
    struct err e = ERR_INIT;
    g_autofree char *needs_restart = NULL;
    struct conf *old = atomic_load(&c->pipeline.conf);
    struct conf *fresh = conf_reload(old, c->options.config_file, &needs_restart, &e);
    if (fresh == NULL || !c->options.check(fresh, &e)) {
        conf_free(fresh);
        log_error("config.not_reloaded", LERR(&e), LSTR("then", "the old configuration stays"));
        return;
    }
    log_set_level((enum log_level)fresh->log.level);
    register_types(c, fresh);
    atomic_store(&c->pipeline.conf, fresh);
    g_ptr_array_add(c->retired, old);
    log_info("config.reloaded", LSTR("needs_restart", needs_restart));
}

/* Waits until nothing is pending, a second stop signal comes, or limit_ms pass. True when nothing is pending. */
static bool wait_for_quiet(struct consumer *c, int64_t limit_ms, bool heed_signals)
{
    int64_t end_us = clock_mono_us() + limit_ms * US_PER_MS;
    while (pipeline_pending(&c->pipeline) > 0) {
        if (clock_mono_us() >= end_us) {
            return false;
        }
        if (service_wait(DRAIN_POLL_MS) == SERVICE_STOP && heed_signals) {
            return false;
        }
    }
    return true;
}

static void stop(struct consumer *c)
{
    const struct conf *conf = atomic_load(&c->pipeline.conf);
    service_notify("STOPPING=1");
    log_info("consumer.draining", LINT("pending", pipeline_pending(&c->pipeline)),
             LINT("limit_s", conf->consumer.drain_timeout_s));
    pipeline_set_phase(&c->pipeline, PIPELINE_DRAINING);
    if (!wait_for_quiet(c, conf->consumer.drain_timeout_s * MS_PER_S, true)) {
        log_warn("consumer.handing_back", LINT("pending", pipeline_pending(&c->pipeline)));
        pipeline_set_phase(&c->pipeline, PIPELINE_HARD);
        if (!wait_for_quiet(c, HARD_LIMIT_MS + longest_grace_ms(), false)) {
            log_error("consumer.left_behind", LINT("jobs", pipeline_pending(&c->pipeline)),
                      LSTR("then", "their leases end and another worker runs them"));
            _exit(EX_TEMPFAIL);
        }
    }
    pipeline_set_phase(&c->pipeline, PIPELINE_STOPPED);
    join_threads(c);
}

static void serve(struct consumer *c)
{
    service_notify("READY=1");
    log_info("consumer.started", LSTR("worker_id", c->pipeline.worker_id), LINT("concurrency", c->pipeline.runners));
    for (enum service_signal s = service_wait(-1); s != SERVICE_STOP; s = service_wait(-1)) {
        if (s == SERVICE_RELOAD) {
            reload(c);
        }
    }
}

static bool open_keyring(struct consumer *c, const struct conf *conf)
{
    struct err e = ERR_INIT;
    c->pipeline.seal = seal_open_keyring(conf->seal.key_file, &e);
    if (c->pipeline.seal == NULL) {
        log_error("consumer.not_started", LERR(&e));
    }
    return c->pipeline.seal != NULL;
}

int main(int argc, char **argv)
{
    static struct consumer c;
    int exit_code = EX_OK;
    c.options.check = handlers_check;
    struct conf *conf = main_options_handle(&c.options, "run background jobs from RabbitMQ", NULL, &argc, &argv,
                                            &exit_code);
    if (conf == NULL) {
        main_options_release(&c.options);
        return exit_code;
    }
    log_init("bellman-consumer", (enum log_level)conf->log.level);
    if (!open_keyring(&c, conf)) {
        conf_free(conf);
        main_options_release(&c.options);
        return EX_CONFIG;
    }
    service_share_memory();
    service_block_signals();
    json_object_seed(0);
    name_worker(c.pipeline.worker_id);
    c.retired = g_ptr_array_new_with_free_func((GDestroyNotify)conf_free);
    pipeline_init(&c.pipeline, conf);
    register_types(&c, conf);
    c.pipeline.settings_cache = cache_new(SETTINGS_CACHE_ENTRIES, SETTINGS_CACHE_TTL_MS);
    c.pipeline.accounts_cache = cache_new(ACCOUNTS_CACHE_ENTRIES, ACCOUNTS_CACHE_TTL_MS);
    c.pipeline.providers = provider_states_new();
    c.pipeline.load = org_load_new();
    c.pipeline.gates = gates_new();
    c.pipeline.dispatcher = dispatcher_start(conf);
    c.pipeline.steward = steward_new(&c.pipeline);
    c.control = control_start(conf, "consumer", keeper_on_control, &c.pipeline);
    control_report_load(c.control, pipeline_load);
    start_threads(&c);
    serve(&c);
    stop(&c);
    control_stop(c.control);
    dispatcher_stop(c.pipeline.dispatcher, DISPATCHER_DRAIN_MS);
    log_info("consumer.stopped", LNONE);
    steward_free(c.pipeline.steward);
    process_guard_free(atomic_load(&c.pipeline.guard));
    cache_free(c.pipeline.settings_cache);
    cache_free(c.pipeline.accounts_cache);
    provider_states_free(c.pipeline.providers);
    seal_free(c.pipeline.seal);
    org_load_free(c.pipeline.load);
    gates_free(c.pipeline.gates);
    conf_free(atomic_load(&c.pipeline.conf));
    pipeline_release(&c.pipeline);
    g_ptr_array_unref(c.retired);
    main_options_release(&c.options);
    return EX_OK;
}
