#include <string.h>

#include "ports/mq_internal.h"

/*
 * Exchanges, queues and consumers. Arguments that cannot change later are declared; limits that an operator may want to
 * set (max-length, delivery-limit...) are policies (packaging/rabbitmq-definitions.json). Dead-lettering is declared
 * too: on a broker without the policy a rejected message would vanish without a word.
 */

#define QUEUE_JOBS "bellman.jobs"
#define TAG_CONTROL "bellman.control"
#define ARGUMENTS_MAX 4

struct argument {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: number */
    int32_t number;
};

static const struct argument lane_arguments[] = {
    {.key = "x-queue-type", .text = "quorum"},
    {.key = "x-dead-letter-exchange", .text = MQ_EXCHANGE_DEAD},
    /* at-least-once needs reject-publish; otherwise it silently becomes at-most-once. */
    {.key = "x-dead-letter-strategy", .text = "at-least-once"},
    {.key = "x-overflow", .text = "reject-publish"},
    {.key = NULL},
};
static const struct argument priority_arguments[] = {
    {.key = "x-max-priority", .number = MQ_PRIORITY_AHEAD},
    {.key = "x-dead-letter-exchange", .text = MQ_EXCHANGE_DEAD},
    {.key = NULL},
};
static const struct argument dead_arguments[] = {
    {.key = "x-queue-type", .text = "quorum"},
    {.key = "x-delivery-limit", .number = INT32_MAX}, /* mq_dead.c */
    {.key = NULL},
};

static const struct exchange {
    const char *name;
    const char *type;
} exchanges[] = {
    {MQ_EXCHANGE_JOBS, "direct"},
    {MQ_EXCHANGE_DEAD, "fanout"}, /* whatever the routing key, it lands */
    {MQ_EXCHANGE_CONTROL, "fanout"},
};

/* One layout's job queues; a queue may serve several lanes, but one tier only: the consumer takes turns between the
 * tiers, and a queue that held both would leave it no choice. */
struct job_queue {
    const char *name;
    const char *consumer_tag;
    const struct argument *arguments;
    enum tier tier;
    unsigned part;
    enum lane first;
    enum lane last;
};

#define LANE_QUEUE(name, tier, part, lane)                                           \
    {                                                                                \
        QUEUE_JOBS "." name, "bellman." name, lane_arguments, tier, part, lane, lane \
    }
#define BACKLOG_QUEUES(suffix, part)                                          \
    LANE_QUEUE("high.backlog" suffix, TIER_BACKLOG, part, LANE_HIGH),         \
        LANE_QUEUE("normal.backlog" suffix, TIER_BACKLOG, part, LANE_NORMAL), \
        LANE_QUEUE("low.backlog" suffix, TIER_BACKLOG, part, LANE_LOW)
static const struct job_queue lane_queues[] = {
    LANE_QUEUE("high", TIER_MAIN, 0, LANE_HIGH),
    LANE_QUEUE("normal", TIER_MAIN, 0, LANE_NORMAL),
    LANE_QUEUE("low", TIER_MAIN, 0, LANE_LOW),
    BACKLOG_QUEUES("", 0),
    BACKLOG_QUEUES(".1", 1),
    BACKLOG_QUEUES(".2", 2),
    BACKLOG_QUEUES(".3", 3),
};
#define PRIORITY_QUEUE(suffix, tag, tier, part)                                                \
    {                                                                                          \
        QUEUE_JOBS suffix, "bellman." tag, priority_arguments, tier, part, LANE_HIGH, LANE_LOW \
    }
static const struct job_queue priority_queues[] = {
    PRIORITY_QUEUE("", "jobs", TIER_MAIN, 0),
    PRIORITY_QUEUE(".backlog", "backlog", TIER_BACKLOG, 0),
    PRIORITY_QUEUE(".backlog.1", "backlog.1", TIER_BACKLOG, 1),
    PRIORITY_QUEUE(".backlog.2", "backlog.2", TIER_BACKLOG, 2),
    PRIORITY_QUEUE(".backlog.3", "backlog.3", TIER_BACKLOG, 3),
};
G_STATIC_ASSERT(MQ_BACKLOG_PARTS == 4); /* as the tables have them, and the keys of mq_message.c */

static const struct job_queue *queues_of(bool is_lanes, size_t *ret_n)
{
    *ret_n = is_lanes ? ARRAY_SIZE(lane_queues) : ARRAY_SIZE(priority_queues);
    return is_lanes ? lane_queues : priority_queues;
}

static const struct job_queue *job_queues(const struct mq *mq, size_t *ret_n)
{
    return queues_of(mq->layout == CONF_LAYOUT_LANES, ret_n);
}

/* --- declaring ---------------------------------------------------------------------------------------------------- */

