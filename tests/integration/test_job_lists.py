"""Lists of jobs: whatever the filter, the pages together are the jobs that it names, also while jobs come and run."""
import datetime
import itertools
import random
import threading
import uuid

import pytest

import database
from client import Org, faults
from waiting import wait_until

PATH = "/background-jobs"
TYPES = ("noop", "sleep", "fail", "email.send")
STATUSES = ("queued", "completed", "failed", "cancelled")
BEGAN = datetime.datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def full(stack):
    """An organization with 1,500 jobs of all kinds, several of which share each time; as dicts, newest first. Without a
    completed_at nothing deletes them."""
    org = Org(stack, "lists")
    assert org.admin.get(PATH).json()["total"] == 0, "its first call makes the organization"
    dice = random.Random(20)
    jobs = []
    for n in range(1500):
        status = dice.choice(STATUSES) if n % 3 else "completed"
        created = BEGAN + datetime.timedelta(seconds=n // 3)
        job = {"id": str(uuid.UUID(int=(0x0190A6F000007000800000000000 << 16) + (dice.getrandbits(40) << 16) + n)),
               "job_type": dice.choice(TYPES), "status": status, "priority": dice.choice((-1, 0, 0, 1)), "created": created}
        jobs.append(job)
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, timeout_s, created_at,"
            " updated_at, dispatch_at) VALUES (%s, %s, %s, %s, %s, '{}', 30, %s, %s, IF(%s = 'queued', '2099-01-01', NULL))",
            [(j["id"], org.id, j["job_type"], j["status"], j["priority"], j["created"], j["created"], j["status"])
             for j in jobs])
        cursor.execute("INSERT INTO job_counts SELECT organization_id, job_type, status, priority, 3, COUNT(*)"
                       " FROM background_jobs WHERE organization_id = %s GROUP BY 1, 2, 3, 4", (org.id,))
    return org, sorted(jobs, key=lambda j: (j["created"], j["id"]), reverse=True)


def rfc3339(when):
    return when.isoformat() + "Z"


def random_filter(dice):
    chosen = {}
    if dice.random() < 0.5:
        chosen["status"] = dice.choice(STATUSES)
    if dice.random() < 0.5:
        chosen["job_type"] = dice.choice(TYPES)
    if dice.random() < 0.4:
        chosen["priority"] = dice.choice((-1, 0, 1))
    if dice.random() < 0.4:
        chosen["created_after"] = rfc3339(BEGAN + datetime.timedelta(seconds=dice.randrange(400)))
    if dice.random() < 0.4:
        chosen["created_before"] = rfc3339(BEGAN + datetime.timedelta(seconds=dice.randrange(100, 520)))
    return chosen


def expected(jobs, chosen):
    def fits(job):
        return (all(job[name] == chosen[name] for name in ("status", "job_type", "priority") if name in chosen)
                and ("created_after" not in chosen or rfc3339(job["created"]) > chosen["created_after"])
                and ("created_before" not in chosen or rfc3339(job["created"]) < chosen["created_before"]))
    return [job["id"] for job in jobs if fits(job)]


