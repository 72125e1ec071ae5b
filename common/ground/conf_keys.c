/*
 * conf_keys.c: the table of configuration keys.
 *
 * Reloadable is what the programs read from the current configuration each time they need it; what sizes something at
 * start (threads, arrays, sockets, connections) is not.
 */
#include "ground/conf_key.h"

#define KEY(s, n) .section = #s, .name = #n, .offset = offsetof(struct conf, s.n)
#define TEXT(least, most) .type = CONF_TYPE_TEXT, .min = (least), .max = (most)
#define INT(least, most) .type = CONF_TYPE_INT, .min = (least), .max = (most)
#define BOOL .type = CONF_TYPE_BOOL
#define CHOICE(list) .type = CONF_TYPE_CHOICE, .choices = (list)

#define PATH_MAX_BYTES 4095
#define SOCKET_MAX_BYTES 107 /* sun_path less the NUL */
#define NAME_MAX_BYTES 255
#define SIZE_MAX_BYTES INT64_C(8388608)

static const char *const layouts[] = {[CONF_LAYOUT_LANES] = "lanes", [CONF_LAYOUT_PRIORITY] = "priority", NULL};
static const char *const tls_modes[] = {
    [CONF_SMTP_TLS_NONE] = "none", [CONF_SMTP_TLS_STARTTLS] = "starttls", [CONF_SMTP_TLS_IMPLICIT] = "tls", NULL};
