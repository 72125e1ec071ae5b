"""RabbitMQ away, wiped, robbed of its queues and bindings, full, impatient."""
import contextlib
import re
import shutil
import time

import pytest

import broker
import database
import harm
from faults import Load, configured, kill, outcomes, settle, wait_dispatched, wait_processing
from waiting import SLOW, wait_until


@pytest.mark.case("F6", "broker killed under load, and then the API with what it had for it", full=3)
def test_killed_under_load(org, stack, record):
    # A broker that dies in the first moments of a quorum queue forgets that there was one, and stumbles over its remains.
    wait_until("the queues to be of some age", lambda: time.time() - (stack.dir / "stack.env").stat().st_mtime > 3, 5)
    with Load(org) as load:
        load.wait_accepted(40)
        kill(stack, "rabbitmq")
        load.wait_accepted(60)
        kill(stack, "api")
        stack.restart("api")
        load.wait_accepted(20)
        stack.restart("rabbitmq")
        up = harm.now_wall()
        load.wait_accepted(20)
    jobs, _attempts = settle(org, load.accepted, 20)
    record.recovered(max(harm.epoch_s(j["completed_at"]) for j in jobs.values()) - up)
    bad = [a for a in load.other_than(201) if a.status != 502]  # api itself was killed once
    assert not bad, bad[:3]
    assert max(a.took_s for a in load.answers) < 3 * SLOW
    assert max(record.recoveries_s) < 10 * SLOW


@pytest.mark.case("F7", "broker's data folder wiped while it is down", full=3)
def test_wiped_while_it_is_down(org, stack, record):
    wait_until("every API process to publish again", lambda: all(
        org.admin.get("=/readyz").json()["status"] == "ready" for _ in range(6)), 10, stack)
    kill(stack, "consumer")
    made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "priority": i % 3 - 1}
                                              for i in range(150)])]
    wait_dispatched(org, len(made))
    kill(stack, "rabbitmq")
    shutil.rmtree(stack.dir / "rabbitmq" / "mnesia")
    made += [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 20)]

    def is_the_relays():
        job = org.admin.create()
        made.append(job["id"])
        return job["dispatch_at"] == job["created_at"]

    wait_until("what cannot be published to be the relay's at once", is_the_relays, 5, stack)
    stack.restart("rabbitmq")
    stack.restart("consumer")
    up = harm.now_wall()
    jobs, _attempts = settle(org, made, 20)
    record.recovered(max(harm.epoch_s(j["completed_at"]) for j in jobs.values()) - up)


def delete_queues(channel):
    for lane in ("high", "normal", "low"):
        channel.queue_delete(f"bellman.jobs.{lane}")


def delete_exchange(channel):
    channel.exchange_delete("bellman.jobs")


def delete_bindings(channel):
    for lane in ("high", "normal", "low"):
        channel.queue_unbind(f"bellman.jobs.{lane}", "bellman.jobs", lane)


ROBBERIES = {"queues": delete_queues, "exchange": delete_exchange, "bindings": delete_bindings}


def rob(stack, what):
    with broker.connected(stack) as channel:
        ROBBERIES[what](channel)


@pytest.mark.case("F7", "queues, exchange and bindings deleted under load, one after the other", full=5)
def test_topology_deleted_under_load(org, stack, record):
    """Whoever notices declares it anew, and what was lost with it is published again."""
    with Load(org, threads=4, pause_s=0.005) as load:
        for what in ROBBERIES:
            load.wait_accepted(30)
            rob(stack, what)
            began = time.monotonic()
            mark = org.admin.create()["id"]
            org.admin.wait_job(mark, "completed", 15)
            record.recovered(time.monotonic() - began)
        load.wait_accepted(30)
    assert not load.other_than(201)
    settle(org, load.accepted, 20)


def warned(stack, event, since):
    """Lines of that event, of any of the programs, behind byte since of its log."""
    return [line for name in ("api", "api_2", "consumer")
            for line in (stack.log_dir / f"{name}.log").read_text(errors="replace")[since.get(name, 0):].splitlines()
            if f'"{event}"' in line]


def restart_publishers(stack):
    """A process logs each kind of trouble once in ten seconds: fresh ones say it at once. The sizes of the logs then."""
    since = log_sizes(stack)
    for part in ("api", "api_2"):
        stack.restart(part)
    wait_until("both to be connected", lambda: len(warned(stack, "dispatcher.connected", since)) >= 2, 10, stack)
    return log_sizes(stack)


def log_sizes(stack):
    return {name: (stack.log_dir / f"{name}.log").stat().st_size for name in ("api", "api_2", "consumer")}


def due(stack, org):
    return database.value(stack, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s AND"
                          " status = 'queued' AND dispatch_at IS NOT NULL", org.id)


@contextlib.contextmanager
def max_length(stack, n):
    """The lanes' queues take no more than about so many messages, and refuse further ones (their x-overflow)."""
    harm.rabbitmqctl(stack, "set_policy", "--apply-to", "queues", "full", r"^bellman\.jobs\.", f'{{"max-length":{n}}}')
    try:
        yield
    finally:
        harm.rabbitmqctl(stack, "clear_policy", "full")


