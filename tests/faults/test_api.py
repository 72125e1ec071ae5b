"""The API and the relay die between what they did and what they said of it; everything restarts under load."""
import contextlib
import os
import random
import secrets
import signal
import threading
import time

import pytest
import requests

import database
import harm
from faults import (Load, SecondConsumer, configured, frozen, gone, kill, outcomes, pid_of, settle)
from waiting import SLOW, wait_until

GRACE_S = 1.5  # of the stack


class Asking(threading.Thread):
    """One POST that is under way while its server is harmed; got: the answer, or None."""

    def __init__(self, org, body, key):
        super().__init__()
        self.org, self.body, self.key = org, body, key
        self.got = None
        self.start()

    def run(self):
        with contextlib.suppress(requests.RequestException):
            self.got = self.org.admin.post("/background-jobs", self.body, headers={"Idempotency-Key": self.key}, check=False)


@pytest.mark.case("F2", "API killed between commit and answer; the client asks again", full=10)
def test_killed_between_commit_and_answer(org, stack, record):
    """Same key, same job, same answer; the first request, whose answer was lost, counts. What waited to share the next commit
    has left nothing."""
    bodies = [{"job_type": "noop", "payload": {}, "priority": i % 3 - 1} for i in range(4)]
    keys = [secrets.token_hex(16) for _ in bodies]
    with harm.database_proxy(stack, "api", "api_2") as proxy:
        org.admin.create()
        proxy.add("^COMMIT", "hold_after", within=harm.INSERT_JOB, times=0)
        asking = [Asking(org, body, key) for body, key in zip(bodies, keys)]
        wait_until("a commit", lambda: len(database.jobs(stack, org.id)) > 1, 2, stack, 0.01)
        assert not any(a.got for a in asking)
        kill(stack, "api", "api_2")
        began = time.monotonic()
        proxy.clear()
    for one in asking:
        one.join()
    assert all(one.got is None or one.got.status_code in (502, 504) for one in asking), [one.got for one in asking]
    told = [[org.admin.post("/background-jobs", body, headers={"Idempotency-Key": key}) for _ in range(2)]
            for body, key in zip(bodies, keys)]
    record.recovered(time.monotonic() - began)
    for first, second in told:
        assert first.status_code in (200, 201), first.text
        assert first.json()["id"] == second.json()["id"]
    made = [first.json()["id"] for first, _second in told]
    jobs, _attempts = settle(org, made)
    assert len(jobs) == 1 + len(bodies), "a request was done twice"
    assert len(set(made)) == len(bodies)


@contextlib.contextmanager
def memory_alarm(stack):
    """The broker takes no messages, and says so."""
    harm.rabbitmqctl(stack, "set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        yield
    finally:
        harm.rabbitmqctl(stack, "set_vm_memory_high_watermark", "absolute", "1GB")


@pytest.mark.case("F2", "API killed between commit and publish", full=5)
def test_killed_between_commit_and_publish(org, stack, record):
    """The broker takes nothing of what is accepted; then those who knew of it die. Only the rows remain."""
    with memory_alarm(stack):
        began = time.monotonic()
        made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 60)]
        assert time.monotonic() - began < 5 * SLOW, "requests wait for the broker"
        kill(stack, "api", "api_2")
        assert database.by_status(stack, org.id).get("queued", 0) > 40, "messages went through"
    healed = time.monotonic()
    settle(org, made)
    record.recovered(time.monotonic() - healed)


@pytest.mark.case("F2", "API killed while the broker, frozen, has confirmed nothing", full=5)
def test_killed_while_the_broker_is_frozen(org, stack, record):
    """Messages have left the API, no confirm has come: what the relay publishes on top is harmless."""
    with frozen(stack, "rabbitmq"):
        began = time.monotonic()
        made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 60)]
        assert time.monotonic() - began < 5 * SLOW, "requests wait for the broker"
        kill(stack, "api", "api_2")
        wait_until("the relay's turn", lambda: time.monotonic() - began > GRACE_S + 1, 10, stack)
    healed = time.monotonic()
    settle(org, made)
    record.recovered(time.monotonic() - healed)


@pytest.mark.case("F2", "API killed under load", full=5)
def test_killed_under_load(org, stack, record):
    with Load(org) as load:
        load.wait_accepted(30)
        kill(stack, "api", "api_2")
        killed = time.monotonic()
        load.post(load.bodies[0])
        stack.restart("api")
        load.wait_accepted(1)
        record.recovered(time.monotonic() - killed)
        load.wait_accepted(30)
    settle(org, load.accepted)
    bad = [a for a in load.other_than(201) if a.status not in (502, 503, 504)]
    assert not bad, bad[:3]


