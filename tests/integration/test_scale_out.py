"""A worker that comes later takes its part, although another holds the messages already."""
import pytest

import database
from client import Org
from faults import SecondConsumer
from waiting import wait_until

SLEEP = {"job_type": "sleep", "payload": {"ms": 2000}}
JOBS = 160
RUNNING = "SELECT COUNT(*) FROM background_jobs WHERE organization_id = %s AND status = 'processing'"


@pytest.fixture
def org(stack):
    return Org(stack, "scale")


def workers(org):
    """{worker id: attempts it has ended}"""
    found = {}
    for attempts in database.attempts(org.stack, org.id).values():
        for attempt in attempts:
            found[attempt["worker_id"]] = found.get(attempt["worker_id"], 0) + 1
    return found


def test_a_later_worker_is_given_what_waits_with_another(org):
    """160 jobs of two seconds are 20 seconds' work for one worker of 16, and it holds all their messages: those that it has not
    claimed get another one."""
    answer = org.admin.post("/background-jobs/bulk", {"jobs": [SLEEP] * JOBS})
    assert answer.status_code == 201, answer.text
    wait_until("the worker to be busy", lambda: database.value(org.stack, RUNNING, org.id) >= 8, 20, org.stack)
    with SecondConsumer(org.stack):
        wait_until("the other one to have its share", lambda: len(workers(org)) == 2 and min(workers(org).values()) >= JOBS // 8, 30,
                   org.stack)
        wait_until("all to end", lambda: database.by_status(org.stack, org.id) == {"completed": JOBS}, 60, org.stack)
    assert all(len(attempts) == 1 for attempts in database.attempts(org.stack, org.id).values()), "each ran once"
