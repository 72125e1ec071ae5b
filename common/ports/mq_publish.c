#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "ground/clock.h"
#include "ports/mq_internal.h"

#define WRITE_WAIT_MIN_MS 2000

/*
 * librabbitmq 0.11 sends without a deadline: on a peer that has stopped reading, or behind a memory alarm, its publish
 * hangs for ever. What is written here is small, and a socket that poll calls writable has room for it.
 */
bool mq_wait_writable(struct mq *mq, const char *doing, struct err *e)
{
    int64_t deadline_us = clock_mono_us() + MAX(mq->heartbeat_ms, WRITE_WAIT_MIN_MS) * US_PER_MS;
    while (mq_pump(mq)) {
        struct pollfd p = {.fd = mq->fd, .events = POLLOUT};
        if (poll(&p, 1, 0) == 1) {
            return true; /* an error is reported by the write itself */
        }
        if (clock_mono_us() > deadline_us) {
            mq_die(mq, "the broker has stopped reading");
            break;
        }
        p.events = POLLOUT | POLLIN;
        (void)poll(&p, 1, 100);
    }
    return mq_dead(mq, doing, e);
}

bool mq_confirm_select(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "ask for confirms", e);
    }
    (void)amqp_confirm_select(mq->state, MQ_CHANNEL);
    mq->has_confirms = true;
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "ask for", "confirms", e);
}

static void set_cork(const struct mq *mq, int on)
{
    (void)setsockopt(mq->fd, IPPROTO_TCP, TCP_CORK, &on,
                     sizeof(on)); /* where it is unknown, messages leave one by one */
}

bool mq_cork(struct mq *mq, struct err *e)
{
    if (!mq_wait_writable(mq, "publish", e)) {
        return false;
    }
    set_cork(mq, 1);
    mq->corked_left = MQ_CORKED_MAX;
    return true;
}

void mq_uncork(struct mq *mq)
{
    mq->corked_left = 0;
    set_cork(mq, 0);
}

static bool publish(struct mq *mq, const char *exchange, const char *key, bool mandatory,
                    const amqp_basic_properties_t *properties, const char *body, uint64_t *ret_sequence, struct err *e)
{
    int status = amqp_basic_publish(mq->state, MQ_CHANNEL, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                                    mandatory, 0, properties, amqp_cstring_bytes(body));
    if (!mq_status_ok(mq, status, "publish", e)) {
        return false;
    }
    *ret_sequence = ++mq->published;
    return true;
}

bool mq_publish(struct mq *mq, const char *exchange, const struct mq_message *message, uint64_t *ret_sequence,
                struct err *e)
{
    amqp_basic_properties_t properties;
    amqp_table_entry_t headers[MQ_HEADERS_MAX];
    mq_message_write(message, &properties, headers);
    if (mq->corked_left > 0) {
        mq->corked_left--;
    } else if (!mq_wait_writable(mq, "publish", e)) {
        return false;
    }
    const char *key = mq_routing_key(message->tier, message->lane, mq_part(message->tier, message->flow));
    return publish(mq, exchange, key, true, &properties, "", ret_sequence, e);
}

bool mq_broadcast(struct mq *mq, const char *body, uint64_t *ret_sequence, struct err *e)
{
    if (strlen(body) > MQ_BROADCAST_MAX_BYTES) {
        return err_set(e, ERR_INVALID, "A broadcast is longer than %d bytes", MQ_BROADCAST_MAX_BYTES);
    }
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
        .delivery_mode = AMQP_DELIVERY_NONPERSISTENT,
        .content_type = amqp_cstring_bytes("application/json"),
    };
    return mq_wait_writable(mq, "broadcast", e) &&
           publish(mq, MQ_EXCHANGE_CONTROL, "", false, &properties, body, ret_sequence, e);
}

bool mq_ack(struct mq *mq, uint64_t tag, bool multiple, struct err *e)
{
    if (!mq_wait_writable(mq, "ack", e)) {
        return false;
    }
    return mq_status_ok(mq, amqp_basic_ack(mq->state, MQ_CHANNEL, tag, multiple), "ack", e);
}

bool mq_reject(struct mq *mq, uint64_t tag, bool requeue, struct err *e)
{
    if (!mq_wait_writable(mq, "reject", e)) {
        return false;
    }
    return mq_status_ok(mq, amqp_basic_reject(mq->state, MQ_CHANNEL, tag, requeue), "reject", e);
}
