"""The figures of an organization's jobs: what ended, how long it took, what waits, what workers do, and depths."""
import datetime

import database
from client import Org, faults
from waiting import wait_until

PATH = "/background-jobs/stats"
ENDINGS = ("completed", "failed", "retried", "cancelled")


def stats(org, client=None):
    answer = (client or org.admin).get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def sums(answer):
    return {ending: sum(minute[ending] for minute in answer["throughput"]) for ending in ENDINGS}


def wait_sums(org, **wanted):
    whole = {**dict.fromkeys(ENDINGS, 0), **wanted}
    wait_until(f"the hour's sums to be {whole}", lambda: sums(stats(org)) == whole, 20, org.stack)


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_what_has_ended_is_counted_by_the_minute_and_by_type(org):
    jobs = [org.admin.create("noop") for _ in range(7)]
    jobs += [org.admin.create("fail", {"permanent": True, "message": "no"}) for _ in range(2)]
    jobs.append(org.admin.create("fail", {"times": 1, "message": "later"}))
    sleeping = org.admin.create("sleep", {"ms": 60000})
    for job in jobs:
        org.admin.wait_job(job["id"])
    org.admin.wait_job(sleeping["id"], "processing")
    org.admin.cancel(sleeping["id"])
    org.admin.wait_job(sleeping["id"], "cancelled")
    wait_sums(org, completed=8, failed=2, retried=1, cancelled=1)
    answer = stats(org)
    assert answer["by_type"] == [
        {"job_type": "fail", "completed": 1, "failed": 2, "retried": 1, "cancelled": 0},
        {"job_type": "noop", "completed": 7, "failed": 0, "retried": 0, "cancelled": 0},
        {"job_type": "sleep", "completed": 0, "failed": 0, "retried": 0, "cancelled": 1}]
    minutes = [when(minute["minute"]) for minute in answer["throughput"]]
    assert len(minutes) == 60 and all(m.second == 0 and m.microsecond == 0 for m in minutes)
    assert {b - a for a, b in zip(minutes, minutes[1:])} == {datetime.timedelta(minutes=1)}
    assert abs(when("2000-01-01T00:00:00Z") - minutes[-1]) > datetime.timedelta(0)
    assert datetime.datetime.now(datetime.timezone.utc) - minutes[-1] < datetime.timedelta(minutes=2)
    assert answer["dead_letters"] == 2 and answer["dead_letters_capped"] is False
    assert answer["outbox_capped"] is False


def test_waits_and_run_times(org):
    for _ in range(4):
        job = org.admin.create("sleep", {"ms": 300})
        org.admin.wait_job(job["id"], "completed")
    speed = stats(org)["speed"]
    assert speed["jobs"] == 4
    assert 300 <= speed["run_p50_ms"] <= speed["run_p95_ms"] < 30000
    assert 0 <= speed["wait_p50_ms"] <= speed["wait_p95_ms"] < 30000
    rows = database.rows(org.stack, "SELECT TIMESTAMPDIFF(MICROSECOND, started_at, completed_at) DIV 1000 AS run_ms,"
                         " TIMESTAMPDIFF(MICROSECOND, created_at, started_at) DIV 1000 AS wait_ms FROM background_jobs"
                         " WHERE organization_id = %s", org.id)
    assert speed["run_p95_ms"] == max(row["run_ms"] for row in rows)
    assert speed["wait_p50_ms"] == sorted(row["wait_ms"] for row in rows)[1]


def test_what_started_long_ago_does_not_count(org):
    job = org.admin.create("noop")
    org.admin.wait_job(job["id"], "completed")
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET started_at = started_at - INTERVAL 2 HOUR WHERE id = %s", (job["id"],))
    assert stats(org)["speed"] == {"jobs": 0, "wait_p50_ms": None, "wait_p95_ms": None, "run_p50_ms": None, "run_p95_ms": None}


def test_what_waits_longest(org):
    org.admin.put("/background-jobs/pauses/*", {})
    jobs = [org.admin.create(("noop", "sleep")[n % 2], {"ms": 0} if n % 2 else {}, priority=n % 3 - 1) for n in range(7)]
    later = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    waiting = stats(org)["waiting"]
    assert [w["job_id"] for w in waiting] == [job["id"] for job in jobs[:5]]
    assert waiting[0] == {"job_id": jobs[0]["id"], "job_type": "noop", "priority": -1, "created_at": jobs[0]["created_at"],
                          "due_at": jobs[0]["created_at"]}
    assert later["id"] not in {w["job_id"] for w in waiting}
    for job in jobs:
        database.value(org.stack, "SELECT 1 FROM background_jobs WHERE id = %s AND status = 'queued'", job["id"])
    database.cancel_waiting(org.stack, org.id)
    assert stats(org)["waiting"] == []


def test_workers_show_their_own_jobs_and_of_others_a_number(stack, org):
    other = Org(stack, "stats-other")
    mine = org.admin.create("sleep", {"ms": 60000})
    theirs = [other.admin.create("sleep", {"ms": 60000}) for _ in range(2)]
    try:
        org.admin.wait_job(mine["id"], "processing")
        for job in theirs:
            other.admin.wait_job(job["id"], "processing")
        answer = org.admin.get(PATH)
        [worker] = [w for w in answer.json()["workers"] if w["jobs"]]
        assert worker["live"] is True and worker["capacity"] >= 3 and worker["version"]
        assert worker["worker"] == ":".join(org.admin.job(mine["id"])["worker_id"].split(":")[:2])
        [job] = worker["jobs"]
        started = org.admin.job(mine["id"])["started_at"]
        assert job == {"job_id": mine["id"], "job_type": "sleep", "started_at": started, "progress": None}
        assert worker["others"] >= 2 and worker["running"] == worker["others"] + 1
        assert not any(job["id"] in answer.text for job in theirs) and other.id not in answer.text
        [as_theirs] = [w for w in stats(other)["workers"] if w["jobs"]]
        assert {job["job_id"] for job in as_theirs["jobs"]} == {job["id"] for job in theirs}
    finally:
        org.admin.cancel(mine["id"])
        for job in theirs:
            other.admin.cancel(job["id"])


def test_an_organization_without_jobs(org):
    answer = stats(org)
    assert sums(answer) == dict.fromkeys(ENDINGS, 0)
    assert (answer["by_type"], answer["waiting"], answer["dead_letters"]) == ([], [], 0)
    assert all(worker["jobs"] == [] for worker in answer["workers"]) and any(worker["live"] for worker in answer["workers"])


def test_who_may_ask_and_how(org):
    assert org.user(role="Service").get(PATH).status_code == 403
    assert faults(org.admin.get(f"{PATH}?since=1")) == {"?since": "unknown_field"}
    first = org.admin.get(PATH)
    assert first.headers["ETag"]
    same = [org.admin.get(PATH, headers={"If-None-Match": first.headers["ETag"]}) for _ in range(5)]
    assert all(answer.status_code in (200, 304) for answer in same)


def test_minutes_of_yesterday_are_deleted(stack, org):
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO job_minutes SELECT %s, UTC_TIMESTAMP() - INTERVAL 1 DAY - INTERVAL seq MINUTE, 'noop', 1, 0,"
                       " 0, 0 FROM seq_1_to_50", (org.id,))
    wait_until("old minutes to be deleted", lambda: database.value(
        stack, "SELECT COUNT(*) = 0 FROM job_minutes WHERE organization_id = %s", org.id), 30, stack)
