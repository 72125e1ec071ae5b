#include "ports/mq_internal.h"

/*
 * Reading the whole queue of dead letters without taking anything out of it: every message is held unacked and given
 * back at the end, or by the broker when the connection ends. Each such return counts towards a quorum queue's delivery
 * limit, which drops a message: RabbitMQ 4.0 introduced a default of 20 (4.3 counts failures only), so the queue is
 * declared with a limit that is never reached.
 */

#define TAG_DEAD "bellman.dead"
#define ALL_TAGS 0

bool mq_dead_depth(struct mq *mq, int64_t *ret_ready, struct err *e)
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
    return true;
}

bool mq_consume_dead(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "read the dead letters", e);
    }
    mq->has_consumers = true;
    (void)amqp_basic_consume(mq->state, MQ_CHANNEL, amqp_cstring_bytes(MQ_QUEUE_DEAD), amqp_cstring_bytes(TAG_DEAD), 0,
                             0, 0, amqp_empty_table);
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "consume", MQ_QUEUE_DEAD, e);
}

bool mq_cancel_dead(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "stop reading the dead letters", e);
    }
    (void)amqp_basic_cancel(mq->state, MQ_CHANNEL, amqp_cstring_bytes(TAG_DEAD));
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), "stop consuming", MQ_QUEUE_DEAD, e);
}

bool mq_give_back(struct mq *mq, struct err *e)
{
    return mq_wait_writable(mq, "give messages back", e) &&
           mq_status_ok(mq, amqp_basic_nack(mq->state, MQ_CHANNEL, ALL_TAGS, 1, 1), "give messages back", e);
}
