"""Messages that nobody of ours has sent: again, in another order, from yesterday, and poisoned."""
import random
import time
import uuid

import pika
import pytest

import broker
import database
from client import Org
from faults import kill, outcomes, settle, wait_dispatched
from waiting import wait_until

LANES = {1: "high", 0: "normal", -1: "low"}


ATTEMPT = "x-bellman-attempt"


def take_all(channel, queue):
    """[(properties, body)] of what lies there; taken out."""
    taken = []
    while True:
        method, props, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return taken
        taken.append((props, body))


@pytest.mark.case("F15", "every message three times, shuffled, beside stale ones of yesterday", full=10)
def test_duplicates_shuffled_and_stale(org, stack, record):
    """Everything runs once. What is stale is acked and dropped: the queues are empty in the end."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    old = [j["id"] for j in org.create_many([{"job_type": "fail", "payload": {"times": 1}}] * 10)]
    settle(org, old)
    kill(stack, "consumer")
    made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "priority": i % 3 - 1} for i in range(90)])]
    wait_dispatched(org, len(made))
    began = time.monotonic()
    with broker.connected(stack) as channel:
        messages = [(lane, *m) for lane in LANES.values() for m in take_all(channel, f"bellman.jobs.{lane}")]
        assert len(messages) >= len(made)
        stale = [("normal", like(messages[0][1], job_id, attempt), b"") for job_id in old for attempt in (0, 1)]
        flood = messages * 3 + stale
        chance.shuffle(flood)
        for lane, props, body in flood:
            channel.basic_publish("bellman.jobs", lane, body, props)
    stack.restart("consumer")
    jobs, attempts = settle(org, old + made)
    record.recovered(time.monotonic() - began)
    assert {tuple(outcomes(attempts, i)) for i in made} == {("completed",)}
    assert {tuple(outcomes(attempts, i)) for i in old} == {("failed", "completed")}
    assert {j["status"] for j in jobs.values()} == {"completed"}
    wait_until("the queues to be empty", lambda: not any(broker.depth(stack, f"bellman.jobs.{lane}") for lane in LANES.values()),
               10, stack, 0.2)


def like(sample, job_id, attempt=0, **changes):
    """Properties as a message of ours has them, but for what is given."""
    members = {"message_id": job_id, "type": sample.type, "content_type": sample.content_type, "delivery_mode": 2,
               "headers": {**sample.headers, ATTEMPT: attempt}}
    return pika.BasicProperties(**{**members, **changes})


def deep_json(depth):
    return ("[" * depth + "]" * depth).encode()


def poisons(mine, foreign, sample):
    """name: (properties, body) of what must harm nothing."""
    nobody = str(uuid.uuid4())
    return {
        "no id": (pika.BasicProperties(delivery_mode=2), b"{}"),
        "id that is none": (like(sample, "not-a-uuid"), b"{}"),
        "id with a quote": (like(sample, "' OR 1=1 --"), b"{}"),
        "long id": (like(sample, "a" * 255), b"{}"),
        "no such job": (like(sample, nobody), b"{}"),
        "attempt that is text": (like(sample, mine[0], "one"), b"{}"),
        "attempt below zero": (like(sample, mine[0], -1), b"{}"),
        "attempt far ahead": (like(sample, mine[0], 2**62), b"{}"),
        "bad JSON": (like(sample, nobody), b'{"a":'),
        "16 MB": (like(sample, nobody), b"x" * (16 << 20)),
        "depth 10,000": (like(sample, nobody), deep_json(10000)),
        "NUL": (like(sample, nobody), b'{"a": "\0"}'),
        "other content type": (like(sample, nobody, content_type="text/plain"), b"hello"),
        "no type": (like(sample, mine[1], type=""), b""),
        "other type than the row's": (like(sample, mine[2], type="crash"), b""),
        "another organization's finished job": (like(sample, foreign), b'{"organization_id": "somebody-else"}'),
        "many headers": (like(sample, nobody, correlation_id="x" * 200), b"{}"),
    }


@pytest.mark.case("F16", "poisoned messages: no id, strange ids and attempts, 16 MB, depth, NUL, foreign, unknown type", full=5)
def test_poison(org, stack, record):
    """Each is dropped or dead-lettered; what lies behind is served, and nobody's job but its own organization's changes."""
    other = Org(stack, "foreign")
    foreign = other.admin.create()["id"]
    settle(other, [foreign])
    before = (database.jobs(stack, other.id), database.attempts(stack, other.id))
    broker.dead_letters(stack)
    kill(stack, "consumer")
    mine = [org.admin.create()["id"] for _ in range(3)]
    strange = org.admin.create()["id"]
    with database.connected(stack) as connection, connection.cursor() as cursor:
        assert cursor.execute("UPDATE background_jobs SET job_type = 'no.such.type' WHERE id = CAST(%s AS UUID)", strange) == 1
        cursor.executemany("INSERT INTO job_counts (organization_id, job_type, status, priority, shard, jobs)"
                           " VALUES (%s, %s, 'queued', 0, 99, %s)", [(org.id, "no.such.type", 1), (org.id, "noop", -1)])
    wait_dispatched(org, 4)
    with broker.connected(stack) as channel:
        messages = take_all(channel, "bellman.jobs.normal")
        sample = messages[0][0]
        bad = poisons(mine, foreign, sample)
        for props, body in bad.values():
            for lane in LANES.values():
                channel.basic_publish("bellman.jobs", lane, body, props)
        for props, body in messages:
            channel.basic_publish("bellman.jobs", "normal", body, props)
    stack.restart("consumer")
    began = time.monotonic()
    behind = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "priority": i % 3 - 1} for i in range(30)])]
    jobs, attempts = settle(org, mine + [strange] + behind)
    record.recovered(time.monotonic() - began)
    assert (jobs[strange]["status"], jobs[strange]["cause"]) == ("failed", "unknown_type")
    assert {tuple(outcomes(attempts, i)) for i in mine + behind} == {("completed",)}
    assert (database.jobs(stack, other.id), database.attempts(stack, other.id)) == before
    wait_until("the queues to be empty", lambda: not any(broker.depth(stack, f"bellman.jobs.{lane}") for lane in LANES.values()),
               30, stack, 0.2)
    assert {job_id for job_id, _cause, _headers in broker.wait_dead_letters(stack, {strange})} == {strange}
