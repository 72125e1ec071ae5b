#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "ground/clock.h"
#include "ports/mq_internal.h"

#define CONNECT_MS 5000
#define RPC_MS 10000
#define CLOSE_MS 1000
#define FRAME_MAX_BYTES 131072
#define SEND_BUFFER_BYTES 200000
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* --- errors ------------------------------------------------------------------------------------------------------- */

bool mq_die(struct mq *mq, const char *why)
{
    if (!mq->is_dead) {
        mq->is_dead = true;
        g_strlcpy(mq->why, why, sizeof(mq->why));
    }
    return false;
}

bool mq_dead(const struct mq *mq, const char *doing, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "RabbitMQ: cannot %s: %s", doing, mq->why);
}

bool mq_status_ok(struct mq *mq, int status, const char *doing, struct err *e)
{
    if (status == AMQP_STATUS_OK) {
        return true;
    }
    mq_die(mq, amqp_error_string2(status));
    return mq_dead(mq, doing, e);
}

/* Channel and connection closes carry the same fields in two types. */
static unsigned reply_code(amqp_rpc_reply_t reply, amqp_bytes_t *ret_text)
{
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) {
        return 0;
    }
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = reply.reply.decoded;
        *ret_text = m->reply_text;
        return m->reply_code;
    }
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = reply.reply.decoded;
        *ret_text = m->reply_text;
        return m->reply_code;
    }
    return 0;
}

unsigned mq_reply_code(amqp_rpc_reply_t reply)
{
    amqp_bytes_t text = amqp_empty_bytes;
    return reply_code(reply, &text);
}

static enum err_code code_of_reply(unsigned code)
{
    static const struct {
        unsigned reply;
        enum err_code code;
    } codes[] = {
        {AMQP_ACCESS_REFUSED, ERR_DENIED},    {AMQP_NOT_ALLOWED, ERR_DENIED},           {AMQP_NOT_FOUND, ERR_NOT_FOUND},
        {AMQP_RESOURCE_LOCKED, ERR_CONFLICT}, {AMQP_PRECONDITION_FAILED, ERR_CONFLICT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (codes[i].reply == code) {
            return codes[i].code;
        }
    }
    return ERR_UNAVAILABLE;
}

bool mq_reply_ok(struct mq *mq, amqp_rpc_reply_t reply, const char *doing, const char *subject, struct err *e)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        return true;
    }
    amqp_bytes_t text = amqp_empty_bytes;
    unsigned code = reply_code(reply, &text);
    g_autofree char *why = NULL;
    if (code != 0) {
        g_autofree char *raw = g_strndup(text.bytes, text.len);
        why = g_strdup_printf("%s (%u)", g_strdelimit(raw, "\r\n", ' '), code);
    } else {
        why = g_strdup(reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? amqp_error_string2(reply.library_error)
                                                                           : "no answer");
    }
    mq_die(mq, why);
    return err_set(e, code_of_reply(code), "RabbitMQ: cannot %s%s%s: %s", doing, subject[0] == '\0' ? "" : " ", subject,
                   why);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static struct timeval timeval_of_ms(int64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / MS_PER_S), .tv_usec = (suseconds_t)(ms % MS_PER_S * US_PER_MS)};
}

/* What is left until deadline_us, at least 1 ms. */
static struct timeval time_left(int64_t deadline_us)
{
    return timeval_of_ms(MAX(1, (deadline_us - clock_mono_us()) / US_PER_MS));
}

/* librabbitmq 0.11 knows no default authorities, allows TLS 1.0, and holds an IP address in the URL against names
 * only: with amqps the URL must name the broker as its certificate does. */
static amqp_socket_t *open_tls(amqp_connection_state_t state, const char *ca_file, struct err *e)
{
    amqp_socket_t *socket = amqp_ssl_socket_new(state);
    if (socket == NULL) {
        err_set(e, ERR_INTERNAL, "RabbitMQ: cannot prepare a TLS socket");
        return NULL;
    }
    const char *file = ca_file != NULL && ca_file[0] != '\0' ? ca_file : SYSTEM_CA_FILE;
    if (amqp_ssl_socket_set_cacert(socket, file) != AMQP_STATUS_OK) {
        err_set(e, ERR_INVALID, "RabbitMQ: cannot read the certificate authorities in %s", file);
        return NULL;
    }
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK) {
        err_set(e, ERR_INTERNAL, "RabbitMQ: cannot require TLS 1.2");
        return NULL;
    }
    return socket;
}

static bool open_socket(struct mq *mq, const struct conf *conf, const struct amqp_connection_info *info,
                        int64_t deadline_us, struct err *e)
{
    amqp_socket_t *socket = info->ssl ? open_tls(mq->state, conf->broker.ca_file, e) : amqp_tcp_socket_new(mq->state);
    if (socket == NULL) {
        return err_set(e, ERR_INTERNAL, "RabbitMQ: cannot make a socket");
    }
    struct timeval left = time_left(deadline_us);
    int status = amqp_socket_open_noblock(socket, info->host, info->port, &left);
    if (status != AMQP_STATUS_OK) {
        return err_set(e, ERR_UNAVAILABLE, "RabbitMQ: cannot connect to %s port %d: %s", info->host, info->port,
                       amqp_error_string2(status));
    }
    mq->fd = amqp_get_sockfd(mq->state);
    return true;
}

/* A peer that stops reading is given up by the kernel even where librabbitmq would wait for ever. Of the send buffer a
 * writable socket has a third to spare: MQ_CORKED_MAX messages, which are smaller than 1 KiB each. */