static amqp_table_t table_of(const struct argument *arguments, amqp_table_entry_t entries[ARGUMENTS_MAX])
{
    int n = 0;
    for (; n < ARGUMENTS_MAX && arguments[n].key != NULL; n++) {
        entries[n] = (amqp_table_entry_t){.key = amqp_cstring_bytes(arguments[n].key)};
        if (arguments[n].text != NULL) {
            entries[n].value.kind = AMQP_FIELD_KIND_UTF8;
            entries[n].value.value.bytes = amqp_cstring_bytes(arguments[n].text);
        } else {
            entries[n].value.kind = AMQP_FIELD_KIND_I32;
            entries[n].value.value.i32 = arguments[n].number;
        }
    }
    return (amqp_table_t){.num_entries = n, .entries = entries};
}

static bool last_reply_ok(struct mq *mq, const char *doing, const char *subject, struct err *e)
{
    return mq_reply_ok(mq, amqp_get_rpc_reply(mq->state), doing, subject, e);
}

static bool declare_exchange(struct mq *mq, const struct exchange *x, struct err *e)
{
    (void)amqp_exchange_declare(mq->state, MQ_CHANNEL, amqp_cstring_bytes(x->name), amqp_cstring_bytes(x->type), 0, 1,
                                0, 0, amqp_empty_table);
    return last_reply_ok(mq, "declare exchange", x->name, e);
}

static bool declare_queue(struct mq *mq, const char *name, const struct argument *arguments, struct err *e)
{
    amqp_table_entry_t entries[ARGUMENTS_MAX];
    (void)amqp_queue_declare(mq->state, MQ_CHANNEL, amqp_cstring_bytes(name), 0, 1, 0, 0, table_of(arguments, entries));
    return last_reply_ok(mq, "declare queue", name, e);
}

static bool bind_queue(struct mq *mq, amqp_bytes_t queue, const char *exchange, const char *key, struct err *e)
{
    (void)amqp_queue_bind(mq->state, MQ_CHANNEL, queue, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                          amqp_empty_table);
    return last_reply_ok(mq, "bind a queue to", exchange, e);
}

static amqp_rpc_reply_t look_at_queue(struct mq *mq, const char *name, int64_t *ret_ready, int64_t *ret_consumers)
{
    amqp_queue_declare_ok_t *ok = amqp_queue_declare(mq->state, MQ_CHANNEL, amqp_cstring_bytes(name), 1, 0, 0, 0,
                                                     amqp_empty_table);
    if (ok != NULL) {
        *ret_ready = ok->message_count;
        *ret_consumers = ok->consumer_count;
    }
    return amqp_get_rpc_reply(mq->state);
}

/* The broker closes the channel on which it was asked for a queue that is not there. */
static bool queue_exists(struct mq *mq, const char *name, bool *ret, struct err *e)
{
    int64_t unused = 0;
    amqp_rpc_reply_t reply = look_at_queue(mq, name, &unused, &unused);
    *ret = reply.reply_type == AMQP_RESPONSE_NORMAL;
    if (mq_reply_code(reply) != AMQP_NOT_FOUND || reply.reply.id != AMQP_CHANNEL_CLOSE_METHOD) {
        return mq_reply_ok(mq, reply, "look at queue", name, e);
    }
    if (!mq_status_ok(mq, mq_send_close_ok(mq, AMQP_CHANNEL_CLOSE_OK_METHOD), "close a channel", e)) {
        return false;
    }
    (void)amqp_channel_open(mq->state, MQ_CHANNEL);
    return last_reply_ok(mq, "open a channel", "", e);
}

static bool declare_job_queue(struct mq *mq, const struct job_queue *q, bool created[LANES], struct err *e)
{
    bool exists = false;
    if (!queue_exists(mq, q->name, &exists, e) || !declare_queue(mq, q->name, q->arguments, e)) {
        return false;
    }
    for (unsigned l = q->first; l <= q->last; l++) {
        created[l] = created[l] || !exists;
        const char *key = mq_routing_key(q->tier, (enum lane)l, q->part);
        if (!bind_queue(mq, amqp_cstring_bytes(q->name), MQ_EXCHANGE_JOBS, key, e)) {
            return false;
        }
    }
    return true;
}

/* After a change of the layout the former queues would go on taking every message, with nobody to consume them.
 * Unbinding what is not bound, or not there, is no error. */
static bool unbind_other_layout(struct mq *mq, struct err *e)
{
    size_t n = 0;
    const struct job_queue *queues = queues_of(mq->layout != CONF_LAYOUT_LANES, &n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned l = queues[i].first; l <= queues[i].last; l++) {
            const char *key = mq_routing_key(queues[i].tier, (enum lane)l, queues[i].part);
            (void)amqp_queue_unbind(mq->state, MQ_CHANNEL, amqp_cstring_bytes(queues[i].name),
                                    amqp_cstring_bytes(MQ_EXCHANGE_JOBS), amqp_cstring_bytes(key), amqp_empty_table);
            if (!last_reply_ok(mq, "unbind queue", queues[i].name, e)) {
                return false;
            }
        }
    }
    return true;
}

