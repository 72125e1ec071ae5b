"""What lies in the queues."""
import contextlib

import pika

from waiting import wait_until

DEAD = "bellman.dead"
LANES = ("high", "normal", "low")
BACKLOG = (".backlog", ".backlog.1", ".backlog.2", ".backlog.3")


def job_queues(stack, tiers=("", *BACKLOG)):
    names = ("",) if stack.layout == "priority" else [f".{lane}" for lane in LANES]
    return [f"bellman.jobs{name}{tier}" for tier in tiers for name in names]


@contextlib.contextmanager
def connected(stack):
    connection = pika.BlockingConnection(pika.URLParameters(stack.amqp_url))
    try:
        yield connection.channel()
    finally:
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection.close()


def depth(stack, queue):
    with connected(stack) as channel:
        return channel.queue_declare(queue, passive=True).method.message_count


def dead_letters(stack):
    """What is there now, left in its place: [(job id, cause header or None, headers)]. While a consumer goes through the
    queue, or another test looks, it seems to hold less."""
    found = []
    with connected(stack) as channel:
        while True:
            method, properties, _body = channel.basic_get(DEAD)
            if method is None:
                return found  # the end of the connection puts all of it back
            headers = properties.headers or {}
            found.append((properties.message_id, headers.get("x-bellman-cause"), headers))


def wait_dead_letters(stack, wanted, timeout_s=15):
    """The dead letters of the wanted jobs once each has one: [(job id, cause, headers)]."""
    found = []

    def check():
        found[:] = [letter for letter in dead_letters(stack) if letter[0] in wanted]
        return {letter[0] for letter in found} >= set(wanted)

    wait_until(f"dead letters of {len(wanted)} jobs", check, timeout_s, stack, 0.2)
    return found


def purge(stack, queue):
    with connected(stack) as channel:
        return channel.queue_purge(queue).method.message_count


def put_dead(stack, message_id, times=1, body=b""):
    with connected(stack) as channel:
        for _ in range(times):
            channel.basic_publish(DEAD, "", body, pika.BasicProperties(message_id=message_id, delivery_mode=2))
