"""Processes killed, frozen and wiped under load. After each: every job that was accepted has ended, once, and the rows,
attempts and counters tell the same story."""
import contextlib
import datetime
import random
import shutil
import signal
import threading
import time

import pytest

import broker
import database
import procs
from client import Org
from faults import (Load, SecondConsumer, configured, frozen, gone, kill, make_whole, outcomes, send, settle,
                    wait_dispatched, wait_processing)
from waiting import SLOW, wait_until

LEASE_S = 2  # of the stack for rough tests
GRACE_S = 1.5


@pytest.fixture
def org(rough, request):
    try:
        yield Org(rough, request.function.__name__.removeprefix("test_").replace("_", "-")[:24])
    finally:
        make_whole(rough)


@pytest.fixture
def stack(rough):
    return rough


def wait_answer(org, status, timeout_s, what):
    """Posts until the answer has the status; (that answer's job or None, seconds it took)."""
    began = time.monotonic()

    def check():
        answer = org.admin.post("/background-jobs", {"job_type": "noop", "payload": {}}, check=False)
        return answer if answer.status_code == status else None

    answer = wait_until(what, check, timeout_s, org.stack)
    return answer, time.monotonic() - began


# ---- the consumer -----------------------------------------------------------------------------------------------------


def test_consumer_killed_with_100_jobs_in_flight(org, stack):
    made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 2500 * SLOW}}] * 100)]
    wait_processing(org, 100)
    with Load(org) as load:
        load.wait_accepted(20)
        kill(stack, "consumer")
        load.wait_accepted(20)
        stack.restart("consumer")
        load.wait_accepted(20)
    _jobs, attempts = settle(org, made + load.accepted)
    assert not load.other_than(201)
    assert {tuple(outcomes(attempts, job_id)) for job_id in made} == {("lost", "completed")}


