"""Doing harm to a stack's processes under load, and putting them back."""
import contextlib
import os
import pathlib
import signal
import threading
import time

import requests

import config
import database
import procs
from waiting import SLOW, wait_until


def pid_of(stack, part):
    return stack.records()[part]["pid"]


def send(stack, part, sig):
    os.kill(pid_of(stack, part), sig)


def kill(stack, *names):
    """kill -9 of all of them at one moment; returns when they are gone."""
    for name in names:
        send(stack, name, signal.SIGKILL)
    for name in names:
        wait_until(f"{name} to be gone", lambda name=name: gone(stack, name), 10, stack, 0.01)


def gone(stack, name):
    record = stack.records()[name]
    procs.reap(record["pid"])
    return not procs.is_same(record)


def make_whole(stack):
    """Whatever a test left frozen or dead runs again."""
    records = stack.records()
    for record in records.values():
        if procs.is_same(record):
            os.kill(record["pid"], signal.SIGCONT)
    for name in ("mariadb", "rabbitmq", "nginx", "mail", *(n for n in records if n.startswith("api")), "consumer"):
        if name in records and not stack.is_alive(name):
            stack.restart(name)


@contextlib.contextmanager
def configured(stack, text):
    """What is started within the block has this INI text on top of its configuration."""
    before = stack.conf_extra
    stack.conf_extra = before + text
    try:
        yield
    finally:
        stack.conf_extra = before


@contextlib.contextmanager
def frozen(stack, *names):
    for name in names:
        send(stack, name, signal.SIGSTOP)
    try:
        yield
    finally:
        for name in names:
            with contextlib.suppress(ProcessLookupError):
                send(stack, name, signal.SIGCONT)


def end_of(pid, timeout_s, stack):
    """Waits for a child to end; (exit code, or minus the signal; seconds it took)."""
    began = time.monotonic()

    def check():
        done, status = os.waitpid(pid, os.WNOHANG)
        return (os.waitstatus_to_exitcode(status),) if done == pid else None

    return wait_until(f"process {pid} to end", check, timeout_s, stack, 0.01)[0], time.monotonic() - began


class SecondConsumer:
    """Another worker beside the stack's own, with INI text of its own on top of the configuration; ended with the block.
    prefix: a command that is to start it (strace ...)."""

    def __init__(self, stack, extra="", name="second", prefix=()):
        self.stack = stack
        self.extra = extra
        self.name = name
        self.prefix = prefix
        self.pid = None

    def __enter__(self):
        stack = self.stack
        path = stack.config
        if self.extra:
            path = pathlib.Path(stack.dir) / f"{self.name}.conf"
            with configured(stack, self.extra):
                config.write_bellman(stack, path)
        ready = procs.ReadySocket(f"{stack.run_dir}/{self.name}.ready")
        try:
            self.pid = procs.spawn([*self.prefix, stack.build / "bellman-consumer", "--config", path],
                                   stack.log_dir / f"consumer_{self.name}.log",
                                   env=dict(os.environ, NOTIFY_SOCKET=ready.path))
            wait_until("a second consumer", lambda: ready.is_ready() or self.is_gone(), 30, stack)
        finally:
            ready.close()
        return self

    def is_gone(self):
        procs.reap(self.pid)
        return procs.start_time(self.pid) is None

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        wait_until(f"consumer {self.name} to be gone", self.is_gone, 10, self.stack, 0.01)

    def __exit__(self, *_):
        if self.is_gone():
            return
        os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(AssertionError, ChildProcessError):
            end_of(self.pid, 10, self.stack)
            return
        self.kill()

    def owns(self, worker_id):
        return worker_id is not None and f":{self.pid}:" in worker_id


class Answer:
    """What a client was told. at: monotonic, when it asked; wall: the time of day when it was told; job_id: of a 201."""

    def __init__(self, at, took_s, status, headers, text, job_id=None):
        self.at = at
        self.took_s = took_s
        self.wall = time.time()
        self.status = status
        self.headers = headers
        self.text = text
        self.job_id = job_id

    def __repr__(self):
        return f"{self.status} after {self.took_s:.2f} s: {self.text[:200]}"


