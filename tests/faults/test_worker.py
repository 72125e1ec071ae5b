"""Workers killed, frozen and cut off."""
import contextlib
import pathlib
import random
import signal
import threading
import time

import pytest

import broker
import database
import harm
import procs
from faults import (Load, SecondConsumer, configured, frozen, gone, kill, outcomes, send, settle,
                    wait_processing)
from waiting import SLOW, wait_until

LEASE_S = 2  # of the stack
# One organization alone is to have all runners.
DEFAULTS = "[consumer]\nlease_ms=4000\nrenew_ms=1000\nconcurrency=100\nreserve_percent=0\n"
NEXT_START_S = 5


@pytest.mark.case("F1", "consumer killed with 100 jobs running, settings as delivered", full=5)
def test_killed_with_100_jobs_running(org, stack, record):
    with configured(stack, DEFAULTS):
        stack.restart("consumer")
        made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 2500 * SLOW}}] * 100)]
        wait_processing(org, 100)
        with Load(org) as load:
            load.wait_accepted(20)
            killed = harm.now_wall()
            kill(stack, "consumer")
            stack.restart("consumer")
            wait_until("the next attempts", lambda: all(j["attempt"] == 2 for i, j in database.jobs(stack, org.id).items()
                                                        if i in made), 15, stack)
            load.wait_accepted(20)
        jobs = database.jobs(stack, org.id)
    for job_id in made:
        record.recovered(harm.epoch_s(jobs[job_id]["started_at"]) - killed)
    _jobs, attempts = settle(org, made + load.accepted)
    assert not load.other_than(201)
    assert {tuple(outcomes(attempts, job_id)) for job_id in made} == {("lost", "completed")}
    assert max(record.recoveries_s) < NEXT_START_S * SLOW


POINTS = {
    "before the claim": (harm.CLAIM, "hold_before", None),
    "after the claim's commit": ("^COMMIT", "hold_after", harm.CLAIM),
    "after the effect, before its commit": (harm.OUTCOME, "hold_before", None),
    "after the outcome's commit, before the ack": ("^COMMIT", "hold_after", harm.OUTCOME),
    "in the middle of the effect": None,
    "after the ack": None,
}
QUICK = "[consumer]\nlease_ms=800\nrenew_ms=200\ncrash_limit=10\n"


@pytest.mark.case("F1", "consumers killed at six named points, at one moment", full=20)
def test_killed_at_named_points(org, stack, record):
    """Each of six workers is brought to its point by what lies between it and the database, then all die."""
    kill(stack, "consumer")
    with contextlib.ExitStack() as held:
        proxies = [held.enter_context(harm.MariaDbProxy(stack.db_socket)) for _ in POINTS]
        rules = [proxy.add(point[0], point[1], within=point[2], times=0) if point else None
                 for proxy, point in zip(proxies, POINTS.values())]
        workers = [held.enter_context(SecondConsumer(stack, f"{QUICK}prefetch=8\n[database]\nsocket={proxy.address}\n", f"w{i}"))
                   for i, proxy in enumerate(proxies)]
        made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 50 + i % 7 * 100}}
                                                  for i in range(150)])]
        for name, rule in zip(POINTS, rules):
            if rule:
                assert rule.hit.wait(15 * SLOW), f"no worker came to: {name}"
        busy = workers[list(POINTS).index("in the middle of the effect")]
        wait_until("an effect to be under way", lambda: any(
            j["status"] == "processing" and busy.owns(j["worker_id"]) for j in database.jobs(stack, org.id).values()), 10, stack)
        killed = harm.now_wall()
        for worker in workers:
            worker.kill()
    with configured(stack, QUICK):
        stack.restart("consumer")
        jobs, attempts = settle(org, made)
    stack.restart("consumer")
    again = [job_id for job_id in made if "lost" in outcomes(attempts, job_id)]
    assert again, "nobody had anything in hand"
    assert {j["status"] for j in jobs.values()} == {"completed"}
    harm.note_restarts(record, attempts, again, killed)
    assert max(record.recoveries_s) < NEXT_START_S * SLOW


def kill_tree(pid):
    """strace that is killed lets go of what it traces: that first."""
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                procs.os.kill(int(child), signal.SIGKILL)


SWEEPS = ("sendto", "recvfrom", "write", "poll", "futex", "%network", "all")


@pytest.mark.case("F1", "consumer killed at its n-th system call, n and the call by chance", short=2, full=60)
def test_killed_at_every_system_call(org, stack, record):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    calls = SWEEPS[record.number % len(SWEEPS)]
    number = chance.randrange(20, 400)
    print(f"seed {seed}: {calls} number {number}")
    kill(stack, "consumer")
    tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e", f"inject={calls}:signal=KILL:when={number}"]
    with Load(org, threads=4, pause_s=0.005) as load:
        with SecondConsumer(stack, QUICK, "traced", tracer) as traced:
            with contextlib.suppress(AssertionError):
                wait_until("its end", traced.is_gone, 4)
            if not traced.is_gone():
                kill_tree(traced.pid)
                wait_until("its end", traced.is_gone, 5)
        killed = harm.now_wall()
        with configured(stack, QUICK):
            stack.restart("consumer")
        load.wait_accepted(20)
    jobs, attempts = settle(org, load.accepted)
    stack.restart("consumer")
    assert not load.other_than(201)
    assert {j["status"] for j in jobs.values()} == {"completed"}
    harm.note_restarts(record, attempts, [i for i in jobs if "lost" in outcomes(attempts, i)], killed)


