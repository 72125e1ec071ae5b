/*
 * mq_internal.h: what the files of mq.h share. Nobody else includes it.
 *
 * librabbitmq 0.11 keeps frames that arrive during a call (an RPC, a publish) in a queue of its own, drops frames of
 * other channels when it is asked for one channel's (amqp_read_message, amqp_simple_wait_frame_on_channel), and knows
 * nothing about confirms. So only amqp_simple_wait_frame_noblock reads here, every frame goes through one mq_reader,
 * and messages are put together by hand.
 */
#ifndef BELLMAN_MQ_INTERNAL_H
#define BELLMAN_MQ_INTERNAL_H

#include <amqp.h>
#include <amqp_framing.h>
#include <glib.h>

#include "ports/mq.h"

#define MQ_CHANNEL 1 /* the only one: see above */
#define MQ_BODY_MAX_BYTES 65536

/* --- messages (mq_message.c): pure -------------------------------------------------------------------------------- */

/* "unknown", to which nothing is bound, when there is no such part of such a tier. The main tier has one: 0. */
const char *mq_routing_key(enum tier tier, enum lane lane, unsigned part);
/* The part in which a flow's messages go. */
unsigned mq_part(enum tier tier, uint32_t flow);
/* The lane of a routing key, and its tier; LANES when it is none of ours. */
enum lane mq_lane_of_key(amqp_bytes_t key, enum tier *ret_tier);

/* Fills all of message from what a content header and its method carry. Text that is missing, too long for its field or
 * not printable ASCII becomes empty; an attempt that is missing, negative or not an integer becomes -1. */
void mq_message_read(struct mq_message *message, const amqp_basic_properties_t *properties, amqp_bytes_t routing_key);

#define MQ_HEADERS_MAX 4
/* Of a message that goes before all others of its queue; also the x-max-priority of the queue. Lanes take 0 to 2. */
#define MQ_PRIORITY_AHEAD 3

/* Fills properties and the headers they point to; both borrow from message. */
void mq_message_write(const struct mq_message *message, amqp_basic_properties_t *properties,
                      amqp_table_entry_t headers[MQ_HEADERS_MAX]);

/* --- frames to events (mq_reader.c): pure ------------------------------------------------------------------------- */

enum mq_reader_stage { MQ_READER_METHOD, MQ_READER_HEADER, MQ_READER_BODY };

struct mq_reader {
    enum mq_reader_stage stage;
    struct mq_event event; /* the message being put together */
    GByteArray *body;      /* of a broadcast; NULL: bodies of this message are thrown away */
    bool is_dropped;       /* the message being read gives no event */
    char routing_key[32];
    uint64_t body_left_bytes;
    amqp_method_number_t answer; /* the close-ok that the peer waits for, or 0 */
};

/* Takes one frame; true when it completes an event, which then belongs to the caller. */
bool mq_reader_take(struct mq_reader *r, const amqp_frame_t *frame, struct mq_event *ret);
void mq_reader_release(struct mq_reader *r);

/* --- the connection ----------------------------------------------------------------------------------------------- */

struct mq {
    amqp_connection_state_t state;
    int fd;
    uint64_t epoch;
    int64_t heartbeat_ms;
    int64_t layout; /* enum conf_layout */
    bool is_dead;
    bool has_confirms;
    bool has_consumers;
    unsigned dead_consumers; /* of the dead queue, mq_dead.c */
    uint64_t published;
    size_t corked_left; /* publishes that need not look for room */
    char why[160];      /* of the death */
    GQueue events;      /* struct mq_event: read while something else was asked for */
    struct mq_reader reader;
};

/* Marks the handle dead; the first reason stays. Always returns false. */
bool mq_die(struct mq *mq, const char *why);
/* The error of a dead handle. Always returns false. */
bool mq_dead(const struct mq *mq, const char *doing, struct err *e);
/* True for AMQP_STATUS_OK; else the handle dies. doing is a phrase such as "publish". */
bool mq_status_ok(struct mq *mq, int status, const char *doing, struct err *e);
/* The reply code of a channel or connection that the server closed in answer (404, 406...), else 0. */
unsigned mq_reply_code(amqp_rpc_reply_t reply);
/* True for a normal reply; else the handle dies. subject may be "". */
bool mq_reply_ok(struct mq *mq, amqp_rpc_reply_t reply, const char *doing, const char *subject, struct err *e);
/* Answers a channel.close (AMQP_CHANNEL_CLOSE_OK_METHOD) or connection.close. */
int mq_send_close_ok(struct mq *mq, amqp_method_number_t method);

/* Reads every frame that is there into mq->events without waiting. False: the handle is dead. */
bool mq_pump(struct mq *mq);
/* Makes sure that a small frame can be written without blocking: waits up to the heartbeat for room, reading meanwhile.
 */
bool mq_wait_writable(struct mq *mq, const char *doing, struct err *e);

#endif
