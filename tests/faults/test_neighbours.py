"""One organization's flood, and connections that only sit there: what others see of it."""
import contextlib
import socket
import threading
import time

import pytest

import database
import harm
from client import Org
from faults import configured, settle
from waiting import SLOW

BULK = 500
PROBES = 60
FLOOR_S = 0.03        # waits below this are noise of the machine
SHORT_FLOOR_S = 0.5   # of a machine that does other things beside: a queue's wait behind the whole backlog would be seconds


def flood(org, n):
    """n short jobs, in bulk; their number."""
    bodies = [{"job_type": "sleep", "payload": {"ms": 5}}] * BULK
    for _ in range(n // BULK):
        answer = org.admin.post("/background-jobs/bulk", {"jobs": bodies})
        assert answer.status_code == 201, answer.text[:500]
    return n // BULK * BULK


def probe(stack, name):
    """Jobs of an organization of its own, one after the other: (95th percentile of their waits, of the requests), seconds."""
    org = Org(stack, name)
    took_s = []
    made = []
    for _ in range(PROBES):
        began = time.monotonic()
        made.append(org.admin.create()["id"])
        took_s.append(time.monotonic() - began)
        time.sleep(0.02)
    jobs, _attempts = settle(org, made, 60)
    waits_s = sorted(harm.epoch_s(j["started_at"]) - harm.epoch_s(j["created_at"]) for j in jobs.values())
    return waits_s[PROBES * 95 // 100], sorted(took_s)[PROBES * 95 // 100]


def waiting_jobs(stack, org):
    return database.by_status(stack, org.id).get("queued", 0)


@pytest.mark.case("F28", "a backlog of one organization (short 8,000 jobs, full 100,000): another's wait", full=2)
def test_backlog_of_another(org, stack, record):
    with configured(stack, "[consumer]\nconcurrency=16\n"):
        stack.restart("consumer")
        idle_s, _took_s = probe(stack, "idle")
        n = flood(org, 8000 if record.is_short else 100000)
        busy_s, took_s = probe(stack, "neighbour")
        left = waiting_jobs(stack, org)
        database.wait_all_final(stack, org.id, 120)
    stack.restart("consumer")
    record.note(f"95 % of a neighbour's jobs started within {busy_s * 1000:.0f} ms beside {n} jobs, {idle_s * 1000:.0f} ms idle;"
                f" its requests took {took_s * 1000:.0f} ms")
    record.recovered(busy_s)
    assert left > n / 10, "the backlog was over before the neighbour was measured"
    assert busy_s <= max(2 * idle_s, SHORT_FLOOR_S if record.is_short else FLOOR_S) * SLOW
    database.check_counts(stack, org.id)


class Sitters:
    """Connections to nginx that begin a request and go on with it one byte at a time."""

    def __init__(self, stack, n):
        self.address = ("127.0.0.1", stack.ports["http"])
        self.sockets = []
        self.n = n
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.drip)

    def __enter__(self):
        for _ in range(self.n):
            one = socket.create_connection(self.address, timeout=10)
            one.sendall(b"POST /api/system/background-jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            self.sockets.append(one)
        self.thread.start()
        return self

    def drip(self):
        while not self.stopping.wait(0.5):
            for one in self.sockets:
                with contextlib.suppress(OSError):
                    one.send(b"x")

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        for one in self.sockets:
            one.close()


@pytest.mark.case("F28", "slow connections that never end their request (short 300, full 1,000)", full=2)
def test_slow_connections(org, stack, record):
    with Sitters(stack, 300 if record.is_short else 1000):
        wait_s, took_s = probe(stack, "among-sitters")
    record.recovered(took_s)
    record.note(f"95 % of the requests among sitters took {took_s * 1000:.0f} ms")
    assert took_s < 0.25 * SLOW
    assert wait_s < 1 * SLOW
    assert org.admin.get("/background-jobs").status_code == 200
