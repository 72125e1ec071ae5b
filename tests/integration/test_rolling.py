"""SIGTERM drains. What a rolling restart under load costs is a fault case (tests/faults)."""
import os
import signal
import time

import pytest

import database
from client import Org
from faults import SecondConsumer, configured, end_of, make_whole, outcomes, pid_of, settle, wait_processing
from waiting import SLOW, wait_until


@pytest.fixture
def stack(rough):
    return rough


@pytest.fixture
def org(rough, request):
    try:
        yield Org(rough, request.function.__name__.removeprefix("test_").replace("_", "-")[:24])
    finally:
        make_whole(rough)


def sleepers(org, n, ms):
    made = [j["id"] for j in org.create_many([{"job_type": "sleep", "payload": {"ms": ms}}] * n)]
    wait_processing(org, n)
    return made


def is_draining(stack, pid):
    lines = (stack.log_dir / "consumer.log").read_text(errors="replace").splitlines()
    return any('"consumer.draining"' in line and f'"pid":{pid},' in line for line in lines)


def test_running_jobs_finish_within_the_drain(org, stack):
    made = sleepers(org, 20, 1500)
    waiting_for = pid_of(stack, "consumer")
    os.kill(waiting_for, signal.SIGTERM)
    late = [j["id"] for j in org.create_many([{"job_type": "noop", "payload": {}}] * 20)]
    code, took_s = end_of(waiting_for, 10, stack)
    assert code == 0
    assert took_s < 6 * SLOW
    jobs = database.jobs(stack, org.id)
    assert {(jobs[i]["status"], jobs[i]["attempt"]) for i in made} == {("completed", 1)}
    stack.restart("consumer")
    jobs, _attempts = settle(org, made + late)
    assert {(jobs[i]["status"], jobs[i]["attempt"]) for i in late} == {("completed", 1)}


def test_second_sigterm_hands_everything_back_at_once(org, stack):
    made = sleepers(org, 30, 8000)
    first = pid_of(stack, "consumer")
    with SecondConsumer(stack) as second:
        os.kill(first, signal.SIGTERM)
        wait_until("the drain to begin", lambda: is_draining(stack, first), 5, stack)
        os.kill(first, signal.SIGTERM)
        asked = time.time()
        code, took_s = end_of(first, 10, stack)
        assert code == 0
        assert took_s < 2 * SLOW
        wait_until("the second worker to run them", lambda: all(
            j["status"] == "processing" and second.owns(j["worker_id"])
            for j in database.jobs(stack, org.id).values()), 4, stack)
        print(f"all run elsewhere {time.time() - asked:.1f} s after the second signal")
        jobs, attempts = settle(org, made, 15)
    for job_id in made:
        assert outcomes(attempts, job_id) == ["released", "completed"]
        assert (jobs[job_id]["retry_count"], jobs[job_id]["attempt"]) == (0, 2)


def test_the_drain_ends_when_its_time_is_up(org, stack):
    """What runs longer than the drain time is handed back, not lost."""
    with configured(stack, "[consumer]\ndrain_timeout_s=1\n"):
        stack.restart("consumer")
        made = sleepers(org, 5, 6000)
        first = pid_of(stack, "consumer")
        os.kill(first, signal.SIGTERM)
        code, took_s = end_of(first, 10, stack)
    assert code == 0
    assert 0.8 < took_s < 3 * SLOW
    stack.restart("consumer")
    jobs, attempts = settle(org, made, 20)
    for job_id in made:
        assert outcomes(attempts, job_id) == ["released", "completed"]
        assert jobs[job_id]["retry_count"] == 0
