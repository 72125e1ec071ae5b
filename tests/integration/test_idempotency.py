"""Idempotency-Key: the same request again gets the same answer, and nothing happens twice."""
import random
import threading
import time

import pymysql
import pytest
import requests

import database
from client import Org, check_answer
from test_unique import at_once
from waiting import wait_until

PATH = "/background-jobs"
BULK = PATH + "/bulk"
FAR = "2099-01-01T00:00:00Z"
NOOP = {"job_type": "noop"}
LATER = {**NOOP, "scheduled_at": FAR}
TWO = {"jobs": [NOOP, {"job_type": "sleep", "payload": {"ms": 1}}]}


def with_key(user, key, body, path=PATH, **options):
    return user.post(path, body, headers={"Idempotency-Key": key}, **options)


def is_replay_of(again, first):
    return (again.status_code, again.headers.get("Location"), again.content, again.headers.get("Idempotency-Replayed")) == (
        201, first.headers.get("Location"), first.content, "true")


def expire(org):
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE idempotency_keys SET expires_at = UTC_TIMESTAMP(6) WHERE organization_id = %s", (org.id,))


@pytest.mark.parametrize("path,body,same,other", [
    (PATH, {**NOOP, "payload": {}, "priority": 1}, {"priority": 1, "payload": {}, **NOOP}, {**NOOP, "priority": 0}),
    (BULK, TWO, {"jobs": [dict(reversed(job.items())) for job in TWO["jobs"]]}, {"jobs": TWO["jobs"][::-1]})])
def test_replay(org, path, body, same, other):
    first = with_key(org.admin, "k1", body, path)
    assert first.status_code == 201 and "Idempotency-Replayed" not in first.headers, first.text
    database.wait_all_final(org.stack, org.id, 10)
    assert is_replay_of(with_key(org.admin, "k1", same, path), first), "as it was answered, not as it is now"
    assert is_replay_of(with_key(org.admin, '"k1"', same, path), first), "quoted, as the draft wants it"
    different = with_key(org.admin, "k1", other, path)
    assert different.status_code == 422 and different.json()["code"] == "idempotency_key_reused"
    assert org.admin.get(PATH).json()["total"] == len(body.get("jobs", "1"))
    kept = database.row(org.stack, "SELECT body, TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), expires_at) AS minutes"
                        " FROM idempotency_keys WHERE organization_id = %s", org.id)
    assert kept["body"].encode() == first.content and 1430 < kept["minutes"] <= 1440


def test_a_key_is_of_an_organization_a_user_and_a_route(stack, org):
    alone = [with_key(user, "same", NOOP) for user in (org.admin, org.user("b"), Org(stack, "idem").admin)]
    bulk = with_key(org.admin, "same", {"jobs": [NOOP]}, BULK)
    assert {a.status_code for a in [*alone, bulk]} == {201}
    assert len({a.json()["id"] for a in alone} | {bulk.json()["jobs"][0]["id"]}) == 4


@pytest.mark.parametrize("path,body", [(PATH, NOOP), (BULK, {"jobs": [NOOP]})])
@pytest.mark.parametrize("key", ["x" * 256, b"\xfc", b"a\tb", "two words", '"open', '"a"b', '""'])
def test_malformed(org, key, path, body):
    answer = with_key(org.admin, key, body, path)
    assert answer.status_code == 400 and answer.json()["code"] == "malformed_header", answer.text
    assert org.admin.get(PATH).json()["total"] == 0


def test_longest(org):
    first = with_key(org.admin, "~" * 255, NOOP)
    assert first.status_code == 201 and is_replay_of(with_key(org.admin, "~" * 255, NOOP), first)


def test_what_was_refused_is_tried_again(org):
    holder = org.admin.create("noop", unique_key="u", scheduled_at=FAR)
    body = {**NOOP, "unique_key": "u"}
    for path, wanted in ((PATH, body), (BULK, {"jobs": [body]})):
        assert with_key(org.admin, "k", {"job_type": "sleep"} if path == PATH else {"jobs": []}, path).status_code == 422
        assert with_key(org.admin, "k", wanted, path).status_code == 409
    assert database.value(org.stack, "SELECT COUNT(*) FROM idempotency_keys WHERE organization_id = %s", org.id) == 0
    assert org.admin.cancel(holder["id"]).status_code == 200
    first = with_key(org.admin, "k", body)
    assert first.status_code == 201
    assert is_replay_of(with_key(org.admin, "k", body), first), "the key goes before the unique_key it has itself taken"


def test_expired(org):
    first = with_key(org.admin, "k", NOOP)
    expire(org)
    second = with_key(org.admin, "k", {**NOOP, "priority": 1})
    assert second.status_code == 201 and "Idempotency-Replayed" not in second.headers and second.json()["id"] != first.json()["id"]
    assert is_replay_of(with_key(org.admin, "k", {**NOOP, "priority": 1}), second)


def test_expired_keys_are_deleted(rough):
    """The clean-up has its turn at the first request of a process."""
    org = Org(rough, "idem-old")
    bodies = [with_key(org.admin, f"k{i}", NOOP).content for i in range(3)]
    with database.connected(rough) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO idempotency_keys SELECT organization_id, UNHEX(SHA2(%s, 256)), request_sha256, status, location,"
                           " body, UTC_TIMESTAMP(6) - INTERVAL 1 SECOND FROM idempotency_keys WHERE organization_id = %s LIMIT 1",
                           [(str(i), org.id) for i in range(450)])
    rough.restart("api")

    def left():
        org.admin.get("=/healthz")
        return database.value(rough, "SELECT COUNT(*) FROM idempotency_keys WHERE organization_id = %s", org.id) == 3

    wait_until("more than one batch of old keys to go", left, 10, rough)
    assert with_key(org.admin, "k0", NOOP).content == bodies[0], "others stay"