class Load:
    """Creates jobs in the background, every request tried once. accepted: the ids that were answered with 201."""

    BODIES = ({"job_type": "noop", "payload": {}}, {"job_type": "noop", "payload": {}, "priority": 1},
              {"job_type": "sleep", "payload": {"ms": 30}, "priority": -1},
              {"job_type": "fail", "payload": {"times": 1}})

    def __init__(self, org, threads=3, pause_s=0.02, bodies=BODIES):
        self.org = org
        self.pause_s = pause_s
        self.bodies = bodies
        self.answers = []
        self.accepted = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def work(self, number):
        count = number
        while not self.stopping.wait(self.pause_s):
            self.post(self.bodies[count % len(self.bodies)])
            count += 1

    def post(self, body):
        began = time.monotonic()
        try:
            got = self.org.admin.call("POST", "/background-jobs", json=body, check=False)
            job_id = got.json()["id"] if got.status_code == 201 else None
            answer = Answer(began, time.monotonic() - began, got.status_code, got.headers, got.text, job_id)
            if job_id:
                self.accepted.append(job_id)
        except requests.RequestException as error:
            answer = Answer(began, time.monotonic() - began, 0, {}, repr(error))
        self.answers.append(answer)

    def since(self, began):
        return [a for a in self.answers if a.at >= began]

    def other_than(self, status):
        return [a for a in self.answers if a.status != status]

    def wait_accepted(self, more, timeout_s=15):
        wanted = len(self.accepted) + more
        wait_until(f"{more} more jobs to be accepted", lambda: len(self.accepted) >= wanted, timeout_s, self.org.stack)


def wait_processing(org, n, timeout_s=15, job_type="sleep"):
    """Until n jobs of the type run; the rows."""
    def check():
        running = [j for j in database.jobs(org.stack, org.id).values()
                   if j["status"] == "processing" and j["job_type"] == job_type]
        return running if len(running) >= n else None

    return wait_until(f"{n} jobs of {org.id} to run", check, timeout_s, org.stack)


def wait_dispatched(org, n, timeout_s=15):
    """Until n queued jobs have a confirmed message."""
    sql = "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s AND status = 'queued' AND dispatch_at IS NULL"
    wait_until(f"{n} messages to be confirmed", lambda: database.value(org.stack, sql, org.id) >= n, timeout_s, org.stack)


def settle(org, accepted, timeout_s=30):
    """Everything ends, and the rows keep what was promised: (rows, attempts)."""
    database.wait_all_final(org.stack, org.id, timeout_s)
    wait_until("the dead letters of jobs that were given up", lambda: database.value(
        org.stack, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s AND dispatch_at IS NOT NULL",
        org.id) == 0, 10, org.stack)
    return database.check_invariants(org.stack, org.id, accepted)


def outcomes(attempts, job_id):
    return [a["outcome"] for a in attempts.get(job_id, [])]



def wait_answer(org, status, timeout_s, what):
    """Posts until the answer has the status; (that answer's job or None, seconds it took)."""
    began = time.monotonic()

    def check():
        answer = org.admin.post("/background-jobs", {"job_type": "noop", "payload": {}}, check=False)
        return answer if answer.status_code == status else None

    answer = wait_until(what, check, timeout_s, org.stack)
    return answer, time.monotonic() - began


def check_refused(answers, limit_s):
    """What is not accepted while the database is away is refused as documented, and soon."""
    slow = [a for a in answers if a.took_s > limit_s * SLOW]
    assert not slow, slow[:3]
    wrong = [a for a in answers if a.status not in (201, 503)]
    assert not wrong, wrong[:3]
    dumb = [a for a in answers if a.status == 503 and not a.headers.get("Retry-After", "").isdigit()]
    assert not dumb, dumb[:3]
