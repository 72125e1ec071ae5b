"""A thousand jobs of every fate at once: each row, attempt, counter and dead letter tells exactly what was to happen."""
import os
import random
import signal
import threading
import time

import pytest

import broker
import database
from client import Org
from faults import end_of, make_whole, outcomes, pid_of, settle, wait_dispatched
from waiting import SLOW, wait_until


IN_AN_HOUR = "2099-01-01T00:00:00Z"
CANCELS_PER_USER = 10  # a minute

# name: (how many, body, fate). A fate: status, retries, outcomes of the attempts, cause, whether a dead letter is due.
MIX = {
    "noop": (420, {"job_type": "noop", "payload": {}}, ("completed", 0, ["completed"], None)),
    "sleep": (120, {"job_type": "sleep", "payload": {"ms": 60}}, ("completed", 0, ["completed"], None)),
    "fails once": (120, {"job_type": "fail", "payload": {"times": 1}}, ("completed", 1, ["failed", "completed"], None)),
    "fails always": (80, {"job_type": "fail", "payload": {"times": 1000}, "max_retries": 2},
                     ("failed", 2, ["failed"] * 3, "exhausted")),
    "may not retry": (30, {"job_type": "fail", "payload": {}, "max_retries": 0}, ("failed", 0, ["failed"], "exhausted")),
    "permanent": (80, {"job_type": "fail", "payload": {"permanent": True}}, ("failed", 0, ["failed"], "permanent")),
    "overruns": (10, {"job_type": "sleep", "payload": {"ms": 60000}, "timeout_s": 1, "max_retries": 1},
                 ("failed", 1, ["timeout", "timeout"], "exhausted")),
    "cancelled while due later": (40, {"job_type": "noop", "payload": {}, "scheduled_at": IN_AN_HOUR},
                                  ("cancelled", 0, [], None)),
    "cancelled while queued": (50, {"job_type": "noop", "payload": {}}, ("cancelled", 0, [], None)),
    "cancelled while running": (50, {"job_type": "sleep", "payload": {"ms": 60000}}, ("cancelled", 0, ["cancelled"], None)),
}
QUEUED_ONLY = ("cancelled while due later", "cancelled while queued")


@pytest.fixture
def org(layout):
    try:
        yield Org(layout, "mixed")
    finally:
        make_whole(layout)


class Canceller:
    """Cancels as many users, each within the limit."""

    def __init__(self, org):
        self.org = org
        self.left = 0
        self.user = None

    def cancel(self, job_id):
        if self.left == 0:
            self.user, self.left = self.org.user(), CANCELS_PER_USER
        self.left -= 1
        return self.user.cancel(job_id)


def create(org, names):
    """Jobs of the named fates in random order and of random priority: {id: name}."""
    wanted = [name for name, count in names for _ in range(count)]
    random.shuffle(wanted)
    made = org.create_many([{**MIX[name][1], "priority": random.choice((1, 0, -1))} for name in wanted])
    return {job["id"]: name for job, name in zip(made, wanted)}


def cancel_running(org, canceller, fates, told):
    """Tells every job that is to be cancelled while it runs, as soon as it runs."""
    targets = {job_id for job_id, name in fates.items() if name == "cancelled while running"}
    until = time.monotonic() + 60 * SLOW
    while targets - set(told) and time.monotonic() < until:
        for job_id, job in database.jobs(org.stack, org.id).items():
            if job_id in targets and job_id not in told and job["status"] == "processing":
                told[job_id] = canceller.cancel(job_id).status_code
        time.sleep(0.02)


def stop_consumer(stack):
    pid = pid_of(stack, "consumer")
    os.kill(pid, signal.SIGTERM)
    code, _took_s = end_of(pid, 15, stack)
    assert code == 0


def check_fates(fates, jobs, attempts):
    wrong = []
    for job_id, name in fates.items():
        status, retries, story, cause = MIX[name][2]
        job = jobs[job_id]
        seen = (job["status"], job["retry_count"], outcomes(attempts, job_id), job["cause"], job["attempt"])
        if seen != (status, retries, story, cause, len(story)):
            wrong.append((name, seen, job))
        elif (job["error_message"] is None) != (status != "failed") or job["next_retry_at"] is not None:
            wrong.append((name, job))
    assert not wrong, f"{len(wrong)} of {len(fates)}: {wrong[:3]}"


def check_dead_letters(stack, fates):
    failed = {job_id for job_id, name in fates.items() if MIX[name][2][0] == "failed"}
    broker.wait_dead_letters(stack, failed)
    letters = [letter[0] for letter in broker.dead_letters(stack) if letter[0] in fates]
    assert sorted(letters) == sorted(failed), "dead letters of what failed for good, each once"


def test_a_thousand_mixed_jobs(org, layout):
    fates = {}
    told = {}
    canceller = Canceller(org)
    stop_consumer(layout)
    assert sum(count for count, _body, _fate in MIX.values()) == 1000

    fates.update(create(org, [(name, MIX[name][0] if name in QUEUED_ONLY else MIX[name][0] // 2) for name in MIX]))
    wait_dispatched(org, sum(name != "cancelled while due later" for name in fates.values()))
    for job_id in [i for i, name in fates.items() if name in QUEUED_ONLY]:
        answer = canceller.cancel(job_id)
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    layout.restart("consumer")
    fates.update(create(org, [(name, MIX[name][0] - MIX[name][0] // 2) for name in MIX if name not in QUEUED_ONLY]))
    watcher = threading.Thread(target=cancel_running, args=(org, canceller, fates, told))
    watcher.start()
    began = time.monotonic()
    try:
        jobs, attempts = settle(org, fates, 40)
    finally:
        watcher.join()
    print(f"the rest ended in {time.monotonic() - began:.1f} s")
    assert len(jobs) == 1000
    check_fates(fates, jobs, attempts)
    assert set(told.values()) == {202}

    stop_consumer(layout)  # what it had not acked would be back in its queue now
    check_dead_letters(layout, fates)
    queues = broker.job_queues(layout)
    assert {queue: broker.depth(layout, queue) for queue in queues} == dict.fromkeys(queues, 0)


def test_a_running_job_is_told_of_its_cancel_within_a_second(org, layout):
    made = org.create_many([{"job_type": "sleep", "payload": {"ms": 60000}}] * 10)
    for job in made:
        org.admin.wait_job(job["id"], "processing")
        answer = org.admin.cancel(job["id"])
        assert answer.status_code == 202
        told = time.monotonic()
        org.admin.wait_job(job["id"], "cancelled", 5)
        assert time.monotonic() - told < 1 * SLOW
    settle(org, [job["id"] for job in made])
