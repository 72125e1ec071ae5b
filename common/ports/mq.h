/*
 * mq.h: RabbitMQ, the only includer of amqp.h.
 *
 * One struct mq is one connection with one channel and belongs to one thread. Everything the broker
 * sends arrives through mq_next as one event, whatever librabbitmq call it would otherwise hide in:
 * deliveries, confirms, returns, cancels, blocked connections, the end of the channel or connection.
 * After MQ_CLOSED, or any false return, the handle is dead: free it, wait, connect again. Each
 * connection has an epoch; acks carry it, so that a tag of a former connection is never acked on
 * a new one.
 */
#ifndef BELLMAN_MQ_H
#define BELLMAN_MQ_H

#include "ground/base.h"
#include "ground/conf.h"
#include "ground/err.h"

enum lane { LANE_HIGH, LANE_NORMAL, LANE_LOW, LANES };

/* "high", "normal", "low". */
const char *lane_name(enum lane lane);
/* priority 1, 0, -1 of the row to its lane and back. */
enum lane lane_of_priority(int64_t priority);
int64_t lane_priority(enum lane lane);

/* An organization that has many jobs queued has them in the backlog tier; the jobs of all others overtake them there by
 * turns (org_load.h). Each tier has all lanes. A backlog lies in one of several parts, by its flow, so that a worker
 * holds messages of several backlogs at one time, between which it takes turns. */
enum tier { TIER_MAIN, TIER_BACKLOG, TIERS };
#define MQ_BACKLOG_PARTS 4

#define MQ_EXCHANGE_JOBS "bellman.jobs"
#define MQ_EXCHANGE_DEAD "bellman.dead"
#define MQ_EXCHANGE_CONTROL "bellman.control"
#define MQ_QUEUE_DEAD "bellman.dead"

struct mq;

/* What a job message carries. Strings are borrowed in mq_publish and owned by the event in mq_next. */
struct mq_message {
    char job_id[37]; /* message_id; empty when the property was missing or too long */
    int64_t attempt; /* header x-bellman-attempt; -1 when missing or not a number */
    enum tier tier;  /* from the routing key ("high", "high.backlog", "high.backlog.1"), as is lane */
    enum lane lane;  /* LANES when the key is none of ours */
    bool ahead; /* written only: in the priority layout it goes before all others of its queue, whatever its lane */
    char job_type[65];    /* property type */
    uint32_t flow;        /* header x-bellman-flow: whose job it is, as a hash; 0 when missing */
    int64_t published_s;  /* property timestamp: wall clock, seconds; 0 when missing */
    char traceparent[56]; /* header traceparent, or empty */
    char cause[65];       /* header x-bellman-cause of a dead letter, or empty */
};

enum mq_event_type {
    MQ_NOTHING,   /* the wait timed out or was woken */
    MQ_DELIVERY,  /* tag, message */
    MQ_CONTROL,   /* body: a broadcast */
    MQ_CONFIRMED, /* tag, multiple */
    MQ_REJECTED,  /* tag, multiple: the broker nacked a publish */
    MQ_RETURNED,  /* message: mandatory and unroutable; its confirm still follows */
    MQ_CANCELLED, /* the queue under a consumer went away: reconnect */
    MQ_BLOCKED,   /* the broker takes no publishes for now; text says why */
    MQ_UNBLOCKED,
    MQ_CLOSED, /* text says why; the handle is dead */
};

struct mq_event {
    enum mq_event_type type;
    uint64_t tag;
    bool multiple;
    bool redelivered;
    struct mq_message message;
    char *body; /* MQ_CONTROL: NUL-terminated, at most 64 KB; owned, released by mq_event_release */
    size_t body_bytes;
    char text[160];
};
void mq_event_release(struct mq_event *event);

/* Connects, logs in with the capabilities we rely on, opens the channel. Bounded by 5 s. */
struct mq *mq_connect(const struct conf *conf, const char *name, struct err *e) MUST_CHECK;
/* Closes politely when the link is well, else just drops it. NULL is fine. */
void mq_free(struct mq *mq);

/* False once the handle is dead. */
bool mq_is_well(const struct mq *mq);

