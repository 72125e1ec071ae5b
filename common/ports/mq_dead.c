#include <stdio.h>

#include "ports/mq_internal.h"

/*
 * Reading the whole queue of dead letters without taking anything out of it: every message is held unacked and given
 * back at the end, or by the broker when the connection ends. Each such return counts towards a quorum queue's delivery
 * limit, which drops a message: RabbitMQ 4.0 introduced a default of 20 (4.3 counts failures only), so the queue is
 * declared with a limit that is never reached.
 *
 * One consumer of a quorum queue holds as many as its prefetch says, 2,000 when it says nothing. To hold more, further
 * consumers are added on the same channel one after the other, as the windows of the former ones are full: asked for
 * 100,000 at once, RabbitMQ 3.10 took some 400 MB, and 100 MB when they were asked for by and by.
 */

#define TAG_BYTES 32

static void tag_of(unsigned consumer, char ret[TAG_BYTES])
{
    (void)snprintf(ret, TAG_BYTES, "bellman.dead.%u", consumer);
}

bool mq_dead_depth(struct mq *mq, int64_t *ret_ready, int64_t *ret_consumers, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "look at a queue", e);
    }
    amqp_queue_declare_ok_t *ok = amqp_queue_declare(mq->state, MQ_CHANNEL, amqp_cstring_bytes(MQ_QUEUE_DEAD), 1, 0, 0,
                                                     0, amqp_empty_table);
    if (!mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "look at queue", MQ_QUEUE_DEAD, e)) {
        return false;
    }
    *ret_ready = ok == NULL ? 0 : ok->message_count;
    *ret_consumers = ok == NULL ? 0 : ok->consumer_count;
    return true;
}

/* The prefetch is that of each consumer which is added after it. */
static bool limit_window(struct mq *mq, struct err *e)
{
    (void)amqp_basic_qos(mq->state, MQ_CHANNEL, 0, MQ_DEAD_WINDOW, 0);
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "set the prefetch", "", e);
}

bool mq_consume_dead(struct mq *mq, struct err *e)
{
    char tag[TAG_BYTES];
    if (mq->is_dead) {
        return mq_dead(mq, "read the dead letters", e);
    }
    if (mq->dead_consumers == 0 && !limit_window(mq, e)) {
        return false;
    }
    mq->has_consumers = true;
    tag_of(mq->dead_consumers++, tag);
    (void)amqp_basic_consume(mq->state, MQ_CHANNEL, amqp_cstring_bytes(MQ_QUEUE_DEAD), amqp_cstring_bytes(tag), 0, 0, 0,
                             amqp_empty_table);
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "consume", MQ_QUEUE_DEAD, e);
}

bool mq_cancel_dead(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "stop reading the dead letters", e);
    }
    while (mq->dead_consumers > 0) {
        char tag[TAG_BYTES];
        tag_of(--mq->dead_consumers, tag);
        (void)amqp_basic_cancel(mq->state, MQ_CHANNEL, amqp_cstring_bytes(tag));
        if (!mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "stop consuming", MQ_QUEUE_DEAD, e)) {
            return false;
        }
    }
    return true;
}

bool mq_give_back(struct mq *mq, uint64_t tag, struct err *e)
{
    return mq_wait_writable(mq, "give messages back", e) &&
           mq_status_ok(mq, amqp_basic_nack(mq->state, MQ_CHANNEL, tag, 1, 1), "give messages back", e);
}