static void bound_silence(const struct mq *mq)
{
    int on = 1;
    int send_buffer_bytes = SEND_BUFFER_BYTES;
    (void)setsockopt(mq->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes));
    int user_timeout_ms = (int)MIN(MAX(2 * mq->heartbeat_ms, 2000), 120000);
    (void)setsockopt(mq->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(mq->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
}

static amqp_table_entry_t entry_bool(const char *key)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}};
}

static amqp_table_entry_t entry_text(const char *key, const char *value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(value)}}};
}

/* Without these the broker would not say that a queue was deleted under its consumer, or that it takes no publishes. */
static bool log_in(struct mq *mq, const struct amqp_connection_info *info, const char *name, struct err *e)
{
    amqp_table_entry_t can[] = {
        entry_bool("authentication_failure_close"), entry_bool("basic.nack"),         entry_bool("connection.blocked"),
        entry_bool("consumer_cancel_notify"),       entry_bool("publisher_confirms"),
    };
    amqp_table_entry_t properties[] = {
        entry_text("product", "bellman"),
        entry_text("version", BELLMAN_VERSION),
        entry_text("connection_name", name),
        {
            .key = amqp_cstring_bytes("capabilities"),
            .value = {.kind = AMQP_FIELD_KIND_TABLE,
                      .value = {.table = {.num_entries = ARRAY_SIZE(can), .entries = can}}},
        },
    };
    amqp_table_t table = {.num_entries = ARRAY_SIZE(properties), .entries = properties};
    amqp_rpc_reply_t reply = amqp_login_with_properties(mq->state, info->vhost, 0, FRAME_MAX_BYTES,
                                                        (int)(mq->heartbeat_ms / MS_PER_S), &table,
                                                        AMQP_SASL_METHOD_PLAIN, info->user, info->password);
    return mq_reply_ok(mq, reply, "log in as", info->user, e);
}

static bool open_channel(struct mq *mq, struct err *e)
{
    (void)amqp_channel_open(mq->state, MQ_CHANNEL);
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "open a channel", "", e);
}

static bool establish(struct mq *mq, const struct conf *conf, const char *name, struct err *e)
{
    struct amqp_connection_info info = {0};
    g_autofree char *url = g_strdup(conf->broker.url); /* info points into it */
    if (amqp_parse_url(url, &info) != AMQP_STATUS_OK) {
        return err_set(e, ERR_INVALID, "[broker] url is not of the form amqp://user:password@host:port/vhost");
    }
    int64_t deadline_us = clock_mono_us() + CONNECT_MS * US_PER_MS;
    if (!open_socket(mq, conf, &info, deadline_us, e)) {
        return false;
    }
    bound_silence(mq);
    struct timeval left = time_left(deadline_us);
    if (amqp_set_handshake_timeout(mq->state, &left) != AMQP_STATUS_OK || !log_in(mq, &info, name, e)) {
        return err_set(e, ERR_INTERNAL, "RabbitMQ: cannot log in");
    }
    left = time_left(deadline_us);
    const struct timeval rpc = timeval_of_ms(RPC_MS);
    if (amqp_set_rpc_timeout(mq->state, &left) != AMQP_STATUS_OK || !open_channel(mq, e) ||
        amqp_set_rpc_timeout(mq->state, &rpc) != AMQP_STATUS_OK) {
        return err_set(e, ERR_INTERNAL, "RabbitMQ: cannot open a channel");
    }
    /* The broker may have lowered what was proposed. */
    mq->heartbeat_ms = amqp_get_heartbeat(mq->state) * MS_PER_S;
    return true;
}

struct mq *mq_connect(const struct conf *conf, const char *name, struct err *e)
{
    static _Atomic uint64_t epochs;

    struct mq *mq = g_new0(struct mq, 1);
    mq->fd = -1;
    mq->layout = conf->broker.layout;
    mq->heartbeat_ms = conf->broker.heartbeat_s * MS_PER_S;
    mq->epoch = atomic_fetch_add(&epochs, 1) + 1;
    g_queue_init(&mq->events);
    mq->state = amqp_new_connection();
    g_assert(mq->state != NULL);
    if (!establish(mq, conf, name, e)) {
        mq_die(mq, "not connected");
        mq_free(mq);
        return NULL;
    }
    return mq;
}

bool mq_is_well(const struct mq *mq)
{
    return !mq->is_dead;
}

uint64_t mq_epoch(const struct mq *mq)
{
    return mq->epoch;
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

static bool has_room(const struct mq *mq)
{
    struct pollfd p = {.fd = mq->fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
}

int mq_send_close_ok(struct mq *mq, amqp_method_number_t method)
{
    amqp_channel_close_ok_t channel_ok = {0};
    amqp_connection_close_ok_t connection_ok = {0};
    if (method == AMQP_CHANNEL_CLOSE_OK_METHOD) {
        return amqp_send_method(mq->state, MQ_CHANNEL, method, &channel_ok);
    }
    return amqp_send_method(mq->state, 0, method, &connection_ok);
}

static void free_event(void *event)
{
    mq_event_release(event);
    g_free(event);
}

void mq_free(struct mq *mq)
{
    if (mq == NULL) {
        return;
    }
    if (!mq->is_dead && has_room(mq)) {
        const struct timeval limit = timeval_of_ms(CLOSE_MS);
        (void)amqp_set_rpc_timeout(mq->state, &limit);
        (void)amqp_connection_close(mq->state, AMQP_REPLY_SUCCESS);
    }
    amqp_destroy_connection(mq->state);
    g_queue_clear_full(&mq->events, free_event);
    mq_reader_release(&mq->reader);
    g_free(mq);
}
