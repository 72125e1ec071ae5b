"""MariaDB away, frozen, refusing, or silent just when it mattered."""
import random
import threading
import time

import pytest

import database
import harm
from faults import Load, check_refused, frozen, kill, outcomes, settle, wait_answer, wait_processing
from waiting import wait_until


@pytest.mark.case("F5", "MariaDB killed under load", full=5)
def test_killed_under_load(org, stack, record):
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
        _answer, took_s = wait_answer(org, 201, 5, "the API to recover")
        record.recovered(took_s)
        load.wait_accepted(20)
    jobs, attempts = settle(org, sleepers + load.accepted)
    refused = [a.took_s for a in load.answers if a.status == 503]
    record.note(f"killed: {len(refused)} times 503, the slowest after {max(refused):.2f} s")
    check_refused(load.answers, 2)
    assert {outcomes(attempts, job_id)[-1] for job_id in sleepers} == {"completed"}
    assert not [j for j in jobs.values() if j["status"] == "failed"]


@pytest.mark.case("F5", "MariaDB frozen under load (short: until it is noticed, full: 30 s)", full=2)
def test_frozen_under_load(org, stack, record):
    with Load(org, pause_s=0.05) as load:
        load.wait_accepted(20)
        with frozen(stack, "mariadb"):
            began = time.monotonic()
            wait_until("refusals", lambda: sum(a.status == 503 for a in load.since(began)) >= 3, 10, stack)
            if not record.is_short:
                wait_until("half a minute", lambda: time.monotonic() - began > 30, 40, stack)
        _answer, took_s = wait_answer(org, 201, 5, "the API to recover")
        record.recovered(took_s)
        load.wait_accepted(20)
    settle(org, load.accepted)
    check_refused(load.answers, 6)  # a statement's 3 s and a connection's 2 s, whoever else waits


@pytest.mark.case("F5", "MariaDB, consumer and API die at once", full=5)
def test_everybody_dies_at_once(org, stack, record):
    with Load(org) as load:
        load.wait_accepted(30)
        killer = threading.Thread(target=kill, args=(stack, "consumer", "api"))
        killer.start()
        kill(stack, "mariadb")
        killer.join()
        stack.restart("mariadb")
        stack.restart("api")
        stack.restart("consumer")
        _answer, took_s = wait_answer(org, 201, 5, "the API to recover")
        record.recovered(took_s)
        load.wait_accepted(20)
    settle(org, load.accepted)


# ---- one statement at a time -------------------------------------------------------------------------------------------

CHANGES = r"^\s*(UPDATE|INSERT|DELETE|SELECT.*FOR UPDATE)"


class Changes(threading.Thread):
    """Changes one setting again and again, each time from what it was told last; counts what came of it."""

    def __init__(self, org):
        super().__init__()
        self.org = org
        self.stopping = threading.Event()
        self.done = self.unsure = 0
        self.wrong = []
        self.start()

    def run(self):
        i = 0
        while not self.stopping.wait(0.02):
            i += 1
            answer = self.org.admin.put("/notification-settings", {"email_from_name": f"name {i}"}, check=False)
            if answer.status_code == 200:
                self.done += 1
                if answer.json()["email_from_name"] != f"name {i}":
                    self.wrong.append(answer.text)
            elif answer.status_code == 503:
                self.unsure += 1
            else:
                self.wrong.append(f"{answer.status_code} {answer.text}")

    def stop(self):
        self.stopping.set()
        self.join()


def harm_statements(proxy, chance, n):
    """n statements, spread over what comes, fail in all the ways there are; returns the rules."""
    rules = []
    for _ in range(n):
        action = chance.choice((1213, 1205, 1020, "cut_before", "cut_after"))
        pattern = "^COMMIT" if chance.random() < 0.4 and not isinstance(action, int) else CHANGES
        rules.append(proxy.add(pattern, action, skip=chance.randrange(60)))
    return rules


@pytest.mark.case("F18", "errors 1213, 1205, 1020, 2006, 2013 and connections lost during COMMIT", full=20)
def test_statements_fail(org, stack, record):
    """API and consumer meet them all at once; whoever lost a COMMIT's answer looks before doing it again."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    before = org.admin.get("/notification-settings").headers["ETag"]
    with harm.database_proxy(stack, "api", "api_2", "consumer") as proxy:
        changes = Changes(org)
        with Load(org, threads=4, pause_s=0.005) as load:
            load.wait_accepted(10)
            rules = harm_statements(proxy, random.Random(seed), 40)
            wait_until("the harm to be done", lambda: all(rule.hits for rule in rules), 20, stack)
            harmed = time.monotonic()
            load.wait_accepted(20)
        changes.stop()
        jobs, _attempts = settle(org, load.accepted)
        record.recovered(time.monotonic() - harmed)
    check_refused(load.answers, 8)
    assert not changes.wrong, changes.wrong[:3]
    assert changes.done > 0
    unaccepted = len(jobs) - len(load.accepted)
    unsure = sum(a.status == 503 for a in load.answers)
    assert 0 <= unaccepted <= unsure, f"{unaccepted} jobs nobody was told of, {unsure} requests without a clear answer"
    assert {j["status"] for j in jobs.values()} == {"completed"}
    assert org.admin.get("/notification-settings").headers["ETag"] != before
    check_settings(org, stack, changes)


def check_settings(org, stack, changes):
    """The version has gone up once for each change that was told, and at most once for each that was not."""
    version = database.value(stack, "SELECT version FROM notification_settings WHERE organization_id = %s", org.id)
    assert 1 + changes.done <= version <= 1 + changes.done + changes.unsure, (version, changes.done, changes.unsure)
    audited = database.value(stack, "SELECT COUNT(*) AS n FROM audit_log WHERE organization_id = %s", org.id)
    assert audited >= changes.done, (audited, changes.done)
