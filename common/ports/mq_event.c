#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ground/clock.h"
#include "ports/mq_internal.h"

#define WAIT_MAX_MS 1000

static enum mq_event_type closed(const struct mq *mq, struct mq_event *event)
{
    *event = (struct mq_event){.type = MQ_CLOSED};
    g_strlcpy(event->text, mq->why, sizeof(event->text));
    return MQ_CLOSED;
}

/* What the peer waits for is sent; a close ends the handle, once the events before it have been read. */
static void end_by_peer(struct mq *mq, const struct mq_event *event)
{
    if (mq->reader.answer != 0) {
        (void)mq_send_close_ok(mq, mq->reader.answer);
        mq->reader.answer = 0;
    }
    mq_die(mq, event->text);
}

enum read_result { READ_NOTHING, READ_FRAME, READ_EVENT, READ_CLOSED };

/* Takes one frame that is there already. READ_FRAME: it was only a part of something. */
static enum read_result read_one(struct mq *mq, struct mq_event *ret)
{
    const struct timeval now = {0};
    amqp_frame_t frame;
    amqp_maybe_release_buffers(mq->state); /* else memory grows with every frame; nothing points into them any more */
    int status = amqp_simple_wait_frame_noblock(mq->state, &frame, &now);
    if (status == AMQP_STATUS_TIMEOUT) {
        return READ_NOTHING;
    }
    if (status != AMQP_STATUS_OK) {
        mq_die(mq, amqp_error_string2(status));
        return READ_CLOSED;
    }
    if (!mq_reader_take(&mq->reader, &frame, ret)) {
        return READ_FRAME;
    }
    if (ret->type == MQ_CLOSED) {
        end_by_peer(mq, ret);
        return READ_CLOSED;
    }
    return READ_EVENT;
}

static void keep_event(struct mq *mq, const struct mq_event *event)
{
    g_queue_push_tail(&mq->events, g_memdup2(event, sizeof(*event)));
}

bool mq_pump(struct mq *mq)
{
    while (!mq->is_dead) {
        struct mq_event event = {0};
        enum read_result result = read_one(mq, &event);
        if (result == READ_NOTHING) {
            return true;
        }
        if (result == READ_EVENT) {
            keep_event(mq, &event);
        }
    }
    return false;
}

static enum mq_event_type next_ready(struct mq *mq, struct mq_event *event)
{
    g_autofree struct mq_event *kept = g_queue_pop_head(&mq->events);
    if (kept != NULL) {
        *event = *kept;
        return event->type;
    }
    while (!mq->is_dead) {
        enum read_result result = read_one(mq, event);
        if (result == READ_EVENT) {
            return event->type;
        }
        if (result == READ_NOTHING) {
            *event = (struct mq_event){.type = MQ_NOTHING};
            return MQ_NOTHING;
        }
    }
    return closed(mq, event);
}

static void drain_eventfd(int fd)
{
    uint64_t count = 0;
    (void)!read(fd, &count, sizeof(count));
}

/* Heartbeats are sent only while frames are waited for, so no wait is longer than a third of their period. */
static int bounded_wait(const struct mq *mq, int timeout_ms)
{
    int64_t longest_ms = mq->heartbeat_ms > 0 ? MIN(WAIT_MAX_MS, mq->heartbeat_ms / 3) : WAIT_MAX_MS;
    return (int)CLAMP(timeout_ms, 0, longest_ms);
}

enum mq_event_type mq_next(struct mq *mq, int timeout_ms, int wake_fd, struct mq_event *event)
{
    enum mq_event_type type = next_ready(mq, event);
    if (type != MQ_NOTHING) {
        return type;
    }
    struct pollfd fds[] = {{.fd = mq->fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    if (poll(fds, wake_fd >= 0 ? 2 : 1, bounded_wait(mq, timeout_ms)) <= 0) {
        return next_ready(mq, event); /* serves heartbeats */
    }
    if (wake_fd >= 0 && (fds[1].revents & POLLIN) != 0) {
        drain_eventfd(wake_fd);
    }
    return next_ready(mq, event);
}