const char *const conf_retry_curves[] = {[CONF_RETRY_POLYNOMIAL] = "polynomial",
                                         [CONF_RETRY_EXPONENTIAL] = "exponential",
                                         [CONF_RETRY_LINEAR] = "linear",
                                         [CONF_RETRY_FIXED] = "fixed",
                                         NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

/* clang-format off */
const struct conf_key conf_keys[] = {
    {KEY(database, socket), TEXT(0, SOCKET_MAX_BYTES), .def = "",
     .help = "Path of MariaDB's Unix socket. Empty: host and port are used."},
    {KEY(database, host), TEXT(1, NAME_MAX_BYTES), .def = "127.0.0.1", .help = "Host of MariaDB."},
    {KEY(database, port), INT(1, 65535), .def = "3306", .help = "Port of MariaDB."},
    {KEY(database, name), TEXT(1, 64), .def = "bellman", .help = "Name of the database."},
    {KEY(database, user), TEXT(1, 128), .def = "bellman", .help = "User of the database."},
    {KEY(database, password), TEXT(0, 1024), .flags = CONF_SECRET, .def = "", .help = "Password of that user."},
    {KEY(database, connect_timeout_s), INT(1, 60), .def = "2", .help = "Longest wait for a connection."},
    {KEY(database, read_timeout_s), INT(1, 300), .def = "3", .help = "Longest wait for the answer to one statement."},

    {KEY(broker, url), TEXT(1, 2048), .flags = CONF_SECRET | CONF_URL, .def = "amqp://guest:guest@127.0.0.1:5672/%2F",
     .help = "RabbitMQ: amqp://user:password@host:port/vhost, or amqps://. A slash in a part is written %2F."},
    {KEY(broker, layout), CHOICE(layouts), .def = "lanes",
     .help = "lanes: three quorum queues, one for each priority. priority: one classic queue with x-max-priority."},
    {KEY(broker, heartbeat_s), INT(1, 600), .def = "10", .help = "Heartbeat offered to the broker."},
    {KEY(broker, confirm_timeout_ms), INT(100, 600000), .def = "10000",
     .help = "A publish that is not confirmed for this long makes us connect and publish again."},
    {KEY(broker, ca_file), TEXT(0, PATH_MAX_BYTES), .def = "",
     .help = "Certificates (PEM) that amqps trusts. Empty: the system's."},

    {KEY(api, listen), TEXT(1, SOCKET_MAX_BYTES), .def = "/run/bellman/api.sock",
     .help = "Path of the FastCGI socket that nginx connects to."},
    {KEY(api, threads), INT(1, 512), .def = "16", .help = "Requests served at one time; each has its own connection."},
    {KEY(api, body_max_bytes), INT(1024, SIZE_MAX_BYTES), .def = "1048576",
     .help = "Largest request body; larger is 413."},
    {KEY(api, bulk_body_max_bytes), INT(1024, SIZE_MAX_BYTES), .def = "8388608",
     .help = "Largest body of a request that creates many jobs (body_max_bytes when that is more), and largest sum of "
             "their payloads."},
    {KEY(api, payload_max_bytes), INT(256, SIZE_MAX_BYTES), .def = "1048576",
     .help = "Largest payload of one job, as JSON."},
    {KEY(api, test_email_wait_ms), INT(100, 60000), .def = "10000",
     .help = "How long a request for a test mail waits for its outcome."},
    {KEY(api, test_email_waiters), INT(0, 512), .def = "4",
     .help = "Requests that may wait for a test mail at one time; keep it below threads."},
    {KEY(api, drain_timeout_s), INT(0, 3600), .def = "30", .help = "Longest wait for running requests when stopping."},
    {KEY(api, public_url), TEXT(0, 512), .flags = CONF_RELOAD, .def = "",
     .help = "Where people and providers reach nginx, as https://notify.example.com: for links to unsubscribe, "
             "tracking and status callbacks, which there are none of when it is empty."},

    {KEY(auth, jwks_file), TEXT(1, PATH_MAX_BYTES), .def = "/etc/bellman/jwks.json",
     .help = "JSON Web Key Set whose keys may sign tokens (HS256, RS256, ES256)."},
    {KEY(auth, issuer), TEXT(0, 512), .def = "", .help = "Required iss of a token. Empty: not checked."},
    {KEY(auth, audience), TEXT(0, 512), .def = "", .help = "Required aud of a token. Empty: not checked."},
    {KEY(auth, leeway_s), INT(0, 600), .def = "60",
     .help = "Clock difference forgiven when times of a token are checked."},
    {KEY(auth, auto_provision), BOOL, .def = "true",
     .help = "Create an organization that is seen first in a valid token."},

    {KEY(limits, settings_put_per_min), INT(1, 100000), .flags = CONF_RELOAD, .def = "20",
     .help = "Changes of the settings per user and minute."},
    {KEY(limits, test_email_per_min), INT(1, 100000), .flags = CONF_RELOAD, .def = "5",
     .help = "Test mails per user and minute."},
    {KEY(limits, cancel_per_min), INT(1, 100000), .flags = CONF_RELOAD, .def = "10",
     .help = "Cancellations of jobs per user and minute."},
    {KEY(limits, backlog_threshold), INT(0, 1000), .flags = CONF_RELOAD, .def = "100",
     .help = "More waiting jobs of one organization, type and priority are a backlog: it takes turns with the others."},
    {KEY(limits, org_max_queued), INT(0, 1000000000), .flags = CONF_RELOAD, .def = "0",
     .help = "An organization that has so many jobs queued may create no more (429). 0: no limit."},
    {KEY(limits, org_max_running), INT(0, 1000000), .flags = CONF_RELOAD, .def = "0",
     .help = "Jobs of one organization that run at one time, unless it has a limit of its own. 0: no limit."},

    {KEY(consumer, concurrency), INT(1, 1000), .def = "16", .help = "Jobs run at one time."},
    {KEY(consumer, prefetch), INT(1, 65535), .def = "1024", .help = "Messages held unacknowledged, per queue."},
    {KEY(consumer, reserve_percent), INT(0, 50), .flags = CONF_RELOAD, .def = "12",
     .help = "Part of the runners that one organization cannot take, so that others' jobs start at once. 0: none."},
    {KEY(consumer, lease_ms), INT(200, 3600000), .flags = CONF_RELOAD, .def = "4000",
     .help = "A worker that has not renewed its claim for this long has lost the job."},
    {KEY(consumer, renew_ms), INT(50, 1800000), .flags = CONF_RELOAD, .def = "1000",
     .help = "Time between two renewals of the claims on running jobs; at most half of lease_ms."},
    {KEY(consumer, relay_interval_ms), INT(10, 60000), .flags = CONF_RELOAD, .def = "200",
     .help = "Time between two looks for jobs that are due."},
    {KEY(consumer, dispatch_grace_ms), INT(0, 3600000), .flags = CONF_RELOAD, .def = "5000",
     .help = "A job whose message is not confirmed after this long is published again."},
    {KEY(consumer, finish_flush_us), INT(0, 1000000), .flags = CONF_RELOAD, .def = "1500",
     .help = "A finished job waits at most this long for others to share its commit, and 5 ms while jobs end"
             " all the time; 0: neither."},
    {KEY(consumer, batch_max), INT(1, 10000), .def = "256",
     .help = "Jobs claimed or finished in one transaction at most."},
    {KEY(consumer, low_share_percent), INT(0, 50), .flags = CONF_RELOAD, .def = "10",
     .help = "Share of job starts that the lowest waiting priority gets while higher ones wait too."},
    {KEY(consumer, ageing_s), INT(0, 86400), .flags = CONF_RELOAD, .def = "300",
     .help = "That share grows to half as the oldest job of the priority waits up to this long. 0: it does not grow."},
    {KEY(consumer, ack_after_s), INT(1, 86400), .flags = CONF_RELOAD, .def = "300",
     .help = "The broker hears after this long of a job that still runs; well below its consumer_timeout (1800)."},
    {KEY(consumer, crash_limit), INT(1, 100), .flags = CONF_RELOAD, .def = "3",
     .help = "A job during which this many workers were lost is dead-lettered."},
    {KEY(consumer, drain_timeout_s), INT(0, 3600), .flags = CONF_RELOAD, .def = "30",
     .help = "Longest wait for running jobs when stopping."},
    {KEY(consumer, diagnostics), BOOL, .flags = CONF_RELOAD, .def = "false",
     .help = "Allow the job type that crashes its worker. For tests."},

    {KEY(retry, curve), CHOICE(conf_retry_curves), .flags = CONF_RELOAD, .def = "polynomial",
     .help = "The n-th retry comes after: polynomial base_s + n^4 seconds, exponential base_s * 2^(n-1), linear "
             "base_s * n, fixed base_s."},
    {KEY(retry, base_s), INT(0, 86400), .flags = CONF_RELOAD, .def = "15", .help = "The first term of that."},
    {KEY(retry, cap_s), INT(0, 2592000), .flags = CONF_RELOAD, .def = "86400",
     .help = "No retry comes later than this; at least base_s."},
    {KEY(retry, jitter_percent), INT(0, 50), .flags = CONF_RELOAD, .def = "10",
     .help = "Give or take this share at random, so that jobs which failed together do not return together."},

    {KEY(retention, completed_h), INT(0, 876000), .flags = CONF_RELOAD, .def = "168",
     .help = "Hours that completed jobs are kept before they are deleted. 0: for ever."},
    {KEY(retention, failed_h), INT(0, 876000), .flags = CONF_RELOAD, .def = "720",
     .help = "The same for failed jobs, with their dead letters."},
    {KEY(retention, cancelled_h), INT(0, 876000), .flags = CONF_RELOAD, .def = "168",
     .help = "The same for cancelled jobs."},
    {KEY(retention, deliveries_d), INT(0, 36500), .flags = CONF_RELOAD, .def = "90",
     .help = "Days that deliveries are kept after they last changed; links to unsubscribe work as long. 0: for ever."},
    {KEY(retention, events_d), INT(0, 36500), .flags = CONF_RELOAD, .def = "90",
     .help = "Days that events are kept, and no shorter than their deliveries. 0: for ever."},

    {KEY(tracking, open), BOOL, .flags = CONF_RELOAD, .def = "false",
     .help = "Put a picture into HTML mail that tells when it is opened. Needs [api] public_url; read "
             "docs/privacy.md."},
    {KEY(tracking, click), BOOL, .flags = CONF_RELOAD, .def = "false",
     .help = "Lead the links of HTML mail through this server, which notes the first click. Likewise."},

    {KEY(smtp, host), TEXT(1, NAME_MAX_BYTES), .flags = CONF_RELOAD, .def = "127.0.0.1", .help = "Mail server."},
    {KEY(smtp, port), INT(1, 65535), .flags = CONF_RELOAD, .def = "25", .help = "Its port."},
    {KEY(smtp, tls), CHOICE(tls_modes), .flags = CONF_RELOAD, .def = "starttls",
     .help = "none: plain text. starttls: required after the greeting. tls: from the first byte."},
    {KEY(smtp, user), TEXT(0, NAME_MAX_BYTES), .flags = CONF_RELOAD, .def = "",
     .help = "User to log in with. Empty: no login."},
    {KEY(smtp, password), TEXT(0, 1024), .flags = CONF_SECRET | CONF_RELOAD, .def = "", .help = "Its password."},
    {KEY(smtp, ca_file), TEXT(0, PATH_MAX_BYTES), .flags = CONF_RELOAD, .def = "",
     .help = "Certificates (PEM) that TLS trusts. Empty: the system's."},
    {KEY(smtp, from_address), TEXT(0, 254), .flags = CONF_RELOAD, .def = "",
     .help = "Sender for organizations that have none of their own."},
    {KEY(smtp, from_name), TEXT(0, 200), .flags = CONF_RELOAD, .def = "", .help = "Name shown with it."},
    {KEY(smtp, timeout_s), INT(1, 300), .flags = CONF_RELOAD, .def = "30", .help = "Longest time for one mail."},

    {KEY(egress, allow_private), BOOL, .def = "false",
     .help = "Let job types with http and providers reach loopback and private addresses, and without TLS. For "
             "development."},
    {KEY(egress, connect_timeout_s), INT(1, 300), .flags = CONF_RELOAD, .def = "10",
     .help = "Longest wait for a connection to an endpoint."},
    {KEY(egress, send_timeout_s), INT(1, 100), .flags = CONF_RELOAD, .def = "30",
     .help = "Longest time for one message that a provider is given over HTTP."},
    {KEY(egress, ca_file), TEXT(0, PATH_MAX_BYTES), .flags = CONF_RELOAD, .def = "",
     .help = "Certificates (PEM) that TLS trusts for providers. Empty: the system's."},

    {KEY(providers, breaker_failures), INT(1, 1000), .flags = CONF_RELOAD, .def = "5",
     .help = "Failures in a row after which a worker leaves an organization's provider alone for a while."},
    {KEY(providers, breaker_delay_s), INT(1, 3600), .flags = CONF_RELOAD, .def = "30",
     .help = "How long; then one message tries."},
    {KEY(providers, max_per_second), INT(0, 10000), .flags = CONF_RELOAD, .def = "0",
     .help = "Messages a second that each worker sends through an account with no rate of its own. 0: any number."},

    {KEY(seal, key_file), TEXT(1, PATH_MAX_BYTES), .def = "/etc/bellman/keyring",
     .help = "Keyring for secrets in the database, mode 0600; made by bellmanctl keys create."},

    {KEY(log, level), CHOICE(levels), .flags = CONF_RELOAD, .def = "info", .help = "Least level that is written."},
};
/* clang-format on */

const size_t conf_keys_count = ARRAY_SIZE(conf_keys);