# ---- at the same time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path,body", [(PATH, LATER), (PATH, {**LATER, "unique_key": "u"}), (BULK, {"jobs": [LATER] * 300})])
def test_raced(org, path, body):
    def call():
        while (answer := with_key(org.admin, "race", body, path)).status_code == 409:
            assert answer.json()["code"] == "idempotency_key_in_use", answer.text
            assert answer.headers["Retry-After"] == "1"
            time.sleep(0.1)
        return answer

    answers = at_once([call] * 16)
    assert {a.status_code for a in answers} == {201} and len({a.content for a in answers}) == 1
    assert sum("Idempotency-Replayed" not in a.headers for a in answers) == 1
    assert org.admin.get(PATH).json()["total"] == len(body.get("jobs", "1"))
    database.check_counts(org.stack, org.id)


def test_raced_with_others_in_a_group(org):
    """Keys that are used twice at once, new ones and jobs without a key share transactions; none spoils another's."""
    bodies = [(f"k{i // 2}" if i < 24 else None, {**NOOP, "priority": i // 2 % 3 - 1}) for i in range(48)]
    answers = at_once([lambda key=key, body=body: with_key(org.admin, key, body) if key else org.admin.post(PATH, body)
                       for key, body in bodies])
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_key_in_use"}
    ids = [{a.json()["id"] for a in answers[i:i + 2] if a.status_code == 201} for i in range(0, 24, 2)]
    assert all(len(pair) == 1 for pair in ids)
    assert org.admin.get(PATH).json()["total"] == 12 + 24


def test_still_running(org):
    """The first request waits for a row that somebody else holds; its key is taken meanwhile."""
    body = {"jobs": [{**LATER, "unique_key": "held"}]}
    answers = []
    assert org.admin.get(PATH).status_code == 200, "the organization is there"
    with database.connected(org.stack) as blocker, database.connected(org.stack) as looker:
        blocker.begin()
        blocker.cursor().execute(
            "INSERT INTO background_jobs (id, organization_id, job_type, status, payload, created_at, updated_at, timeout_s, unique_key)"
            " VALUES (UUID(), %s, 'noop', 'queued', '{}', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 30, 'held')", (org.id,))
        first = threading.Thread(target=lambda: answers.append(with_key(org.admin, "k", body, BULK)))
        first.start()
        looker.cursor().execute("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")

        def taken():
            cursor = looker.cursor(pymysql.cursors.Cursor)
            cursor.execute("SELECT COUNT(*) FROM idempotency_keys WHERE organization_id = %s", (org.id,))
            return cursor.fetchone()[0]

        wait_until("the key to be taken", taken, 5, org.stack, 0.01)
        twin = with_key(org.admin, "k", body, BULK)
        assert twin.status_code == 409 and twin.json()["code"] == "idempotency_key_in_use", twin.text
        assert twin.headers["Retry-After"] == "1"
        blocker.rollback()
        first.join()
    assert answers[0].status_code == 201, answers[0].text
    assert is_replay_of(with_key(org.admin, "k", body, BULK), answers[0])


# ---- kill -9 ------------------------------------------------------------------------------------------------------------------


class Caller(threading.Thread):
    """Posts with one new key after the other until it is told to end. An answer that does not come is None."""

    def __init__(self, org, name, path, body):
        super().__init__()
        self.user, self.key_prefix, self.path, self.body = org.user(name), name, path, body
        self.answers = {}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            key = f"{self.key_prefix}-{len(self.answers)}"
            try:
                answer = with_key(self.user, key, self.body, self.path, check=False)
                self.answers[key] = answer if answer.status_code == 201 else None
            except requests.RequestException:
                self.answers[key] = None

    def settle(self):
        """Every key once more, twice: how many of the unanswered had been done."""
        done = 0
        for key, first in self.answers.items():
            again = check_answer(with_key(self.user, key, self.body, self.path))
            assert again.status_code == 201, again.text
            if first is not None:
                assert is_replay_of(again, first)
            else:
                done += "Idempotency-Replayed" in again.headers
                assert is_replay_of(with_key(self.user, key, self.body, self.path), again)
        return done


def test_killed_between_commit_and_answer(rough):
    org = Org(rough, "idem-kill")
    callers = [Caller(org, f"one{i}", PATH, LATER) for i in range(3)]
    callers += [Caller(org, f"bulk{i}", BULK, {"jobs": [LATER] * 20}) for i in range(2)]
    for caller in callers:
        caller.start()
    try:
        for part in ("api", "api_2") * 2:
            time.sleep(random.uniform(0.1, 0.3))
            rough.kill(part)
            rough.restart(part)
    finally:
        for caller in callers:
            caller.ended.set()
        for caller in callers:
            caller.join()
    for caller in callers:
        caller.settle()
    wanted = sum(len(caller.answers) * len(caller.body.get("jobs", "1")) for caller in callers)
    assert sum(None in caller.answers.values() for caller in callers) > 0, "no answer was lost"
    assert database.value(rough, "SELECT COUNT(*) FROM background_jobs WHERE organization_id = %s", org.id) == wanted
    database.check_counts(rough, org.id)