def test_consumer_killed_again_and_again(org, stack):
    """At instants of chance, among short jobs: before a claim, after it, before and after the commit of an outcome."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    # A job may be hit by several of these, and is not to be given up for that.
    with configured(stack, "[consumer]\ncrash_limit=10\n"):
        stack.restart("consumer")
        with Load(org, threads=4, pause_s=0.005) as load:
            for _ in range(5):
                load.wait_accepted(chance.randrange(5, 80))
                kill(stack, "consumer")
                stack.restart("consumer")
        jobs, attempts = settle(org, load.accepted)
    stack.restart("consumer")
    assert not load.other_than(201)
    failed = [(j, outcomes(attempts, j["id"])) for j in jobs.values() if j["status"] != "completed"]
    assert not failed, failed[:3]


def test_a_job_that_kills_its_worker(org, stack):
    killer = org.admin.create("crash")["id"]
    bodies = [{"job_type": "noop", "payload": {}}] * 60
    # These run whenever it strikes, and are not to be blamed for it.
    bodies += [{"job_type": "sleep", "payload": {"ms": 800}}] * 2
    others = [j["id"] for j in org.create_many(bodies)]
    losses = 0

    def ended():
        nonlocal losses
        if gone(stack, "consumer"):
            losses += 1
            stack.restart("consumer")
        return database.jobs(stack, org.id)[killer]["status"] == "failed"

    wait_until("the job to be given up", ended, 3 * (LEASE_S + 3) + 9, stack)
    jobs, attempts = settle(org, [killer, *others])
    assert jobs[killer]["cause"] == "crashed_worker"
    assert outcomes(attempts, killer) == ["lost"] * 3
    assert losses == 3
    assert [jobs[job_id]["status"] for job_id in others] == ["completed"] * len(others)
    letters = broker.wait_dead_letters(stack, {killer})
    assert [(job_id, cause) for job_id, cause, _headers in letters] == [(killer, "crashed_worker")]


def test_suspects_run_one_at_a_time(org, stack):
    """What another loss would fail never runs beside its like: the one that kills workers takes no other with it."""
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    bodies = [{"job_type": "sleep", "payload": {"ms": 300}, "scheduled_at": soon.isoformat()}] * 4
    made = [j["id"] for j in org.create_many(bodies)]
    suspects = made[:3]
    set_losses = "UPDATE background_jobs SET crash_count = %s WHERE organization_id = %s AND status = %s"
    with database.connected(stack) as connection, connection.cursor() as cursor:
        for job_id in suspects:
            assert cursor.execute(set_losses + " AND id = CAST(%s AS UUID)", (2, org.id, "queued", job_id)) == 1
        database.wait_all_final(stack, org.id, 15)
        cursor.execute(set_losses, (0, org.id, "completed"))
    jobs, attempts = settle(org, made)
    assert {(job["status"], job["attempt"]) for job in jobs.values()} == {("completed", 1)}
    spans = sorted((attempts[job_id][0]["started_at"], attempts[job_id][0]["ended_at"]) for job_id in suspects)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:])), spans


def fenced_off(stack, made):
    text = (stack.log_dir / "consumer.log").read_text(errors="replace")
    return {job_id for line in text.splitlines() if '"job.fenced_off"' in line for job_id in made if job_id in line}


def test_a_frozen_consumer_that_thaws_changes_nothing(org, stack):
    # What the broker hands to the frozen one comes back when its heartbeats have been missed.
    with configured(stack, "[broker]\nheartbeat_s=1\n"):
        stack.restart("consumer")
    made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 3000}}] * 30)]
    wait_processing(org, 30)
    with frozen(stack, "consumer"), SecondConsumer(stack) as second:
        wait_until("the second worker to have claimed all jobs", lambda: all(
            j["attempt"] == 2 and second.owns(j["worker_id"]) for j in database.jobs(stack, org.id).values()),
            LEASE_S + 28, stack)
        held = database.jobs(stack, org.id)
        # The first one's sleeps are over by its own clock: it wakes among the second one's attempts and wants to write.
        send(stack, "consumer", signal.SIGCONT)
        jobs, attempts = settle(org, made, 15)
        wait_until("the first one's outcomes to be fenced off", lambda: fenced_off(stack, made) == set(made), 5, stack)
    for job_id in made:
        assert outcomes(attempts, job_id) == ["lost", "completed"]
        assert jobs[job_id]["worker_id"] == held[job_id]["worker_id"], "the one that thawed has written"
        assert attempts[job_id][1]["worker_id"] == held[job_id]["worker_id"]
    assert database.jobs(stack, org.id) == jobs
    assert database.attempts(stack, org.id) == attempts
    after = org.admin.create()["id"]
    org.admin.wait_job(after, "completed")
    stack.restart("consumer")


# ---- the API -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def memory_alarm(stack):
    """The broker takes no messages, and says so."""
    control = [stack.dir / "rabbitmq" / "rabbitmqctl", "-q", "set_vm_memory_high_watermark"]
    log = stack.log_dir / "rabbitmqctl.log"
    procs.run([*control, "absolute", "1MB"], "rabbitmqctl", log)
    try:
        yield
    finally:
        procs.run([*control, "absolute", "1GB"], "rabbitmqctl", log)


def test_api_killed_between_commit_and_publish(org, stack):
    """The broker takes nothing of what is accepted; then those who knew of it die. Only the rows remain."""
    with memory_alarm(stack):
        began = time.monotonic()
        made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 60)]
        assert time.monotonic() - began < 5 * SLOW, "requests wait for the broker"
        kill(stack, "api", "api_2")
        assert database.by_status(stack, org.id).get("queued", 0) > 40, "messages went through"
    settle(org, made)


def test_api_killed_while_the_broker_is_frozen(org, stack):
    """Messages have left the API, no confirm has come: what the relay publishes on top is harmless."""
    with frozen(stack, "rabbitmq"):
        began = time.monotonic()
        made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 60)]
        assert time.monotonic() - began < 5 * SLOW, "requests wait for the broker"
        kill(stack, "api", "api_2")
        wait_until("the relay's turn", lambda: time.monotonic() - began > GRACE_S + 1, 10, stack)
    settle(org, made)


def test_api_killed_under_load(org, stack):
    with Load(org) as load:
        load.wait_accepted(30)
        kill(stack, "api", "api_2")
        load.post(load.bodies[0])
        stack.restart("api")
        load.wait_accepted(30)
    settle(org, load.accepted)
    bad = [a for a in load.other_than(201) if a.status not in (502, 503, 504)]
    assert not bad, bad[:3]


# ---- the broker --------------------------------------------------------------------------------------------------------


def test_broker_killed_under_load(org, stack):
    with Load(org) as load:
        load.wait_accepted(40)
        kill(stack, "rabbitmq")
        load.wait_accepted(100)
        kill(stack, "api")  # and what it had in hand for the broker
        stack.restart("api")
        load.wait_accepted(20)
        stack.restart("rabbitmq")
        up = time.monotonic()
        load.wait_accepted(20)
    settle(org, load.accepted, 20)
    print(f"all ended {time.monotonic() - up:.1f} s after the broker was back; {len(load.accepted)} jobs")
    bad = [a for a in load.other_than(201) if a.status != 502]  # api itself was killed once
    assert not bad, bad[:3]
    assert max(a.took_s for a in load.answers) < 3 * SLOW


def test_broker_wiped_while_it_is_down(org, stack):
    kill(stack, "consumer")
    made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "priority": i % 3 - 1}
                                              for i in range(150)])]
    wait_dispatched(org, len(made))
    kill(stack, "rabbitmq")
    shutil.rmtree(stack.dir / "rabbitmq" / "mnesia")
    made += [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 20)]
    stack.restart("rabbitmq")
    stack.restart("consumer")
    up = time.monotonic()
    settle(org, made, 20)
    print(f"all ended {time.monotonic() - up:.1f} s after the wiped broker was back")


# ---- the database ------------------------------------------------------------------------------------------------------


def check_refused(answers, limit_s):
    slow = [a for a in answers if a.took_s > limit_s * SLOW]
    assert not slow, slow[:3]
    wrong = [a for a in answers if a.status not in (201, 503)]
    assert not wrong, wrong[:3]
    dumb = [a for a in answers if a.status == 503 and not a.headers.get("Retry-After", "").isdigit()]
    assert not dumb, dumb[:3]


def test_database_killed_under_load(org, stack):
    sleepers = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 3000}}] * 40)]
    wait_processing(org, 40)
    with Load(org) as load:
        load.wait_accepted(40)
        kill(stack, "mariadb")
        down = time.monotonic()
        wait_until("the API to say 503", lambda: any(a.status == 503 for a in load.since(down)), 5, stack)
        seen = len(load.answers)
        wait_until("requests while the database is down", lambda: len(load.answers) > seen + 30, 20, stack)
        listed = org.admin.get("/background-jobs", timeout_s=5)
        assert listed.status_code == 503 and listed.headers["Retry-After"].isdigit()
        stack.restart("mariadb")
        up = time.monotonic()
        _answer, took_s = wait_answer(org, 201, 5, "the API to recover")
        load.wait_accepted(20)
    jobs, attempts = settle(org, sleepers + load.accepted)
    print(f"201 again {took_s:.1f} s, all ended {time.monotonic() - up:.1f} s after the database was back")
    refused = [a.took_s for a in load.answers if a.status == 503]
    print(f"{len(refused)} times 503, the slowest after {max(refused):.2f} s")
    check_refused(load.answers, 2)
    assert {outcomes(attempts, job_id)[-1] for job_id in sleepers} == {"completed"}
    assert not [j for j in jobs.values() if j["status"] == "failed"]


def test_database_frozen_under_load(org, stack):
    with Load(org, pause_s=0.05) as load:
        load.wait_accepted(20)
        with frozen(stack, "mariadb"):
            began = time.monotonic()
            wait_until("refusals", lambda: sum(a.status == 503 for a in load.since(began)) >= 3, 10, stack)
        wait_answer(org, 201, 5, "the API to recover")
        load.wait_accepted(20)
    settle(org, load.accepted)
    check_refused(load.answers, 8)


# ---- everything --------------------------------------------------------------------------------------------------------


def test_consumer_and_api_die_while_the_database_restarts(org, stack):
    with Load(org) as load:
        load.wait_accepted(30)
        killer = threading.Thread(target=kill, args=(stack, "consumer", "api"))
        killer.start()
        kill(stack, "mariadb")
        killer.join()
        stack.restart("mariadb")
        stack.restart("api")
        stack.restart("consumer")
        wait_answer(org, 201, 5, "the API to recover")
        load.wait_accepted(20)
    settle(org, load.accepted)

