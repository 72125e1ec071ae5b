"""Cancels at instants of chance, against everything that happens to a job meanwhile."""
import concurrent.futures
import random
import signal
import threading
import time

import pytest

import database
import harm
from faults import configured, kill, outcomes, send, settle
from waiting import SLOW

WORKERS = 12
STOP_S = 2


class Told:
    """What one job's client was told, with times."""

    def __init__(self, job_id, kind):
        self.job_id = job_id
        self.kind = kind
        self.answers = []  # (asked, told, status, status in the answer), wall-clock seconds
        self.seen = []     # (told, status) of reads afterwards


def body_of(kind):
    return {
        "noop": {"job_type": "noop", "payload": {}},
        "short": {"job_type": "sleep", "payload": {"ms": 30}},
        "long": {"job_type": "sleep", "payload": {"ms": 20000}},
        "retries": {"job_type": "fail", "payload": {"times": 2}},
        "fails": {"job_type": "fail", "payload": {"permanent": True}},
        "later": {"job_type": "noop", "payload": {}, "scheduled_at": harm.later(0.2)},
    }[kind]


KINDS = ("noop", "short", "long", "long", "retries", "fails", "later")


def one_race(org, seed):
    """Creates a job, waits for a moment of chance, cancels it once or twice, then looks at it."""
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    told = Told(org.admin.create(**split(body_of(kind)))["id"], kind)
    time.sleep(chance.choice((0, 0, 0.005, 0.02, 0.05, 0.1, 0.3)) * chance.random())
    for _ in range(chance.choice((1, 1, 2))):
        asked = time.time()
        answer = org.admin.cancel(told.job_id)
        told.answers.append((asked, time.time(), answer.status_code, answer.json().get("status")))
    for _ in range(3):  # reads, while it ends or has ended
        told.seen.append((time.time(), org.admin.job(told.job_id)["status"]))
        time.sleep(0.02)
    return told


def split(body):
    return {"job_type": body["job_type"], "payload": body["payload"],
            **{k: v for k, v in body.items() if k not in ("job_type", "payload")}}


def check(told, job, attempts, record):
    """I5: what the answers said is what became of the job."""
    story = outcomes(attempts, told.job_id)
    status = job["status"]
    context = (told.kind, told.answers, status, story, job)
    for _asked, at, code, said in told.answers:
        assert code in (200, 202, 409), context
        if code == 200:
            assert (status, said) == ("cancelled", "cancelled"), context
            late = [a for a in attempts.get(told.job_id, []) if a["outcome"] != "cancelled" and harm.epoch_s(a["started_at"]) > at]
            assert not late, context
        elif code == 202:
            assert status in ("cancelled", "completed", "failed"), context
            if status == "cancelled":
                record.recovered(harm.epoch_s(job["completed_at"]) - at)
        else:
            assert status in ("completed", "failed"), context
            assert harm.epoch_s(job["completed_at"]) <= at, context
    if told.kind == "long":
        assert status == "cancelled", context
    finals = [s for _at, s in told.seen if s in ("completed", "failed", "cancelled")]
    assert set(finals) <= {status}, context
    assert "completed" not in story or status == "completed", context


def race(org, n, record, seed):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        all_told = list(pool.map(lambda i: one_race(org, f"{seed} {i}"), range(n)))
    jobs, attempts = settle(org, [t.job_id for t in all_told])
    record.iterations = n
    for told in all_told:
        check(told, jobs[told.job_id], attempts, record)
    return all_told


@pytest.mark.case("F25", "cancels at random instants against start, finish, retry and due time", short=1, full=1)
def test_cancel_races(org, stack, record):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    all_told = race(org, 300 if record.is_short else 10000, record, seed)
    codes = [code for told in all_told for _a, _t, code, _s in told.answers]
    record.note(f"answers: {codes.count(200)} cancelled, {codes.count(202)} told, {codes.count(409)} too late; a told job ended"
                f" at the latest {max(record.recoveries_s):.2f} s later")
    assert codes.count(200) and codes.count(202) and codes.count(409), "the races did not reach every outcome"
    assert max(record.recoveries_s) < STOP_S * SLOW


@pytest.mark.case("F25", "the same while consumers are killed, frozen and rescued from", short=0, full=1)
def test_cancel_races_with_harm(org, stack, record):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    stopping = threading.Event()

    def harm_consumer():
        while not stopping.wait(chance.random()):
            if chance.random() < 0.5:
                kill(stack, "consumer")
                stack.restart("consumer")
            else:
                send(stack, "consumer", signal.SIGSTOP)
                stopping.wait(chance.random() * 3)
                send(stack, "consumer", signal.SIGCONT)

    with configured(stack, "[consumer]\ncrash_limit=50\n"):
        stack.restart("consumer")
        harming = threading.Thread(target=harm_consumer)
        harming.start()
        try:
            race(org, 2000, record, seed)
        finally:
            stopping.set()
            harming.join()
    stack.restart("consumer")
