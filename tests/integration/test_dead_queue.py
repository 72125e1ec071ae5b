"""The broker's queue of dead letters and the rows, with more letters than one consumer of a quorum queue is given (2,000),
and under harm in the middle of a round of the keeper."""
import contextlib
import time

import pika
import pytest

import broker
import database
import faults as harm
from client import Org
from waiting import wait_until

LETTERS = 2500


def count(stack, sql):
    return database.value(stack, f"SELECT COUNT(*) FROM {sql}")


def state(stack):
    """(ready messages, consumers) of the queue; nothing while it is not there."""
    with contextlib.suppress(pika.exceptions.AMQPError), broker.connected(stack) as channel:
        method = channel.queue_declare(broker.DEAD, passive=True).method
        return method.message_count, method.consumer_count
    return None


def messages(stack, n):
    """The ids of n messages, which stay where they are; all at once, as broker.dead_letters takes its time."""
    found = []
    with broker.connected(stack) as channel:
        channel.basic_qos(prefetch_count=n)
        for _method, properties, _body in channel.consume(broker.DEAD, inactivity_timeout=2):
            if properties is None:
                break
            found.append(properties.message_id)
            if len(found) == n:
                break
    return found


def in_agreement(stack, org):
    """Looks at the messages only once numbers agree: what a look holds is hidden from the keeper, and the other way round."""
    rows = database.dead(stack, org.id)
    total = count(stack, "dead_letters")
    if state(stack) != (total, 0) or count(stack, "dead_letters WHERE live_id IS NULL") > 0:
        return False
    found = messages(stack, total)
    return sorted(i for i in found if i in org.made) == sorted(rows)


def wait_agreement(stack, org, timeout_s=60):
    began = time.monotonic()
    wait_until("rows and messages to agree", lambda: in_agreement(stack, org), 3 * timeout_s, stack, 1.5)
    print(f"in agreement after {time.monotonic() - began:.1f} s")


@pytest.fixture(scope="module")
def many(rough):
    org = Org(rough, "dead-many")
    org.made = set()
    body = {"job_type": "fail", "payload": {"permanent": True}}
    while len(org.made) < LETTERS:
        n = min(1000, LETTERS - len(org.made))
        answer = org.admin.post("/background-jobs/bulk", {"jobs": [body] * n})
        assert answer.status_code == 201, answer.text
        org.made |= {job["id"] for job in answer.json()["jobs"]}
    database.wait_all_final(rough, org.id, 60)
    wait_agreement(rough, org)
    yield org
    harm.make_whole(rough)


def change(stack, sql, *params):
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute(sql, params)


def discard(org, n):
    """The first n letters are none any more; a reason for the keeper to go through the queue."""
    for job_id in sorted(database.dead(org.stack, org.id))[:n]:
        assert org.admin.post(f"/dead-letters/{job_id}/discard").status_code == 200


def wait_round(stack):
    """Until somebody goes through the queue."""
    wait_until("a round of the keeper", lambda: (state(stack) or (0, 0))[1] > 0, 30, stack, 0.001)


def test_lost_ones_come_back(rough, many):
    broker.purge(rough, broker.DEAD)
    wait_agreement(rough, many)


def test_what_is_twice_or_ended_goes(rough, many):
    discard(many, 5)
    with broker.connected(rough) as channel:
        for job_id in sorted(many.made)[-300:]:
            channel.basic_publish("", broker.DEAD, b"", pika.BasicProperties(message_id=job_id, delivery_mode=2))
    wait_agreement(rough, many)
    assert count(rough, f"dead_letters WHERE organization_id = '{many.id}'") == len(database.dead(rough, many.id))


def delete_queue(stack):
    with broker.connected(stack) as channel:
        channel.queue_delete(broker.DEAD)


@pytest.mark.parametrize("hurt", [
    lambda stack: harm.kill(stack, "consumer"),
    lambda stack: harm.kill(stack, "rabbitmq"),
    lambda stack: harm.kill(stack, "consumer", "rabbitmq"),
    lambda stack: broker.purge(stack, broker.DEAD),
    delete_queue,
], ids=["consumer killed", "broker killed", "both killed", "purged", "deleted"])
def test_harm_in_a_round(rough, many, hurt):
    discard(many, 3)
    wait_round(rough)
    hurt(rough)
    harm.make_whole(rough)
    wait_agreement(rough, many)


def partly_read(stack):
    return (stack.log_dir / "consumer.log").read_text(errors="replace").count("dead_letters.partly_read")


@pytest.mark.parametrize("acks", [True, False], ids=["acks", "holds"])
def test_another_consumer_of_the_queue(rough, many, acks):
    """Whatever it does with what it gets, it is not fed the same letters again and again; when it has gone all is well."""
    told = partly_read(rough)
    taken = []
    connection = pika.BlockingConnection(pika.URLParameters(rough.amqp_url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=60000)

    def take(_channel, method, properties, _body):
        taken.append(properties.message_id)
        if acks:
            channel.basic_ack(method.delivery_tag)

    channel.basic_consume(broker.DEAD, take)
    discard(many, 2)

    def went_through():
        connection.process_data_events(time_limit=0.05)
        return partly_read(rough) > told

    wait_until("the keeper to see that it is not alone", went_through, 60, rough, 0)
    connection.process_data_events(time_limit=0.5)
    assert len(taken) <= 2 * LETTERS, "at most what a round gives back comes a second time"
    assert count(rough, "background_jobs WHERE status = 'failed' AND dispatch_at IS NOT NULL") == 0, "nothing is put there again"
    connection.close()
    wait_agreement(rough, many)
