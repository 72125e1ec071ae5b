"""One worker that runs one job at a time, and more waiting than it can do: who goes next."""
import contextlib
import threading
import time

import database
from client import Org
from faults import configured, make_whole, settle
from waiting import SLOW, wait_until

LOW = {"job_type": "sleep", "payload": {"ms": 40}, "priority": -1}
# Longer than a message takes to the worker on a busy machine: that is what the test is about.
LONG_LOW = {"job_type": "sleep", "payload": {"ms": 400}, "priority": -1}
HIGH = {"job_type": "sleep", "payload": {"ms": 5}, "priority": 1}
NORMAL = {"job_type": "sleep", "payload": {"ms": 5}, "priority": 0}


@contextlib.contextmanager
def single_runner(stack):
    try:
        with configured(stack, "[consumer]\nconcurrency=1\n"):
            stack.restart("consumer")
            yield
    finally:
        make_whole(stack)
        stack.restart("consumer")


def backlog(org, body, n):
    made = [j["id"] for j in org.create_many([body] * n, threads=6)]
    wait_until("the first low ones to have run", lambda: done(org, -1) >= 5, 20, org.stack)
    return made


def done(org, priority):
    return database.value(org.stack, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s"
                          " AND priority = %s AND status = 'completed'", org.id, priority)


def started_between(org, job, priority):
    """Jobs of a priority that were started after the job had been created and before it was started."""
    return database.value(
        org.stack, "SELECT COUNT(*) AS n FROM background_jobs o JOIN background_jobs h ON h.id = CAST(%s AS UUID)"
        " WHERE o.organization_id = %s AND o.priority = %s AND o.started_at > h.created_at"
        " AND o.started_at < h.started_at", job, org.id, priority)


def test_a_high_job_overtakes_300_low_ones(layout):
    org = Org(layout, "overtake")
    overtaken = {}
    with single_runner(layout):
        made = backlog(org, LONG_LOW, 300)
        for body in (HIGH, NORMAL, HIGH, NORMAL, HIGH):
            job = org.admin.create(**body)["id"]
            org.admin.wait_job(job, "completed", 5)
            overtaken[job] = started_between(org, job, -1)
            time.sleep(0.15)  # some low ones between
        waiting = len(made) - done(org, -1)
    assert waiting > 100, "the backlog was gone before the measurement ended"
    # The message takes some milliseconds to the worker, and a low job may begin while it is on its way. In the priority
    # layout the worker may also hold a low message of either tier, behind which the broker keeps the next ones.
    most, most_of_all = (2, 10) if layout.layout == "priority" else (1, 2)
    assert all(n <= most for n in overtaken.values()), overtaken
    assert sum(overtaken.values()) <= most_of_all, overtaken
    settle(org, [*made, *overtaken], 20)


class Pressure:
    """Keeps some 40 high jobs waiting, whatever the worker does."""

    def __init__(self, org):
        self.org = org
        self.made = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def work(self):
        while not self.stopping.is_set():
            waiting = database.value(self.org.stack, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s"
                                     " AND priority = 1 AND status = 'queued'", self.org.id)
            if waiting < 40:
                self.made.extend(j["id"] for j in self.org.create_many([HIGH] * 20))
            else:
                time.sleep(0.01)


def test_low_jobs_progress_under_a_steady_stream_of_high_ones(layout):
    org = Org(layout, "steady")
    with single_runner(layout):
        made = backlog(org, LOW, 150)
        with Pressure(org) as pressure:
            wait_until("the pressure to build up", lambda: done(org, 1) >= 20, 15, layout)
            high_before, low_before = done(org, 1), done(org, -1)
            wait_until("200 high jobs to run", lambda: done(org, 1) >= high_before + 200, 30, layout)
            high_n, low_n = done(org, 1) - high_before, done(org, -1) - low_before
    print(f"{low_n} low jobs among {high_n} high ones")
    assert low_n >= 0.04 * high_n, "low jobs starve"
    assert low_n <= 0.25 * high_n * SLOW, "high jobs do not go first"
    settle(org, made + pressure.made, 20)