@pytest.mark.case("F12", "queue full: the broker refuses messages (reject-publish, basic.nack)", full=5)
def test_full_queue(org, stack, record):
    kill(stack, "consumer")
    with max_length(stack, 10):
        since = restart_publishers(stack)
        made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 80)]
        wait_until("a refusal", lambda: warned(stack, "dispatcher.rejected", since), 10, stack)
        wait_until("what was taken to be marked", lambda: due(stack, org) < len(made), 5, stack)
        assert due(stack, org) > 30, "refused messages were marked as sent"
    stack.restart("consumer")
    healed = harm.now_wall()
    jobs, attempts = settle(org, made, 20)
    record.recovered(max(harm.epoch_s(j["completed_at"]) for j in jobs.values()) - healed)
    assert {tuple(outcomes(attempts, i)) for i in made} == {("completed",)}


@pytest.mark.case("F13", "unroutable: the queue's binding is gone (mandatory return)", full=5)
def test_unroutable(org, stack, record):
    """A returned message was confirmed all the same, and is not taken for sent."""
    kill(stack, "consumer")
    since = restart_publishers(stack)
    rob(stack, "bindings")
    gone = harm.now_wall()
    made = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}, "priority": i % 3 - 1} for i in range(30)])]
    wait_until("a warning", lambda: warned(stack, "dispatcher.returned", since), 10, stack)
    assert due(stack, org) > 0, "a returned message was marked as sent"
    stack.restart("consumer")
    jobs, attempts = settle(org, made, 20)
    record.recovered(max(harm.epoch_s(j["completed_at"]) for j in jobs.values()) - gone)
    assert {tuple(outcomes(attempts, i)) for i in made} == {("completed",)}


# ---- consumer_timeout --------------------------------------------------------------------------------------------------

TIMEOUT_S = 2


@contextlib.contextmanager
def impatient(stack):
    """New channels are closed when a message waits longer than this for its ack (RabbitMQ: 30 minutes, looked at once a
    minute)."""
    def set_env(timeout_ms, tick_ms):
        harm.rabbitmqctl(stack, "eval", f"application:set_env(rabbit, consumer_timeout, {timeout_ms}),"
                         f" application:set_env(rabbit, channel_tick_interval, {tick_ms}).")

    set_env(TIMEOUT_S * 1000, 500)
    try:
        yield
    finally:
        set_env(1800000, 60000)


def channels_closed(stack, since):
    text = (stack.log_dir / "rabbitmq.log").read_bytes()[since:].decode(errors="replace")
    return len(re.findall(r"delivery acknowledgement on channel \d+ timed out", text))


def run_long_jobs(org, n=8):
    """As many as there are runners, each longer than the broker's patience, and short ones behind them; rows and attempts."""
    long = {"job_type": "sleep", "payload": {"ms": 3 * TIMEOUT_S * 1000}}
    made = [j["id"] for j in org.create_many([long] * n)]
    wait_processing(org, n)
    # One that fails in the end, with its message long gone, still leaves a dead letter.
    failing = org.admin.create("sleep", {"ms": 60000}, timeout_s=2 * TIMEOUT_S, max_retries=0)["id"]
    behind = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 30)]
    jobs, attempts = settle(org, [*made, failing, *behind], 40)
    assert (jobs[failing]["status"], jobs[failing]["cause"]) == ("failed", "exhausted"), jobs[failing]
    assert {jobs[i]["status"] for i in made + behind} == {"completed"}
    twice = [(job, outcomes(attempts, i)) for i, job in jobs.items() if job["attempt"] != 1]
    assert not twice, twice[:3]
    letters = broker.wait_dead_letters(org.stack, {failing})
    assert len(letters) == 1, letters


@pytest.mark.case("F14", "consumer_timeout (2 s) shorter than the jobs run (6 s)", short=1, full=3)
def test_consumer_timeout(org, stack, record):
    """They run through, once, and the broker has no reason to close anything."""
    since = (stack.log_dir / "rabbitmq.log").stat().st_size
    with impatient(stack), configured(stack, "[consumer]\nconcurrency=8\nreserve_percent=0\nack_after_s=1\nrenew_ms=200\n"):
        stack.restart("consumer")
        run_long_jobs(org)
    stack.restart("consumer")
    assert channels_closed(stack, since) == 0
    assert record


@pytest.mark.case("F14", "the same, and the worker acknowledges nothing before the end", short=0, full=3)
def test_consumer_timeout_without_early_acks(org, stack, record):
    """The broker closes the channel again and again; the jobs run through, once."""
    since = (stack.log_dir / "rabbitmq.log").stat().st_size
    with impatient(stack), configured(stack, "[consumer]\nconcurrency=8\nreserve_percent=0\n"):
        stack.restart("consumer")
        run_long_jobs(org)
    stack.restart("consumer")
    record.note(f"channels closed by consumer_timeout: {channels_closed(stack, since)}")
    assert channels_closed(stack, since) > 0