# ---- the relay ---------------------------------------------------------------------------------------------------------


def due_jobs(org, n):
    """Jobs that nobody but a relay publishes, due in a moment."""
    at = harm.later(0.3)
    return [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "scheduled_at": at}] * n)]


@pytest.mark.case("F3", "relay killed before publish, before confirm, before the row is marked", full=20)
def test_relay_killed(org, stack, record):
    """Three consumers one after the other, each brought to its point. What was published twice runs once."""
    points = {"before publish": ("^COMMIT", "hold_after", harm.TAKE_DUE), "before the mark": (harm.MARK_SENT, "hold_before", None)}
    kill(stack, "consumer")
    made = []
    killed = []
    for name, (pattern, action, within) in points.items():
        with harm.MariaDbProxy(stack.db_socket) as proxy:
            rule = proxy.add(pattern, action, within=within, times=0)
            with SecondConsumer(stack, f"[database]\nsocket={proxy.address}\n", "relay") as relay:
                made += due_jobs(org, 20)
                assert rule.hit.wait(10 * SLOW), f"the relay did not come to: {name}"
                relay.kill()
                killed.append(harm.now_wall())
    with harm.broker_proxy(stack) as (proxy, extra):
        proxy.hold_confirms = True
        with SecondConsumer(stack, extra, "relay") as relay:
            made += due_jobs(org, 20)
            assert proxy.published.wait(10 * SLOW), "nothing was published"
            relay.kill()
            killed.append(harm.now_wall())
    stack.restart("consumer")
    jobs, attempts = settle(org, made)
    assert {(j["status"], len(attempts[i])) for i, j in jobs.items()} <= {("completed", 1), ("completed", 2)}
    harm.note_restarts(record, attempts, made, killed[-1])


# ---- restarts ----------------------------------------------------------------------------------------------------------


def storm(stack, chance, stopping):
    """SIGTERM, sometimes twice, to one process after the other; whoever has ended is started again."""
    while not stopping.is_set():
        part = chance.choice(("api", "api_2", "consumer", "consumer"))
        for _ in range(chance.choice((1, 1, 2))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid_of(stack, part), signal.SIGTERM)
        wait_until(f"{part} to end", lambda part=part: gone(stack, part), 35, stack, 0.01)
        stack.restart(part)


@pytest.mark.case("F26", "rolling restart of both programs under load", full=5)
def test_rolling_restart_of_both_programs_under_load(org, stack, record):
    bodies = (*Load.BODIES, {"job_type": "sleep", "payload": {"ms": 400}})
    with Load(org, threads=6, pause_s=0.005, bodies=bodies) as load:
        for part in ("api", "consumer", "api", "consumer"):
            load.wait_accepted(30)
            began = time.monotonic()
            stack.restart(part)
            record.recovered(time.monotonic() - began)
        load.wait_accepted(30)
    bad = load.other_than(201)
    assert not bad, f"{len(bad)} of {len(load.answers)} requests: {bad[:3]}"
    jobs, attempts = settle(org, load.accepted)
    record.note(f"{len(load.answers)} requests, none failed, the slowest {max(a.took_s for a in load.answers):.2f} s")
    assert {j["status"] for j in jobs.values()} == {"completed"}
    cut_off = [(j["job_type"], outcomes(attempts, j["id"])) for j in jobs.values()
               if j["attempt"] != 1 + j["retry_count"]]
    assert not cut_off, cut_off[:3]


@pytest.mark.case("F26", "SIGTERM to everybody, once and twice, without a successor", short=1, full=5)
def test_sigterm_storm(org, stack, record):
    """No job is lost; what is refused is refused by nginx or as unavailable, never half done."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    stopping = threading.Event()
    with configured(stack, "[consumer]\ndrain_timeout_s=1\n"), Load(org, threads=4, pause_s=0.005) as load:
        stack.restart("consumer")
        storming = threading.Thread(target=storm, args=(stack, random.Random(seed), stopping))
        storming.start()
        time.sleep(3 if record.is_short else 30)
        stopping.set()
        storming.join()
        for part in ("api", "api_2", "consumer"):
            if gone(stack, part):
                stack.restart(part)
        load.wait_accepted(20)
        began = time.monotonic()
    stack.restart("consumer")
    jobs, attempts = settle(org, load.accepted)
    record.recovered(time.monotonic() - began)
    bad = [a for a in load.other_than(201) if a.status not in (502, 503)]
    assert not bad, bad[:3]
    assert {j["status"] for j in jobs.values()} == {"completed"}
    assert not [story for story in map(lambda i: outcomes(attempts, i), jobs) if "lost" in story], "a drain lost jobs"