def pages(client, chosen, limit):
    cursor = None
    for _ in itertools.count():
        answer = client.get(PATH, params={**chosen, "limit": limit, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["next_cursor"] is None or len(page["jobs"]) == limit
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize("seed", range(8))
def test_pages_together_are_the_list(full, seed):
    org, jobs = full
    dice = random.Random(seed)
    for _ in range(6):
        chosen, limit = random_filter(dice), dice.choice((37, 90, 200))
        wanted = expected(jobs, chosen)
        seen, totals = [], set()
        for page in pages(org.admin, chosen, limit):
            seen += [job["id"] for job in page["jobs"]]
            totals.add((page["total"], page["total_capped"]))
        assert seen == wanted, (seed, chosen)
        assert totals == {(len(wanted), False)}, (seed, chosen)
        skip = dice.randrange(len(wanted) + 2)
        skipped = org.admin.get(PATH, params={**chosen, "limit": 20, "skip": skip}).json()
        assert [job["id"] for job in skipped["jobs"]] == wanted[skip:skip + 20], (seed, chosen, skip)


def test_jobs_that_come_and_run_meanwhile(stack):
    """Every job that was there at the start is on exactly one page, whatever its status at that moment."""
    org = Org(stack, "flow")
    org.create_many([{"job_type": "noop", "priority": n % 3 - 1, "scheduled_at": "2099-01-01T00:00:00Z"} for n in range(60)])
    stop = threading.Event()
    made = []

    def create():
        client = org.user()
        while not stop.is_set():
            made.append(client.create("noop", priority=len(made) % 3 - 1)["id"])

    creator = threading.Thread(target=create)
    creator.start()
    try:
        for chosen in ({}, {"job_type": "noop"}, {"priority": 0}, {"job_type": "noop", "priority": 1}) * 4:
            there = {r["id"] for r in database.rows(
                stack, "SELECT CAST(id AS CHAR) AS id FROM background_jobs WHERE organization_id = %s AND priority"
                " IN (%s, %s, %s)", org.id, *([chosen["priority"]] * 3 if "priority" in chosen else (-1, 0, 1)))}
            seen = [job["id"] for page in pages(org.admin, chosen, 25) for job in page["jobs"]]
            assert len(seen) == len(set(seen)), "no job twice"
            assert there <= set(seen), f"{len(there - set(seen))} of {len(there)} jobs were on no page"
    finally:
        stop.set()
        creator.join()
    wait_until("the jobs to end", lambda: org.admin.get(PATH, params={"status": "completed"}).json()["total"] == len(made))


def test_too_much_to_pass_over(full):
    org, _ = full
    assert org.admin.get(PATH, params={"skip": 100000}).json()["jobs"] == []
    assert org.admin.get(PATH, params={"skip": 100000, "status": "completed"}).status_code == 200
    assert faults(org.admin.get(PATH, params={"skip": 100000, "priority": 0})) == {"?skip": "range"}


def test_a_type_in_letters_that_no_type_has(org):
    """Columns of names are ASCII, which MariaDB does not compare with other letters."""
    for path in (PATH, "/dead-letters"):
        assert faults(org.admin.get(path, params={"job_type": "größe"})) == {"?job_type": "format"}
    for path in (f"{PATH}/cancel", f"{PATH}/retry", "/dead-letters/replay"):
        assert faults(org.admin.post(path, {"job_type": "größe"})) == {"/job_type": "format"}
    assert org.admin.call("DELETE", f"{PATH}/pauses/gr%C3%B6%C3%9Fe").status_code == 404


def test_large_values_are_left_out(org):
    small = org.admin.create("sleep", {"ms": 0})
    large = org.admin.create("email.send", {"to": "a@example.com", "subject": "s", "text": "ü\"\\\n" * 2000})
    listed = {job["id"]: job for job in org.admin.get(PATH).json()["jobs"]}
    assert listed[small["id"]]["payload"] == {"ms": 0} and listed[large["id"]]["payload"] is None


# ---- counts -------------------------------------------------------------------------------------------------------------


def test_counts(full):
    org, jobs = full
    counts = org.admin.get(f"{PATH}/counts").json()
    wanted = {job_type: dict.fromkeys((*STATUSES, "processing"), 0) for job_type in TYPES}
    for job in jobs:
        wanted[job["job_type"]][job["status"]] += 1
    assert counts["total"] == len(jobs)
    assert counts["by_type"] == [{"job_type": t, **wanted[t]} for t in sorted(TYPES)]
    assert counts["by_status"] == {s: sum(w[s] for w in wanted.values()) for s in (*STATUSES, "processing")}


def test_counts_follow(org):
    assert org.admin.get(f"{PATH}/counts").json() == {
        "total": 0, "by_status": dict.fromkeys((*STATUSES, "processing"), 0), "by_type": []}
    job = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    assert org.admin.get(f"{PATH}/counts").json()["by_status"]["queued"] == 1
    org.admin.cancel(job["id"])
    counts = org.admin.get(f"{PATH}/counts").json()
    assert counts["by_type"] == [{"job_type": "noop", "queued": 0, "processing": 0, "completed": 0, "failed": 0, "cancelled": 1}]
    assert org.user(role="Service").get(f"{PATH}/counts").status_code == 403
    assert faults(org.admin.get(f"{PATH}/counts?status=queued")) == {"?status": "unknown_field"}


@pytest.mark.parametrize("path", [PATH, f"{PATH}/counts"])
def test_etag(org, path):
    org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    first = org.admin.get(path)
    again = org.admin.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    changed = org.admin.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and changed.headers["ETag"] != first.headers["ETag"]