/* Rises with every connection of the process; never 0. */
uint64_t mq_epoch(const struct mq *mq);

/* Declares exchanges, queues and bindings of the configured layout, and unbinds the other layout's queues. To be called
 * before confirms or consumers are asked for. created[lane] is set when a job queue of the lane, of whichever tier, did
 * not exist before: its messages, if there ever were any, are gone. A queue that exists with other arguments gives
 * ERR_CONFLICT naming it. */
bool mq_declare_topology(struct mq *mq, bool created[LANES], struct err *e) MUST_CHECK;

/* Messages ready and consumers of the lane's queues in the tier, added up. */
bool mq_depth(struct mq *mq, enum tier tier, enum lane lane, int64_t *ret_ready, int64_t *ret_consumers, struct err *e)
    MUST_CHECK;

/* Starts consuming every job queue of the layout with the given prefetch per queue. */
bool mq_consume_jobs(struct mq *mq, uint16_t prefetch, struct err *e) MUST_CHECK;
/* Stops it: what is on the way still arrives. */
bool mq_cancel_jobs(struct mq *mq, struct err *e) MUST_CHECK;
/* Binds an exclusive queue to the control fanout and consumes it without acks. */
bool mq_consume_control(struct mq *mq, struct err *e) MUST_CHECK;

/* Neither is confirmed: what was sent just before the connection ends may be lost, and the message comes again. */
bool mq_ack(struct mq *mq, uint64_t tag, bool multiple, struct err *e) MUST_CHECK;
/* requeue=false dead-letters the message. */
bool mq_reject(struct mq *mq, uint64_t tag, bool requeue, struct err *e) MUST_CHECK;

/* Turns confirms on. From then on every publish gets the next sequence number, from 1. */
bool mq_confirm_select(struct mq *mq, struct err *e) MUST_CHECK;
/* Persistent and mandatory. exchange is MQ_EXCHANGE_JOBS or MQ_EXCHANGE_DEAD; ret_sequence is what
 * MQ_CONFIRMED will carry. */
bool mq_publish(struct mq *mq, const char *exchange, const struct mq_message *message, uint64_t *ret_sequence,
                struct err *e) MUST_CHECK;
/* Between these two, publishes stay in the kernel to leave together, so that the broker is woken once for all of them,
 * and the first MQ_CORKED_MAX do without a look at whether it reads and what it says: a socket that is writable has
 * room for them. */
#define MQ_CORKED_MAX 64
bool mq_cork(struct mq *mq, struct err *e) MUST_CHECK;
void mq_uncork(struct mq *mq);
/* A transient broadcast on the control fanout. body is JSON. It takes a sequence number too. A longer body gives
 * ERR_INVALID and leaves the handle well. */
#define MQ_BROADCAST_MAX_BYTES 8192
bool mq_broadcast(struct mq *mq, const char *body, uint64_t *ret_sequence, struct err *e) MUST_CHECK;

/* Messages ready in the dead queue and its consumers. ERR_NOT_FOUND (and the handle is dead) when there is no such
 * queue. */
bool mq_dead_depth(struct mq *mq, int64_t *ret_ready, int64_t *ret_consumers, struct err *e) MUST_CHECK;
/* Lets up to MQ_DEAD_WINDOW more of its messages be delivered; none of them is to be acked before the last has arrived,
 * or others come in its place. A handle is for this alone then. */
#define MQ_DEAD_WINDOW 2000
bool mq_consume_dead(struct mq *mq, struct err *e) MUST_CHECK;
/* Stops it all; what is on the way still arrives. */
bool mq_cancel_dead(struct mq *mq, struct err *e) MUST_CHECK;
/* Every delivery of this handle that is not acked and not later than tag (0: every one) goes back to its queue. */
bool mq_give_back(struct mq *mq, uint64_t tag, struct err *e) MUST_CHECK;

/* Waits up to timeout_ms (at most 1,000: heartbeats are served only inside) for the next event, or until wake_fd (an
 * eventfd, -1 for none) is readable; the eventfd is drained. Returns the event's type. */
enum mq_event_type mq_next(struct mq *mq, int timeout_ms, int wake_fd, struct mq_event *event);

#endif