bool mq_declare_topology(struct mq *mq, bool created[LANES], struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "declare queues", e);
    }
    if (mq->has_confirms || mq->has_consumers) {
        return err_set(e, ERR_INTERNAL,
                       "The topology must be declared first: looking for a queue may cost the channel");
    }
    bool ok = true;
    for (size_t i = 0; i < ARRAY_SIZE(exchanges) && ok; i++) {
        ok = declare_exchange(mq, &exchanges[i], e);
    }
    ok = ok && declare_queue(mq, MQ_QUEUE_DEAD, dead_arguments, e) &&
         bind_queue(mq, amqp_cstring_bytes(MQ_QUEUE_DEAD), MQ_EXCHANGE_DEAD, "", e);
    size_t n = 0;
    const struct job_queue *queues = job_queues(mq, &n);
    memset(created, 0, LANES * sizeof(*created));
    for (size_t i = 0; i < n && ok; i++) {
        ok = declare_job_queue(mq, &queues[i], created, e);
    }
    return ok && unbind_other_layout(mq, e);
}

bool mq_depth(struct mq *mq, enum tier tier, enum lane lane, int64_t *ret_ready, int64_t *ret_consumers, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "look at a queue", e);
    }
    size_t n = 0;
    bool is_found = false;
    const struct job_queue *queues = job_queues(mq, &n);
    *ret_ready = *ret_consumers = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t ready = 0;
        int64_t consumers = 0;
        if (tier != queues[i].tier || lane < queues[i].first || lane > queues[i].last) {
            continue;
        }
        if (!mq_reply_ok(mq, look_at_queue(mq, queues[i].name, &ready, &consumers), "look at queue", queues[i].name,
                         e)) {
            return false;
        }
        is_found = true;
        *ret_ready += ready;
        *ret_consumers += consumers;
    }
    return is_found || err_set(e, ERR_INVALID, "There is no lane %u in a tier %u", (unsigned)lane, (unsigned)tier);
}

/* --- consuming ---------------------------------------------------------------------------------------------------- */

static bool consume(struct mq *mq, amqp_bytes_t queue, const char *tag, bool no_ack, struct err *e)
{
    (void)amqp_basic_consume(mq->state, MQ_CHANNEL, queue, amqp_cstring_bytes(tag), 0, no_ack, 0, amqp_empty_table);
    mq->has_consumers = true;
    return last_reply_ok(mq, "consume", tag, e);
}

bool mq_consume_jobs(struct mq *mq, uint16_t prefetch, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "consume", e);
    }
    (void)amqp_basic_qos(mq->state, MQ_CHANNEL, 0, prefetch, 0);
    bool ok = last_reply_ok(mq, "set the prefetch", "", e);
    size_t n = 0;
    const struct job_queue *queues = job_queues(mq, &n);
    for (size_t i = 0; i < n && ok; i++) {
        ok = consume(mq, amqp_cstring_bytes(queues[i].name), queues[i].consumer_tag, false, e);
    }
    return ok;
}

bool mq_cancel_jobs(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "stop consuming", e);
    }
    bool ok = true;
    size_t n = 0;
    const struct job_queue *queues = job_queues(mq, &n);
    for (size_t i = 0; i < n && ok; i++) {
        (void)amqp_basic_cancel(mq->state, MQ_CHANNEL, amqp_cstring_bytes(queues[i].consumer_tag));
        ok = last_reply_ok(mq, "stop consuming", queues[i].consumer_tag, e);
    }
    return ok;
}

bool mq_consume_control(struct mq *mq, struct err *e)
{
    if (mq->is_dead) {
        return mq_dead(mq, "listen to broadcasts", e);
    }
    static const struct exchange control = {MQ_EXCHANGE_CONTROL, "fanout"};
    if (!declare_exchange(mq, &control, e)) {
        return false;
    }
    /* Named by the broker, and gone with this connection. */
    amqp_queue_declare_ok_t *queue = amqp_queue_declare(mq->state, MQ_CHANNEL, amqp_empty_bytes, 0, 0, 1, 1,
                                                        amqp_empty_table);
    if (!last_reply_ok(mq, "declare a queue for", MQ_EXCHANGE_CONTROL, e) || queue == NULL) {
        return false;
    }
    g_autofree char *name = g_strndup(queue->queue.bytes, queue->queue.len);
    return bind_queue(mq, amqp_cstring_bytes(name), MQ_EXCHANGE_CONTROL, "", e) &&
           consume(mq, amqp_cstring_bytes(name), TAG_CONTROL, true, e);
}