@pytest.mark.case("F1", "consumer killed again and again among short jobs", full=10)
def test_killed_again_and_again(org, stack, record):
    """At instants of chance, among short jobs: before a claim, after it, before and after the commit of an outcome."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    # A job may be hit by several of these, and is not to be given up for that.
    with configured(stack, QUICK):
        stack.restart("consumer")
        with Load(org, threads=4, pause_s=0.005) as load:
            for _ in range(3 if record.is_short else 12):
                load.wait_accepted(chance.randrange(5, 80))
                kill(stack, "consumer")
                stack.restart("consumer")
                record.iterations += 1
        jobs, attempts = settle(org, load.accepted)
    stack.restart("consumer")
    assert not load.other_than(201)
    failed = [(j, outcomes(attempts, j["id"])) for j in jobs.values() if j["status"] != "completed"]
    assert not failed, failed[:3]


# ---- frozen ------------------------------------------------------------------------------------------------------------


def fenced_off(stack, made):
    text = (stack.log_dir / "consumer.log").read_text(errors="replace")
    return {job_id for line in text.splitlines() if '"job.fenced_off"' in line for job_id in made if job_id in line}


@pytest.mark.case("F4", "consumer frozen past its lease, another takes over, the first thaws", full=5)
def test_a_frozen_consumer_that_thaws_changes_nothing(org, stack, record):
    # What the broker hands to the frozen one comes back when its heartbeats have been missed.
    with configured(stack, "[broker]\nheartbeat_s=1\n"):
        stack.restart("consumer")
    made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": 3000}}] * 30)]
    wait_processing(org, 30)
    froze = harm.now_wall()
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
    harm.note_restarts(record, attempts, made, froze)


# ---- killed by their jobs ----------------------------------------------------------------------------------------------


class Supervisor:
    """Starts the consumer again as soon as it has ended, as an init system would."""

    def __init__(self, stack):
        self.stack = stack
        self.losses = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.stopping.wait(0.01):
            if gone(self.stack, "consumer"):
                self.losses += 1
                self.stack.restart("consumer")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


@pytest.mark.case("F17", "a job that kills its worker every time is quarantined", full=5)
def test_a_job_that_kills_its_worker(org, stack, record):
    killer = org.admin.create("crash")["id"]
    began = harm.now_wall()
    bodies = [{"job_type": "noop", "payload": {}}] * 60
    # These run whenever it strikes, and are not to be blamed for it.
    bodies += [{"job_type": "sleep", "payload": {"ms": 800}}] * 2
    with Supervisor(stack) as supervisor:
        others = [j["id"] for j in org.create_many(bodies)]
        wait_until("the job to be given up", lambda: database.jobs(stack, org.id)[killer]["status"] == "failed",
                   3 * (LEASE_S + 3) + 9, stack)
        jobs, attempts = settle(org, [killer, *others])
    assert jobs[killer]["cause"] == "crashed_worker"
    assert outcomes(attempts, killer) == ["lost"] * 3
    assert supervisor.losses == 3
    assert [jobs[job_id]["status"] for job_id in others] == ["completed"] * len(others)
    letters = broker.wait_dead_letters(stack, {killer})
    assert [(job_id, cause) for job_id, cause, _headers in letters] == [(killer, "crashed_worker")]
    record.recovered(harm.epoch_s(jobs[killer]["completed_at"]) - began)


@pytest.mark.case("F17", "what can kill its worker once more runs alone", full=5)
def test_suspects_run_one_at_a_time(org, stack, record):
    """What another loss would fail never runs beside its like: the one that kills workers takes no other with it."""
    assert record
    bodies = [{"job_type": "sleep", "payload": {"ms": 300}, "scheduled_at": harm.later(1)}] * 4
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


def completed_between(attempts, since, until):
    return sum(since <= harm.epoch_s(a["ended_at"]) < until and a["outcome"] == "completed"
               for story in attempts.values() for a in story)


@pytest.mark.case("F17", "such a job among others that keep two workers busy: their loss", short=0, full=2)
def test_a_killer_slows_the_others_little(org, stack, record):
    """Two workers of 16 runners, jobs of 50 ms, more waiting than is done: completions in a minute with and without."""
    seconds = 60
    per_s = 2 * 16 / 0.05
    body = {"job_type": "sleep", "payload": {"ms": 50}}
    counts = {}
    with configured(stack, "[consumer]\nconcurrency=16\n"), SecondConsumer(stack, "[consumer]\nconcurrency=16\n"):
        stack.restart("consumer")
        for with_killer in (False, True):
            with Load(org, threads=8, pause_s=0.001, bodies=(body,)) as load:
                load.wait_accepted(int(per_s))
                if with_killer:
                    org.admin.create("crash")
                began = time.time()
                with Supervisor(stack):
                    time.sleep(seconds)
            database.wait_all_final(stack, org.id, 60)
            counts[with_killer] = completed_between(database.attempts(stack, org.id), began, began + seconds)
            assert load.accepted
    loss = 1 - counts[True] / counts[False]
    record.note(f"others completed {counts[False]} a minute without, {counts[True]} with a job that kills its worker: loss {loss:.1%}")
    assert loss < 0.05
