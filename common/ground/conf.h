/*
 * conf.h: the configuration of all three programs, from one INI file.
 *
 * Every key is one row in conf_keys.c (section, name, type, range, default, help, whether SIGHUP
 * reloads it); the row also says where the value lives in struct conf. Order of precedence: the
 * default, the file, the environment variable BELLMAN_<SECTION>_<KEY>. A secret may be given by file:
 * for each secret key there is a twin "<key>_file" whose content, less one trailing newline, is used.
 *
 * Sections [job_type NAME] come as many as there are names; their keys are rows in conf_job_type.c, are set in the file
 * alone and reload all.
 *
 * A loaded struct conf never changes. SIGHUP loads a new one; keys that are not marked reloadable keep
 * their old value in it (and a change to them is logged as needing a restart).
 */
#ifndef BELLMAN_CONF_H
#define BELLMAN_CONF_H

#include <glib.h>
#include <stdio.h>

#include "ground/base.h"
#include "ground/err.h"

enum conf_layout { CONF_LAYOUT_LANES, CONF_LAYOUT_PRIORITY };
enum conf_retry_curve { CONF_RETRY_POLYNOMIAL, CONF_RETRY_EXPONENTIAL, CONF_RETRY_LINEAR, CONF_RETRY_FIXED };
enum conf_smtp_tls { CONF_SMTP_TLS_NONE, CONF_SMTP_TLS_STARTTLS, CONF_SMTP_TLS_IMPLICIT };

struct conf {
    struct {
        char *socket; /* path of MariaDB's Unix socket; empty: host and port are used */
        char *host;
        int64_t port;
        char *name;
        char *user;
        char *password;
        int64_t connect_timeout_s;
        int64_t read_timeout_s;
    } database;
    struct {
        char *url;      /* amqp://user:password@host:port/vhost, or amqps:// */
        int64_t layout; /* enum conf_layout */
        int64_t heartbeat_s;
        int64_t confirm_timeout_ms; /* unconfirmed for longer: reconnect and publish again */
        char *ca_file;
    } broker;
    struct {
        char *listen; /* path of the FastCGI Unix socket */
        int64_t threads;
        int64_t body_max_bytes;
        int64_t bulk_body_max_bytes; /* of POST /background-jobs/bulk */
        int64_t payload_max_bytes;
        int64_t test_email_wait_ms;
        int64_t test_email_waiters; /* requests that may wait for a test mail at one time */
        int64_t drain_timeout_s;
        char *public_url; /* empty: there is none */
    } api;
    struct {
        char *jwks_file;
        char *issuer;   /* empty: not checked */
        char *audience; /* empty: not checked */
        int64_t leeway_s;
        bool auto_provision; /* an organization seen first in a valid token is created */
    } auth;
    struct {
        int64_t settings_put_per_min;
        int64_t test_email_per_min;
        int64_t cancel_per_min;
        int64_t backlog_threshold; /* queued jobs beyond which an organization's jobs go to the backlog tier */
        int64_t org_max_queued;    /* an organization may have so many queued jobs; 0: any number */
        int64_t org_max_running;   /* at one time, of an organization without a limit of its own; 0: any number */
    } limits;
    struct {
        int64_t concurrency;
        int64_t prefetch;        /* per queue */
        int64_t reserve_percent; /* of the runners, which no organization alone may take */
        int64_t lease_ms;
        int64_t renew_ms; /* between two renewals of the leases of running jobs */
        int64_t relay_interval_ms;
        int64_t dispatch_grace_ms; /* a row whose message is not confirmed after this is published again */
        int64_t finish_flush_us;   /* the wait for others to share a commit; 0: none, and no pace */
        int64_t batch_max;
        int64_t low_share_percent; /* of job starts that the lowest waiting lane gets under pressure */
        int64_t ageing_s;    /* a lower lane's head that has waited this long gives it every other start; 0: never */
        int64_t ack_after_s; /* a message is not kept unacknowledged for longer */
        int64_t crash_limit; /* lost attempts before a job is dead-lettered */
        int64_t drain_timeout_s;
        bool diagnostics; /* allows job type crash */
    } consumer;
    struct {
        int64_t curve; /* enum conf_retry_curve */
        int64_t base_s;
        int64_t cap_s;
        int64_t jitter_percent;
    } retry;
    struct {
        int64_t completed_h; /* these three 0: for ever */
        int64_t failed_h;
        int64_t cancelled_h;
        int64_t deliveries_d; /* these two 0: for ever */
        int64_t events_d;
    } retention;
    struct {
        bool open;
        bool click;
    } tracking;
    struct {
        char *host;
        int64_t port;
        int64_t tls; /* enum conf_smtp_tls */
        char *user;
        char *password;
        char *ca_file;
        char *from_address; /* used when the organization has none */
        char *from_name;
        int64_t timeout_s;
    } smtp;
    struct {
        bool allow_private; /* requests may go to loopback and private addresses, and without TLS */
        int64_t connect_timeout_s;
        int64_t send_timeout_s; /* of one message that is handed to a provider over HTTP */
        char *ca_file;          /* that TLS trusts for it; empty: the system's */
    } egress;
    struct {
        int64_t breaker_failures; /* in a row, after which a provider is left alone */
        int64_t breaker_delay_s;
        int64_t max_per_second; /* of an account that has no rate of its own, in each process; 0: any number */
    } providers;
    struct {
        char *key_file; /* keyring of common/ports/seal.h */
    } seal;
    struct {
        int64_t level; /* enum log_level */
    } log;
    GPtrArray *job_types; /* struct conf_job_type (conf_job_type.h), in the file's order; never NULL */
};

/* Loads file (NULL: $BELLMAN_CONFIG, else /etc/bellman/bellman.conf). On failure the error's text names
 * file, line and, for an unknown key or section, the nearest known one. Free with conf_free. */
struct conf *conf_load(const char *file, struct err *e) MUST_CHECK;

/* Loads file again: reloadable keys and all job types from it, all others from current. needs_restart (may be NULL)
 * receives a comma-separated list, to be freed with g_free, of changed keys that were kept. */
struct conf *conf_reload(const struct conf *current, const char *file, char **needs_restart, struct err *e) MUST_CHECK;

void conf_free(struct conf *conf);
void conf_cleanup(struct conf **conf); /* for CLEANUP() */

/* The file in effect as INI, secrets as "********". */
void conf_print(const struct conf *conf, FILE *out);
/* A commented file with every key at its default: what --help-config prints. */
void conf_print_reference(FILE *out);

#endif
